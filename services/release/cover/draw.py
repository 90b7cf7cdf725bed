"""A cover from a persona and a brief: the same two give the same bytes."""

from dataclasses import dataclass, replace
from io import BytesIO

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageCms, ImageDraw

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover.colour import Colour, contrast, luminance
from services.release.cover.fields import SIZE, Field, Rng, paint, smoothstep
from services.release.cover.identity import Identity, identity
from services.release.cover.lettering import Block, Lettering, draw_line, set_type
from services.release.cover.motifs import MOTIFS
from services.release.cover.picture import fit

CONTRAST = 4.5
"""Least contrast of type with anything behind it (WCAG 2 AA for small text)."""
MOST_BYTES = 9_500_000
PICTURE = "picture"
"""Stands for the motif where an image model drew."""
THUMBNAIL_SIZE = 320
MOST_THUMBNAIL_BYTES = 200_000
_SPARE = 1.08
"""Grain and JPEG move colours a little: aim higher."""
_FADE = 600
_SMALL = 200
_HALO = 24


@dataclass(frozen=True, slots=True)
class Cover:
    """A finished cover and how it was made."""

    jpeg: bytes
    """3000 x 3000, sRGB, baseline."""
    motif: str
    """`picture` where an image model drew what is behind the type."""
    typeface: str
    seed: int
    transliterated: tuple[str, ...]
    """Characters written in Latin letters, because the typeface lacks them."""
    title_box: tuple[int, int, int, int]
    """What the title's ink covers: left, top, right, bottom."""
    name_box: tuple[int, int, int, int]
    """The same for the name."""


def draw_cover(
    persona: persona_pb2.Persona, brief: brief_pb2.Brief, picture: bytes | None = None, motif: str = ""
) -> Cover:
    """Draws the cover of a song. Up to two seconds of one core.

    `picture` is an image model's, as a file; without one, `motif` is drawn, or the artist's where it is none.
    Raises `UnusablePicture` where no cover can be made of it.
    """
    chosen, lettering = _design(persona, brief, motif, pictured=picture is not None)
    rng = np.random.default_rng(chosen.seed)
    if picture is None:
        canvas = MOTIFS[chosen.motif](rng, chosen.palette, quiet_rows(lettering))
    else:
        canvas = fit(picture, chosen.palette.ground)
    inks = [
        (block, _make_readable(canvas, block, chosen, _ground(canvas, block, chosen, picture)))
        for block in (lettering.title, lettering.name)
    ]
    if picture is None:
        canvas = _grained(canvas, rng)
    draw = ImageDraw.Draw(canvas)
    for block, ink in inks:
        for line in block.lines:
            draw_line(draw, line, ink.bytes)
    return _cover(_jpeg(canvas, MOST_BYTES), chosen, lettering)


def describe_cover(
    persona: persona_pb2.Persona,
    brief: brief_pb2.Brief,
    jpeg: bytes,
    motif: str = "",
    *,
    pictured: bool = False,
) -> Cover:
    """A cover that was drawn before, with how it was made; draws nothing."""
    return _cover(jpeg, *_design(persona, brief, motif, pictured=pictured))


def draw_thumbnail(jpeg: bytes) -> bytes:
    """A cover at 320 x 320, as a JPEG of at most 200,000 bytes."""
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        image.thumbnail((THUMBNAIL_SIZE, THUMBNAIL_SIZE), Image.Resampling.LANCZOS)
        return _jpeg(image, MOST_THUMBNAIL_BYTES)


def _design(
    persona: persona_pb2.Persona, brief: brief_pb2.Brief, motif: str, *, pictured: bool
) -> tuple[Identity, Lettering]:
    chosen = identity(persona, brief, motif)
    if pictured:
        chosen = replace(chosen, motif=PICTURE)
    return chosen, set_type(brief.title, persona.name, chosen.typeface, chosen.layout)


def _cover(jpeg: bytes, chosen: Identity, lettering: Lettering) -> Cover:
    return Cover(
        jpeg=jpeg,
        motif=chosen.motif,
        typeface=chosen.typeface,
        seed=chosen.seed,
        transliterated=lettering.transliterated,
        title_box=lettering.title.box,
        name_box=lettering.name.box,
    )


