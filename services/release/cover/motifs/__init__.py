"""Motifs: each draws a whole canvas from a seed and a palette, calm where `quiet` asks for it."""

from collections.abc import Callable, Mapping

from PIL import Image

from services.release.cover.fields import Field, Rng
from services.release.cover.identity import Palette
from services.release.cover.motifs.graphic import halftone, rings, tiles
from services.release.cover.motifs.landscape import contours, horizon
from services.release.cover.motifs.light import facets, orbs, silk

Motif = Callable[[Rng, Palette, Field], Image.Image]
"""Random numbers, colours, and how calm each row should be (a column from 0 to 1) -> a canvas."""

MOTIFS: Mapping[str, Motif] = {
    "horizon": horizon,
    "contours": contours,
    "facets": facets,
    "rings": rings,
    "silk": silk,
    "halftone": halftone,
    "tiles": tiles,
    "orbs": orbs,
}
