"""Orders about error groups: which status allows which, and what each leaves behind."""

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.statuses import (
    ALLOWED,
    STATUSES,
    Change,
    Refusal,
    Standing,
    Step,
    Verb,
    change_of,
)
from services.error_analyzer.verbs import change_request, stood

WORKED_ON = {
    Verb.ANALYZE: {"fix_attempted", "fix_applied", "ignored"},
    Verb.IGNORE: {"fix_applied", "ignored"},
}


@pytest.mark.parametrize("verb", list(Verb))
def test_an_order_is_followed_in_its_statuses_and_refused_in_all_others(verb: Verb) -> None:
    followed = {s for s in STATUSES if isinstance(change_of(verb, Standing(s, "c0ffee")), Change)}
    assert followed == set(ALLOWED[verb])
    if verb in WORKED_ON:
        assert set(STATUSES) - followed == WORKED_ON[verb]


def test_what_an_order_makes_of_a_group() -> None:
    made = {verb: change_of(verb, Standing(ALLOWED[verb][0], "c0ffee")) for verb in Verb}
    assert {
        verb: (change.status, change.step, change.forced)
        for verb, change in made.items()
        if isinstance(change, Change)
    } == {
        Verb.ANALYZE: ("new", Step.ANALYZE, True),
        Verb.IGNORE: ("ignored", Step.NONE, False),
        Verb.REOPEN: ("new", Step.ANALYZE, False),
        Verb.APPLY: ("fix_suggested", Step.APPLY, True),
        Verb.REVERT: ("fix_applied", Step.REVERT, True),
    }


def test_a_fix_that_nobody_proved_is_not_applied() -> None:
    refused = change_of(Verb.APPLY, Standing("fix_suggested"))
    assert isinstance(refused, Refusal)
    assert "proven" in refused.expected


@pytest.mark.parametrize(
    ("status", "step", "verbs"),
    [
        ("fix_suggested", Step.APPLY, {Verb.IGNORE}),
        ("fix_applied", Step.REVERT, {Verb.IGNORE}),
        ("fix_applied", Step.WATCH, {Verb.REVERT}),
        ("analyzed", Step.FIX, {Verb.ANALYZE, Verb.IGNORE}),
    ],
)
def test_what_is_ordered_and_not_yet_done_is_not_ordered_again(
    status: str, step: Step, verbs: set[Verb]
) -> None:
    standing = Standing(status, "c0ffee", step)
    assert {verb for verb in Verb if isinstance(change_of(verb, standing), Change)} == verbs


@pytest.mark.parametrize(
    ("begun", "postponed", "followed"),
    [(False, False, True), (True, False, False), (True, True, True)],
    ids=["not begun", "begun", "postponed"],
)
def test_a_fix_that_may_be_in_the_code_already_is_not_ignored(
    begun: bool, postponed: bool, followed: bool
) -> None:
    standing = Standing("fix_suggested", "c0ffee", Step.APPLY, begun=begun, postponed=postponed)
    change = change_of(Verb.IGNORE, standing)
    assert isinstance(change, Change if followed else Refusal)


def test_a_revert_that_was_postponed_is_made_due_by_an_order() -> None:
    standing = Standing("fix_applied", "c0ffee", Step.REVERT, begun=True, postponed=True)
    change = change_of(Verb.REVERT, standing)
    assert isinstance(change, Change)
    assert (change.step, change.forced) == (Step.REVERT, True)
    allowed = {verb for verb in Verb if isinstance(change_of(verb, standing), Change)}
    assert allowed == {Verb.REVERT, Verb.IGNORE}


@pytest.mark.parametrize(
    ("attempt_id", "postponements", "stands"),
    [("", 0, (False, False)), ("eat_1", 0, (True, False)), ("eat_1", 2, (True, True))],
)
def test_how_far_a_step_is_shows_in_how_its_group_stands(
    attempt_id: str, postponements: int, stands: tuple[bool, bool]
) -> None:
    group = db.ErrorGroup(fingerprint="a" * 32, status="fix_suggested")
    group.step.kind = db.ErrorStep.KIND_APPLY
    group.step.attempt_id, group.step.postponements = attempt_id, postponements
    standing, _ = stood(group, "chg_1")
    assert (standing.step, (standing.begun, standing.postponed)) == (Step.APPLY, stands)


def test_a_group_of_an_unnamed_status_is_new() -> None:
    assert isinstance(change_of(Verb.ANALYZE, Standing("")), Change)


def proven() -> db.ErrorReport:
    report = db.ErrorReport(
        fingerprint="a" * 32,
        status="fix_suggested",
        cause="because",
        severity="high",
        commit="c0ffee",
        diff="+x",
        cost_micro_usd=12,
        models=["m"],
        sequence=7,
        attempt_id="att_1",
        reason="proven",
    )
    report.created_at.FromSeconds(1)
    report.evidence.add(source="log", text="line")
    return report


def test_the_report_of_an_order_keeps_what_was_found_out_and_costs_nothing() -> None:
    change = change_of(Verb.APPLY, Standing("fix_suggested", "c0ffee"))
    assert isinstance(change, Change)
    request = change_request(change, "a" * 32, proven(), "chg_1", "Ana", " ")
    report = request.report
    assert (report.status, report.by, report.reason) == ("fix_suggested", "Ana", "to be applied")
    assert (report.cause, report.severity, report.commit, report.diff) == ("because", "high", "c0ffee", "+x")
    assert len(report.evidence) == 1
    assert (report.cost_micro_usd, list(report.models), report.sequence) == (0, [], 0)
    assert not report.HasField("created_at")
    assert (request.step.kind, request.step.requested_by) == (db.ErrorStep.KIND_APPLY, "Ana")


def test_an_ignored_group_has_no_step_and_keeps_the_reason_that_was_given() -> None:
    change = change_of(Verb.IGNORE, Standing("analyzed"))
    assert isinstance(change, Change)
    request = change_request(change, "a" * 32, proven(), "chg_1", "Ana", "harmless")
    assert not request.HasField("step")
    assert request.report.reason == "harmless"


def test_before_its_own_change_a_group_stood_as_the_report_before_says() -> None:
    group = db.ErrorGroup(fingerprint="a" * 32, status="ignored")
    group.report.CopyFrom(db.ErrorReport(status="ignored", attempt_id="chg_1"))
    group.history.append(proven())
    standing, before = stood(group, "chg_1")
    assert (standing.status, standing.commit, standing.followed) == ("fix_suggested", "c0ffee", True)
    assert before == proven()
    standing, before = stood(group, "chg_2")
    assert standing.status == "ignored"
    assert before.attempt_id == "chg_1"


def test_the_first_report_of_a_group_had_a_new_one_before_it() -> None:
    group = db.ErrorGroup(fingerprint="a" * 32, status="ignored")
    group.report.CopyFrom(db.ErrorReport(status="ignored", attempt_id="chg_1"))
    assert stood(group, "chg_1") == (Standing("new", followed=True), db.ErrorReport())
