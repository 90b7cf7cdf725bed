"""Quiet periods: when no run starts by itself. Times of day, weekdays, and dates that come every year."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, tzinfo
from zoneinfo import ZoneInfo

WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
EXPECTED = "times such as 22:00-07:00, weekdays such as sat-sun, or dates such as 12-24..12-26"

_TIMES = re.compile(r"(\d{1,2}):(\d{2})-(\d{1,2}):(\d{2})", re.ASCII)
_DAYS = re.compile(r"([a-z]{3})(?:-([a-z]{3}))?")
_DATES = re.compile(r"(\d{2})-(\d{2})(?:\.\.(\d{2})-(\d{2}))?", re.ASCII)
_LEAP_YEAR = 2_000
_DAY_MIN = 24 * 60

_Covers = Callable[[datetime], bool]


@dataclass(frozen=True, slots=True)
class Quiet:
    """The quiet periods of a label; without any, it is never quiet."""

    periods: tuple[_Covers, ...] = ()
    zone: tzinfo = field(default=UTC)

    @classmethod
    def parse(cls, text: str, zone: str = "UTC") -> "Quiet":
        """Entries with commas between, read by the clocks of an IANA time zone.

        `22:00-07:00`: every day between these times, over midnight where the first is the later one.
        `sat-sun` or `sun`: whole weekdays. `12-24..12-26` or `05-01`: whole days of every year, the last
        one included. ValueError names the entry that is none of these.
        """
        entries = [entry.strip().lower() for entry in text.split(",")] if text.strip() else []
        return cls(tuple(_period(entry) for entry in entries), zone_of(zone))

    def covers(self, moment: datetime) -> bool:
        """True where it is quiet then."""
        local = moment.astimezone(self.zone)
        return any(period(local) for period in self.periods)


def zone_of(name: str) -> tzinfo:
    """A time zone by its IANA name. ValueError where this machine knows none of that name."""
    if name == "UTC":
        # There also where the machine has no time zones.
        return UTC
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone, such as UTC or Europe/Berlin") from error


def _period(entry: str) -> _Covers:
    period = None
    if found := _TIMES.fullmatch(entry):
        period = _times(*map(int, found.groups()))
    elif found := _DAYS.fullmatch(entry):
        period = _days(found[1], found[2] or found[1])
    elif found := _DATES.fullmatch(entry):
        first = (int(found[1]), int(found[2]))
        period = _dates(first, (int(found[3]), int(found[4])) if found[3] else first)
    if period is None:
        raise ValueError(f"{entry!r} is no quiet period: expected are {EXPECTED}")
    return period


def _times(from_h: int, from_min: int, to_h: int, to_min: int) -> _Covers | None:
    first, end = from_h * 60 + from_min, to_h * 60 + to_min
    if max(from_min, to_min) >= 60 or first >= _DAY_MIN or end > _DAY_MIN or first == end:
        return None
    return lambda local: _between(local.hour * 60 + local.minute, first, end)


def _days(first: str, last: str) -> _Covers | None:
    if first not in WEEKDAYS or last not in WEEKDAYS:
        return None
    begin, end = (WEEKDAYS.index(first),), (WEEKDAYS.index(last),)
    return lambda local: _within((local.weekday(),), begin, end)


def _dates(first: tuple[int, int], last: tuple[int, int]) -> _Covers | None:
    try:
        for month, day in (first, last):
            date(_LEAP_YEAR, month, day)
    except ValueError:
        return None
    return lambda local: _within((local.month, local.day), first, last)


def _between(at: int, first: int, end: int) -> bool:
    """`end` left out; over midnight where it comes first."""
    return first <= at < end if first < end else at >= first or at < end


def _within(at: tuple[int, ...], first: tuple[int, ...], last: tuple[int, ...]) -> bool:
    """`last` included; over the end of the week or year where it comes first."""
    return first <= at <= last if first <= last else at >= first or at <= last
