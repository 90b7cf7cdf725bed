"""Numbers of platforms as they come in: what each must be, and what release it is of."""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

from aiartist.artist_db.v1.performance_pb2 import Metric, PerformanceEntry, RecordPerformanceRequest
from services.artist_db.domain.checks import Checks, shown
from services.artist_db.domain.persona import name_key

MOST_ENTRIES = 5_000
MAX_SOURCE = 200
MAX_NAME = 1_000
"""Characters of what a release is named by, at most."""
EARLIEST = date(2000, 1, 1)
"""Before this no platform counted anything; an earlier day is a mistake in reading a file."""
GRACE = timedelta(days=1)
"""East of UTC it is tomorrow already."""
MOST_COUNTED = 10**12
MOST_EARNED = 10**15

_METRICS = frozenset(Metric.values()) - {Metric.METRIC_UNSPECIFIED}
_PLATFORM = re.compile(r"[a-z0-9_]{1,40}")
_DAY = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_ISRC = re.compile(r"[A-Z]{2}[A-Z0-9]{3}\d{7}", re.ASCII)
_UPC = re.compile(r"\d{8,14}", re.ASCII)
_GROUPING = re.compile(r"[\s-]+")


class Kind(StrEnum):
    """What a release is named by; as the fields of an entry."""

    RELEASE_ID = "release_id"
    ISRC = "isrc"
    UPC = "upc"
    TITLE = "title"


_WORDS = {Kind.RELEASE_ID: "id", Kind.ISRC: "ISRC", Kind.UPC: "UPC or EAN", Kind.TITLE: "title"}


@dataclass(frozen=True, slots=True)
class Name:
    """What a release is named by, in the form in which names are compared."""

    kind: Kind
    text: str
    """Empty: what was given is no such code."""
    artist: str = ""
    """Of a title: whose; empty: anybody's."""


@dataclass(frozen=True, slots=True)
class Number:
    """One entry of a request."""

    place: int
    name: Name
    platform: str
    metric: str
    day: date
    value: int


@dataclass(frozen=True, slots=True)
class Found:
    """The releases that a name fits."""

    release_id: str
    """One of them."""
    count: int


def read(checks: Checks, request: RecordPerformanceRequest, today: date) -> list[Number]:
    """The numbers of a request that came on `today`; `checks` notes all that is wrong with it."""
    checks.phrase("source", request.source, most=MAX_SOURCE)
    checks.count("entries", request.entries, least=1, most=MOST_ENTRIES)
    numbers = (
        _number(checks, place, entry, today) for place, entry in enumerate(request.entries[:MOST_ENTRIES])
    )
    return [number for number in numbers if number is not None]


def title_key(title: str) -> str:
    """The form in which two spellings of one title are equal."""
    return name_key(" ".join(title.split()))


def isrc_key(isrc: str) -> str:
    """An ISRC without hyphens and spaces, in capitals; empty where it is none."""
    bare = _GROUPING.sub("", isrc).upper()
    return bare if _ISRC.fullmatch(bare) else ""


def upc_key(upc: str) -> str:
    """A UPC or EAN without its leading zeros, in which the two differ and which spreadsheets drop.

    Empty where it is none.
    """
    bare = _GROUPING.sub("", upc)
    return bare.lstrip("0") if _UPC.fullmatch(bare) else ""


def why_unmatched(name: Name, found: Found | None) -> str:
    """Why a number belongs to no release; empty: it does belong to one."""
    if not name.text:
        return f"this is no {_WORDS[name.kind]}"
    whose = " of this artist" if name.artist else ""
    if found is None:
        return f"no release{whose} has this {_WORDS[name.kind]}"
    return f"{found.count} releases{whose} have this {_WORDS[name.kind]}" if found.count > 1 else ""


def refuse_twins(checks: Checks, numbers: Iterable[Number], releases: Mapping[int, str]) -> None:
    """Notes numbers of the same release, platform, metric and day; `releases` by the numbers' places."""
    first: dict[tuple[str, str, str, date], int] = {}
    for number in numbers:
        key = (releases[number.place], number.platform, number.metric, number.day)
        before = first.setdefault(key, number.place)
        if before != number.place:
            checks.add(
                f"entries[{number.place}]",
                f"is of the same release, platform, metric and day as entries[{before}]",
            )


def metric_name(metric: Metric.ValueType) -> str:
    """For example `STREAMS`."""
    return Metric.Name(metric).removeprefix("METRIC_")


def metric_of(name: str) -> Metric.ValueType:
    """The metric of a name such as `STREAMS`."""
    return Metric.Value(f"METRIC_{name}")


def _number(checks: Checks, place: int, entry: PerformanceEntry, today: date) -> Number | None:
    path = f"entries[{place}]"
    before = len(checks.found)
    name = _name(checks, path, entry)
    checks.pattern(f"{path}.platform", entry.platform, _PLATFORM, "1 to 40 characters of a-z, 0-9 and _")
    day = _day(checks, f"{path}.day", entry.day, today)
    if entry.metric not in _METRICS:
        checks.add(f"{path}.metric", "is required: what was counted")
    elif entry.metric == Metric.METRIC_EARNINGS:
        checks.number(f"{path}.value", entry.value, least=-MOST_EARNED, most=MOST_EARNED)
    else:
        checks.number(f"{path}.value", entry.value, least=0, most=MOST_COUNTED)
    if day is None or name is None or len(checks.found) > before:
        return None
    return Number(place, name, entry.platform, metric_name(entry.metric), day, entry.value)


def _name(checks: Checks, path: str, entry: PerformanceEntry) -> Name | None:
    field = entry.WhichOneof("release")
    given: str = getattr(entry, field) if field else ""
    if field is None or not given.strip():
        checks.add(f"{path}.{field or 'release'}", "is required: a release_id, isrc, upc or title")
        return None
    for what, text in ((field, given), ("artist_name", entry.artist_name)):
        if len(text) > MAX_NAME or "\0" in text:
            checks.add(f"{path}.{what}", f"must have at most {MAX_NAME:,} characters, none of them U+0000")
            return None
    match Kind(field):
        case Kind.ISRC:
            return Name(Kind.ISRC, isrc_key(given))
        case Kind.UPC:
            return Name(Kind.UPC, upc_key(given))
        case Kind.TITLE:
            return Name(Kind.TITLE, title_key(given), name_key(entry.artist_name.strip()))
    return Name(Kind.RELEASE_ID, given)


def _day(checks: Checks, field: str, given: str, today: date) -> date | None:
    expected = f"must be a day such as 2026-03-01 from {EARLIEST} to today"
    try:
        day = date.fromisoformat(given) if _DAY.fullmatch(given) else None
    except ValueError:
        day = None
    if day is None or not EARLIEST <= day <= today + GRACE:
        checks.add(field, f"{expected}, {today}, is {shown(given)}")
        return None
    return day
