"""Clock times for people: their time zone, and the hours in which nobody is woken."""

import re
from dataclasses import dataclass
from datetime import datetime, time
from typing import Self
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

_SPAN = re.compile(r"([01]\d|2[0-3]):([0-5]\d)\s*-\s*([01]\d|2[0-3]):([0-5]\d)")


def zone(name: str) -> ZoneInfo:
    """The time zone; ValueError where there is none of that name."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise ValueError(f"{name!r} is no time zone; one is, for example, Europe/Berlin or UTC") from error


@dataclass(frozen=True, slots=True)
class QuietHours:
    """From `start` to `end` of each day in people's own time; over midnight where `end` is the earlier."""

    start: time
    end: time

    @classmethod
    def parse(cls, text: str) -> Self:
        """From `22:00-07:30`; ValueError where it is not of that form, or without length."""
        match = _SPAN.fullmatch(text.strip())
        if match is None:
            raise ValueError("must be two clock times such as 22:00-07:30")
        hours = [int(group) for group in match.groups()]
        start, end = time(hours[0], hours[1]), time(hours[2], hours[3])
        if start == end:
            raise ValueError("must begin and end at different times, for example 22:00-07:30")
        return cls(start, end)

    def cover(self, moment: datetime, where: ZoneInfo) -> bool:
        """Whether it is quiet at that moment."""
        now = moment.astimezone(where).time()
        if self.start < self.end:
            return self.start <= now < self.end
        return now >= self.start or now < self.end


def told(moment: datetime, where: ZoneInfo) -> str:
    """A moment for people: `Sun 22 Nov 14:03 CET`."""
    local = moment.astimezone(where)
    return f"{local:%a} {local.day} {local:%b %H:%M} {local.tzname()}"


def age(seconds: float) -> str:
    """A span for people, in its greatest unit: `45 s`, `12 min`, `5 h`, `3 days`."""
    if seconds < 60:
        return f"{max(0, round(seconds))} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min"
    if seconds < 48 * 3600:
        return f"{int(seconds // 3600)} h"
    return f"{int(seconds // 86_400)} days"
