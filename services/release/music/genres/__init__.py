"""The genres that the built-in provider plays, a table each, and the names that people have for them."""

from collections.abc import Mapping

from services.release.music.genre import Genre
from services.release.music.genres import (
    ambient,
    drum_and_bass,
    house,
    lofi,
    pop,
    synthwave,
    techno,
    trap,
)
from services.release.music.provider import UnplayableBrief

GENRES: dict[str, Genre] = {
    genre.name: genre
    for genre in (
        synthwave.GENRE,
        lofi.GENRE,
        house.GENRE,
        techno.GENRE,
        drum_and_bass.GENRE,
        trap.GENRE,
        pop.GENRE,
        ambient.GENRE,
    )
}

ALIASES: Mapping[str, str] = {
    "lofihiphop": "lofi",
    "lofibeats": "lofi",
    "chillhop": "lofi",
    "retrowave": "synthwave",
    "outrun": "synthwave",
    "drumnbass": "drum_and_bass",
    "drumbass": "drum_and_bass",
    "dnb": "drum_and_bass",
    "db": "drum_and_bass",
    "jungle": "drum_and_bass",
    "trapmusic": "trap",
    "housemusic": "house",
    "technomusic": "techno",
    "popmusic": "pop",
    "ambientmusic": "ambient",
}
"""Other names, folded; artist_db and orchestrator know the same ones, and a test compares them."""


def genre_named(name: str) -> Genre:
    """The genre of a brief; raises `UnplayableBrief` for one that isn't known.

    Case and all but letters and digits make no difference: `Lo-Fi Hip Hop` and `drum & bass` are known.
    """
    known = {_folded(genre): genre for genre in GENRES}
    folded = _folded(name)
    genre = GENRES.get(known.get(folded) or ALIASES.get(folded, ""))
    if genre is None:
        raise UnplayableBrief(f"genre: {name!r} is not one of {', '.join(sorted(GENRES))}")
    return genre


def _folded(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
