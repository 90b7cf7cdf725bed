"""What people in charge get: an answer to their silence, several takes, and questions that close."""

from dataclasses import replace
from typing import Any

import pytest

from services.scheduler.domain import (
    AskPerson,
    Change,
    Closing,
    Decided,
    Decision,
    Done,
    Limits,
    Machine,
    Pipeline,
    Place,
    Run,
    RunState,
    Silence,
    StageName,
    Take,
    TakeRefused,
    Verdict,
)

TTL_S = 600.0
MACHINE = Machine(
    Pipeline(
        [
            (StageName.COMPOSE, RunState.COMPOSING),
            (StageName.PRODUCE, RunState.PRODUCING),
            (StageName.APPROVE, RunState.AWAITING_APPROVAL),
            (StageName.PACKAGE, RunState.RELEASING),
        ]
    ),
    Limits(
        max_takes=3, max_failures=4, max_attempts=6, backoff_base_s=1, backoff_max_s=5, approval_ttl_s=TTL_S,
        takes=2,
    ),
)  # fmt: skip


def producing(**more: Any) -> Run:
    made = MACHINE.new("run_1", "art_1", autopilot=False, started_by="operator", takes=3)
    return replace(
        made, state=RunState.PRODUCING, stage=StageName.PRODUCE, place=Place.HELD, attempts=1,
        brief_id="brf_1", title="Song", **more,
    )  # fmt: skip


WAITING = producing(take_number=3, takes_left=0, take_id="tak_3", content_digest="sha256:3", version=17)
WAITING = replace(WAITING, state=RunState.AWAITING_APPROVAL, stage=StageName.APPROVE, place=Place.NONE)


def produced(run: Run) -> Change:
    number = run.take_number
    return MACHINE.finish(run, Done({"take_id": f"tak_{number}", "content_digest": f"sha256:{number}"}))


def decision(verdict: Verdict, reason: str = "") -> Decision:
    return Decision(verdict, "sha256:3", "cli:vera", reason)


@pytest.mark.parametrize(
    ("on_silence", "expires_in_s"),
    [(Silence.HOLD, None), (Silence.EXPIRE, TTL_S), (Silence.AUTOPILOT, TTL_S)],
)
def test_only_a_run_that_holds_has_no_deadline(on_silence: Silence, expires_in_s: float | None) -> None:
    change = MACHINE.finish(replace(WAITING, place=Place.HELD), AskPerson(on_silence))
    assert (change.expires_in_s, change.run.on_silence) == (expires_in_s, on_silence)


def test_a_run_that_nobody_decided_about_expires_and_is_not_rejected() -> None:
    change = MACHINE.answer_silence(replace(WAITING, on_silence=Silence.EXPIRE))
    assert (change.run.state, change.run.place) == (RunState.EXPIRED, Place.NONE)
    assert change.run.decision is not None
    assert (change.run.decision.verdict, change.run.decision.decided_by) == (Verdict.EXPIRED, "clock")
    assert [(event.type, event.state) for event in change.events] == [
        ("DECIDED", "AWAITING_APPROVAL"),
        ("STATE_CHANGED", "EXPIRED"),
    ]


def test_silence_may_be_answered_by_autopilot() -> None:
    change = MACHINE.answer_silence(replace(WAITING, on_silence=Silence.AUTOPILOT))
    assert (change.run.state, change.run.stage) == (RunState.RELEASING, StageName.PACKAGE)
    assert change.run.place is Place.WANTED
    assert change.run.decision == Decision(Verdict.AUTOPILOT_APPROVED, "sha256:3", "autopilot after silence")
    assert change.events[0].message == "autopilot approved by autopilot after silence"


def test_as_many_takes_are_made_as_are_wanted_before_anybody_is_asked() -> None:
    run = producing()
    made = []
    while run.stage is StageName.PRODUCE:
        change = produced(run)
        made.append([(stage.stage, stage.take_number, stage.state) for stage in change.stages])
        run = change.run
    assert made == [[(StageName.PRODUCE, number, "SUCCEEDED")] for number in (1, 2, 3)]
    assert (run.stage, run.take_number, run.take_id) == (StageName.APPROVE, 3, "tak_3")


