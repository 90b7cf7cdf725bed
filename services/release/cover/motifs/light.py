"""Light: cut glass, silk, glowing bodies."""

import numpy as np
from PIL import Image, ImageDraw
from scipy.spatial import Delaunay

from services.release.cover.colour import lab_bytes, ramp, to_oklab
from services.release.cover.fields import (
    COARSE,
    SIZE,
    Field,
    Rng,
    axes,
    coverage,
    enlarged,
    free_rows,
    noise,
    normalised,
    paint,
    slope,
    smoothstep,
    table_image,
)
from services.release.cover.identity import Palette


def facets(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """A crystal of triangles, lit from one side, growing out of the ground."""
    count = int(rng.integers(7, 11))
    spread = np.stack(np.meshgrid(np.arange(-1, count + 2), np.arange(-1, count + 2)), axis=-1).reshape(-1, 2)
    points = (spread + rng.uniform(-0.46, 0.46, spread.shape)) / count
    table = ramp([palette.ground, *palette.from_ground(), palette.light])
    top, bottom = free_rows(quiet)
    centre = np.array([rng.uniform(0.3, 0.7), (top + bottom) / 2])
    light = rng.uniform(0, 2 * np.pi)
    scale = 2 * SIZE
    layers = [Image.new("L", (scale, scale)) for _ in range(3)]
    brushes = [ImageDraw.Draw(layer) for layer in layers]
    for corners in points[Delaunay(points).simplices]:
        middle = corners.mean(axis=0)
        edge = corners[1] - corners[0]
        tilt = np.cos(np.arctan2(edge[1], edge[0]) * 2 - light)
        row = int(np.clip(middle[1], 0, 0.9999) * SIZE)
        near = 1.12 - float(np.linalg.norm((middle - centre) * [0.95, 1.05])) * 1.45
        share = np.clip(near + 0.13 * tilt + rng.normal(0, 0.07), 0.02, 1) * (1 - 0.9 * float(quiet[row, 0]))
        colour = table[int(share * (len(table) - 1))]
        outline = [(float(px) * scale, float(py) * scale) for px, py in corners]
        for brush, part in zip(brushes, colour, strict=True):
            brush.polygon(outline, fill=int(part))
    return Image.merge("RGB", [layer.reduce(2) for layer in layers])


def silk(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """Folds of cloth: lines along a warped field, each with a lit and a dark side."""
    warp_x = noise(rng, 2, 2) - 0.5
    warp_y = noise(rng, 2, 2) - 0.5
    line = ((np.arange(COARSE) + 0.5) / COARSE).astype(np.float32)
    angle = rng.uniform(0.25, 1.2) * rng.choice([-1, 1])
    across = line[np.newaxis, :] * np.sin(angle) + line[:, np.newaxis] * np.cos(angle)
    bend = 0.26 + 0.16 * rng.random()
    stream = across + bend * (warp_x + 0.6 * warp_y * np.sin(3 * line)[np.newaxis, :])
    field = enlarged(normalised(stream.astype(np.float32)))
    folds = float(rng.uniform(13, 19))
    phase = field * np.float32(folds)
    part = phase - np.floor(phase)
    tone = enlarged(normalised(stream.astype(np.float32) + 0.25 * noise(rng, 3, 2)))
    order = [palette.dark, *palette.accents[:3], palette.light]
    if not palette.is_dark:
        order = [palette.accents[0], palette.accents[1], palette.ground, palette.accents[2], palette.light]
    canvas = table_image(ramp(order), np.clip(0.12 + 0.62 * tone + 0.26 * (part - 0.5), 0, 1))
    # A thin dark seam where one fold covers the next, as wide everywhere.
    width = 0.5 * SIZE / 140
    seam = coverage(np.minimum(part, 1 - part) / (slope(field) * np.float32(folds)) - width)
    paint(canvas, palette.dark, 0.55 * seam)
    shade = np.exp(-part * 5.5).astype(np.float32)
    paint(canvas, palette.dark, 0.42 * shade)
    paint(canvas, palette.ground, smoothstep(0.2, 1, quiet) * 0.85)
    return canvas


def orbs(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """Bodies of coloured light that melt into each other, and one with a sharp edge."""
    line = ((np.arange(COARSE) + 0.5) / COARSE).astype(np.float32)
    x, y = line[np.newaxis, :], line[:, np.newaxis]
    wander = 0.16 * (noise(rng, 2, 3) - 0.5)
    lab = np.broadcast_to(to_oklab(palette.ground.rgb), (COARSE, COARSE, 3)).astype(np.float32)
    top, bottom = free_rows(quiet)
    middle = (top + bottom) / 2
    for number in range(5):
        colour = palette.accents[number % len(palette.accents)]
        centre_x, centre_y = rng.uniform(0.05, 0.95), middle + rng.uniform(-0.3, 0.3)
        radius = rng.uniform(0.24, 0.42)
        distance = np.hypot(x - centre_x + wander, y - centre_y - wander) / radius
        share = (np.exp(-(distance**2.2)) * 0.95).astype(np.float32)[..., np.newaxis]
        lab = lab * (1 - share) + to_oklab(colour.rgb).astype(np.float32) * share
    # The light dies away towards the type over half the canvas, not along an edge.
    depth = np.maximum(np.maximum(y - bottom, top - y) + 0.16, 0) / 0.3
    share = np.clip(depth, 0, 1)[..., np.newaxis].astype(np.float32) ** 1.5
    lab = lab * (1 - share) + to_oklab(palette.ground.rgb).astype(np.float32) * share
    canvas = Image.fromarray(lab_bytes(lab)).resize((SIZE, SIZE), Image.Resampling.BICUBIC)
    full_x, full_y = axes()
    radius = min(float(rng.uniform(0.17, 0.25)), 0.36 * (bottom - top))
    centre_x, centre_y = float(rng.uniform(0.34, 0.66)), middle + float(rng.uniform(-0.03, 0.03))
    distance = np.hypot(full_x - centre_x, full_y - centre_y).astype(np.float32)
    lean = float(rng.uniform(0, 2 * np.pi))
    along = ((full_x - centre_x) * np.cos(lean) + (full_y - centre_y) * np.sin(lean)) / radius
    first, last = palette.light, palette.accents[0]
    body = table_image(
        ramp((first, last.mixed(first, 0.3), last, last.mixed(palette.dark, 0.6))),
        np.clip(along * 0.5 + 0.5, 0, 1).astype(np.float32),
    )
    halo = np.exp(-np.maximum(distance - radius, 0) / (radius * 0.45)).astype(np.float32)
    paint(canvas, first, 0.32 * halo * (1 - 0.8 * quiet))
    paint(canvas, body, coverage((distance - radius) * SIZE))
    return canvas
