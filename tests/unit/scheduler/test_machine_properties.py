"""Whatever happens to a run, in whatever order, it stays within the diagram of DESIGN's section 5."""

from dataclasses import replace
from random import Random

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from services.scheduler.domain import (
    AskPerson,
    Change,
    Decided,
    Decision,
    Done,
    Limits,
    Machine,
    Pipeline,
    Place,
    Postponed,
    Run,
    RunError,
    RunState,
    Silence,
    StageName,
    Take,
    TakeRefused,
    Verdict,
)

Q, C, P, A, R = (
    RunState.QUEUED,
    RunState.COMPOSING,
    RunState.PRODUCING,
    RunState.AWAITING_APPROVAL,
    RunState.RELEASING,
)
FORWARD = {
    Q: {C},
    C: {P},
    P: {A},
    A: {R, RunState.REJECTED, RunState.EXPIRED, P, C},
    R: {RunState.RELEASED},
    RunState.FAILED: {C, P, A, R},
}
"""The diagram's arrows, beside those to FAILED and CANCELLED that every state under way has."""
LIMITS = Limits(
    max_takes=2, max_failures=3, max_attempts=4, backoff_base_s=1, backoff_max_s=60, approval_ttl_s=600
)
PIPELINE = Pipeline(
    [
        (StageName.COMPOSE, C),
        (StageName.PRODUCE, P),
        (StageName.APPROVE, A),
        (StageName.FILM, R),
        (StageName.PACKAGE, R),
        (StageName.PUBLISH, R),
        (StageName.REFLECT, None),
    ]
)
WEEK_FULL = RunError("ERROR_REASON_RELEASE_CAP", "7 releases in 7 days", retryable=True)
PERSONS_VERDICTS = [
    Verdict.APPROVED,
    Verdict.REJECTED,
    Verdict.REGENERATE_TAKE,
    Verdict.REGENERATE_BRIEF,
]


