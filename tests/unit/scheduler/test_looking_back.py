"""What comes after a run's end: it may fail and be tried again, and the end stays as it was."""

from dataclasses import replace
from typing import Any

import pytest

from services.scheduler.domain import (
    FINAL,
    Change,
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
    TakeRefused,
    Verdict,
)

STAGES: list[tuple[StageName, RunState | None]] = [
    (StageName.PRODUCE, RunState.PRODUCING),
    (StageName.APPROVE, RunState.AWAITING_APPROVAL),
    (StageName.PUBLISH, RunState.RELEASING),
]
LIMITS = Limits(
    max_takes=1, max_failures=3, max_attempts=4, backoff_base_s=1, backoff_max_s=5, approval_ttl_s=600
)
MACHINE = Machine(Pipeline([*STAGES, (StageName.REFLECT, None)]), LIMITS)
WITHOUT = Machine(Pipeline(STAGES), LIMITS)
MAY_PASS = RunError("ERROR_REASON_DEPENDENCY_UNAVAILABLE", "orchestrator does not answer", retryable=True)
CANNOT_PASS = RunError("ERROR_REASON_INTERNAL", "unknown method", retryable=False)
WEEK_FULL = RunError("ERROR_REASON_RELEASE_CAP", "7 releases in 7 days", retryable=True)


def run(state: RunState, stage: StageName, **more: Any) -> Run:
    values: dict[str, Any] = {"place": Place.HELD, "attempts": 1, "take_id": "tak_1", **more}
    return Run("run_1", "art_1", state, stage, autopilot=False, started_by="operator", **values)


PUBLISHING = run(RunState.RELEASING, StageName.PUBLISH)
WAITING = run(
    RunState.AWAITING_APPROVAL, StageName.APPROVE, place=Place.NONE, content_digest="sha256:1",
    on_silence=Silence.EXPIRE,
)  # fmt: skip
RELEASED = MACHINE.finish(PUBLISHING, Done({"location": "/catalog"})).run
REFLECTING = MACHINE.begin(RELEASED).run


def decision(verdict: Verdict) -> Decision:
    return Decision(verdict, "sha256:1", "cli:vera", "off key")


def told(change: Change) -> list[tuple[str, str, str]]:
    return [(event.type, event.state, event.stage) for event in change.events]


def test_a_released_run_is_released_at_once_and_keeps_its_place_to_be_looked_back_on() -> None:
    change = MACHINE.finish(PUBLISHING, Done({"location": "/catalog"}))
    assert told(change)[-1] == ("STATE_CHANGED", "RELEASED", "PUBLISH")
    after = change.run
    assert (after.state, after.stage, after.place) == (RunState.RELEASED, StageName.REFLECT, Place.HELD)
    assert (after.attempts, after.failures, after.location) == (0, 0, "/catalog")
    assert change.ends


@pytest.mark.parametrize(
    ("change", "state"),
    [
        (MACHINE.decide(WAITING, decision(Verdict.REJECTED)), RunState.REJECTED),
        (MACHINE.answer_silence(WAITING), RunState.EXPIRED),
    ],
)
def test_a_run_that_waited_wants_a_place_to_be_looked_back_on(change: Change, state: RunState) -> None:
    assert (change.run.state, change.run.stage, change.run.place) == (state, StageName.REFLECT, Place.WANTED)
    assert told(change)[-1] == ("STATE_CHANGED", state, "APPROVE")
    assert change.ends


@pytest.mark.parametrize(
    "change",
    [
        MACHINE.cancel(WAITING, ""),
        MACHINE.fail(PUBLISHING, CANNOT_PASS, jitter=1),
        MACHINE.finish(run(RunState.PRODUCING, StageName.PRODUCE), TakeRefused(["clipping"])),
        WITHOUT.finish(PUBLISHING, Done()),
        WITHOUT.decide(WAITING, decision(Verdict.REJECTED)),
        WITHOUT.answer_silence(WAITING),
    ],
)
def test_nobody_looks_back_without_a_final_decision_or_without_the_stage(change: Change) -> None:
    assert change.run.state in FINAL
    assert (change.run.place, change.run.stage is StageName.REFLECT) == (Place.NONE, False)
    assert change.ends


