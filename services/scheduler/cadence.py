"""When an artist is due: an interval after the start of the last run, or a cron time since then."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from croniter import CroniterError, croniter

from services.scheduler.quiet import Quiet


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
class Past:
    """What an artist has done so far, whoever started it."""

    started_at: datetime
    """Of the last run."""
    busy: bool
    """A run is queued, under way, or looked back on."""
    in_week: int = 0
    """Runs started in the last seven days."""


@dataclass(frozen=True, slots=True)
class Restraint:
    """What keeps the label from being a spam farm. None of it holds a person back."""

    most_a_week: int = 0
    """An artist with so many runs in seven days starts none by itself; 0: no cap."""
    spacing: timedelta = timedelta()
    """Between the starts of two runs of an artist, at least."""
    quiet: Quiet = field(default_factory=Quiet)

    def holds_back(self, past: Past, now: datetime) -> bool:
        """True where an artist must wait though its time has come."""
        full = 0 < self.most_a_week <= past.in_week
        return full or now - past.started_at < self.spacing


NO_RESTRAINT = Restraint()


@dataclass(frozen=True, slots=True)
class Due:
    """An artist whose time has come."""

    regular: Regular
    due_at: datetime


def due_now(
    artists: Sequence[Regular],
    last_runs: Mapping[str, Past],
    now: datetime,
    restraint: Restraint = NO_RESTRAINT,
) -> list[Due]:
    """Those whose time has come and who may start now, the least recently run first.

    Nobody may who has a run under way, or whom the restraint holds back; what was due in a quiet period
    starts once after it.
    """
    if restraint.quiet.covers(now):
        return []
    never = datetime.min.replace(tzinfo=UTC)
    found: list[tuple[datetime, Due]] = []
    for artist in artists:
        past = last_runs.get(artist.artist_id)
        if past is not None and (past.busy or restraint.holds_back(past, now)):
            continue
        last = past.started_at if past is not None else None
        due_at = artist.cadence.due_at(last or artist.taken_on_at)
        if last is None and due_at is not None and not artist.cadence.cron:
            # The first song need not wait for an interval to pass.
            due_at = artist.taken_on_at
        if due_at is not None and due_at <= now:
            found.append((last or never, Due(artist, due_at)))
    return [due for _, due in sorted(found, key=lambda pair: (pair[0], pair[1].due_at))]
