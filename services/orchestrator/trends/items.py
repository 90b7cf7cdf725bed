"""From what a source says of a song to an item of a chart: cleaned, cut, in order, each song once. Pure."""

import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.trends.source import BadShape

MOST_ITEMS = 100
MAX_NAME = 200
MAX_GENRE = 60
_READ = 4_000
"""Characters of a text that are looked at: enough for any title behind any decoration."""
_JOINERS = frozenset("\u200c\u200d")
"""Persian and Indic words need them."""
# Cc: controls. Cf: hides or reorders text. Cs, Co, Cn: no character of anybody's. Zl, Zp: line breaks.
_DROPPED = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_NO_WORD = re.compile(r"[\W_]+")


@dataclass(frozen=True, slots=True)
class Told:
    """A song as a source tells of it; nothing of it is cleaned."""

    title: str
    artist: str = ""
    genre: str = ""
    rank: int | None = None
    """Its place; None: that in which it is told."""


def clean(text: str, most: int) -> str:
    """One line without anything that controls, hides or reorders text, at most so many characters."""
    kept = "".join(
        " " if character.isspace() else character
        for character in text[:_READ]
        if character.isspace() or character in _JOINERS or unicodedata.category(character) not in _DROPPED
    )
    line = " ".join(kept.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


def items_of(songs: Iterable[Told]) -> list[TrendItem]:
    """A chart's items, ranked 1, 2, 3, … without gaps; BadShape where no song is left.

    Two with one rank stay in the order in which they are told. Of a song that is there twice the higher
    place counts. What has no title, or none with a letter or digit in it, is left out.
    """
    in_order = sorted(enumerate(songs, start=1), key=lambda pair: (_rank(pair[1].rank, pair[0]), pair[0]))
    items: list[TrendItem] = []
    known: set[tuple[str, str]] = set()
    for _, song in in_order:
        title, artist = clean(song.title, MAX_NAME), clean(song.artist, MAX_NAME)
        key = (_folded(title), _folded(artist))
        if not key[0] or key in known:
            continue
        known.add(key)
        items.append(
            TrendItem(
                rank=len(items) + 1, title=title, artist_name=artist, genre=clean(song.genre, MAX_GENRE)
            )
        )
        if len(items) == MOST_ITEMS:
            break
    if not items:
        raise BadShape("the chart holds no song")
    return items


def _rank(told: int | None, place: int) -> int:
    return told if told is not None else place


def _folded(text: str) -> str:
    return _NO_WORD.sub("", unicodedata.normalize("NFKC", text).casefold())
