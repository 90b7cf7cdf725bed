"""Every step that a run may take, as DESIGN draws it."""

from dataclasses import replace
from typing import Any

import pytest

from services.scheduler.domain import (
    FINAL,
    LONGEST_WAIT_S,
    AskPerson,
    Change,
    Decided,
    Decision,
    Done,
    Limits,
    Machine,
    Pipeline,
    Place,
    Run,
    RunError,
    RunState,
    StageName,
    TakeRefused,
    Verdict,
)

PIPELINE = Pipeline(
    [
        (StageName.COMPOSE, RunState.COMPOSING),
        (StageName.PRODUCE, RunState.PRODUCING),
        (StageName.APPROVE, RunState.AWAITING_APPROVAL),
        (StageName.PACKAGE, RunState.RELEASING),
        (StageName.PUBLISH, RunState.RELEASING),
    ]
)
LIMITS = Limits(
    max_takes=3, max_failures=4, max_attempts=6, backoff_base_s=1, backoff_max_s=5, approval_ttl_s=600
)
MACHINE = Machine(PIPELINE, LIMITS)
MAY_PASS = RunError("ERROR_REASON_MODELS_EXHAUSTED", "no model answered", retryable=True)
CANNOT_PASS = RunError("ERROR_REASON_BUDGET_SPENT", "nothing left", retryable=False)


def run(state: RunState = RunState.QUEUED, stage: StageName = StageName.COMPOSE, **more: Any) -> Run:
    values: dict[str, Any] = {"place": Place.HELD, "attempts": 0 if state is RunState.QUEUED else 1, **more}
    return Run("run_1", "art_1", state, stage, autopilot=False, started_by="operator", **values)


COMPOSING = run(RunState.COMPOSING, StageName.COMPOSE)
PRODUCING = run(RunState.PRODUCING, StageName.PRODUCE, brief_id="brf_1", title="Song")
APPROVING = run(
    RunState.AWAITING_APPROVAL,
    StageName.APPROVE,
    brief_id="brf_1",
    title="Song",
    take_id="tak_1",
    content_digest="sha256:1",
)
WAITING = replace(APPROVING, place=Place.NONE)
PACKAGING = replace(APPROVING, state=RunState.RELEASING, stage=StageName.PACKAGE, release_id="")
PUBLISHING = replace(PACKAGING, stage=StageName.PUBLISH, release_id="rel_1")


def decision(verdict: Verdict, reason: str = "") -> Decision:
    return Decision(verdict, "sha256:1", "cli:vera", reason)


def told(change: Change) -> list[tuple[str, str]]:
    """The events by type, with the state after each."""
    return [(event.type, event.state) for event in change.events]


def recorded(change: Change) -> list[tuple[str, int, str]]:
    return [(stage.stage, stage.take_number, stage.state) for stage in change.stages]


@pytest.mark.parametrize(
    ("before", "state"),
    [
        (run(), "COMPOSING"),
        (PRODUCING, "PRODUCING"),
        (APPROVING, "AWAITING_APPROVAL"),
        (PACKAGING, "RELEASING"),
        (PUBLISHING, "RELEASING"),
    ],
)
def test_a_stage_begins_in_its_state(before: Run, state: str) -> None:
    change = MACHINE.begin(before)
    assert change.run.state == state
    assert change.run.attempts == before.attempts + 1
    left_the_queue = [("STATE_CHANGED", state)] if before.state is RunState.QUEUED else []
    assert told(change) == [*left_the_queue, ("STAGE_STARTED", state)]
    assert change.events[-1].attempt == change.run.attempts
    assert recorded(change) == [(before.stage, 1, "RUNNING")]
    assert change.stages[0].begins


def test_a_begun_stage_has_no_error_any_more() -> None:
    assert MACHINE.begin(replace(PRODUCING, error=MAY_PASS)).run.error is None


