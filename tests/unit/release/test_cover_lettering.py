"""Type: what can be written, and how a title is broken."""

import pytest
from PIL import ImageFont

from services.release.cover.fields import SIZE
from services.release.cover.identity import LAYOUTS, TYPEFACES
from services.release.cover.lettering import MARGIN, Lettering, set_type, writable


@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize("text", ["Ça va, Łódź", "Αθήνα", "Подъезд", "Tiếng Việt", "“Don’t” – 3/4"])
def test_latin_greek_cyrillic_and_vietnamese_are_written_as_they_are(text: str, typeface: str) -> None:
    assert writable(text, typeface) == (text, ())


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("東京 2049", "DongJing 2049"),
        ("שלום", "slvm"),
        ("Fire 🔥", "Fire"),
        ("🔥", "fire"),
        ("\u200b", "Untitled"),
        ("Fire \u2764\ufe0f", "Fire"),
    ],
)
def test_what_no_typeface_has_is_written_in_latin_letters(text: str, written: str) -> None:
    assert writable(text, "manrope")[0] == written


@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize("text", ["\u2764\ufe0f", "\U0001f3f4\u200d\u2620\ufe0f", "\ufe0f"])
def test_emoji_that_name_their_form_can_be_set(text: str, typeface: str) -> None:
    lettering = set_type(text, text, typeface, "foot")
    assert "\ufe0f" not in lettering.title.lines[0].text
    assert lettering.title.box[2] > lettering.title.box[0]


@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize("name", ["東京" * 40, "한국어" * 26, "W" * 80])
def test_a_name_that_becomes_very_long_in_latin_letters_stays_on_the_cover(name: str, typeface: str) -> None:
    assert set_type("Run", name, typeface, "foot").name.box[2] <= SIZE - MARGIN + 1


def test_a_combining_accent_is_joined_with_its_letter() -> None:
    assert writable("Cafe\u0301", "source-serif") == ("Café", ())


@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize("layout", LAYOUTS)
def test_every_word_of_a_title_is_set_in_order(layout: str, typeface: str) -> None:
    title = "Everything you said at the station that night in October"
    set_words = " ".join(line.text for line in set_type(title, "Nova Vale", typeface, layout).title.lines)
    assert set_words.lower() == title.lower()


def test_a_short_title_is_set_larger_than_a_long_one() -> None:
    def size(title: str) -> float:
        lettering: Lettering = set_type(title, "Nova Vale", "manrope", "foot")
        font = lettering.title.lines[0].font
        assert isinstance(font, ImageFont.FreeTypeFont)
        return font.size

    assert size("Run") > size("Aftermath of a Beautiful Argument in the Kitchen at Four")


def test_an_endless_word_is_cut_into_lines_and_not_shrunk_to_nothing() -> None:
    lettering = set_type("W" * 80, "Nova Vale", "manrope", "foot")
    assert len(lettering.title.lines) > 1
    assert "".join(line.text for line in lettering.title.lines) == "W" * 80
    assert lettering.title.lines[0].font.size >= 120


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("typeface", TYPEFACES)
@pytest.mark.parametrize(
    "name", ["Nova Vale", "The Velvet Cartographers of the Northern Line and Its Ports", "Q"]
)
@pytest.mark.parametrize(
    "title",
    [
        "Run",
        "I Counted Every Light Between Here and the Very Last Edge of Our Quiet Town",
        "Supercalifragilisticexpialidocious",
        "W" * 80,
        "Ångström Yÿ",
        "jjj ggg",
    ],
)
def test_all_ink_is_within_the_margins_and_title_and_name_are_apart(
    title: str, name: str, typeface: str, layout: str
) -> None:
    lettering = set_type(title, name, typeface, layout)
    for left, top, right, bottom in (lettering.title.box, lettering.name.box):
        assert left >= MARGIN
        assert top >= MARGIN
        assert right <= 3000 - MARGIN
        assert bottom <= 3000 - MARGIN
    assert lettering.title.box[3] < lettering.name.box[1] or lettering.name.box[3] < lettering.title.box[1]


@pytest.mark.parametrize("typeface", TYPEFACES)
def test_the_smallest_type_is_legible_at_300_pixels(typeface: str) -> None:
    lettering = set_type("W" * 80, "The Velvet Cartographers of the Line", typeface, "split")
    capitals = [
        -line.font.getbbox("H", anchor="ls")[1] / 10
        for line in (*lettering.title.lines, *lettering.name.lines)
    ]
    assert min(capitals) >= 7
