"""A picture that an image model drew, made fit to be a cover: square, whole, without a frame, in RGB."""

import warnings
from io import BytesIO

import numpy as np
from PIL import Image, ImageOps

from services.release.cover.colour import Colour
from services.release.cover.fields import SIZE

LEAST_SIDE = 512
"""Smaller pictures would be blurred at 3000 x 3000."""
_MOST_PIXELS = 50_000_000
_FORMATS = ("PNG", "JPEG", "WEBP")
_FLAT = 4.0
"""Rows whose brightness varies less, in steps of 255, are a frame and no picture."""
_MOST_FRAME = 0.2
"""Of a side; what is even further in is a plain sky, which belongs to the picture."""
_BLANK = 6.0


class UnusablePicture(ValueError):
    """No cover can be made of it; `str()` says why."""


def fit(data: bytes, ground: Colour) -> Image.Image:
    """The picture as an RGB canvas of 3000 x 3000, its middle kept.

    What is transparent shows `ground`. A plain frame or bars at the edges are cut off. Raises
    `UnusablePicture` for what is no PNG, JPEG or WebP, is smaller than 512 pixels on a side, is bigger
    than 50 million pixels, or shows nothing.
    """
    picture = _without_frame(_decoded(data, ground))
    if min(picture.size) < LEAST_SIDE:
        raise UnusablePicture(f"has {picture.width} x {picture.height} pixels, {LEAST_SIDE} are needed")
    if float(np.asarray(picture.convert("L").resize((64, 64))).std()) < _BLANK:
        raise UnusablePicture("shows nothing but one colour")
    return ImageOps.fit(picture, (SIZE, SIZE), Image.Resampling.LANCZOS)


def _decoded(data: bytes, ground: Colour) -> Image.Image:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(BytesIO(data), formats=_FORMATS) as image:
                if image.width * image.height > _MOST_PIXELS:
                    raise UnusablePicture(f"has {image.width} x {image.height} pixels")
                turned = ImageOps.exif_transpose(image)
                if turned.has_transparency_data:
                    pixels = turned.convert("RGBA")
                    behind = Image.new("RGBA", pixels.size, (*ground.bytes, 255))
                    turned = Image.alpha_composite(behind, pixels)
                return turned.convert("RGB")
    except UnusablePicture:
        raise
    except Exception as error:
        # What Pillow raises for a broken file has no common kind: its EXIF alone can give struct.error.
        raise UnusablePicture(f"does not decode: {error}") from error


def _without_frame(picture: Image.Image) -> Image.Image:
    """Without even rows and columns at the edges: frames, and the bars of a picture of another shape."""
    pixels = np.asarray(picture.convert("L"), dtype=np.float32)
    top, bottom = _edges(pixels)
    left, right = _edges(pixels.T)
    return picture.crop((left, top, pixels.shape[1] - right, pixels.shape[0] - bottom))


def _edges(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> tuple[int, int]:
    """How many rows at either end are even and all of one brightness; none where they never end."""
    return _even(rows), _even(rows[::-1])


def _even(rows: np.ndarray[tuple[int, int], np.dtype[np.float32]]) -> int:
    plain = (rows.std(axis=1) < _FLAT) & (np.abs(rows.mean(axis=1) - rows[0].mean()) < _FLAT)
    ends = np.flatnonzero(~plain)
    count = int(ends[0]) if len(ends) else 0
    # A frame ends at once; a sky that grows lighter does not.
    return count if 0 < count <= _MOST_FRAME * len(rows) else 0