class AnyLife(RuleBasedStateMachine):
    """One run, and everything that the scheduler and people may do to it."""

    def __init__(self) -> None:
        super().__init__()
        self.machine = Machine(PIPELINE, LIMITS)
        self.run = Run("run_1", "art_1", Q, StageName.COMPOSE, autopilot=False, started_by="operator")
        self.waiting = False
        """A person was asked and has not answered."""
        self.begun = False
        """A try of the stage is under way."""
        self.passed: list[Take] = []
        """Every take that passed its review."""
        self.closed: set[str] = set()
        """Ids of the questions that were closed."""

    @initialize(takes=st.integers(1, 5), autopilot=st.booleans())
    def be_started(self, takes: int, autopilot: bool) -> None:
        self.run = self.machine.new("run_1", "art_1", autopilot=autopilot, started_by="operator", takes=takes)

    def apply(self, change: Change) -> None:
        before, self.run = self.run, replace(change.run, version=self.run.version + 1)
        self.check_closings(before, change)
        assert change.ends == (self.run.state.final and not before.state.final)
        arrows = FORWARD.get(before.state, set())
        if not before.state.final:
            arrows = arrows | {RunState.FAILED, RunState.CANCELLED, before.state}
        elif before.place is not Place.NONE:
            arrows = {before.state}
        assert self.run.state in arrows, f"{before.state} -> {self.run.state}"
        assert self.run.take_number >= before.take_number
        places = [(stage.stage, stage.take_number) for stage in change.stages]
        assert len(places) == len(set(places)), "a step records each stage once"
        assert change.events, "every step is told"
        assert change.events[-1].state == self.run.state or self.run.state is A
        if self.run.state is not before.state and self.run.state is not A:
            assert ("STATE_CHANGED", self.run.state) in {(e.type, e.state) for e in change.events}
        self.waiting = self.begun = False

    def check_closings(self, before: Run, change: Change) -> None:
        """Whoever answers closes exactly the question that was open."""
        told = [(closing.content_digest, closing.decided) for closing in change.closings]
        if self.run.state is RunState.CANCELLED:
            assert told == [("", False)] * (before.state is A)
        elif self.waiting:
            assert told == [(before.content_digest, True)]
        ids = {closing.request_id for closing in change.closings}
        assert not ids & self.closed
        self.closed |= ids

    @invariant()
    def a_person_is_asked_when_as_many_takes_have_passed_as_were_wanted(self) -> None:
        assert 0 <= self.run.takes_left <= self.run.takes_wanted
        if self.run.stage is StageName.APPROVE:
            assert self.run.takes_left == 0
        if self.waiting and self.run.decision is None:
            assert len(self.passed) == self.run.takes_wanted

    @invariant()
    def a_place_is_neither_wanted_nor_held_exactly_where_the_run_waits_or_rests(self) -> None:
        if self.run.state.final:
            looked_back_on = self.run.stage is StageName.REFLECT
            assert looked_back_on or self.run.place is Place.NONE
            assert not looked_back_on or self.run.state not in (RunState.FAILED, RunState.CANCELLED)
        else:
            assert (self.run.place is Place.NONE) == self.waiting

    @invariant()
    def a_run_under_way_is_in_its_stages_state(self) -> None:
        if not self.run.state.final and self.run.state is not Q:
            assert self.run.state is PIPELINE.state_of(self.run.stage)

    @invariant()
    def nothing_is_tried_for_ever(self) -> None:
        assert self.run.attempts <= LIMITS.max_attempts
        assert self.run.failures <= LIMITS.max_failures
        assert self.run.failed_takes <= LIMITS.max_takes

    @invariant()
    def only_a_failed_run_has_an_error_for_good(self) -> None:
        if self.run.state is RunState.FAILED:
            assert self.run.error is not None
        elif self.run.state.final and self.run.place is Place.NONE:
            assert self.run.state is RunState.CANCELLED or self.run.error is None

    @invariant()
    def only_decided_runs_are_released(self) -> None:
        if self.run.state in (R, RunState.RELEASED):
            assert self.run.decision is not None
            assert self.run.decision.verdict in (Verdict.APPROVED, Verdict.AUTOPILOT_APPROVED)
            assert self.run.decision.content_digest == self.run.content_digest != ""

    @precondition(lambda self: self.run.place is Place.WANTED)
    @rule()
    def get_a_place(self) -> None:
        self.run = replace(self.run, place=Place.HELD)

    @precondition(lambda self: self.run.place is Place.HELD)
    @rule()
    def begin(self) -> None:
        """Also after a crash, and by another replica."""
        self.apply(self.machine.begin(self.run))
        self.begun = self.run.place is Place.HELD

    @precondition(lambda self: self.begun and self.run.stage is not StageName.APPROVE)
    @rule(begins_the_next=st.booleans())
    def succeed(self, begins_the_next: bool) -> None:
        values = {
            StageName.COMPOSE: {"brief_id": f"brf_{self.run.take_number}", "title": "Song"},
            StageName.PRODUCE: {
                "take_id": f"tak_{self.run.take_number}",
                "content_digest": f"sha256:{self.run.take_number}",
            },
            StageName.PACKAGE: {"release_id": "rel_1"},
            StageName.PUBLISH: {"location": "/catalog"},
        }.get(self.run.stage, {})
        if self.run.stage is StageName.PRODUCE:
            digest = values["content_digest"]
            self.passed.append(Take(values["take_id"], self.run.brief_id, digest, self.run.title))
        self.go_on(self.machine.finish(self.run, Done(values)), begins_the_next)

    def go_on(self, change: Change, begins_the_next: bool) -> None:
        """As the driver: the next stage's begin is committed with this one's end, but not with the run's."""
        begins_the_next = begins_the_next and change.run.place is Place.HELD and not change.ends
        self.apply(change.then(self.machine.begin(change.run)) if begins_the_next else change)
        self.begun = begins_the_next

    @precondition(lambda self: self.begun and self.run.stage is StageName.PUBLISH)
    @rule(delay_s=st.floats(1, 8 * 86_400))
    def find_the_week_full(self, delay_s: float) -> None:
        before = self.run
        self.apply(self.machine.finish(self.run, Postponed(delay_s, "later", WEEK_FULL)))
        assert (self.run.attempts, self.run.failures) == (before.attempts - 1, before.failures)

    @precondition(lambda self: self.begun and self.run.stage is StageName.PRODUCE)
    @rule(begins_the_next=st.booleans())
    def be_refused_by_the_review(self, begins_the_next: bool) -> None:
        self.go_on(self.machine.finish(self.run, TakeRefused(["loudness"])), begins_the_next)

    @precondition(lambda self: self.begun and self.run.stage is StageName.APPROVE and not self.run.autopilot)
    @rule(on_silence=st.sampled_from(Silence))
    def ask_a_person(self, on_silence: Silence) -> None:
        change = self.machine.finish(self.run, AskPerson(on_silence))
        assert (change.expires_in_s is None) == (on_silence is Silence.HOLD)
        self.apply(change)
        self.waiting = True

    @precondition(lambda self: self.begun and self.run.stage is StageName.APPROVE)
    @rule(begins_the_next=st.booleans())
    def be_approved_by_autopilot(self, begins_the_next: bool) -> None:
        decided = Decided(Decision(Verdict.AUTOPILOT_APPROVED, self.run.content_digest, "autopilot"))
        self.go_on(self.machine.finish(self.run, decided), begins_the_next)

    @precondition(lambda self: self.begun)
    @rule(retryable=st.booleans(), jitter=st.floats(0, 1))
    def fail(self, retryable: bool, jitter: float) -> None:
        change = self.machine.fail(self.run, RunError("ERROR_REASON_INTERNAL", "x", retryable), jitter=jitter)
        assert 0 <= change.delay_s <= LIMITS.backoff_max_s
        self.apply(change)

    @precondition(lambda self: self.run.state is A)
    @rule(verdict=st.sampled_from(PERSONS_VERDICTS))
    def be_decided_by_a_person(self, verdict: Verdict) -> None:
        """Also before the one who asks has noted that somebody was asked."""
        self.apply(self.machine.decide(self.run, Decision(verdict, self.run.content_digest, "cli:vera")))

    @precondition(lambda self: self.run.state is A)
    @rule(which=st.randoms(use_true_random=False))
    def have_any_of_its_takes_approved(self, which: Random) -> None:
        take = which.choice(self.passed)
        self.apply(
            self.machine.decide(self.run, Decision(Verdict.APPROVED, take.content_digest, "cli:vera"), take)
        )
        now = self.run
        assert (now.take_id, now.brief_id, now.content_digest, now.title) == (
            take.take_id, take.brief_id, take.content_digest, take.title,
        )  # fmt: skip

    @precondition(lambda self: self.waiting and self.run.on_silence is not Silence.HOLD)
    @rule()
    def get_no_answer(self) -> None:
        """Silence is never a rejection."""
        on_silence = self.run.on_silence
        self.apply(self.machine.answer_silence(self.run))
        assert self.run.state is (R if on_silence is Silence.AUTOPILOT else RunState.EXPIRED)

    @precondition(lambda self: not self.run.state.final)
    @rule()
    def be_cancelled(self) -> None:
        self.apply(self.machine.cancel(self.run, "enough"))
        assert self.run.state is RunState.CANCELLED

    @precondition(lambda self: self.run.state.final and self.run.place is Place.NONE)
    @rule()
    def rest(self) -> None:
        """Nothing of what goes on by itself concerns a run that is over and was looked back on."""
        assert not self.begun
        assert self.run.place is Place.NONE

    @precondition(lambda self: self.run.state is RunState.FAILED)
    @rule()
    def be_retried(self) -> None:
        self.apply(self.machine.retry(self.run))
        assert self.run.place is Place.WANTED


TestAnyLife = AnyLife.TestCase
TestAnyLife.settings = settings(max_examples=150, stateful_step_count=40, deadline=None)
