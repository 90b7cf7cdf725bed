"""The sound's spectrum as bars that stand on a line, low notes in the middle or on the left."""

import numpy as np
from numpy.typing import NDArray

from services.release.cover.colour import Colour
from services.release.video.planes import Canvas, colour_of
from services.release.video.sound import BANDS
from services.release.video.words import Format

_GAP = 0.42
"""Of a bar's place, so much is left free."""
_TALLEST = 0.17
"""Of the frame's height."""
_LEAST = 6


class Spectrum:
    """Draws one row of bars."""

    def __init__(self, shape: Format, low: Colour, high: Colour) -> None:
        mirrored = shape.width > shape.height
        bands = np.arange(BANDS)
        order = np.concatenate([bands[::-1], bands]) if mirrored else bands
        pitch = shape.writable_width // len(order) & ~1
        left = (shape.width - pitch * len(order)) // 2 & ~1
        self._columns = slice(left, left + pitch * len(order))
        self._tall = round(shape.height * _TALLEST) & ~1
        self._rows = slice(shape.spectrum_base - self._tall, shape.spectrum_base)
        place = np.arange(pitch * len(order)) // pitch
        bar = np.arange(pitch * len(order)) % pitch < round(pitch * (1 - _GAP))
        self._band = order[place]
        self._bar = bar
        self._heights = np.zeros(len(place), dtype=np.float32)
        # A row is lit where it is at most so many rows above the line.
        self._above = np.arange(self._tall, 0, -1, dtype=np.float32)[:, np.newaxis]
        share = self._band / (BANDS - 1)
        ramp = np.array([colour_of(low.mixed(high, s)) for s in np.linspace(0, 1, BANDS)], dtype=np.uint8)
        chosen = ramp[np.round(share * (BANDS - 1)).astype(int)]
        self._luma = np.ascontiguousarray(chosen[:, 0])
        self._chroma = tuple(np.ascontiguousarray(chosen[::2, part]) for part in (1, 2))

    def over(self, canvas: Canvas, bands: NDArray[np.float32], energy: float) -> None:
        """Draws the bars of a frame; `bands` from 0 to 1."""
        scale = self._tall * (0.45 + 0.55 * energy)
        np.take(_LEAST + bands**1.3 * (scale - _LEAST), self._band, out=self._heights)
        self._heights[~self._bar] = 0
        np.copyto(canvas.y[self._rows, self._columns], self._luma, where=self._above <= self._heights)
        rows = slice(self._rows.start // 2, self._rows.stop // 2)
        columns = slice(self._columns.start // 2, self._columns.stop // 2)
        lit = self._above[::2] <= self._heights[::2]
        for plane, colours in zip((canvas.u, canvas.v), self._chroma, strict=True):
            np.copyto(plane[rows, columns], colours, where=lit)
