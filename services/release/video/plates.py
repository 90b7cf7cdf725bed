"""The backgrounds of a video: the cover's own art without its type, a variation for each kind of section."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from PIL import Image, ImageFilter

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover.colour import Colour, luminance
from services.release.cover.fields import SIZE
from services.release.cover.identity import Identity, Palette, identity
from services.release.cover.motifs import MOTIFS
from services.release.video.planes import Planes, planes_of

PLATE = 1_760
"""Width and height of a plate, in pixels, before its rows are halved."""
CARD = 900
"""Width and height of the cover that is shown, in pixels."""
_GRAIN = 1.1
_BLUR = 46


@dataclass(frozen=True, slots=True)
class Art:
    """What a video is painted with."""

    plates: tuple[Planes, ...]
    """At most three: the song's own picture, that of its choruses, that of what stands apart. Each with half
    of its rows, for a painter that doubles them."""
    cover: Image.Image
    """The cover, 900 x 900."""
    look: Identity

    @property
    def palette(self) -> Palette:
        return self.look.palette


def paint_art(
    persona: persona_pb2.Persona, brief: brief_pb2.Brief, cover: bytes, motif: str, *, photographed: bool
) -> Art:
    """Plates and cover; up to five seconds of one core.

    `photographed`: an image model drew the cover, so the plates are made of it, out of focus; else the
    cover's `motif` is drawn again, without letters and from the same seed; the artist's, where it is none.
    """
    look = identity(persona, brief, motif)
    with Image.open(BytesIO(cover), formats=["JPEG"]) as picture:
        full = picture.convert("RGB")
    count = _needed(brief)
    images = _photographed(full, look.palette, count) if photographed else _drawn(look, count)
    rng = np.random.default_rng(look.seed)
    plates = tuple(
        planes_of(_grained(image.resize((PLATE, PLATE // 2), Image.Resampling.BOX), rng)) for image in images
    )
    return Art(plates, full.resize((CARD, CARD), Image.Resampling.LANCZOS), look)


def save_plates(plates: Sequence[Planes], path: Path) -> None:
    """For the jobs of the formats. OSError where the disk refuses."""
    arrays = {
        f"{name}{i}": getattr(plate, name) for i, plate in enumerate(plates) for name in ("y", "u", "v")
    }
    with path.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)


def load_plates(path: Path) -> tuple[Planes, ...]:
    """What `save_plates` wrote."""
    with np.load(path, allow_pickle=False) as kept:
        return tuple(Planes(kept[f"y{i}"], kept[f"u{i}"], kept[f"v{i}"]) for i in range(len(kept.files) // 3))


def _needed(brief: brief_pb2.Brief) -> int:
    """How many plates the song's sections show."""
    kinds = {section.kind for section in brief.sections}
    if kinds & {brief_pb2.Section.KIND_BRIDGE, brief_pb2.Section.KIND_INSTRUMENTAL}:
        return 3
    return 2 if brief_pb2.Section.KIND_CHORUS in kinds else 1


def _drawn(look: Identity, count: int) -> list[Image.Image]:
    # Nothing is written on it, so nothing has to be calm.
    lively = np.zeros((SIZE, 1), dtype=np.float32)
    images = []
    for number in range(count):
        rng = np.random.default_rng(look.seed + number)
        canvas = MOTIFS[look.motif](rng, _turned(look.palette, number), lively)
        images.append(canvas.resize((PLATE, PLATE), Image.Resampling.LANCZOS))
    return images


def _photographed(cover: Image.Image, palette: Palette, count: int) -> list[Image.Image]:
    soft = cover.resize((PLATE // 4, PLATE // 4), Image.Resampling.LANCZOS)
    soft = soft.filter(ImageFilter.GaussianBlur(_BLUR / 4)).resize((PLATE, PLATE), Image.Resampling.BICUBIC)
    images = [soft]
    for accent in palette.accents[1:count]:
        tint = Image.new("RGB", soft.size, accent.bytes)
        images.append(Image.blend(soft.transpose(Image.Transpose.FLIP_LEFT_RIGHT), tint, 0.22))
    return images


def _turned(palette: Palette, number: int) -> Palette:
    """The same colours with another one in front, on a darker ground for what stands apart."""
    if number == 0:
        return palette
    accents = (
        palette.accents[number % len(palette.accents) :] + palette.accents[: number % len(palette.accents)]
    )
    ground = palette.ground
    if number == 1:
        ground = ground.mixed(accents[0], 0.16)
    else:
        ground = ground.moved(lightness=ground.lightness * (0.82 if not palette.is_dark else 0.9))
    return Palette(ground=ground, accents=accents, dark=palette.dark, light=palette.light)


def _grained(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """With as little grain as keeps soft slopes from showing steps."""
    pixels = np.asarray(image, dtype=np.float32)
    noise = rng.standard_normal(pixels.shape[:2], dtype=np.float32) * _GRAIN
    return Image.fromarray(np.clip(np.round(pixels + noise[..., np.newaxis]), 0, 255).astype(np.uint8))


def relative_luminance(colour: Colour) -> float:
    """WCAG 2's, from 0 to 1."""
    return float(luminance(np.asarray(colour.rgb)))
