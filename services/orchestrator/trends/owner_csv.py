"""The owner's own chart, from a file: CSV with a header of rank, title, artist, genre and country.

Genre and country may be empty, and their columns may be missing: then a row is of all genres, of no country.
The file is small and near, so it is looked at every minute; a chart that did not change costs nothing.
"""

import asyncio
import csv
import io
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.chassis.genres import GENRES, genre_name
from services.orchestrator.trends.items import Told, items_of
from services.orchestrator.trends.source import BadShape, Chart, SourceError, Unreachable

MAX_BYTES = 1024 * 1024
MOST_ROWS = 5_000
EXPECTED = "expected CSV in UTF-8 with a header of rank,title,artist,genre,country"
_NEEDED = ("rank", "title", "artist")
_COLUMNS = (*_NEEDED, "genre", "country")


@dataclass(slots=True)
class _Read:
    """What a file held, or what is wrong with it."""

    stamp: tuple[int, int]
    songs: Mapping[tuple[str, str], Sequence[Told]] = field(default_factory=dict)
    """By country and genre."""
    wrong: SourceError | None = None


class OwnerCsv:
    """A chart of each country and genre that the file names."""

    name = "owner_csv"
    needs_key = False
    every_s: int | None = 60

    def __init__(self, path: Path) -> None:
        self._path = path
        self._read = _Read((0, 0))

    async def charts(self, countries: Sequence[str], genre: str) -> Sequence[Chart]:
        read = await self._current()
        if read.wrong is not None:
            # One chart, which says what is wrong.
            return [Chart(self.name)]
        suits = [(c, g) for c, g in read.songs if c in ("", *countries) and g in ("", genre)]
        return [Chart(self.name, country, genre) for country, genre in suits]

    async def fetch(self, country: str, genre: str) -> list[TrendItem]:
        read = await self._current()
        if read.wrong is not None:
            raise read.wrong
        songs = read.songs.get((country, genre))
        if songs is None:
            raise BadShape("the file no longer holds this chart")
        return items_of(songs)

    async def _current(self) -> _Read:
        """What the file holds; read again only where it changed."""
        self._read = await asyncio.to_thread(_current, self._path, self._read)
        return self._read


def _current(path: Path, known: _Read) -> _Read:
    try:
        found = path.stat()
        if not stat.S_ISREG(found.st_mode):
            return _no_file()
        stamp = (found.st_mtime_ns, found.st_size)
        if stamp == known.stamp:
            return known
        # It may have become something else since: opening or reading a pipe would wait for a writer.
        with open(path, "rb", opener=_without_waiting) as file:
            if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
                return _no_file()
            content = file.read(MAX_BYTES + 1)
    except OSError as error:
        return _Read((0, 0), wrong=Unreachable(f"AIARTIST_TRENDS_FILE can't be read: {error.strerror}"))
    try:
        return _Read(stamp, songs_of(content))
    except SourceError as wrong:
        return _Read(stamp, wrong=wrong)


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _no_file() -> _Read:
    return _Read((0, 0), wrong=Unreachable("AIARTIST_TRENDS_FILE can't be read: it is no regular file"))


def songs_of(content: bytes) -> Mapping[tuple[str, str], Sequence[Told]]:
    """The file's songs by country and genre; BadShape with the line that is wrong and what was expected."""
    if len(content) > MAX_BYTES:
        raise BadShape(f"the file has over 1 MiB; {EXPECTED}")
    try:
        rows = csv.reader(io.StringIO(content.decode("utf-8-sig"), newline=""), strict=True)
        header = [name.strip().casefold() for name in next(rows, [])]
        _check_header(header)
        songs: dict[tuple[str, str], list[Told]] = {}
        for row in rows:
            if not any(cell.strip() for cell in row):
                continue
            if rows.line_num > MOST_ROWS:
                raise BadShape(f"the file has over {MOST_ROWS:,} lines")
            told = dict(zip(header, (cell.strip() for cell in row), strict=False))
            place = (_country(told, rows.line_num), _genre(told, rows.line_num))
            songs.setdefault(place, []).append(_song(told, rows.line_num))
    except UnicodeDecodeError:
        raise BadShape(f"the file is not in UTF-8; {EXPECTED}") from None
    except csv.Error:
        raise BadShape(f"the file is not CSV; {EXPECTED}") from None
    if not songs:
        raise BadShape("the file holds no song under its header")
    return songs


def _check_header(header: Sequence[str]) -> None:
    missing = [name for name in _NEEDED if name not in header]
    if missing:
        raise BadShape(f"the file's header lacks {', '.join(missing)}; {EXPECTED}")
    unknown = [name for name in header if name not in _COLUMNS]
    if unknown or len(set(header)) < len(header):
        raise BadShape(f"the file's header has columns that are unknown or there twice; {EXPECTED}")


def _song(told: Mapping[str, str], line: int) -> Told:
    rank = told.get("rank", "")
    if not (rank.isascii() and rank.isdigit() and 1 <= len(rank) <= 6 and int(rank) >= 1):
        raise BadShape(f"line {line} of the file: rank must be a whole number from 1")
    if not told.get("title"):
        raise BadShape(f"line {line} of the file: title is empty")
    return Told(told["title"], told.get("artist", ""), told.get("genre", ""), int(rank))


def _country(told: Mapping[str, str], line: int) -> str:
    country = told.get("country", "").casefold()
    if country and not (len(country) == 2 and country.isascii() and country.isalpha()):
        raise BadShape(f"line {line} of the file: country must be two letters such as us, or empty")
    return country


def _genre(told: Mapping[str, str], line: int) -> str:
    genre = genre_name(told.get("genre", ""))
    if genre and genre not in GENRES:
        raise BadShape(f"line {line} of the file: genre must be one of {', '.join(GENRES)}, or empty")
    return genre
