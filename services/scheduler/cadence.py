"""When an artist is due: an interval after the start of the last run, or a cron time since then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from croniter import CroniterError, croniter


@dataclass(frozen=True, slots=True)
class Cadence:
    """One of the two is set."""

    interval_s: int = 0
    cron: str = ""

    def due_at(self, since: datetime) -> datetime | None:
        """The first time after `since`, in UTC; None: never. Times that were missed count once."""
        if self.cron:
            try:
                due: datetime = croniter(self.cron, since.astimezone(UTC)).get_next(datetime)
            except CroniterError:
                # artist_db takes none that it can't read; the 30th of February it may.
                return None
            return due
        return since + timedelta(seconds=self.interval_s) if self.interval_s else None


@dataclass(frozen=True, slots=True)
class Regular:
    """An artist whose runs start by themselves."""

    artist_id: str
    cadence: Cadence
    autopilot: bool
    taken_on_at: datetime


@dataclass(frozen=True, slots=True)
class Due:
    """An artist whose time has come."""

    regular: Regular
    due_at: datetime


def due_now(
    artists: Sequence[Regular], last_runs: Mapping[str, tuple[datetime, bool]], now: datetime
) -> list[Due]:
    """Those whose time has come and who have no run under way, the least recently run first."""
    never = datetime.min.replace(tzinfo=UTC)
    found: list[tuple[datetime, Due]] = []
    for artist in artists:
        last, busy = last_runs.get(artist.artist_id, (None, False))
        if busy:
            continue
        due_at = artist.cadence.due_at(last or artist.taken_on_at)
        if last is None and due_at is not None and not artist.cadence.cron:
            # The first song need not wait for an interval to pass.
            due_at = artist.taken_on_at
        if due_at is not None and due_at <= now:
            found.append((last or never, Due(artist, due_at)))
    return [due for _, due in sorted(found, key=lambda pair: (pair[0], pair[1].due_at))]