@pytest.mark.parametrize(
    ("before", "values", "state", "stage"),
    [
        (COMPOSING, {"brief_id": "brf_1", "title": "Song"}, RunState.PRODUCING, StageName.PRODUCE),
        (PRODUCING, {"take_id": "tak_1"}, RunState.AWAITING_APPROVAL, StageName.APPROVE),
        (PACKAGING, {"release_id": "rel_1"}, RunState.RELEASING, StageName.PUBLISH),
    ],
)
def test_a_stage_that_is_done_leads_to_the_next(
    before: Run, values: dict[str, str], state: RunState, stage: StageName
) -> None:
    change = MACHINE.finish(before, Done(values, "well done"))
    assert (change.run.state, change.run.stage, change.run.place) == (state, stage, Place.HELD)
    assert {name: getattr(change.run, name) for name in values} == values
    assert (change.run.attempts, change.run.failures, change.run.take_number) == (0, 0, 1)
    assert change.events[0].message == "well done"
    assert told(change)[0] == ("STAGE_SUCCEEDED", before.state)
    assert recorded(change) == [(before.stage, 1, "SUCCEEDED")]


def test_the_last_stage_ends_the_run_as_released() -> None:
    change = MACHINE.finish(PUBLISHING, Done({"location": "/catalog/rel_1"}))
    assert (change.run.state, change.run.place) == (RunState.RELEASED, Place.NONE)
    assert told(change) == [("STAGE_SUCCEEDED", "RELEASING"), ("STATE_CHANGED", "RELEASED")]
    assert change.events[-1].message == "/catalog/rel_1"


def test_a_person_who_was_asked_is_waited_for_without_a_place() -> None:
    change = MACHINE.finish(APPROVING, AskPerson())
    assert (change.run.state, change.run.place) == (RunState.AWAITING_APPROVAL, Place.NONE)
    assert told(change) == [("STATE_CHANGED", "AWAITING_APPROVAL")]
    assert recorded(change) == [(StageName.APPROVE, 1, "WAITING")]


def test_autopilot_passes_without_anybody_being_told_to_wait() -> None:
    arrival = MACHINE.finish(PRODUCING, Done({"content_digest": "sha256:1"}))
    passage = MACHINE.finish(APPROVING, Decided(decision(Verdict.AUTOPILOT_APPROVED)))
    assert ("STATE_CHANGED", "AWAITING_APPROVAL") not in told(arrival) + told(passage)
    assert (passage.run.state, passage.run.stage) == (RunState.RELEASING, StageName.PACKAGE)
    assert passage.run.place is Place.HELD
    assert told(passage) == [("DECIDED", "AWAITING_APPROVAL"), ("STATE_CHANGED", "RELEASING")]


def test_an_approved_run_wants_a_place_to_be_released() -> None:
    change = MACHINE.decide(WAITING, decision(Verdict.APPROVED))
    assert (change.run.state, change.run.stage) == (RunState.RELEASING, StageName.PACKAGE)
    assert change.run.place is Place.WANTED
    assert change.run.decision == decision(Verdict.APPROVED)
    assert told(change) == [("DECIDED", "AWAITING_APPROVAL"), ("STATE_CHANGED", "RELEASING")]
    assert recorded(change) == [(StageName.APPROVE, 1, "SUCCEEDED")]


def test_a_rejected_run_is_over() -> None:
    change = MACHINE.decide(WAITING, decision(Verdict.REJECTED, "off key"))
    assert (change.run.state, change.run.place) == (RunState.REJECTED, Place.NONE)
    assert change.run.decision == decision(Verdict.REJECTED, "off key")
    assert change.events[-1].message == "off key"


def test_another_take_is_made_of_the_same_brief() -> None:
    change = MACHINE.decide(WAITING, decision(Verdict.REGENERATE_TAKE, "slower"))
    after = change.run
    assert (after.state, after.stage, after.place) == (RunState.PRODUCING, StageName.PRODUCE, Place.WANTED)
    assert (after.take_number, after.note) == (2, "slower")
    assert (after.brief_id, after.title) == ("brf_1", "Song")
    assert (after.take_id, after.content_digest) == ("", "")
    assert after.request_id == "run_1/produce/2"


def test_another_brief_is_written_from_the_beginning() -> None:
    change = MACHINE.decide(WAITING, decision(Verdict.REGENERATE_BRIEF, "about the sea"))
    after = change.run
    assert (after.state, after.stage, after.place) == (RunState.COMPOSING, StageName.COMPOSE, Place.WANTED)
    assert (after.take_number, after.note) == (2, "about the sea")
    assert (after.brief_id, after.title, after.take_id, after.content_digest) == ("", "", "", "")
    assert after.request_id == "run_1/compose/2"


def test_a_regeneration_without_a_note_keeps_the_wish_that_there_was() -> None:
    before = replace(WAITING, note="something quiet")
    assert MACHINE.decide(before, decision(Verdict.REGENERATE_TAKE)).run.note == "something quiet"


