"""Charts from outside: what each is known by, and what may be kept of one."""

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass

from aiartist.artist_db.v1 import trend_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.chassis.genres import GENRES

MOST_WANTED = 500
MOST_ITEMS = 100
MAX_NAME = 200
MAX_GENRE = 60
MAX_ERROR = 500
MAX_FRESH_S = 31_536_000
KEPT_DAYS = 30
"""How long a snapshot is kept after its chart was last seen like that."""
KEPT_A_CHART = 50
"""How many snapshots of one chart are kept."""
FORGOTTEN_DAYS = 7
"""A chart that nobody wanted for so long is forgotten."""
WANTED_S = 600
"""For how long a chart counts as wanted after an orchestrator said so; each says it about every minute."""

_SOURCE = re.compile(r"[a-z][a-z0-9_]{0,39}")
_COUNTRY = re.compile(r"[a-z]{2}")


@dataclass(frozen=True, slots=True, order=True)
class Chart:
    """What a chart is known by."""

    source: str
    country: str
    genre: str

    @classmethod
    def of(cls, told: pb.TrendSource | pb.TrendSnapshot) -> "Chart":
        """The chart that a message is about."""
        return cls(told.source, told.country, told.genre)

    def __str__(self) -> str:
        return "/".join(part or "-" for part in (self.source, self.country, self.genre))


def check_chart(checks: Checks, field: str, chart: Chart) -> None:
    """Source, country and genre of a chart."""
    checks.pattern(f"{field}.source", chart.source, _SOURCE, "1 to 40 of a-z, 0-9 and _, a letter first")
    _check_place(checks, f"{field}.country", f"{field}.genre", chart.country, chart.genre)


def check_filters(checks: Checks, source: str, country: str = "", genre: str = "") -> None:
    """What a list or a request is narrowed to; empty: nothing."""
    if source:
        checks.pattern("source", source, _SOURCE, "1 to 40 of a-z, 0-9 and _, a letter first")
    _check_place(checks, "country", "genre", country, genre)


def check_items(checks: Checks, field: str, items: Sequence[pb.TrendItem]) -> None:
    """What a chart holds: 1 to 100 places in order, all text in one line and short."""
    checks.count(field, items, least=1, most=MOST_ITEMS)
    before = 0
    for index, item in enumerate(items[:MOST_ITEMS]):
        place = f"{field}[{index}]"
        checks.number(f"{place}.rank", item.rank, least=before + 1, most=1_000)
        checks.phrase(f"{place}.title", item.title, most=MAX_NAME, required=True)
        checks.phrase(f"{place}.artist_name", item.artist_name, most=MAX_NAME)
        checks.phrase(f"{place}.genre", item.genre, most=MAX_GENRE)
        before = max(before, item.rank)


def digest_of_items(items: Sequence[pb.TrendItem]) -> str:
    """The same for the same places, whoever fetched them and when."""
    told = pb.TrendSnapshot(items=items).SerializeToString(deterministic=True)
    return hashlib.sha256(told).hexdigest()


def _check_place(checks: Checks, country_field: str, genre_field: str, country: str, genre: str) -> None:
    if country:
        checks.pattern(country_field, country, _COUNTRY, "two small letters as in ISO 3166-1, such as us")
    if genre:
        checks.choice(genre_field, genre, GENRES)
