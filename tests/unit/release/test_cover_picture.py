"""A cover around a picture that an image model drew."""

from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import ExifTags, Image, PngImagePlugin

from aiartist.common.v1 import brief_pb2, persona_pb2
from services.release.cover import Cover, UnusablePicture, describe_cover, draw_cover
from services.release.cover.colour import contrast, luminance

TITLE = "Paper Boats"


def scene(width: int = 640, height: int = 640, *, bright: bool = False) -> Image.Image:
    """Something that looks like a photograph: light from above, hills of noise below."""
    rng = np.random.default_rng(3)
    hills = Image.fromarray((rng.random((9, 9, 3)) * 255).astype(np.uint8)).resize(
        (width, height), Image.Resampling.BICUBIC
    )
    light = np.linspace(1.0, 0.55, height)[:, np.newaxis, np.newaxis]
    pixels = np.asarray(hills, dtype=np.float64) * light
    pixels = pixels * 0.25 + 190 if bright else pixels * 0.6
    return Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8))


def file_of(image: Image.Image, form: str = "PNG") -> bytes:
    buffer = BytesIO()
    image.save(buffer, form)
    return buffer.getvalue()


def drawn(picture: bytes, *, palette: tuple[str, ...] = ()) -> Cover:
    persona = persona_pb2.Persona(name="Nova Vale")
    persona.visual.palette.extend(palette)
    return draw_cover(persona, brief_pb2.Brief(title=TITLE, seed=1), picture)


def pixels_of(cover: Cover) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(cover.jpeg)))


@pytest.mark.parametrize("form", ["PNG", "JPEG", "WEBP"])
def test_a_picture_becomes_a_cover_that_distributors_take(form: str) -> None:
    cover = drawn(file_of(scene(), form))
    image = Image.open(BytesIO(cover.jpeg))
    assert (image.format, image.size, image.mode, cover.motif) == ("JPEG", (3000, 3000), "RGB", "picture")
    assert len(cover.jpeg) < 10_000_000
    assert not image.getexif()


def test_the_picture_is_what_is_seen() -> None:
    shown = Image.open(BytesIO(drawn(file_of(scene())).jpeg))
    middle = (1000, 1100, 2000, 1900)
    wanted = scene().resize((3000, 3000), Image.Resampling.LANCZOS)
    apart = np.asarray(shown.crop(middle), dtype=float) - np.asarray(wanted.crop(middle), dtype=float)
    assert np.abs(apart).mean() < 12


@pytest.mark.parametrize("bright", [False, True])
@pytest.mark.parametrize("palette", [("#120c2c", "#ff2e88", "#ffb347"), ("#f6f1e7", "#2f4858", "#f26419")])
def test_type_is_legible_over_a_picture_of_any_brightness(bright: bool, palette: tuple[str, ...]) -> None:
    cover = drawn(file_of(scene(bright=bright)), palette=palette)
    pixels = pixels_of(cover)
    for left, top, right, bottom in (cover.title_box, cover.name_box):
        light = luminance(pixels[top:bottom, left:right].reshape(-1, 3) / 255)
        assert contrast(float(np.percentile(light, 2)), float(np.percentile(light, 98))) >= 4.0


def test_a_frame_around_a_picture_is_cut_off() -> None:
    framed = Image.new("RGB", (800, 800), "white")
    framed.paste(scene(640, 640), (80, 80))
    pixels = pixels_of(drawn(file_of(framed)))
    edges = np.concatenate([pixels[:20].reshape(-1, 3), pixels[-20:].reshape(-1, 3)])
    assert (edges.min(axis=1) > 245).mean() < 0.05


def test_bars_above_and_below_are_cut_off_and_a_plain_sky_is_not() -> None:
    barred = Image.new("RGB", (900, 900), "black")
    barred.paste(scene(900, 600), (0, 150))
    assert pixels_of(drawn(file_of(barred)))[:20].mean() > 15
    sky = Image.new("RGB", (900, 900), (90, 140, 220))
    sky.paste(scene(900, 450), (0, 450))
    top = pixels_of(drawn(file_of(sky), palette=("#120c2c", "#ff2e88", "#ffb347")))[1200]
    assert np.abs(top.mean(axis=0) - (90, 140, 220)).max() < 40


def test_what_is_transparent_shows_the_artists_ground() -> None:
    picture = scene().convert("RGBA")
    picture.putalpha(Image.new("L", picture.size, 0))
    picture.paste(scene(640, 320).convert("RGBA"), (0, 320))
    pixels = pixels_of(drawn(file_of(picture), palette=("#120c2c", "#ff2e88", "#ffb347")))
    assert np.abs(pixels[1300:1400, 1400:1600].mean(axis=(0, 1)) - (0x12, 0x0C, 0x2C)).max() < 40


@pytest.mark.parametrize(
    ("picture", "says"),
    [
        (b"", "does not decode"),
        (b"<svg xmlns='x'/>", "does not decode"),
        (file_of(scene())[:900], "does not decode"),
        (file_of(scene(), "GIF"), "does not decode"),
        (file_of(scene(400, 400)), "512 are needed"),
        (file_of(Image.new("RGB", (700, 700), "navy")), "nothing but one colour"),
        (file_of(Image.new("1", (9000, 9000))), "9000"),
    ],
    ids=["empty", "svg", "cut-off", "gif", "small", "blank", "huge"],
)
def test_what_no_cover_can_be_made_of_is_refused(picture: bytes, says: str) -> None:
    with pytest.raises(UnusablePicture, match=says):
        drawn(picture)


@settings(deadline=None)
@given(st.binary(max_size=400))
def test_no_bytes_break_it(data: bytes) -> None:
    with pytest.raises(UnusablePicture):
        drawn(file_of(scene())[:60] + data)


def with_much_text() -> bytes:
    text = PngImagePlugin.PngInfo()
    text.add_text("workflow", "x" * 2_000_000, zip=True)
    buffer = BytesIO()
    scene().save(buffer, "PNG", pnginfo=text)
    return buffer.getvalue()


def with_impossible_exif() -> bytes:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    exif[ExifTags.Base.ImageDescription] = "hello"
    buffer = BytesIO()
    scene().save(buffer, "JPEG", exif=exif)
    # The description becomes the picture's width, in letters.
    return buffer.getvalue().replace(b"\x01\x0e\x00\x02", b"\x01\x00\x00\x02")


@pytest.mark.parametrize("picture", [with_much_text(), with_impossible_exif()])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_what_a_picture_says_of_itself_can_make_it_unusable_and_breaks_nothing(picture: bytes) -> None:
    with pytest.raises(UnusablePicture, match="does not decode"):
        drawn(picture)


def test_a_cover_with_a_picture_is_described_as_one() -> None:
    persona, brief = persona_pb2.Persona(name="Nova Vale"), brief_pb2.Brief(title=TITLE, seed=1)
    cover = draw_cover(persona, brief, file_of(scene()))
    assert describe_cover(persona, brief, cover.jpeg, pictured=True) == cover
