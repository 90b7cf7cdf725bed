"""Soft lights that rise through the picture: what moves where the music does not."""

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from services.release.cover.colour import Colour
from services.release.video.planes import Canvas, Layer
from services.release.video.words import Format

_COUNT = 10
_SIZES = (16, 28, 44, 66)
_BRIGHTEST = 0.34


class Motes:
    """A handful of lights, each on its own way."""

    def __init__(self, shape: Format, colour: Colour, seed: int) -> None:
        rng = np.random.default_rng((seed, 77))
        self._shape = shape
        self._sprites = [_sprite(size, colour) for size in _SIZES]
        self._kinds = rng.integers(len(_SIZES), size=_COUNT)
        self._x = rng.uniform(0, 1, _COUNT)
        self._y = rng.uniform(0, 1, _COUNT)
        # Whole even steps a frame: a light that moved by half a pixel would tremble.
        self._speed = rng.choice([2, 2, 4], _COUNT)
        self._rate = rng.uniform(0.02, 0.06, _COUNT)

    def over(self, canvas: Canvas, frame: int, strength: float) -> None:
        """Draws them all; `strength` from 0 to 1."""
        for index in range(_COUNT):
            sprite = self._sprites[self._kinds[index]]
            width, height = sprite.size
            way = self._shape.height - height
            left = round(self._x[index] * (self._shape.width - width)) & ~1
            top = (round(self._y[index] * way) - int(self._speed[index]) * frame) % way & ~1
            twinkle = 0.6 + 0.4 * np.sin(frame * self._rate[index] * 2 + index)
            # Gone before it leaves the frame, and back when it is inside again.
            edge = min(1.0, min(top, way - top) / (0.12 * way))
            sprite.left, sprite.top = left, top
            sprite.over(canvas, strength * float(twinkle) * edge)


def _sprite(size: int, colour: Colour) -> Layer:
    whole = 2 * size
    mask = Image.new("L", (whole, whole), 0)
    ring = size * 0.32
    ImageDraw.Draw(mask).ellipse([size - ring, size - ring, size + ring, size + ring], fill=255)
    mask = mask.filter(ImageFilter.GaussianBlur(size * 0.22))
    peak = max(1, int(np.asarray(mask).max()))
    mask = mask.point([round(min(255, v * 255 / peak) * _BRIGHTEST) for v in range(256)])
    return Layer(Image.new("RGB", mask.size, colour.bytes), mask, 0, 0)