def test_who_does_not_say_how_many_takes_gets_as_many_as_the_limits_say() -> None:
    run = MACHINE.new("run_1", "art_1", autopilot=False, started_by="cadence")
    assert (run.takes_wanted, run.takes_left) == (2, 2)


def test_a_refused_take_is_none_of_those_that_are_wanted() -> None:
    run = MACHINE.finish(produced(producing()).run, TakeRefused(["loudness"])).run
    assert (run.take_number, run.takes_left, run.failed_takes) == (3, 2, 1)
    # In a row: one that passes begins the count anew.
    assert produced(run).run.failed_takes == 0


def test_autopilot_takes_the_first_take_that_is_good_enough() -> None:
    run = produced(producing(autopilot=True)).run
    assert (run.stage, run.take_number) == (StageName.APPROVE, 1)


def test_another_take_is_one_more() -> None:
    run = MACHINE.decide(WAITING, decision(Verdict.REGENERATE_TAKE)).run
    assert (run.stage, run.take_number, run.takes_left) == (StageName.PRODUCE, 4, 1)
    assert produced(run).run.stage is StageName.APPROVE


def test_another_brief_gets_all_its_takes() -> None:
    run = MACHINE.decide(WAITING, decision(Verdict.REGENERATE_BRIEF)).run
    assert (run.stage, run.take_number, run.takes_left) == (StageName.COMPOSE, 4, 3)


def test_a_run_goes_on_with_the_take_that_a_person_picked() -> None:
    take = Take("tak_1", "brf_0", "sha256:1", "Older Song")
    picked = Decision(Verdict.APPROVED, "sha256:1", "cli:vera")
    change = MACHINE.decide(WAITING, picked, take)
    run = change.run
    assert (run.take_id, run.brief_id, run.content_digest, run.title) == (
        "tak_1",
        "brf_0",
        "sha256:1",
        "Older Song",
    )
    assert (run.stage, run.decision) == (StageName.PACKAGE, picked)
    # It was the newest take's question that was open.
    assert [closing.content_digest for closing in change.closings] == ["sha256:3"]


@pytest.mark.parametrize("verdict", [v for v in Verdict if v is not Verdict.EXPIRED])
def test_every_decision_closes_the_question_that_was_open(verdict: Verdict) -> None:
    change = MACHINE.decide(WAITING, decision(verdict, "because"))
    assert change.closings == (Closing("run_1/close/3/17", "sha256:3", decided=True),)


@pytest.mark.parametrize("on_silence", [Silence.EXPIRE, Silence.AUTOPILOT])
def test_silence_closes_the_question(on_silence: Silence) -> None:
    change = MACHINE.answer_silence(replace(WAITING, on_silence=on_silence))
    assert [closing.content_digest for closing in change.closings] == ["sha256:3"]


@pytest.mark.parametrize(("reason", "told"), [("wrong artist", "cancelled: wrong artist"), ("", "cancelled")])
def test_a_cancelled_run_has_no_open_questions(reason: str, told: str) -> None:
    change = MACHINE.cancel(WAITING, reason)
    assert change.closings == (Closing("run_1/close/3/17", "", decided=False, reason=told),)


def test_where_nobody_was_asked_nothing_is_closed() -> None:
    autopilot = Decided(Decision(Verdict.AUTOPILOT_APPROVED, "sha256:3", "autopilot"))
    passed = MACHINE.finish(replace(WAITING, autopilot=True, place=Place.HELD), autopilot)
    assert passed.closings == MACHINE.cancel(producing(), "enough").closings == ()


@pytest.mark.parametrize(
    ("verdict", "told"),
    [
        (Verdict.REJECTED, "rejected by cli:vera: the chorus drags"),
        (Verdict.REGENERATE_TAKE, "regenerate take by cli:vera: the chorus drags"),
        (Verdict.REGENERATE_BRIEF, "regenerate brief by cli:vera: the chorus drags"),
    ],
)
def test_an_event_keeps_each_decisions_reason(verdict: Verdict, told: str) -> None:
    change = MACHINE.decide(WAITING, decision(verdict, "the chorus drags"))
    assert change.events[0].message == told


def test_two_steps_as_one_close_what_each_of_them_closes() -> None:
    decided = MACHINE.decide(WAITING, decision(Verdict.APPROVED))
    both = decided.then(MACHINE.begin(replace(decided.run, place=Place.HELD)))
    assert both.closings == decided.closings
