"""Numbers over the canvas: noise, distances, edges without steps; and painting through them."""

import numpy as np
import numpy.typing as npt
from PIL import Image

from services.release.cover.colour import Bytes, Colour

SIZE = 3000
"""Width and height of a cover, in pixels."""
COARSE = 750
"""Width and height at which soft fields are computed before they are enlarged."""

Field = npt.NDArray[np.float32]
Rng = np.random.Generator


def axes(size: int = SIZE) -> tuple[Field, Field]:
    """x as a row and y as a column, from 0 to 1, at the pixels' centres."""
    line = ((np.arange(size, dtype=np.float32) + 0.5) / size).astype(np.float32)
    return line[np.newaxis, :], line[:, np.newaxis]


def noise(rng: Rng, cells: float, octaves: int = 4, *, stretch: float = 1.0, size: int = COARSE) -> Field:
    """Smooth noise from 0 to 1: `cells` hills across, with finer ones on top; `stretch` widens them."""
    total = np.zeros((size, size), dtype=np.float32)
    strength = 1.0
    for octave in range(octaves):
        rows = max(2, round(cells * 2**octave))
        columns = max(2, round(rows / stretch))
        grid = Image.fromarray(rng.random((rows + 4, columns + 4), dtype=np.float32))
        inner = (2.0, 2.0, columns + 2.0, rows + 2.0)
        total += strength * np.asarray(grid.resize((size, size), Image.Resampling.BICUBIC, box=inner))
        strength *= 0.5
    return normalised(total)


def normalised(field: Field) -> Field:
    """Moved and scaled to 0 to 1."""
    low, high = float(field.min()), float(field.max())
    return np.asarray((field - low) / max(high - low, 1e-9), dtype=np.float32)


def enlarged(field: Field, size: int = SIZE) -> Field:
    """A coarse field at full size."""
    image = Image.fromarray(np.ascontiguousarray(field, dtype=np.float32))
    return np.asarray(image.resize((size, size), Image.Resampling.BICUBIC))


def smoothstep(low: float, high: float, value: Field) -> Field:
    """0 up to `low`, 1 from `high`, smooth between; falls where low > high."""
    share = np.clip((value - low) / (high - low), 0, 1)
    return np.asarray(share * share * (3 - 2 * share), dtype=np.float32)


def coverage(distance: Field) -> Field:
    """How much of a pixel lies inside, from the signed distance in pixels (negative: inside)."""
    return np.asarray(np.clip(0.5 - distance, 0, 1), dtype=np.float32)


def free_rows(quiet: Field) -> tuple[float, float]:
    """Where the rows that need no calm begin and end, from 0 to 1."""
    rows = np.flatnonzero(quiet[:, 0] < 0.5)
    return float(rows[0]) / SIZE, float(rows[-1] + 1) / SIZE


def slope(field: Field) -> Field:
    """How much the field changes from pixel to pixel; never 0."""
    rows, columns = np.gradient(field)
    return np.asarray(np.sqrt(rows * rows + columns * columns) + 1e-7, dtype=np.float32)


def table_image(table: Bytes, share: Field) -> Image.Image:
    """A field from 0 to 1 in the colours of a ramp."""
    place = np.clip(share * (len(table) - 1), 0, len(table) - 1).astype(np.uint16)
    return Image.fromarray(np.take(table, place, axis=0))


def paint(canvas: Image.Image, colour: Colour | Image.Image, mask: Field) -> None:
    """Lays a colour or a picture over the canvas, as much as the mask (0 to 1) says."""
    stencil = Image.fromarray((np.broadcast_to(mask, (SIZE, SIZE)) * 255 + 0.5).astype(np.uint8))
    if isinstance(colour, Colour):
        canvas.paste(colour.bytes, (0, 0, SIZE, SIZE), stencil)
    else:
        canvas.paste(colour, (0, 0), stencil)


def flat(colour: Colour) -> Image.Image:
    """A canvas of one colour."""
    return Image.new("RGB", (SIZE, SIZE), colour.bytes)