def test_a_take_that_its_review_refuses_is_followed_by_another() -> None:
    change = MACHINE.finish(PRODUCING, TakeRefused(["loudness", "silence"]))
    after = change.run
    assert (after.state, after.stage, after.place) == (RunState.PRODUCING, StageName.PRODUCE, Place.HELD)
    assert (after.take_number, after.failed_takes, after.attempts) == (2, 1, 0)
    assert recorded(change) == [(StageName.PRODUCE, 1, "FAILED")]
    error = change.stages[0].error
    assert error is not None
    assert (error.reason, error.message) == (
        "ERROR_REASON_REVIEW_FAILED",
        "the review refused the take: loudness, silence",
    )


def test_the_last_refused_take_fails_the_run() -> None:
    before = replace(PRODUCING, take_number=3, failed_takes=2)
    change = MACHINE.finish(before, TakeRefused(["clipping"]))
    assert (change.run.state, change.run.place) == (RunState.FAILED, Place.NONE)
    assert change.run.error is not None
    assert change.run.error.message == "no take of 3 passed the review; the last failed: clipping"
    assert told(change) == [("STAGE_FAILED", "FAILED"), ("STATE_CHANGED", "FAILED")]


def test_refused_takes_are_counted_anew_after_one_that_passed() -> None:
    before = replace(PRODUCING, take_number=3, failed_takes=2)
    assert MACHINE.finish(before, Done({"take_id": "tak_3"})).run.failed_takes == 0


def test_a_run_whose_takes_were_all_refused_is_retried_with_a_new_one() -> None:
    failed = MACHINE.finish(replace(PRODUCING, take_number=3, failed_takes=2), TakeRefused(["x"])).run
    after = MACHINE.retry(failed).run
    assert (after.state, after.stage, after.place) == (RunState.PRODUCING, StageName.PRODUCE, Place.WANTED)
    assert (after.take_number, after.failed_takes, after.failures, after.attempts) == (4, 0, 0, 0)


def test_a_run_that_failed_otherwise_is_retried_with_the_same_request() -> None:
    for failed_takes in (0, 1):
        failed = MACHINE.fail(replace(PRODUCING, failed_takes=failed_takes), CANNOT_PASS, jitter=1).run
        again = MACHINE.retry(failed).run
        assert again.request_id == PRODUCING.request_id
        assert (again.state, again.error, again.place) == (RunState.PRODUCING, None, Place.WANTED)
        assert again.failures == again.attempts == 0


def test_a_failed_try_waits_without_a_place_and_is_tried_again() -> None:
    change = MACHINE.fail(PRODUCING, MAY_PASS, jitter=1)
    assert (change.run.state, change.run.stage) == (RunState.PRODUCING, StageName.PRODUCE)
    assert (change.run.place, change.run.failures, change.run.error) == (Place.WANTED, 1, MAY_PASS)
    assert change.run.request_id == PRODUCING.request_id
    assert told(change) == [("STAGE_FAILED", "PRODUCING")]
    assert recorded(change) == [(StageName.PRODUCE, 1, "RUNNING")]


@pytest.mark.parametrize(("failures", "delay"), [(0, 1.0), (1, 2.0), (2, 4.0)])
def test_the_wait_doubles_with_each_failure(failures: int, delay: float) -> None:
    assert MACHINE.fail(replace(PRODUCING, failures=failures), MAY_PASS, jitter=1).delay_s == delay


def test_the_wait_has_a_limit_though_the_failures_are_many() -> None:
    patient = Machine(PIPELINE, replace(LIMITS, max_failures=1_000))
    for failures in (3, 50, 900):
        assert patient.fail(replace(PRODUCING, failures=failures), MAY_PASS, jitter=1).delay_s == 5.0


@pytest.mark.parametrize(("told", "waits"), [(0.5, 1.0), (42.0, 42.0), (86_400.0, LONGEST_WAIT_S)])
def test_a_service_that_says_when_to_come_back_is_not_asked_before(told: float, waits: float) -> None:
    error = replace(MAY_PASS, retry_after_s=told)
    assert MACHINE.fail(PRODUCING, error, jitter=1).delay_s == waits


@pytest.mark.parametrize("jitter", [0.0, 0.25, 1.0])
def test_the_wait_is_a_random_part_of_the_longest(jitter: float) -> None:
    assert MACHINE.fail(replace(PRODUCING, failures=2), MAY_PASS, jitter=jitter).delay_s == 4.0 * jitter


