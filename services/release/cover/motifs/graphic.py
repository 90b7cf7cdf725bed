"""Print: rings that interfere, a planet in dots, tiles of quarter circles."""

import numpy as np
from PIL import Image

from services.release.cover.colour import ramp
from services.release.cover.fields import (
    SIZE,
    Field,
    Rng,
    axes,
    coverage,
    flat,
    free_rows,
    paint,
    smoothstep,
    table_image,
)
from services.release.cover.identity import Palette

_TILES = (500, 600, 750)


def rings(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """Two sets of rings printed over each other."""
    x, y = axes()
    main, second, _ = palette.accents[:3]
    top, bottom = free_rows(quiet)
    middle_y = (top + bottom) / 2
    middle_x = 0.5 + float(rng.uniform(-0.08, 0.08))
    apart, angle = float(rng.uniform(0.05, 0.13)), float(rng.uniform(0, 2 * np.pi))
    width = float(rng.uniform(0.017, 0.026))
    reach = (bottom - top) * float(rng.uniform(0.52, 0.62)) + 0.06
    # A soft sun under the print, so that the paper is not flat.
    wash = np.exp(-((np.hypot(x - middle_x, y - middle_y) / 0.52) ** 2)).astype(np.float32)
    canvas = table_image(ramp((palette.ground, palette.ground.mixed(second, 0.38))), wash)
    masks = []
    for side, share in ((-1, 1.0), (1, float(rng.uniform(0.9, 1.12)))):
        centre_x = middle_x + side * apart * float(np.cos(angle))
        centre_y = middle_y + side * apart * float(np.sin(angle))
        distance = np.hypot(x - centre_x, y - centre_y).astype(np.float32)
        pitch = width * share
        band = np.abs((distance / pitch) % 1 - 0.5) - 0.26
        fade = 0.24 * smoothstep(reach * 0.45, reach, distance)
        ring = coverage((band + fade) * pitch * SIZE) * coverage((distance - reach) * SIZE)
        masks.append(ring)
    both = main.mixed(second, 0.5).moved(lightness=palette.dark.lightness if not palette.is_dark else 0.95)
    paint(canvas, main, masks[0])
    paint(canvas, second, masks[1])
    paint(canvas, both, masks[0] * masks[1])
    return canvas


def halftone(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """A planet with its night side, in two plates of dots."""
    x, y = axes()
    main, second, third = palette.accents[:3]
    top, bottom = free_rows(quiet)
    head = top > 0
    centre_y = (top + bottom) / 2
    centre_x = 0.5 + float(rng.uniform(-0.14, 0.14))
    radius = (bottom - top) * float(rng.uniform(0.42, 0.48))
    light = float(rng.uniform(0.5, 1.2)) * float(rng.choice([-1, 1]))
    canvas = table_image(
        ramp((palette.ground, palette.ground.mixed(main, 0.22))), (y if head else 1 - y) + 0 * x
    )
    plates = (
        (main, float(rng.uniform(10, 25)), 0.0, 1.0),
        (second, float(rng.uniform(50, 75)), 0.9, 0.85),
        (third, float(rng.uniform(30, 45)), -0.7, 0.55),
    )
    pitch = float(rng.uniform(0.0145, 0.021))
    for colour, degrees, swing, strength in plates:
        tone = _sphere(x, y, centre_x, centre_y, radius, light + swing) * strength
        paint(canvas, colour, _dots(x, y, tone, degrees, pitch))
    return canvas


def _sphere(x: Field, y: Field, centre_x: float, centre_y: float, radius: float, light: float) -> Field:
    """How bright a ball is that is lit from the side; 0 outside."""
    across, down = (x - centre_x) / radius, (y - centre_y) / radius
    square = across * across + down * down
    towards = np.sqrt(np.maximum(1 - square, 0))
    lit = across * np.sin(light) * 0.9 - down * 0.42 + towards * np.cos(light) * 0.55
    return np.asarray(np.where(square < 1, np.clip(lit, 0, 1), 0), dtype=np.float32)


def _dots(x: Field, y: Field, tone: Field, degrees: float, pitch: float) -> Field:
    """A screen of dots whose area is the tone's."""
    angle = np.radians(degrees)
    across = (x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / np.float32(pitch)
    down = (y * np.float32(np.cos(angle)) - x * np.float32(np.sin(angle))) / np.float32(pitch)
    distance = np.hypot(across - np.floor(across) - 0.5, down - np.floor(down) - 0.5)
    size = np.sqrt(tone) * np.float32(0.62)
    return coverage((distance - size) * np.float32(pitch * SIZE)) * (tone > 0.01)


def tiles(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """A wall of quarter circles, half circles, discs and leaves."""
    canvas = flat(palette.ground)
    colours = [palette.ground, *palette.accents[:4], palette.light if palette.is_dark else palette.dark]
    # Whole rows stay free for the type, cut tiles would look like a mistake: take the size that fills most.
    size = max(_TILES, key=lambda side: (len(_open_rows(quiet, side)) * side, side))
    line = (np.arange(size, dtype=np.float32) + 0.5) / size
    across, down = (field.astype(np.float32) for field in np.meshgrid(line, line))
    for row in _open_rows(quiet, size):
        for column in range(SIZE // size):
            under, over = rng.choice(len(colours), size=2, replace=False)
            tile = Image.new("RGB", (size, size), colours[int(under)].bytes)
            mask = _shape(int(rng.integers(6)), across, down)
            mask = np.ascontiguousarray(np.rot90(mask, int(rng.integers(4))))
            tile.paste(colours[int(over)].bytes, (0, 0, size, size), Image.fromarray(mask))
            canvas.paste(tile, (column * size, row * size))
    return canvas


def _open_rows(quiet: Field, size: int) -> list[int]:
    rows = range(SIZE // size)
    return [row for row in rows if float(np.max(quiet[row * size + 20 : (row + 1) * size - 20])) < 0.9]


def _shape(kind: int, x: Field, y: Field) -> np.ndarray[tuple[int, int], np.dtype[np.uint8]]:
    """One of six shapes that meet their neighbours' at the tile's corners."""
    corner = np.hypot(x, y)
    if kind == 0:
        distance = corner - 1
    elif kind == 1:
        distance = np.maximum(corner - 1, 0.5 - corner)
    elif kind == 2:
        distance = np.hypot(x - 0.5, y - 0.5) - 0.5
    elif kind == 3:
        distance = np.hypot(x - 0.5, y) - 0.5
    elif kind == 4:
        distance = np.maximum(corner - 1, np.hypot(x - 1, y - 1) - 1)
    else:
        distance = np.minimum(np.hypot(x - 0.5, y) - 0.5, np.hypot(x - 0.5, y - 1) - 0.5)
    return np.asarray(coverage(distance * len(x)) * 255 + 0.5, dtype=np.uint8)