def test_looking_back_begins_in_the_state_that_the_run_ended_in() -> None:
    change = MACHINE.begin(RELEASED)
    assert told(change) == [("STAGE_STARTED", "RELEASED", "REFLECT")]
    assert (change.run.state, change.run.attempts) == (RunState.RELEASED, 1)
    assert change.run.request_id == "run_1/reflect/1"
    assert not change.ends


def test_what_was_learned_is_told_and_the_run_rests() -> None:
    change = MACHINE.finish(REFLECTING, Done(message="no change: too few runs"))
    assert told(change) == [("STAGE_SUCCEEDED", "RELEASED", "REFLECT")]
    assert change.events[0].message == "no change: too few runs"
    assert (change.run.state, change.run.place) == (RunState.RELEASED, Place.NONE)
    assert [stage.state for stage in change.stages] == ["SUCCEEDED"]
    assert not change.ends


def test_a_try_to_look_back_that_fails_is_repeated_and_the_run_stays_as_it_ended() -> None:
    change = MACHINE.fail(REFLECTING, MAY_PASS, jitter=1)
    assert (change.run.state, change.run.place) == (RunState.RELEASED, Place.WANTED)
    assert (change.delay_s, change.events[0].message) == (1.0, "next try in 1.0 s")
    assert MACHINE.begin(replace(change.run, place=Place.HELD)).run.request_id == REFLECTING.request_id
    assert not change.ends


@pytest.mark.parametrize(
    "change",
    [
        MACHINE.fail(REFLECTING, CANNOT_PASS, jitter=1),
        MACHINE.fail(replace(REFLECTING, failures=2), MAY_PASS, jitter=1),
        MACHINE.begin(replace(REFLECTING, attempts=4)),
    ],
    ids=["hopeless", "too often", "poison"],
)
def test_who_cannot_look_back_gives_up_and_only_the_stage_has_failed(change: Change) -> None:
    assert (change.run.state, change.run.place, change.run.error) == (RunState.RELEASED, Place.NONE, None)
    assert told(change) == [("STAGE_FAILED", "RELEASED", "REFLECT")]
    assert change.events[0].message == "given up; the run stays released"
    (stage,) = change.stages
    assert (stage.stage, stage.state) == (StageName.REFLECT, "FAILED")
    assert stage.error is not None
    assert not change.ends


def test_what_may_not_be_published_yet_waits_without_a_place_and_nothing_has_failed() -> None:
    before = replace(PUBLISHING, attempts=3, failures=1)
    change = MACHINE.finish(before, Postponed(90_000.0, "waits until Sunday", WEEK_FULL))
    after = change.run
    assert (after.state, after.stage, after.place) == (RunState.RELEASING, StageName.PUBLISH, Place.WANTED)
    assert (after.attempts, after.failures, change.delay_s) == (2, 1, 90_000.0)
    assert [(event.type, event.state, event.message) for event in change.events] == [
        ("STATE_CHANGED", "RELEASING", "waits until Sunday")
    ]
    assert [(stage.state, stage.error) for stage in change.stages] == [("RUNNING", WEEK_FULL)]
    assert not change.ends


def test_waiting_for_room_never_becomes_an_attempt_too_many() -> None:
    waiting = PUBLISHING
    for _ in range(3 * LIMITS.max_attempts):
        postponed = MACHINE.finish(waiting, Postponed(60.0, "later", WEEK_FULL)).run
        waiting = MACHINE.begin(replace(postponed, place=Place.HELD)).run
    assert (waiting.state, waiting.error) == (RunState.RELEASING, None)
    assert MACHINE.finish(waiting, Done()).run.state is RunState.RELEASED