def test_after_so_many_failures_the_run_fails_with_the_last_reason() -> None:
    change = MACHINE.fail(replace(PRODUCING, failures=3), MAY_PASS, jitter=1)
    assert (change.run.state, change.run.place, change.run.error) == (RunState.FAILED, Place.NONE, MAY_PASS)
    assert recorded(change) == [(StageName.PRODUCE, 1, "FAILED")]
    assert change.events[-1].message == "no model answered"


def test_what_cannot_pass_fails_the_run_at_once() -> None:
    change = MACHINE.fail(PRODUCING, CANNOT_PASS, jitter=1)
    assert (change.run.state, change.run.error, change.delay_s) == (RunState.FAILED, CANNOT_PASS, 0)


def test_a_run_that_never_ends_its_stage_is_parked_and_may_be_retried() -> None:
    change = MACHINE.begin(replace(PRODUCING, attempts=6))
    assert (change.run.state, change.run.place) == (RunState.FAILED, Place.NONE)
    assert change.run.error is not None
    assert change.run.error.retryable
    assert "begun 6 times and never ended" in change.run.error.message
    assert MACHINE.begin(MACHINE.retry(change.run).run).run.attempts == 1


@pytest.mark.parametrize("before", [run(), COMPOSING, PRODUCING, APPROVING, WAITING, PACKAGING, PUBLISHING])
def test_an_operator_may_end_a_run_in_any_state(before: Run) -> None:
    change = MACHINE.cancel(before, "wrong artist")
    assert (change.run.state, change.run.place) == (RunState.CANCELLED, Place.NONE)
    assert told(change) == [("STATE_CHANGED", "CANCELLED")]
    assert change.events[0].message == "wrong artist"
    expected = [] if before.state is RunState.QUEUED else [(before.stage, 1, "CANCELLED")]
    assert recorded(change) == expected


def test_a_stage_that_was_never_begun_is_not_recorded_as_cancelled() -> None:
    approved = MACHINE.decide(WAITING, decision(Verdict.APPROVED)).run
    assert recorded(MACHINE.cancel(approved, "")) == []


def test_the_final_states_are_those_from_which_nothing_goes_on_by_itself() -> None:
    assert {state for state in RunState if state.final} == FINAL
    assert {state.value for state in FINAL} == {"RELEASED", "REJECTED", "EXPIRED", "FAILED", "CANCELLED"}


def test_a_stages_request_is_the_same_for_every_try_and_another_for_every_take() -> None:
    tries = [PRODUCING, replace(PRODUCING, attempts=3, failures=2, version=9)]
    assert {r.request_id for r in tries} == {"run_1/produce/1"}
    assert replace(PRODUCING, take_number=2).request_id == "run_1/produce/2"


def test_a_new_stage_is_a_line_in_the_pipeline_and_nothing_else() -> None:
    with_film = Pipeline(
        [
            (StageName.COMPOSE, RunState.COMPOSING),
            (StageName.PRODUCE, RunState.PRODUCING),
            (StageName.APPROVE, RunState.AWAITING_APPROVAL),
            (StageName.FILM, RunState.RELEASING),
            (StageName.PACKAGE, RunState.RELEASING),
            (StageName.PUBLISH, RunState.RELEASING),
        ]
    )
    change = Machine(with_film, LIMITS).decide(WAITING, decision(Verdict.APPROVED))
    assert (change.run.stage, change.run.state) == (StageName.FILM, RunState.RELEASING)
    filmed = Machine(with_film, LIMITS).finish(replace(change.run, place=Place.HELD), Done())
    assert filmed.run.stage is StageName.PACKAGE


def test_two_steps_may_be_one_and_nothing_of_either_is_lost() -> None:
    done = MACHINE.finish(COMPOSING, Done({"title": "Song"}))
    both = done.then(MACHINE.begin(done.run))
    assert both.run.stage is StageName.PRODUCE
    assert told(both) == [
        ("STAGE_SUCCEEDED", "COMPOSING"),
        ("STATE_CHANGED", "PRODUCING"),
        ("STAGE_STARTED", "PRODUCING"),
    ]
    assert recorded(both) == [(StageName.COMPOSE, 1, "SUCCEEDED"), (StageName.PRODUCE, 1, "RUNNING")]
