"""What comes of a step: a report, what follows, or neither."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from aiartist.artist_db.v1 import artist_db_pb2 as db


@dataclass(frozen=True, slots=True)
class Next:
    """The step that follows. `postponed`: it is the same attempt, that could not be made now."""

    kind: db.ErrorStep.Kind.ValueType
    in_s: float = 0.0
    postponed: bool = False
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """`report` None: the status stays. `next` None: nothing is left to do.

    `tell`: called with the group once all that is kept, so that nobody is told what is not true yet.
    """

    report: db.ErrorReport | None = None
    next: Next | None = None
    tell: Callable[[db.ErrorGroup], None] | None = None


@dataclass(frozen=True, slots=True)
class Task:
    """A step that this process holds, and its group."""

    claimed: db.ClaimErrorStepResponse
    claimed_at: float = field(default_factory=time.monotonic)

    @property
    def group(self) -> db.ErrorGroup:
        return self.claimed.group

    @property
    def step(self) -> db.ErrorStep:
        return self.claimed.group.step

    @property
    def report(self) -> db.ErrorReport:
        """The newest report; empty where there is none."""
        return self.claimed.group.report

    def reports(self) -> list[db.ErrorReport]:
        """All its reports, newest first."""
        return [self.report, *self.group.history]

    def now(self) -> datetime:
        """What time it is, by the database's clock."""
        return self.claimed.now.ToDatetime(tzinfo=UTC) + timedelta(seconds=time.monotonic() - self.claimed_at)

    def postponed(self, in_s: float, reason: str) -> Next:
        return Next(self.step.kind, in_s, postponed=True, reason=reason)
