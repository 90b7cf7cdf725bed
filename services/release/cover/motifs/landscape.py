"""Landscapes: a sun behind ridges, and cut paper in layers."""

import numpy as np
from PIL import Image, ImageFilter

from services.release.cover.colour import Colour, ramp
from services.release.cover.fields import (
    COARSE,
    SIZE,
    Field,
    Rng,
    axes,
    coverage,
    enlarged,
    flat,
    free_rows,
    noise,
    normalised,
    paint,
    slope,
    smoothstep,
    table_image,
)
from services.release.cover.identity import Palette


def horizon(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """A sliced sun over ridges that fade with distance."""
    x, y = axes()
    main, second, third = palette.accents[:3]
    near = (
        palette.dark if palette.is_dark else min(palette.accents, key=lambda c: c.lightness).moved(chroma=0.9)
    )
    top, bottom = free_rows(quiet)
    # Below low type the ground lies at its feet; above high type the sky is its paper.
    skyline = top + (bottom - top) * float(rng.uniform(0.6, 0.72))
    sky = (
        palette.ground,
        palette.ground.mixed(second, 0.55),
        main.mixed(second, 0.35),
        main.mixed(palette.light, 0.55),
    )
    drift = enlarged(noise(rng, 2, 3, stretch=3.0)) - 0.5
    canvas = table_image(ramp(sky, (0, 0.45, 0.82, 1)), np.clip(y / skyline + 0.09 * drift, 0, 1))

    radius = float(rng.uniform(0.2, 0.3)) * min(1.0, (skyline - top) / 0.5)
    centre_x = float(rng.choice([0.5, rng.uniform(0.3, 0.7)]))
    centre_y = skyline - radius * float(rng.uniform(0.5, 0.9))
    distance = np.hypot(x - centre_x, y - centre_y)
    glow = np.exp(-((np.maximum(distance - radius, 0) / (radius * 0.9)) ** 1.3)).astype(np.float32)
    paint(canvas, main.mixed(palette.light, 0.6), 0.5 * glow)
    disc = coverage((distance - radius) * SIZE)
    down = ((y - centre_y) / radius).astype(np.float32)
    if rng.random() < 0.6:
        # Gaps that widen towards the horizon.
        phase = down * float(rng.uniform(4.5, 7.0))
        gap = np.clip(0.08 + 0.34 * down, 0, 0.6)
        cut = coverage((np.abs((phase % 1) - 0.5) - (0.5 - gap / 2)) * radius * SIZE / 6)
        disc = disc * np.where(down > 0.05, cut, 1).astype(np.float32)
    body = table_image(
        ramp((palette.light, third.mixed(palette.light, 0.45), main)), np.clip(down * 0.5 + 0.5, 0, 1) + 0 * x
    )
    paint(canvas, body, disc)

    ridges = int(rng.integers(4, 7))
    far = main.mixed(second, 0.5).mixed(palette.light if not palette.is_dark else palette.ground, 0.25)
    for number in range(ridges):
        share = number / (ridges - 1)
        base = skyline + (bottom + 0.06 - skyline) * share**1.2
        height = (0.05 + 0.11 * share) * float(rng.uniform(0.7, 1.3))
        outline = _ridge(rng, rough=2.2 + 2.4 * share)
        top = base - height * outline
        inside = coverage((top[np.newaxis, :] - y) * SIZE)
        colour = far.mixed(near, share**0.8)
        lit = colour.mixed(main.mixed(palette.light, 0.4), 0.34 * (1 - share))
        depth = np.clip((y - top[np.newaxis, :]) / 0.22, 0, 1)
        paint(canvas, table_image(ramp((lit, colour)), np.asarray(depth, dtype=np.float32)), inside)
    paint(canvas, near, smoothstep(0, 1, quiet) * (y > skyline + 0.05))
    return canvas


def _ridge(rng: Rng, rough: float) -> Field:
    """A mountain's outline from 0 to 1, one value a column."""
    line = np.zeros(SIZE, dtype=np.float64)
    place = np.linspace(0, 1, SIZE)
    for octave in range(7):
        knots = int(rough * 2**octave) + 3
        shift = rng.random()
        heights = rng.random(knots + 3)
        line += np.interp(place * knots + shift, np.arange(knots + 3), heights) * 0.5**octave
    return normalised(line.astype(np.float32))


def contours(rng: Rng, palette: Palette, quiet: Field) -> Image.Image:
    """Sheets of paper, each cut along a contour, with the shade that they throw."""
    levels = int(rng.integers(6, 8))
    land = noise(rng, float(rng.uniform(1.6, 2.6)), 2)
    line = (np.arange(COARSE, dtype=np.float32) + 0.5) / COARSE
    top, bottom = free_rows(quiet)
    peak_x, peak_y = (
        rng.uniform(0.25, 0.75),
        rng.uniform(0.75 * top + 0.25 * bottom, 0.4 * top + 0.6 * bottom),
    )
    hill = np.exp(
        -(((line[np.newaxis, :] - peak_x) / 0.5) ** 2 + ((line[:, np.newaxis] - peak_y) / 0.42) ** 2)
    )
    coarse_quiet = quiet[:: SIZE // COARSE]
    height = normalised((0.62 * land + 0.55 * hill).astype(np.float32)) * (1 - 0.92 * coarse_quiet)
    fine = enlarged(height)
    steepness = slope(fine)
    colours = _strata(palette, levels)
    canvas = flat(colours[0])
    thresholds = np.linspace(0.2, 0.86, levels - 1)
    shade = palette.dark.mixed(colours[0], 0.1)
    for number, threshold in enumerate(thresholds, start=1):
        thrown = Image.fromarray(((height > threshold) * 255).astype(np.uint8))
        thrown = thrown.filter(ImageFilter.GaussianBlur(COARSE / 62))
        shadow = Image.new("L", (COARSE, COARSE), 0)
        shadow.paste(thrown, (COARSE // 95, COARSE // 60))
        shadow = shadow.resize((SIZE, SIZE), Image.Resampling.BILINEAR).point(lambda value: value * 0.62)
        canvas.paste(shade.bytes, (0, 0, SIZE, SIZE), shadow)
        paint(canvas, colours[number], coverage((threshold - fine) / steepness))
    return canvas


def _strata(palette: Palette, levels: int) -> list[Colour]:
    """Colours of the sheets, lowest first: from the ground through the accents to the lightest."""
    table = ramp(
        [palette.ground, *palette.from_ground(), palette.light if palette.is_dark else palette.accents[0]]
    )
    picks = np.linspace(0, len(table) - 1, levels).astype(int)
    return [Colour(*(float(part) / 255 for part in table[pick])) for pick in picks]