def quiet_rows(lettering: Lettering) -> Field:
    """How calm each row should be, as a column from 0 to 1: 1 from each block to its nearer edge."""
    return np.maximum(_towards_edge(lettering.title.box), _towards_edge(lettering.name.box))


def _towards_edge(box: tuple[int, int, int, int]) -> Field:
    rows = np.arange(SIZE, dtype=np.float32)[:, np.newaxis]
    fade = _FADE if box[3] - box[1] > _SMALL else _FADE / 2
    if _is_low(box):
        return smoothstep(box[1] - fade, box[1] - _HALO, rows)
    return smoothstep(box[3] + fade, box[3] + _HALO, rows)


def _is_low(box: tuple[int, int, int, int]) -> bool:
    return box[1] + box[3] > SIZE


def _ground(canvas: Image.Image, block: Block, chosen: Identity, picture: bytes | None) -> Colour:
    """What type is seen against: the palette's ground, or what a picture has there on the whole."""
    if picture is None:
        return chosen.palette.ground
    return Colour(*(float(part) for part in _behind(canvas, block).mean(axis=0)))


def _make_readable(canvas: Image.Image, block: Block, chosen: Identity, ground: Colour) -> Colour:
    """Veils what is behind a block as little as its contrast needs; the ink to write it with."""
    palette = chosen.palette
    ink, veil = max(
        ((palette.light, palette.dark), (palette.dark, palette.light)),
        key=lambda pair: contrast(_luminance(pair[0]), _luminance(ground)),
    )
    if contrast(_luminance(ink), _luminance(palette.ground)) >= CONTRAST * _SPARE:
        veil = palette.ground
    strength = _needed_veil(_behind(canvas, block), ink, veil)
    if strength:
        paint(canvas, veil, strength * _towards_edge(block.box))
    return ink


def _behind(canvas: Image.Image, block: Block) -> npt.NDArray[np.float64]:
    """Colours behind a block and just around it, shape (n, 3), from 0 to 1."""
    left, top, right, bottom = block.box
    area = (max(0, left - _HALO), max(0, top - _HALO), min(SIZE, right + _HALO), min(SIZE, bottom + _HALO))
    return np.asarray(canvas.crop(area).reduce(3), dtype=np.float64).reshape(-1, 3) / 255


def _needed_veil(behind: npt.NDArray[np.float64], ink: Colour, veil: Colour) -> float:
    """The least share of `veil` over these colours that gives the contrast."""
    target = _luminance(ink)
    for strength in np.linspace(0, 1, 21):
        mixed = luminance(behind * (1 - strength) + veil.rgb * strength)
        low, high = np.percentile(mixed, [0.05, 99.95])
        if min(contrast(float(low), target), contrast(float(high), target)) >= CONTRAST * _SPARE:
            return float(strength)
    return 1.0


def _luminance(colour: Colour) -> float:
    return float(luminance(colour.rgb))


def _grained(canvas: Image.Image, rng: Rng) -> Image.Image:
    """With a film's grain: enough to hide banding, too little to be seen as noise."""
    coarse = rng.standard_normal((SIZE // 2, SIZE // 2), dtype=np.float32) * 4.2
    grain = np.asarray(Image.fromarray(coarse).resize((SIZE, SIZE), Image.Resampling.BICUBIC))
    pixels = np.asarray(canvas, dtype=np.int16) + np.rint(grain).astype(np.int16)[..., np.newaxis]
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def _jpeg(canvas: Image.Image, most: int) -> bytes:
    """Baseline JPEG without chroma subsampling, at the best quality that stays under the limit."""
    for quality in (92, 88, 84, 78, 70):
        buffer = BytesIO()
        canvas.save(buffer, "JPEG", quality=quality, subsampling=0, icc_profile=_srgb_profile())
        if buffer.tell() <= most:
            return buffer.getvalue()
    raise ValueError(f"the picture stays bigger than {most} bytes as a JPEG")


def _srgb_profile() -> bytes:
    """sRGB's ICC profile, the time of its making (bytes 24 to 35) set to a fixed one."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    made = np.array([2000, 1, 1, 0, 0, 0], dtype=">u2").tobytes()
    return profile[:24] + made + profile[36:]
