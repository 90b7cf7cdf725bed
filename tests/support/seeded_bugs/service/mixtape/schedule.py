"""When releases come out."""

from datetime import date, datetime, timedelta

FRIDAY = 4


def is_late(deadline: str, now: str) -> bool:
    """Whether a deadline has passed; both are ISO 8601."""
    return datetime.fromisoformat(now) > datetime.fromisoformat(deadline)


def next_friday(day: str) -> str:
    """The first release day on or after a day."""
    start = date.fromisoformat(day)
    return (start + timedelta(days=(FRIDAY - start.weekday()) % 7)).isoformat()


def days_left(release: str, today: str) -> int:
    """Days until a release; 0 where it is out."""
    return max(0, (date.fromisoformat(release) - date.fromisoformat(today)).days)
