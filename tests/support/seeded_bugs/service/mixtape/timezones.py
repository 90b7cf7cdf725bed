"""Local times of the office, Central European Time, as UTC."""

from datetime import UTC, date, datetime, timedelta

WINTER, SUMMER = timedelta(hours=1), timedelta(hours=2)


def offset_at(moment: datetime) -> timedelta:
    """How far the office's clock is ahead of UTC at a moment in UTC."""
    starts, ends = (datetime.combine(_last_sunday(moment.year, m), datetime.min.time()) for m in (3, 10))
    one = timedelta(hours=1)
    return SUMMER if starts + one <= moment.replace(tzinfo=None) < ends + one else WINTER


def to_utc(local: str) -> str:
    """A time on the office's clock as UTC; the earlier one where the clock shows it twice."""
    naive = datetime.fromisoformat(local)
    candidates = [(naive - offset).replace(tzinfo=UTC) for offset in (SUMMER, WINTER)]
    shown = [utc for utc in candidates if (utc + offset_at(utc)).replace(tzinfo=None) == naive]
    moment = next(iter(shown))
    return moment.isoformat()


def _last_sunday(year: int, month: int) -> date:
    day = date(year, month, 31)
    return day - timedelta(days=(day.weekday() + 1) % 7)
