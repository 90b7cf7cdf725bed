"""Titles."""

import pytest

from services.chassis.titles import faults
from services.orchestrator.song.brief import Commission, Singer
from services.orchestrator.song.titles import another_title, choose_title

SINGER = Singer(
    "Nova", "pop", "plain", ("leaving home",), ("sad",), ("A minor",), (90, 110), ("piano",), 90_000
)
HOOK = ("You left the porch light on for me", "I never came back to the city")


def commission(*titles: str, banned: tuple[str, ...] = ()) -> Commission:
    singer = Singer(**{**{f: getattr(SINGER, f) for f in SINGER.__slots__}, "banned": banned})
    return Commission("r-1", "art_1", "run_1", singer, "", titles)


def test_a_models_good_title_is_taken() -> None:
    assert choose_title(["Porch Light"], HOOK, HOOK, commission(), "leaving home") == "Porch Light"


def test_rubbish_gives_way_to_the_songs_own_words() -> None:
    title = choose_title(["Qwrtz brlm", "", "The the the"], HOOK, HOOK, commission(), "leaving home")
    assert title.lower() in " / ".join(HOOK).lower()
    assert 1 <= len(title.split()) <= 5


def test_a_title_that_the_artist_has_is_not_used_again_in_any_case() -> None:
    first = choose_title([], HOOK, HOOK, commission(), "leaving home")
    second = choose_title([], HOOK, HOOK, commission(first.upper()), "leaving home")
    assert second.casefold() != first.casefold()


def test_a_title_has_no_banned_word() -> None:
    title = choose_title(["Porch Light"], HOOK, HOOK, commission(banned=("porch",)), "leaving home")
    assert "porch" not in title.lower()


def test_a_title_taken_meanwhile_gets_a_numeral() -> None:
    assert another_title("Porch Light", commission("porch light", "Porch Light II")) == "Porch Light III"


def test_a_title_is_not_told_apart_by_what_makes_it_too_long() -> None:
    taken = "x" * 78
    assert another_title(taken, commission(taken)) == f"{taken} V"


def test_a_placeholder_is_no_title_even_where_a_model_insists() -> None:
    title = choose_title(["Untitled", "Track 01", "New Song"], HOOK, HOOK, commission(), "leaving home")
    assert not faults(title)
    assert title.lower() not in {"untitled", "track", "new song"}


@pytest.mark.parametrize(("theme", "lines"), [("", ()), ("untitled", ("...",)), ("new song", ("Song 3",))])
def test_a_song_that_gives_no_title_gets_one_that_stores_take(theme: str, lines: tuple[str, ...]) -> None:
    title = choose_title([], lines, lines, commission(), theme)
    assert not faults(title)
    assert choose_title([], lines, lines, commission(title), theme) != title
