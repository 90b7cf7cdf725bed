"""The genres that artists can have, and the names that people have for them.

artist_db checks them, orchestrator writes in them and release plays them; none may know another. Pure.
"""

from collections.abc import Mapping

GENRES = ("synthwave", "lofi", "house", "techno", "drum_and_bass", "trap", "pop", "ambient")
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
"""Other names, folded."""


def genre_name(text: str) -> str:
    """The one name of a genre, for example `lofi` for `Lo-Fi Hip Hop`; what is no genre comes back as it is.

    Case and all but letters and digits make no difference.
    """
    known = {_folded(genre): genre for genre in GENRES}
    folded = _folded(text)
    return known.get(folded) or ALIASES.get(folded, text)


def spoken(genre: str) -> str:
    """A genre's name for prose, for example `drum and bass`."""
    return genre.replace("_", " ")


def _folded(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
