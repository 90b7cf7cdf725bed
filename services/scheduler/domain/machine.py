"""The state machine: what may follow what."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from services.scheduler.domain.run import (
    Decision,
    Place,
    Run,
    RunError,
    RunState,
    Silence,
    StageName,
    Take,
    Verdict,
)
from services.scheduler.domain.steps import (
    AskPerson,
    Change,
    Closing,
    Decided,
    Done,
    Event,
    Outcome,
    Postponed,
    StageChange,
    TakeRefused,
)

REVIEW_FAILED = "ERROR_REASON_REVIEW_FAILED"
AFTER_SILENCE = "autopilot after silence"
"""Who approves what nobody answered."""
LOOKED_BACK_ON = frozenset({RunState.RELEASED, RunState.REJECTED, RunState.EXPIRED})
"""The ends that are a final decision; after the others there is nothing to learn from."""
LONGEST_WAIT_S = 600.0
"""A service that wants to be left alone for longer is asked again all the same."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How long to try."""

    max_takes: int
    max_failures: int
    max_attempts: int
    backoff_base_s: float
    backoff_max_s: float
    approval_ttl_s: float
    takes: int = 1
    """Takes that must pass before a person is asked, where the run's starter does not say."""


class Pipeline:
    """The stages of a run in order, each with the state that a run has in it.

    One without a state comes after the run has ended, and leaves the run in the state that it ended in.
    """

    def __init__(self, stages: Sequence[tuple[StageName, RunState | None]]) -> None:
        self._states = {name: state for name, state in stages if state is not None}
        self._order = tuple(self._states)
        self.afterwards = next((name for name, state in stages if state is None), None)

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

    def new(
        self,
        id: str,
        artist_id: str,
        *,
        autopilot: bool,
        started_by: str,
        note: str = "",
        takes: int = 0,
        traceparent: str = "",
    ) -> Run:
        """A run that waits for its first place; `takes` 0: as many as the limits say."""
        return Run(
            id=id,
            artist_id=artist_id,
            state=RunState.QUEUED,
            stage=self._pipeline.first,
            autopilot=autopilot,
            started_by=started_by,
            note=note,
            takes_wanted=takes or self._limits.takes,
            takes_left=takes or self._limits.takes,
            traceparent=traceparent,
        )

    def begin(self, run: Run) -> Change:
        """A try of the current stage begins; one too many parks the run as FAILED."""
        if run.attempts >= self._limits.max_attempts:
            error = RunError(
                "ERROR_REASON_INTERNAL",
                f"the stage was begun {run.attempts} times and never ended; see the log",
                retryable=True,
            )
            return self._give_up(replace(run, failures=run.failures + 1), error)
        state = run.state if run.state.final else self._pipeline.state_of(run.stage)
        begun = replace(run, state=state, attempts=run.attempts + 1, error=None)
        started = Event("STAGE_STARTED", state, run.stage, run.take_number, begun.attempts)
        left_the_queue = (self._state_event(begun),) if run.state is RunState.QUEUED else ()
        running = StageChange(run.stage, run.take_number, "RUNNING", begins=True)
        return Change(begun, (running,), (*left_the_queue, started))

    def finish(self, run: Run, outcome: Outcome) -> Change:
        """The current stage gave its outcome; where the run goes on, its next stage begins at once."""
        match outcome:
            case Done(_, message) if run.state.final:
                return self._looked_back(run, message)
            case Done(values, message):
                return self._go_on(replace(run, **values), message)  # type: ignore[arg-type]
            case Decided(decision):
                return self._decided(run, decision)
            case AskPerson(on_silence):
                return self._wait(run, on_silence)
            case TakeRefused(failed_checks):
                return self._another_take(run, failed_checks)
            case Postponed(delay_s, until, why):
                return self._postpone(run, delay_s, until, why)

    def decide(self, run: Run, decision: Decision, take: Take | None = None) -> Change:
        """Somebody decided about a waiting run; `take`: an earlier one, which it goes on with."""
        chosen = replace(run, place=Place.WANTED)
        if take is not None:
            chosen = replace(
                chosen,
                take_id=take.take_id,
                brief_id=take.brief_id,
                content_digest=take.content_digest,
                title=take.title,
            )
        closing = Closing(_closing_id(run), run.content_digest, decided=True)
        return Change(run, closings=(closing,)).then(self._decided(chosen, decision))

    def fail(self, run: Run, error: RunError, *, jitter: float) -> Change:
        """A try failed: another one after a while, or the run fails. `jitter` is 0 to 1."""
        failures = run.failures + 1
        if not error.retryable or failures >= self._limits.max_failures:
            return self._give_up(replace(run, failures=failures), error)
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
        asked = run.state is RunState.AWAITING_APPROVAL
        why = f"cancelled: {reason}" if reason else "cancelled"
        closings = (Closing(_closing_id(run), "", decided=False, reason=why),) if asked else ()
        return Change(run, begun, closings=closings).then(self._end(run, RunState.CANCELLED, reason))

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

    def answer_silence(self, run: Run) -> Change:
        """Nobody answered in time: never a rejection."""
        if run.on_silence is Silence.AUTOPILOT:
            decision = Decision(Verdict.AUTOPILOT_APPROVED, run.content_digest, AFTER_SILENCE)
        else:
            decision = Decision(Verdict.EXPIRED, run.content_digest, "clock")
        return self.decide(run, decision)

    def _decided(self, run: Run, decision: Decision) -> Change:
        # What failed while it waited is over with the decision.
        decided = replace(run, decision=decision, error=None)
        event = Event(
            "DECIDED",
            run.state,
            run.stage,
            run.take_number,
            message=_told(decision),
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
                return noted.then(self._enter(self._anew(decided, decision, takes=1), StageName.PRODUCE))
            case Verdict.REGENERATE_BRIEF:
                again = self._anew(decided, decision, takes=decided.takes_wanted)
                return noted.then(self._enter(replace(again, brief_id="", title=""), StageName.COMPOSE))

    @staticmethod
    def _anew(run: Run, decision: Decision, *, takes: int) -> Run:
        return replace(
            run,
            take_number=run.take_number + 1,
            failed_takes=0,
            takes_left=takes,
            take_id="",
            content_digest="",
            note=decision.reason or run.note,
        )

    def _go_on(self, run: Run, message: str) -> Change:
        event = Event("STAGE_SUCCEEDED", run.state, run.stage, run.take_number, run.attempts, message=message)
        done = Change(run, (StageChange(run.stage, run.take_number, "SUCCEEDED"),), (event,))
        passed = replace(run, failed_takes=0)
        if run.stage is StageName.PRODUCE:
            # Autopilot takes the first that is good enough.
            passed = replace(passed, takes_left=0 if run.autopilot else max(0, run.takes_left - 1))
            if passed.takes_left:
                next_take = replace(passed, take_number=run.take_number + 1)
                return done.then(self._enter(next_take, StageName.PRODUCE))
        return done.then(self._enter_next(passed))

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

    def _wait(self, run: Run, on_silence: Silence) -> Change:
        waiting = replace(run, place=Place.NONE, on_silence=on_silence)
        return Change(
            waiting,
            (StageChange(run.stage, run.take_number, "WAITING"),),
            (self._state_event(waiting, "waits for a decision"),),
            expires_in_s=None if on_silence is Silence.HOLD else self._limits.approval_ttl_s,
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

    def _postpone(self, run: Run, delay_s: float, until: str, why: RunError) -> Change:
        waiting = replace(run, place=Place.WANTED, attempts=run.attempts - 1, error=why)
        return Change(
            waiting,
            (StageChange(run.stage, run.take_number, "RUNNING", error=why),),
            (self._state_event(waiting, until),),
            delay_s,
        )

    def _give_up(self, run: Run, error: RunError) -> Change:
        """The run fails; one that is over stays as it ended, and only what came after failed."""
        if not run.state.final:
            return self._park(run, error)
        over = replace(run, place=Place.NONE, error=None)
        told = Event(
            "STAGE_FAILED", run.state, run.stage, run.take_number, run.attempts, error,
            f"given up; the run stays {run.state.lower()}",
        )  # fmt: skip
        return Change(over, (StageChange(run.stage, run.take_number, "FAILED", error=error),), (told,))

    def _looked_back(self, run: Run, message: str) -> Change:
        over = replace(run, place=Place.NONE, error=None)
        event = Event("STAGE_SUCCEEDED", run.state, run.stage, run.take_number, run.attempts, message=message)
        return Change(over, (StageChange(run.stage, run.take_number, "SUCCEEDED"),), (event,))

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
        told = (self._state_event(ended, message),)
        afterwards = self._pipeline.afterwards
        if afterwards is not None and state in LOOKED_BACK_ON:
            # It keeps its place or wants one, and its artist is busy, until somebody has looked back on it.
            place = Place.HELD if run.place is Place.HELD else Place.WANTED
            ended = replace(ended, stage=afterwards, place=place, attempts=0, failures=0, error=None)
        return Change(ended, (), told)

    @staticmethod
    def _state_event(run: Run, message: str = "") -> Event:
        return Event("STATE_CHANGED", run.state, run.stage, run.take_number, message=message)


def _closing_id(run: Run) -> str:
    # The version makes it this very closing's, also where the same take is asked about again.
    return f"{run.id}/close/{run.take_number}/{run.version}"


def _told(decision: Decision) -> str:
    """With its reason: the run keeps that of its last decision only."""
    told = f"{decision.verdict.lower().replace('_', ' ')} by {decision.decided_by}"
    return f"{told}: {decision.reason}" if decision.reason else told
