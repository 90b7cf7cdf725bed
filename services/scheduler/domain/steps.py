"""One step of a run, what leads to it, and what is recorded with it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeAlias

from services.scheduler.domain.run import Decision, Run, RunError, RunState, Silence, StageName

StageState: TypeAlias = Literal["RUNNING", "SUCCEEDED", "FAILED", "WAITING", "CANCELLED"]
EventType: TypeAlias = Literal["STATE_CHANGED", "STAGE_STARTED", "STAGE_SUCCEEDED", "STAGE_FAILED", "DECIDED"]


@dataclass(frozen=True, slots=True)
class StageChange:
    """How the record of one stage changes; the stage's begun tries grow where `begins`."""

    stage: StageName
    take_number: int
    state: StageState
    begins: bool = False
    error: RunError | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """Something to be told to watchers."""

    type: EventType
    state: RunState
    stage: StageName
    take_number: int
    attempt: int = 0
    error: RunError | None = None
    message: str = ""


@dataclass(frozen=True, slots=True)
class Closing:
    """A question that is over, kept until notifier knows."""

    request_id: str
    content_digest: str
    """What was asked about; empty: all of the run's questions."""
    decided: bool
    """By the run's decision."""
    reason: str = ""
    """Why it is over where nobody decided."""


@dataclass(frozen=True, slots=True)
class Change:
    """One step of a run: the new run and all that is recorded with it, in one transaction."""

    run: Run
    stages: tuple[StageChange, ...] = ()
    events: tuple[Event, ...] = ()
    delay_s: float = 0.0
    """Not to go on before so many seconds."""
    expires_in_s: float | None = None
    """Sets when silence is answered."""
    closings: tuple[Closing, ...] = ()

    @property
    def ends(self) -> bool:
        """The run ends with it. What comes after the end changes the state no more."""
        return any(event.type == "STATE_CHANGED" and event.state.final for event in self.events)

    def then(self, later: "Change") -> "Change":
        """Both steps as one."""
        return replace(
            later,
            stages=self.stages + later.stages,
            events=self.events + later.events,
            closings=self.closings + later.closings,
        )


@dataclass(frozen=True, slots=True)
class Done:
    """A stage gave its result: new values for fields of the run, and the way on."""

    values: Mapping[str, str] = field(default_factory=dict)
    message: str = ""


@dataclass(frozen=True, slots=True)
class TakeRefused:
    """The review found the take broken: try another, if any are left."""

    failed_checks: Sequence[str]


@dataclass(frozen=True, slots=True)
class AskPerson:
    """Somebody was asked; the run waits."""

    on_silence: Silence = Silence.HOLD


@dataclass(frozen=True, slots=True)
class Decided:
    """The stage decided by itself."""

    decision: Decision


@dataclass(frozen=True, slots=True)
class Postponed:
    """The stage may do nothing yet; the run waits without a place, and nothing has failed."""

    delay_s: float
    until: str
    """For people: until when, and what is waited for."""
    why: RunError
    """What the stage was told."""


Outcome: TypeAlias = Done | TakeRefused | AskPerson | Decided | Postponed
