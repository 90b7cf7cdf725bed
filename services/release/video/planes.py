"""Pictures as the encoder wants them: planes of luma and halved chroma, BT.709, 16 to 235."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from services.release.cover.colour import Colour

Bytes = NDArray[np.uint8]
Words = NDArray[np.uint16]

_KR, _KB = 0.2126, 0.0722
_KG = 1 - _KR - _KB
_CB, _CR = 2 * (1 - _KB), 2 * (1 - _KR)
OPAQUE = 256
"""Alpha in 257 steps, so that a shift by 8 bits divides exactly."""


@dataclass(frozen=True, slots=True)
class Planes:
    """A picture in 4:2:0: luma of shape (h, w), blue and red difference of shape (h/2, w/2)."""

    y: Bytes
    u: Bytes
    v: Bytes


def colour_of(colour: Colour) -> tuple[int, int, int]:
    """One colour as (y, u, v)."""
    y, u, v = _converted(np.asarray(colour.rgb, dtype=np.float32)[np.newaxis, np.newaxis] * 255)
    return round(float(y[0, 0])), round(float(u[0, 0])), round(float(v[0, 0]))


def planes_of(image: Image.Image) -> Planes:
    """An RGB picture with an even width and height."""
    rgb = np.asarray(image.convert("RGB"), dtype=np.float32)
    y, u, v = _converted(rgb)
    return Planes(_bytes(y), _bytes(_halved(u)), _bytes(_halved(v)))


class Canvas:
    """One frame's planes over one buffer that ffmpeg reads as yuv420p."""

    def __init__(self, width: int, height: int) -> None:
        self.width, self.height = width, height
        self.buffer = np.zeros(width * height * 3 // 2, dtype=np.uint8)
        luma = width * height
        half = (height // 2, width // 2)
        self.y = self.buffer[:luma].reshape(height, width)
        self.u = self.buffer[luma : luma * 5 // 4].reshape(half)
        self.v = self.buffer[luma * 5 // 4 :].reshape(half)


class Layer:
    """A rectangle that is laid over a canvas: what it keeps of what is there, and what it adds.

    `left` and `top` are even, so that the chroma planes match.
    """

    def __init__(self, rgb: Image.Image, alpha: Image.Image, left: int, top: int) -> None:
        if left % 2 or top % 2 or rgb.width % 2 or rgb.height % 2:
            raise ValueError("a layer begins and ends on even pixels")
        self.left, self.top = left, top
        y, u, v = _converted(np.asarray(rgb.convert("RGB"), dtype=np.float32))
        share = (np.asarray(alpha, dtype=np.float32) / 255).astype(np.float32)
        coarse = _halved(share)
        self._planes = tuple(
            (
                np.round((1 - part) * OPAQUE).astype(np.uint16),
                np.round(plane * part).astype(np.uint8),
            )
            for plane, part in (
                (y, share),
                # Where a pixel of chroma is half covered, its colour is that of what covers it.
                (_halved(u * share) / np.maximum(coarse, 1e-6), coarse),
                (_halved(v * share) / np.maximum(coarse, 1e-6), coarse),
            )
        )
        self._scratch = tuple(np.empty_like(keep) for keep, _ in self._planes)
        self._faded = tuple(np.empty_like(keep) for keep, _ in self._planes)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        height, width = self._planes[0][0].shape
        return width, height

    def over(self, canvas: Canvas, opacity: float = 1.0, *, down: int = 0) -> None:
        """Draws it, `opacity` from 0 to 1, `down` (an even number) pixels lower than its place."""
        strength = round(min(max(opacity, 0.0), 1.0) * OPAQUE)
        if strength == 0:
            return
        for index, (plane, half) in enumerate(((canvas.y, 1), (canvas.u, 2), (canvas.v, 2))):
            keep, add = self._planes[index]
            rows, columns = keep.shape
            top, left = (self.top + down) // half, self.left // half
            region = plane[top : top + rows, left : left + columns]
            if region.shape != keep.shape:
                raise ValueError("the layer reaches over the canvas's edge")
            self._blend(region, keep, add, strength, self._scratch[index], self._faded[index])

    @staticmethod
    def _blend(region: Bytes, keep: Words, add: Bytes, strength: int, mixed: Words, faded: Words) -> None:
        if strength == OPAQUE:
            np.multiply(region, keep, out=mixed, casting="unsafe")
            np.right_shift(mixed, 8, out=mixed)
            np.add(mixed, add, out=region, casting="unsafe")
            return
        # keep' = 1 - (1 - keep) * strength
        np.subtract(OPAQUE, keep, out=faded)
        np.multiply(faded, strength, out=faded)
        np.right_shift(faded, 8, out=faded)
        np.subtract(OPAQUE, faded, out=faded)
        np.multiply(region, faded, out=mixed, casting="unsafe")
        np.right_shift(mixed, 8, out=mixed)
        np.multiply(add, np.uint16(strength), out=faded, casting="unsafe")
        np.right_shift(faded, 8, out=faded)
        np.add(mixed, faded, out=region, casting="unsafe")


def _converted(rgb: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
    """Studio-range y, u, v of R'G'B' from 0 to 255."""
    red, green, blue = (rgb[..., part] / np.float32(255) for part in range(3))
    luma = _KR * red + _KG * green + _KB * blue
    return (
        (16 + 219 * luma).astype(np.float32),
        (128 + 224 * (blue - luma) / _CB).astype(np.float32),
        (128 + 224 * (red - luma) / _CR).astype(np.float32),
    )


def _halved(plane: NDArray[np.floating]) -> NDArray[np.float32]:
    height, width = plane.shape
    cells = plane.reshape(height // 2, 2, width // 2, 2)
    return cast(NDArray[np.float32], cells.mean(axis=(1, 3), dtype=np.float32))


def _bytes(plane: NDArray[np.float32]) -> Bytes:
    return np.clip(np.round(plane), 0, 255).astype(np.uint8)
