"""Names of genres, and that what is written can be played."""

import pytest

from services.chassis import genres as kept
from services.orchestrator.song import genres as written
from services.release.music import genres as played

NAMES = {
    "Synthwave": "synthwave",
    "lo-fi hip hop": "lofi",
    "Lofi": "lofi",
    "House": "house",
    "TECHNO": "techno",
    "drum and bass": "drum_and_bass",
    "Drum & Bass": "drum_and_bass",
    "drum'n'bass": "drum_and_bass",
    "DnB": "drum_and_bass",
    "trap music": "trap",
    "pop": "pop",
    "Ambient": "ambient",
}


def test_all_services_know_the_same_genres() -> None:
    assert set(kept.GENRES) == set(written.GENRES) == set(played.GENRES)
    assert len(kept.GENRES) >= 8


def test_every_other_name_leads_to_a_genre_and_is_none_itself() -> None:
    assert set(kept.ALIASES.values()) <= set(kept.GENRES)
    assert not set(kept.ALIASES) & {genre.replace("_", "") for genre in kept.GENRES}


@pytest.mark.parametrize(("name", "genre"), NAMES.items())
def test_a_genre_is_known_by_the_names_that_people_have_for_it(name: str, genre: str) -> None:
    assert kept.genre_name(name) == played.genre_named(name).name == genre


@pytest.mark.parametrize("genre", kept.GENRES)
def test_songs_are_written_at_the_tempi_that_they_are_played_at(genre: str) -> None:
    assert written.GENRES[genre].tempo == played.GENRES[genre].tempo_bpm


def test_prose_gets_a_genre_s_name_as_it_is_said() -> None:
    assert kept.spoken("drum_and_bass") == "drum and bass"
