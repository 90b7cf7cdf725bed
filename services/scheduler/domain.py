"""A run as a state machine: what may follow what. Pure: no clock, no database, no network."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Literal, TypeAlias


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
    approval_expires_at: datetime | None = None

    @property
    def request_id(self) -> str:
        """What makes the current stage's call repeatable: the same for every try of it."""
        return f"{self.id}/{self.stage.lower()}/{self.take_number}"


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
class Change:
    """One step of a run: the new run and all that is recorded with it, in one transaction."""

    run: Run
    stages: tuple[StageChange, ...] = ()
    events: tuple[Event, ...] = ()
    delay_s: float = 0.0
    """Not to go on before so many seconds."""
    expires_in_s: float | None = None
    """Sets when the approval expires."""

    def then(self, later: "Change") -> "Change":
        """Both steps as one."""
        return replace(later, stages=self.stages + later.stages, events=self.events + later.events)


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


@dataclass(frozen=True, slots=True)
class Decided:
    """The stage decided by itself."""

    decision: Decision


Outcome: TypeAlias = Done | TakeRefused | AskPerson | Decided


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to try."""

    max_takes: int
    max_failures: int
    max_attempts: int
    backoff_base_s: float
    backoff_max_s: float
    approval_ttl_s: float


REVIEW_FAILED = "ERROR_REASON_REVIEW_FAILED"
LONGEST_WAIT_S = 600.0
"""A service that wants to be left alone for longer is asked again all the same."""


class Pipeline:
    """The stages of a run in order, each with the state that a run has in it."""

    def __init__(self, stages: Sequence[tuple[StageName, RunState]]) -> None:
        self._order = tuple(name for name, _ in stages)
        self._states = dict(stages)

    @property
    def first(self) -> StageName:
        return self._order[0]

    def state_of(self, stage: StageName) -> RunState:
        return self._states[stage]

    def after(self, stage: StageName) -> StageName | None:
        """The next stage; None after the last."""
        following = self._order[self._order.index(stage) + 1 :]
        return following[0] if following else None


class Machine:
    """Every step that a run may take."""

    def __init__(self, pipeline: Pipeline, limits: Limits) -> None:
        self._pipeline = pipeline
        self._limits = limits

    def begin(self, run: Run) -> Change:
        """A try of the current stage begins; one too many parks the run as FAILED."""
        if run.attempts >= self._limits.max_attempts:
            error = RunError(
                "ERROR_REASON_INTERNAL",
                f"the stage was begun {run.attempts} times and never ended; see the log",
                retryable=True,
            )
            return self._park(run, error)
        state = self._pipeline.state_of(run.stage)
        begun = replace(run, state=state, attempts=run.attempts + 1, error=None)
        started = Event("STAGE_STARTED", state, run.stage, run.take_number, begun.attempts)
        left_the_queue = (self._state_event(begun),) if run.state is RunState.QUEUED else ()
        running = StageChange(run.stage, run.take_number, "RUNNING", begins=True)
        return Change(begun, (running,), (*left_the_queue, started))

    def finish(self, run: Run, outcome: Outcome) -> Change:
        """The current stage gave its outcome; where the run goes on, its next stage begins at once."""
        match outcome:
            case Done(values, message):
                return self._go_on(replace(run, **values), message)  # type: ignore[arg-type]
            case Decided(decision):
                return self._decided(run, decision)
            case AskPerson():
                return self._wait(run)
            case TakeRefused(failed_checks):
                return self._another_take(run, failed_checks)

    def decide(self, run: Run, decision: Decision) -> Change:
        """Somebody decided about a waiting run."""
        return self._decided(replace(run, place=Place.WANTED), decision)

    def fail(self, run: Run, error: RunError, *, jitter: float) -> Change:
        """A try failed: another one after a while, or the run fails. `jitter` is 0 to 1."""
        failures = run.failures + 1
        if not error.retryable or failures >= self._limits.max_failures:
            return self._park(replace(run, failures=failures), error)
        backoff = min(self._limits.backoff_max_s, self._limits.backoff_base_s * 2 ** (failures - 1)) * jitter
        delay = max(backoff, min(error.retry_after_s, LONGEST_WAIT_S))
        waiting = replace(run, failures=failures, error=error, place=Place.WANTED)
        event = Event(
            "STAGE_FAILED",
            run.state,
            run.stage,
            run.take_number,
            run.attempts,
            error,
            f"next try in {delay:.1f} s",
        )
        return Change(
            waiting, (StageChange(run.stage, run.take_number, "RUNNING", error=error),), (event,), delay
        )

    def cancel(self, run: Run, reason: str) -> Change:
        """An operator ends it."""
        begun = (StageChange(run.stage, run.take_number, "CANCELLED"),) if run.attempts else ()
        return Change(run, begun).then(self._end(run, RunState.CANCELLED, reason))

    def retry(self, run: Run) -> Change:
        """A FAILED run goes on where it failed; where no take had passed, with a new take."""
        refused = run.error is not None and run.error.reason == REVIEW_FAILED
        take_number = run.take_number + 1 if refused else run.take_number
        again = replace(
            run,
            state=self._pipeline.state_of(run.stage),
            place=Place.WANTED,
            take_number=take_number,
            attempts=0,
            failures=0,
            failed_takes=0,
            error=None,
        )
        return Change(again, (), (self._state_event(again, "retried by an operator"),))

    def expire(self, run: Run) -> Change:
        """Nobody answered in time."""
        decision = Decision(Verdict.EXPIRED, run.content_digest, "clock")
        return self._decided(run, decision)

    def _decided(self, run: Run, decision: Decision) -> Change:
        # What failed while it waited is over with the decision.
        decided = replace(run, decision=decision, error=None)
        event = Event(
            "DECIDED",
            run.state,
            run.stage,
            run.take_number,
            message=f"{decision.verdict.lower().replace('_', ' ')} by {decision.decided_by}",
        )
        noted = Change(decided, (StageChange(run.stage, run.take_number, "SUCCEEDED"),), (event,))
        match decision.verdict:
            case Verdict.APPROVED | Verdict.AUTOPILOT_APPROVED:
                return noted.then(self._enter_next(decided))
            case Verdict.REJECTED:
                return noted.then(self._end(decided, RunState.REJECTED, decision.reason))
            case Verdict.EXPIRED:
                return noted.then(self._end(decided, RunState.EXPIRED, "nobody answered in time"))
            case Verdict.REGENERATE_TAKE:
                return noted.then(self._enter(self._anew(decided, decision), StageName.PRODUCE))
            case Verdict.REGENERATE_BRIEF:
                written_anew = replace(self._anew(decided, decision), brief_id="", title="")
                return noted.then(self._enter(written_anew, StageName.COMPOSE))

    @staticmethod
    def _anew(run: Run, decision: Decision) -> Run:
        return replace(
            run,
            take_number=run.take_number + 1,
            failed_takes=0,
            take_id="",
            content_digest="",
            note=decision.reason or run.note,
        )

    def _go_on(self, run: Run, message: str) -> Change:
        event = Event("STAGE_SUCCEEDED", run.state, run.stage, run.take_number, run.attempts, message=message)
        done = Change(run, (StageChange(run.stage, run.take_number, "SUCCEEDED"),), (event,))
        return done.then(self._enter_next(replace(run, failed_takes=0)))

    def _enter_next(self, run: Run) -> Change:
        following = self._pipeline.after(run.stage)
        if following is None:
            return self._end(run, RunState.RELEASED, run.location)
        return self._enter(run, following)

    def _enter(self, run: Run, stage: StageName) -> Change:
        entered = replace(
            run,
            stage=stage,
            state=self._pipeline.state_of(stage),
            attempts=0,
            failures=0,
            error=None,
            approval_expires_at=None,
        )
        # That a person is waited for is told by `_wait`: autopilot passes through without asking anybody.
        waits = entered.state is RunState.AWAITING_APPROVAL
        moved = entered.state is not run.state and not waits
        return Change(entered, (), (self._state_event(entered),) if moved else ())

    def _wait(self, run: Run) -> Change:
        waiting = replace(run, place=Place.NONE)
        return Change(
            waiting,
            (StageChange(run.stage, run.take_number, "WAITING"),),
            (self._state_event(waiting, "waits for a decision"),),
            expires_in_s=self._limits.approval_ttl_s,
        )

    def _another_take(self, run: Run, failed_checks: Sequence[str]) -> Change:
        names = ", ".join(failed_checks)
        error = RunError(REVIEW_FAILED, f"the review refused the take: {names}", retryable=True)
        failed = replace(run, failed_takes=run.failed_takes + 1)
        if failed.failed_takes >= self._limits.max_takes:
            text = f"no take of {failed.failed_takes} passed the review; the last failed: {names}"
            return self._park(failed, replace(error, message=text))
        refused = Change(
            failed,
            (StageChange(run.stage, run.take_number, "FAILED", error=error),),
            (
                Event(
                    "STAGE_FAILED", run.state, run.stage, run.take_number, run.attempts, error, "another take"
                ),
            ),
        )
        next_take = replace(failed, take_number=run.take_number + 1)
        return refused.then(self._enter(next_take, StageName.PRODUCE))

    def _park(self, run: Run, error: RunError) -> Change:
        failed = replace(run, state=RunState.FAILED, place=Place.NONE, error=error)
        return Change(
            failed,
            (StageChange(run.stage, run.take_number, "FAILED", error=error),),
            (
                Event("STAGE_FAILED", failed.state, run.stage, run.take_number, run.attempts, error),
                self._state_event(failed, error.message),
            ),
        )

    def _end(self, run: Run, state: RunState, message: str) -> Change:
        ended = replace(run, state=state, place=Place.NONE, approval_expires_at=None)
        return Change(ended, (), (self._state_event(ended, message),))

    @staticmethod
    def _state_event(run: Run, message: str = "") -> Event:
        return Event("STATE_CHANGED", run.state, run.stage, run.take_number, message=message)
