"""How errors read for people: their status, when they came, and moments as people give them."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

from rich.text import Text

from aiartist.artist_db.v1 import artist_db_pb2 as db
from cli.failures import BAD_INPUT, Failure
from cli.texts import plain, shortened

_AGO = re.compile(r"([1-9][0-9]{0,5})(m|h|d)")
_UNITS = {"m": "minutes", "h": "hours", "d": "days"}
_STYLES = {
    "new": "yellow",
    "analysis_failed": "red",
    "fix_suggested": "yellow",
    "fix_failed": "red",
    "fix_skipped_invalid": "red",
    "fix_applied": "green",
    "reverted": "red",
    "ignored": "dim",
    "low": "dim",
    "high": "red",
    "critical": "bold red",
}
_BARS = " ▁▂▃▄▅▆▇█"
_MAX_STATUS = 13


def status_cell(status: str) -> Text:
    """A status in its colour, short enough for a table: `fix suggested`."""
    word = shortened(plain(status).replace("_", " "), _MAX_STATUS)
    return Text(word, style=_STYLES.get(status, ""))


def word_cell(word: str, text: str = "") -> Text:
    """A status or severity in its colour, with `text` in its place where that says more."""
    return Text(plain(text or word).replace("_", " "), style=_STYLES.get(word, ""))


def moment_of(option: str, given: str) -> datetime:
    """A moment in UTC from `2h` (so long ago) or an ISO date, local where it has no zone; Failure."""
    now = datetime.now(UTC)
    ago = _AGO.fullmatch(given.strip())
    try:
        if ago is not None:
            return now - timedelta(**{_UNITS[ago[2]]: int(ago[1])})
        return datetime.fromisoformat(given.strip()).astimezone(UTC)
    except (ValueError, OverflowError):
        raise Failure(
            f"{option}: {plain(given)!r} is no time: 30m, 2h, 3d, or a date such as 2026-03-01T14:00",
            exit_code=BAD_INPUT,
        ) from None


def sparkline(hours: Sequence[db.ErrorHour]) -> str:
    """A bar for each hour from the first to the last in which there was one; its height is of the highest."""
    counts: dict[int, int] = {}
    for hour in hours:
        number = hour.hour.seconds // 3600
        counts[number] = counts.get(number, 0) + hour.count
    if not counts:
        return ""
    most = max(counts.values())
    return "".join(
        # Whatever there was can be seen.
        _BARS[-(-counts.get(number, 0) * (len(_BARS) - 1) // most)]
        for number in range(min(counts), max(counts) + 1)
    )
