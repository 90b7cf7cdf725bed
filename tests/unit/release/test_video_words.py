"""What is written in a video: wrapped, inside the safe area, in any script, and legible over anything."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from services.release.cover.colour import Colour, contrast
from services.release.cover.identity import TYPEFACES
from services.release.cover.lettering import typeface_font
from services.release.video.planes import Canvas, Layer, colour_of
from services.release.video.plates import relative_luminance
from services.release.video.words import FORMATS, MOST_ROWS, Format, Pen, end_card, fitted, lyric, wrapped

LIGHT, DARK = Colour(0.98, 0.95, 0.9), Colour(0.07, 0.05, 0.12)
PEN = Pen("manrope", LIGHT, DARK, Colour(1.0, 0.8, 0.3))
LONG = "We were burning brighter than the morning over every sleeping city that we never really knew"


def area(layer: Layer) -> tuple[int, int, int, int]:
    width, height = layer.size
    return layer.left, layer.top, layer.left + width, layer.top + height


@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize("shape", FORMATS.values(), ids=FORMATS)
def test_a_long_line_is_wrapped_into_even_rows_that_fit(shape: Format, typeface: str) -> None:
    rows, font = fitted(LONG, typeface, shape.lyric_size, shape.writable_width)

    lengths = [font.getlength(row) for row in rows]
    assert " ".join(rows) == LONG
    assert 2 <= len(rows) <= MOST_ROWS
    assert max(lengths) <= shape.writable_width
    assert min(lengths) > 0.6 * max(lengths)


def test_a_word_that_is_wider_than_the_frame_is_cut() -> None:
    rows = wrapped("a" * 200, typeface_font("manrope", 80), 800)

    assert "".join(rows) == "a" * 200
    assert len(rows) > 1


def test_more_words_than_fit_end_in_dots_at_the_smallest_size() -> None:
    rows, font = fitted("word " * 400, "manrope", 90, 900)

    assert len(rows) == MOST_ROWS
    assert rows[-1].endswith("…")
    assert font.size == 34


@settings(max_examples=60, deadline=None)
@given(
    st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=120), st.sampled_from(TYPEFACES)
)
def test_any_text_fits_its_rows(text: str, typeface: str) -> None:
    rows, font = fitted(text, typeface, 80, 900)

    assert 1 <= len(rows) <= MOST_ROWS
    assert all(font.getlength(row) <= 905 for row in rows)


@pytest.mark.parametrize(
    "text", [LONG, "Stay", "Ça va, ñandú", "東京の夜に光る雨", "Свет в окне", "ليل طويل", "🌃🌃"]
)
@pytest.mark.parametrize("strong", [False, True])
@pytest.mark.parametrize("shape", FORMATS.values(), ids=FORMATS)
def test_lyrics_stay_inside_the_safe_area(shape: Format, text: str, strong: bool) -> None:
    left, top, right, bottom = area(lyric(text, shape, PEN, strong=strong))

    # The veil around the letters may be softer than the edge of the area.
    assert left >= shape.side - 100
    assert right <= shape.width - shape.side + 100
    assert top >= shape.top
    assert bottom <= shape.bottom


@pytest.mark.parametrize("behind", [Colour(1, 1, 1), Colour(0.95, 0.9, 0.3), Colour(0.5, 0.5, 0.5), DARK])
@pytest.mark.parametrize(("ink", "veil"), [(LIGHT, DARK), (DARK, LIGHT)])
def test_letters_stand_out_from_what_is_around_them(behind: Colour, ink: Colour, veil: Colour) -> None:
    shape = FORMATS["landscape"]
    layer = lyric("Stay, stay awake", shape, Pen("manrope", ink, veil, ink), strong=False)
    left, top, right, bottom = area(layer)

    def over(paper: Colour) -> np.ndarray:
        canvas = filled(shape, paper)
        layer.over(canvas)
        return canvas.y[top:bottom, left:right].astype(float)

    # Ink is what nothing shines through.
    is_ink = np.abs(over(Colour(0, 0, 0)) - over(Colour(1, 1, 1))) < 2
    near = grown(is_ink, 4) & ~grown(is_ink, 1)
    around = float(np.median(over(behind)[near]))
    assert is_ink.any()
    assert contrast(from_luma(around), relative_luminance(ink)) >= 4.5


def test_a_faded_layer_is_between_nothing_and_itself() -> None:
    shape = FORMATS["portrait"]
    layer = lyric("Stay", shape, PEN, strong=True)
    grey = Colour(0.4, 0.4, 0.4)
    none, half, whole = (filled(shape, grey) for _ in range(3))
    layer.over(none, 0.0)
    layer.over(half, 0.5)
    layer.over(whole, 1.0)

    assert np.all(none.y == colour_of(grey)[0])
    low = np.minimum(none.y, whole.y).astype(int) - 2
    high = np.maximum(none.y, whole.y).astype(int) + 2
    assert np.all((half.y >= low) & (half.y <= high))
    assert np.any(half.y != none.y)


def test_a_layer_changes_nothing_outside_of_itself() -> None:
    shape = FORMATS["landscape"]
    layer = end_card("Title", "Artist", "Label", shape, PEN)
    canvas = filled(shape, Colour(0.3, 0.5, 0.4))
    before = canvas.y.copy()
    layer.over(canvas)

    left, top, right, bottom = area(layer)
    canvas.y[top:bottom, left:right] = before[top:bottom, left:right]
    assert np.array_equal(canvas.y, before)


def test_a_layer_that_would_leave_the_frame_is_refused() -> None:
    layer = lyric("Stay", FORMATS["landscape"], PEN, strong=False)

    with pytest.raises(ValueError, match="edge"):
        layer.over(Canvas(640, 360))


def filled(shape: Format, colour: Colour) -> Canvas:
    canvas = Canvas(shape.width, shape.height)
    for plane, value in zip((canvas.y, canvas.u, canvas.v), colour_of(colour), strict=True):
        plane[:] = value
    return canvas


def grown(mask: np.ndarray, by: int) -> np.ndarray:
    """The mask and what is at most so many pixels beside it."""
    result = mask.copy()
    for step in range(1, by + 1):
        for axis in (0, 1):
            result |= np.roll(mask, step, axis) | np.roll(mask, -step, axis)
    return result


def from_luma(luma: float) -> float:
    """The relative luminance of a grey of this luma."""
    share = (luma - 16) / 219
    return relative_luminance(Colour(share, share, share))
