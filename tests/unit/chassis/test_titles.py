"""Titles: what no store takes, what can be mended, and what is left alone."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.chassis.titles import english_case, faults, repaired


def rules(title: str) -> list[str]:
    return [fault.rule for fault in faults(title)]


@pytest.mark.parametrize(
    "title",
    [
        "Neon in the Rain",
        "1999",
        "A",
        "C# Minor Blues",
        "Song of the Sea",
        "A Song for You",
        "Track Record",
        "Test of Time",
        "Music",
        "S.O.S.",
        "Lights (Live at Dawn)",
        "What Feat Is This?",
        "Белые ночи",
        "東京の夜",
        "می‌روم",
        "a.m. / p.m.",
        "Take Five",
        "Project X",
        "#9 Dream",
        "6 Ft. Under",
        'Say "Yes"',
        "x" * 80,
    ],
)
def test_a_title_of_its_own_breaks_no_rule(title: str) -> None:
    assert rules(title) == []


@pytest.mark.parametrize(
    ("title", "rule"),
    [
        ("", "empty"),
        (" \t", "empty"),
        ("x" * 81, "length"),
        ("Two\nLines", "characters"),
        ("Null\0", "characters"),
        ("Back\u202ewards", "characters"),
        ("Zero\u200bWidth", "characters"),
        (" Leading", "spaces"),
        ("Two  Spaces", "spaces"),
        ("Rain 🌧", "emoji"),
        ("I ❤ Rain", "emoji"),
        ("Thumbs 👍🏽 Up", "emoji"),
        ("…", "words"),
        ("Visit example.com", "address"),
        ("https://x.y/z", "address"),
        ("write me@mail.example", "address"),
        ("@nova", "handle"),
        ("Summer #love", "handle"),
        ("Untitled", "generic"),
        ("Track 01", "generic"),
        ("Song 3", "generic"),
        ("New Song", "generic"),
        ("my new song", "generic"),
        ("Untitled Track II", "generic"),
        ("Demo v2", "generic"),
        ("AI Generated Song", "generic"),
        ("Beat #4", "generic"),
        ("Lights (Official Video)", "version"),
        ("Lights [Official Lyric Video]", "version"),
        ("Lights - Official Audio", "version"),
        ("Lights (Explicit)", "version"),
        ("Lights feat. Somebody", "version"),
        ("Lights (ft. Somebody)", "version"),
        ("Lights (prod. by Nobody)", "version"),
        ("TRACK_01", "generic"),
        ("Track-01", "generic"),
        ("Track Six", "generic"),
        ("Untitled (3)", "generic"),
        ("bit.ly/abc", "address"),
        ("lights.mp3", "version"),
    ],
)
def test_what_no_store_takes_is_told_with_its_rule(title: str, rule: str) -> None:
    assert rule in rules(title)


@pytest.mark.parametrize(
    ("title", "mended"),
    [
        ("  Neon   Rain ", "Neon Rain"),
        ("Rain 🌧", "Rain"),
        ("Lights (Official Video)", "Lights"),
        ("Lights feat. Somebody", "Lights"),
        ('"Lights"', "Lights"),
        ('Say "Yes"', 'Say "Yes"'),
        ('"Yes" She Said', '"Yes" She Said'),
        ('Lights"', "Lights"),
        ("lights.mp3", "Lights"),
        ("NEON IN THE RAIN", "Neon in the Rain"),
        ("neon in the rain", "Neon in the Rain"),
        ("Neon\nRain", "Neon Rain"),
        # Nothing would be left: then it is for somebody to choose again.
        ("(Official Video)", "(Official Video)"),
    ],
)
def test_what_has_one_remedy_is_mended(title: str, mended: str) -> None:
    assert repaired(title, "en") == mended


@pytest.mark.parametrize("title", ["Belye nochi", "LA NUIT", "die Nacht am See"])
def test_capitals_of_other_languages_are_left_alone(title: str) -> None:
    assert repaired(title, "fr") == title


@pytest.mark.parametrize(
    ("title", "cased"),
    [
        ("to the end of it", "To the End of It"),
        ("what are you waiting for", "What Are You Waiting For"),
        ("wait: the return", "Wait: The Return"),
        ("night (in the city)", "Night (In the City)"),
        ("rock-and-roll", "Rock-and-Roll"),
        ("dj of the McFly", "Dj of the McFly"),
        ("DJ at the NYC Bar", "DJ at the NYC Bar"),
        ("U.S.A. by night", "U.S.A. by Night"),
        ("part II", "Part II"),
        ("don't stop", "Don't Stop"),
        ("LOVE", "LOVE"),
        ("MIDNIGHT", "Midnight"),
        ("éclair de lune", "Éclair De Lune"),
    ],
)
def test_english_titles_get_the_capitals_of_titles(title: str, cased: str) -> None:
    assert english_case(title) == cased


@given(title=st.text(max_size=90), language=st.sampled_from(["en", "en-GB", "de", "ja"]))
def test_mending_twice_is_mending_once_and_breaks_nothing(title: str, language: str) -> None:
    once = repaired(title, language)
    assert repaired(once, language) == once
    gained = set(rules(once)) - set(rules(title)) - {"empty", "words"}
    # Only taking junk away may leave a bare placeholder, or a letter may become two in capitals.
    assert gained <= {"generic", "length"}
