"""A run and what is known of it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where a run is."""

    QUEUED = "QUEUED"
    COMPOSING = "COMPOSING"
    PRODUCING = "PRODUCING"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    RELEASING = "RELEASING"
    RELEASED = "RELEASED"
    REJECTED = "REJECTED"
    EXPIRED = "EXPIRED"
    FAILED = "FAILED"
    CANCELLED = "CANCELLED"

    @property
    def final(self) -> bool:
        return self in FINAL


FINAL = frozenset(
    {RunState.RELEASED, RunState.REJECTED, RunState.EXPIRED, RunState.FAILED, RunState.CANCELLED}
)


class StageName(StrEnum):
    """A step of a run."""

    COMPOSE = "COMPOSE"
    PRODUCE = "PRODUCE"
    APPROVE = "APPROVE"
    FILM = "FILM"
    PACKAGE = "PACKAGE"
    PUBLISH = "PUBLISH"
    REFLECT = "REFLECT"


class Place(StrEnum):
    """Whether a run takes one of the limited places."""

    NONE = "none"
    """Waits for a person, or is over."""
    WANTED = "wanted"
    """Could go on as soon as there is a place and its time has come."""
    HELD = "held"
    """Has a place and a job."""


class Verdict(StrEnum):
    """The possible decisions."""

    APPROVED = "APPROVED"
    AUTOPILOT_APPROVED = "AUTOPILOT_APPROVED"
    REJECTED = "REJECTED"
    REGENERATE_TAKE = "REGENERATE_TAKE"
    REGENERATE_BRIEF = "REGENERATE_BRIEF"
    EXPIRED = "EXPIRED"


class Silence(StrEnum):
    """What happens to a question that nobody answers; as in `SilenceAnswer`."""

    HOLD = "HOLD"
    EXPIRE = "EXPIRE"
    AUTOPILOT = "AUTOPILOT"


@dataclass(frozen=True, slots=True)
class Decision:
    """What was decided about which content; `decided_at` is set by the database."""

    verdict: Verdict
    content_digest: str
    decided_by: str
    reason: str = ""
    decided_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RunError:
    """Why a stage failed."""

    reason: str
    message: str
    retryable: bool
    retry_after_s: float = 0.0
    """Another try before that is in vain; known only where the error has just come."""


@dataclass(frozen=True, slots=True)
class Take:
    """A take of a run that passed its review, as artist_db has it."""

    take_id: str
    brief_id: str
    content_digest: str
    title: str
    """Of its brief."""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt to make and release one song, as the database has it."""

    id: str
    artist_id: str
    state: RunState
    stage: StageName
    autopilot: bool
    started_by: str
    version: int = 0
    """Counts changes; a change is made only to the version that was read."""
    place: Place = Place.WANTED
    take_number: int = 1
    attempts: int = 0
    """Begun tries of the current stage."""
    failures: int = 0
    """Failed tries of the current stage."""
    failed_takes: int = 0
    """Takes in a row that failed their review."""
    takes_wanted: int = 1
    """Takes of a brief that must pass before a person is asked."""
    takes_left: int = 1
    """How many of them are still to be made."""
    note: str = ""
    title: str = ""
    brief_id: str = ""
    take_id: str = ""
    content_digest: str = ""
    release_id: str = ""
    location: str = ""
    decision: Decision | None = None
    error: RunError | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    on_silence: Silence | None = None
    """As the artist was set when a person was asked last; None before."""
    approval_expires_at: datetime | None = None
    """When silence is answered; None where it holds."""
    traceparent: str = ""
    """Of what started it; empty: nobody traced that."""
    ended_at: datetime | None = None
    """When it ended; None before, and where a version ended it that did not note that."""
    ended_version: int = 0
    """The version that it ended with; 0 as above. It changes once more where it is reflected on."""
    endings: int = 0
    """How often it has ended: one that failed and was retried ends again."""

    @property
    def request_id(self) -> str:
        """What makes the current stage's call repeatable: the same for every try of it."""
        return f"{self.id}/{self.stage.lower()}/{self.take_number}"
