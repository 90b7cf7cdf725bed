"""The genres that the built-in provider plays, a table each."""

from services.chassis.genres import genre_name
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


def genre_named(name: str) -> Genre:
    """The genre of a brief; raises `UnplayableBrief` for one that isn't known.

    Case and all but letters and digits make no difference: `Lo-Fi Hip Hop` and `drum & bass` are known.
    """
    genre = GENRES.get(genre_name(name))
    if genre is None:
        raise UnplayableBrief(f"genre: {name!r} is not one of {', '.join(sorted(GENRES))}")
    return genre
