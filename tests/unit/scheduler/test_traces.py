"""What a step of a run tells in its trace: of each try and each wait, once, when it is over."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from services.scheduler.domain import (
    AskPerson,
    Change,
    Decided,
    Decision,
    Done,
    Limits,
    Machine,
    Outcome,
    Pipeline,
    Place,
    Postponed,
    Run,
    RunError,
    RunState,
    Silence,
    StageName,
    TakeRefused,
    Verdict,
)
from services.scheduler.traces import Over, what_is_over

MACHINE = Machine(
    Pipeline(
        [
            (StageName.COMPOSE, RunState.COMPOSING),
            (StageName.PRODUCE, RunState.PRODUCING),
            (StageName.APPROVE, RunState.AWAITING_APPROVAL),
            (StageName.PUBLISH, RunState.RELEASING),
            (StageName.REFLECT, None),
        ]
    ),
    Limits(max_takes=2, max_failures=2, max_attempts=5, backoff_base_s=1, backoff_max_s=2, approval_ttl_s=60),
)
BEGAN = datetime(2026, 3, 1, 12, tzinfo=UTC)
BROKEN = RunError("ERROR_REASON_DEPENDENCY_UNAVAILABLE", "release does not answer", retryable=True)


class Story:
    """A run that is stored after each step, a second later each time, and what each step told."""

    def __init__(self, *, autopilot: bool = True) -> None:
        new = MACHINE.new("run_1", "art_1", autopilot=autopilot, started_by="operator")
        self.run = replace(new, created_at=BEGAN, updated_at=BEGAN, version=1)
        self.told: list[Over] = []

    def step(self, change: Change) -> list[Over]:
        before = self.run
        self.run = self._stored(change.run)
        told = what_is_over(before, self.run)
        self.told += told
        return told

    def admit(self) -> None:
        self.run = self._stored(replace(self.run, place=Place.HELD))

    def begin(self) -> list[Over]:
        return self.step(MACHINE.begin(self.run))

    def finish(self, outcome: Outcome) -> list[Over]:
        return self.step(MACHINE.finish(self.run, outcome))

    def fail(self, error: RunError = BROKEN) -> list[Over]:
        return self.step(MACHINE.fail(self.run, error, jitter=1.0))

    def under_way(self) -> None:
        self.admit()
        self.begin()

    def waiting(self) -> None:
        self.under_way()
        for outcome in (Done(), Done({"take_id": "tak_1", "content_digest": "sha256:1"})):
            self.finish(outcome)
            self.begin()
        self.finish(AskPerson(Silence.HOLD))
        self.told.clear()

    def _stored(self, run: Run) -> Run:
        assert self.run.updated_at is not None
        later = self.run.updated_at + timedelta(seconds=1)
        return replace(run, version=self.run.version + 1, updated_at=later)


def only(told: list[Over]) -> Over:
    (over,) = told
    return over


@pytest.fixture
def story() -> Story:
    return Story()


def test_a_first_try_ends_the_wait_for_a_place(story: Story) -> None:
    story.admit()
    waited = only(story.begin())
    assert (waited.name, waited.began, waited.ended) == (
        "wait for a place",
        BEGAN,
        BEGAN + timedelta(seconds=2),
    )


def test_a_stage_that_ends_is_told_from_its_begin_to_its_end(story: Story) -> None:
    story.under_way()
    began = story.run.updated_at
    over = only(story.finish(Done()))
    assert (over.name, over.began, over.ended) == ("stage compose", began, story.run.updated_at)
    assert over.facts == {"stage": "compose", "take_number": 1, "attempt": 1, "outcome": "succeeded"}
    assert over.error is None


def test_a_stage_that_begins_with_the_end_of_the_one_before_is_told_by_itself(story: Story) -> None:
    story.under_way()
    first = only(story.step(MACHINE.finish(story.run, Done()).then(MACHINE.begin(_entered(story)))))
    second = only(story.finish(Done()))
    assert (first.name, second.name) == ("stage compose", "stage produce")
    assert second.began == first.ended
    assert first.span_id != second.span_id


def _entered(story: Story) -> Run:
    return MACHINE.finish(story.run, Done()).run


def test_a_try_that_fails_is_an_error_and_the_wait_after_it_is_none(story: Story) -> None:
    story.under_way()
    failed = only(story.fail())
    assert failed.facts["outcome"] == "failed"
    assert failed.error == ("ERROR_REASON_DEPENDENCY_UNAVAILABLE", "release does not answer")
    story.admit()
    assert story.begin() == []
    again = only(story.finish(Done()))
    assert (again.facts["attempt"], again.facts["outcome"]) == (2, "succeeded")


def test_the_last_try_that_fails_is_told_too(story: Story) -> None:
    story.under_way()
    story.fail()
    story.under_way()
    assert only(story.fail()).facts["outcome"] == "failed"
    assert story.run.state is RunState.FAILED


def test_a_try_whose_driver_died_is_told_by_the_next_one_under_the_id_that_its_calls_know(
    story: Story,
) -> None:
    story.under_way()
    left_at_version = story.run.version
    left = only(story.begin())
    assert (left.facts["attempt"], left.facts["outcome"]) == (1, "left")
    assert left.error is not None
    other = Story()
    other.under_way()
    assert other.run.version == left_at_version
    assert only(other.finish(Done())).span_id == left.span_id
    assert only(story.finish(Done())).facts["attempt"] == 2


def test_a_try_that_is_cancelled_is_told_by_whoever_cancels(story: Story) -> None:
    story.under_way()
    over = only(story.step(MACHINE.cancel(story.run, "a mistake")))
    assert (over.facts["outcome"], over.error) == ("cancelled", None)


def test_a_run_that_is_cancelled_before_its_first_try_waited_for_a_place(story: Story) -> None:
    assert only(story.step(MACHINE.cancel(story.run, ""))).name == "wait for a place"


def test_a_run_that_is_cancelled_between_two_tries_tells_nothing_more(story: Story) -> None:
    story.under_way()
    story.fail()
    assert story.step(MACHINE.cancel(story.run, "")) == []


def test_a_take_that_the_review_refuses_is_no_error_until_it_was_the_last(story: Story) -> None:
    story.under_way()
    story.finish(Done())
    story.begin()
    refused = only(story.finish(TakeRefused(["clipping"])))
    assert (refused.facts["outcome"], refused.error) == ("refused", None)
    story.begin()
    last = only(story.finish(TakeRefused(["clipping"])))
    assert (last.facts["take_number"], last.facts["outcome"]) == (2, "failed")


def test_asking_is_one_span_and_waiting_for_the_answer_another() -> None:
    story = Story(autopilot=False)
    story.waiting()
    asked_at = story.run.updated_at
    decision = Decision(Verdict.APPROVED, "sha256:1", "cli:vera")
    waited = only(story.step(MACHINE.decide(story.run, decision)))
    assert (waited.name, waited.began, waited.facts) == (
        "wait for a decision",
        asked_at,
        {"verdict": "approved"},
    )
    story.admit()
    assert story.begin() == []


def test_silence_ends_the_wait_too() -> None:
    story = Story(autopilot=False)
    story.waiting()
    assert only(story.step(MACHINE.answer_silence(story.run))).facts == {"verdict": "expired"}


def test_a_wait_that_is_cancelled_has_no_verdict() -> None:
    story = Story(autopilot=False)
    story.waiting()
    assert only(story.step(MACHINE.cancel(story.run, ""))).facts == {"verdict": "none"}


def test_autopilot_approves_without_a_wait(story: Story) -> None:
    story.under_way()
    for _ in range(2):
        story.finish(Done())
        story.begin()
    decision = Decision(Verdict.AUTOPILOT_APPROVED, "sha256:1", "autopilot")
    assert only(story.finish(Decided(decision))).name == "stage approve"


def to_publish(story: Story) -> None:
    story.under_way()
    for outcome in (Done(), Done(), Decided(Decision(Verdict.AUTOPILOT_APPROVED, "sha256:1", "autopilot"))):
        story.finish(outcome)
        story.begin()


def test_what_must_wait_to_be_published_is_no_error(story: Story) -> None:
    to_publish(story)
    full = RunError("ERROR_REASON_RELEASE_CAP", "the week is full", retryable=True)
    over = only(story.finish(Postponed(60.0, "waits until Sunday", full)))
    assert (over.facts["outcome"], over.error) == ("postponed", None)


def test_looking_back_is_a_span_of_its_own_after_the_end(story: Story) -> None:
    to_publish(story)
    published = only(story.finish(Done()))
    assert story.begin() == []
    reflected = only(story.finish(Done(message="no change")))
    assert [published.name, reflected.name] == ["stage publish", "stage reflect"]
    assert reflected.facts["outcome"] == "succeeded"


def test_looking_back_that_fails_is_an_error_each_time_and_when_it_is_given_up(story: Story) -> None:
    to_publish(story)
    story.finish(Done())
    story.begin()
    first = only(story.fail())
    story.under_way()
    last = only(story.fail())
    assert [first.facts["outcome"], last.facts["outcome"]] == ["failed", "failed"]
    assert last.error is not None
    assert story.run.state is RunState.RELEASED


def test_a_stage_that_an_operator_has_tried_again_is_another_span(story: Story) -> None:
    story.under_way()
    first = only(story.fail(replace(BROKEN, retryable=False)))
    assert story.step(MACHINE.retry(story.run)) == []
    story.under_way()
    second = only(story.finish(Done()))
    assert (first.facts["attempt"], second.facts["attempt"]) == (1, 1)
    assert first.span_id != second.span_id
