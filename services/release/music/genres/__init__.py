"""The genres that the built-in provider plays, a table each."""

from services.release.music.genre import Genre
from services.release.music.genres import ambient, house, lofi, pop, synthwave, trap
from services.release.music.provider import UnplayableBrief

GENRES: dict[str, Genre] = {
    genre.name: genre
    for genre in (synthwave.GENRE, lofi.GENRE, house.GENRE, trap.GENRE, pop.GENRE, ambient.GENRE)
}


def genre_named(name: str) -> Genre:
    """The genre of a brief; raises `UnplayableBrief` for one that isn't known."""
    genre = GENRES.get(name.strip().lower())
    if genre is None:
        raise UnplayableBrief(f"genre: {name!r} is not one of {', '.join(sorted(GENRES))}")
    return genre
