"""What comes of each step: which status, which next step, and who is told."""

from dataclasses import replace
from datetime import timedelta

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.domain import (
    Asked,
    FixFailed,
    InvalidFix,
    ModelsAway,
    ModelsSilent,
    RepairUnavailable,
    Suggestion,
    UnusableAnswer,
)
from tests.support.error_steps import ANALYSIS, COMMIT, FINGERPRINT, NOW, Helpers, bench, report, task

KIND = db.ErrorStep.Kind
HOUR = timedelta(hours=1)


async def test_an_explained_error_that_code_can_mend_gets_a_fix_next() -> None:
    outcome = await bench().desk.analyze(task(KIND.KIND_ANALYZE))
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.cause) == ("analyzed", ANALYSIS.cause)
    assert (outcome.report.subject_digest, outcome.report.attempt_id) == ("d1", "try1")
    assert (list(outcome.report.models), outcome.report.cost_micro_usd) == (["openai/large"], 1_200)
    assert outcome.report.evidence[0].line == 12
    assert outcome.next is not None
    assert (outcome.next.kind, outcome.next.postponed) == (KIND.KIND_FIX, False)


@pytest.mark.parametrize(("mode", "fixable"), [("off", True), ("branch", False)])
async def test_no_fix_follows_where_none_is_wanted_or_possible(mode: str, fixable: bool) -> None:
    helpers = Helpers(analysis=replace(ANALYSIS, fixable=fixable))
    outcome = await bench(mode, helpers=helpers).desk.analyze(task(KIND.KIND_ANALYZE))
    assert outcome.next is None


async def test_people_are_told_of_a_cause_once_it_is_kept() -> None:
    at = bench()
    outcome = await at.desk.analyze(task(KIND.KIND_ANALYZE))
    assert at.told.said == []
    assert at.said(outcome) == ["analysed"]


async def test_what_has_not_changed_is_not_explained_twice() -> None:
    at = bench()
    known = report("fix_failed", subject_digest="d1")
    outcome = await at.desk.analyze(task(KIND.KIND_ANALYZE, known))
    assert (outcome.report, outcome.next, at.helpers.asked) == (None, None, [])


async def test_a_changed_source_is_explained_again() -> None:
    at = bench()
    await at.desk.analyze(task(KIND.KIND_ANALYZE, report("fix_failed", subject_digest="d0")))
    assert at.helpers.asked == ["analyze try1"]


async def test_an_order_to_explain_again_is_obeyed_though_nothing_changed() -> None:
    at = bench()
    await at.desk.analyze(task(KIND.KIND_ANALYZE, report("analyzed", subject_digest="d1"), forced=True))
    assert at.helpers.asked == ["analyze try1"]


async def test_a_reopened_group_keeps_what_was_found_out_and_pays_nothing() -> None:
    at = bench()
    known = report("fix_failed", subject_digest="d1", diff="old", commit="old", reason="did not work")
    reopened = report("new", cause="", fixable=False)
    outcome = await at.desk.analyze(task(KIND.KIND_ANALYZE, reopened, report("ignored", cause=""), known))
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.cause, outcome.report.diff) == ("analyzed", "known", "")
    assert outcome.next is not None
    assert at.helpers.asked == []


async def test_a_fix_that_waited_waits_again_when_its_group_is_taken_up_and_nothing_changed() -> None:
    at = bench("apply")
    waiting = report("fix_suggested", subject_digest="d1", diff="d", commit=COMMIT, reason="proven")
    put_aside = report("ignored", subject_digest="d1", attempt_id="order1")
    reopened = report("new", subject_digest="d1", attempt_id="order2")
    outcome = await at.desk.analyze(task(KIND.KIND_ANALYZE, reopened, put_aside, waiting))
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.commit, outcome.next) == ("fix_suggested", COMMIT, None)
    assert at.helpers.asked == []
    at.helpers.digest_is = "d2"
    changed = await at.desk.analyze(task(KIND.KIND_ANALYZE, reopened, put_aside, waiting))
    assert changed.report is not None
    assert (changed.report.status, changed.report.commit) == ("analyzed", "")


async def test_a_reopened_group_whose_analysis_failed_is_asked_about_again() -> None:
    at = bench()
    failed = report("analysis_failed", subject_digest="d1", cause="")
    await at.desk.analyze(task(KIND.KIND_ANALYZE, report("new", cause=""), failed))
    assert at.helpers.asked == ["analyze try1"]


async def test_an_unusable_analysis_is_a_status_and_is_not_repeated() -> None:
    helpers = Helpers(analysis=UnusableAnswer("no cause was given", Asked(("m",), 7)))
    outcome = await bench(helpers=helpers).desk.analyze(task(KIND.KIND_ANALYZE))
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.reason) == ("analysis_failed", "no cause was given")
    assert (outcome.report.cost_micro_usd, outcome.report.subject_digest) == (7, "d1")
    assert outcome.next is None


async def test_models_that_do_not_answer_are_a_status_and_are_asked_again_later() -> None:
    helpers = Helpers(analysis=ModelsSilent("all timed out", 60))
    first = await bench(helpers=helpers).desk.analyze(task(KIND.KIND_ANALYZE))
    assert first.report is not None
    assert first.report.status == "analysis_failed"
    assert first.next is not None
    assert (first.next.kind, first.next.in_s, first.next.postponed) == (KIND.KIND_ANALYZE, 60, True)
    second = await bench(helpers=helpers).desk.analyze(task(KIND.KIND_ANALYZE, first.report))
    assert second.report is None
    assert second.next == first.next


async def test_models_that_never_answer_are_not_asked_for_ever() -> None:
    for kind, helpers in (
        (KIND.KIND_ANALYZE, Helpers(analysis=ModelsSilent("all timed out", 60))),
        (KIND.KIND_FIX, Helpers(suggestion=ModelsSilent("all timed out", 60))),
    ):
        desk = bench(helpers=helpers).desk
        does = desk.analyze if kind == KIND.KIND_ANALYZE else desk.fix
        assert (await does(task(kind, report("analyzed"), postponements=4))).next is not None
        assert (await does(task(kind, report("analyzed"), postponements=5))).next is None


async def test_without_a_model_a_group_stays_new_and_waits() -> None:
    helpers = Helpers(analysis=ModelsAway("no model has its key", 3600))
    outcome = await bench(helpers=helpers).desk.analyze(task(KIND.KIND_ANALYZE))
    assert outcome.report is None
    assert outcome.next is not None
    assert (outcome.next.in_s, outcome.next.reason) == (3600, "no model has its key")


async def test_in_the_mode_suggest_a_fix_is_checked_and_nothing_is_run() -> None:
    at = bench("suggest")
    outcome = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed")))
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.branch, outcome.report.proof) == ("fix_suggested", "", "")
    assert outcome.report.base_commit == "base0"
    assert (outcome.next, at.helpers.asked) == (None, ["suggest try1"])
    assert at.said(outcome) == ["fix_waits"]


async def test_in_the_mode_branch_a_fix_is_attempted_proven_and_kept() -> None:
    at = bench("branch")
    outcome = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed", severity="low")))
    assert [noted.status for noted in at.noted] == ["fix_attempted"]
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.commit) == ("fix_suggested", COMMIT)
    assert (outcome.report.branch, outcome.report.proof) == (f"autofix/{FINGERPRINT}", "1 passed")
    assert (outcome.report.cause, outcome.report.severity) == ("known", "low")
    assert outcome.next is None
    message = at.helpers.messages[0]
    assert message.splitlines()[0] == "Fix KeyError in services.release.song.tempo_of"
    assert message.endswith(f"Autofix: {FINGERPRINT}")
    assert "Cause: known" in message


@pytest.mark.parametrize(
    ("helpers", "status"),
    [
        (Helpers(suggestion=UnusableAnswer("no diff")), "fix_failed"),
        (Helpers(checked=InvalidFix("touches .env")), "fix_skipped_invalid"),
        (Helpers(proof=FixFailed("the new test passes without the fix", "1 passed")), "fix_failed"),
    ],
)
async def test_a_fix_that_is_none_is_tried_once_more_and_then_given_up(helpers: Helpers, status: str) -> None:
    at = bench("branch", helpers=helpers)
    first = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed"), tries=1))
    assert first.report is not None
    assert first.report.status == status
    assert first.next is not None
    assert (first.next.kind, first.next.postponed) == (KIND.KIND_FIX, False)
    last = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed"), tries=2))
    assert last.next is None
    assert at.said(first, last) == []


async def test_a_second_try_is_told_what_was_wrong_with_the_first_also_after_a_crash() -> None:
    at = bench("branch")
    failed = report("fix_failed", reason="the test fails", proof="KeyError: 'tempo'")
    await at.desk.fix(task(KIND.KIND_FIX, failed, tries=2))
    attempted = report("fix_attempted", attempt_id="try1")
    await at.desk.fix(task(KIND.KIND_FIX, attempted, failed, tries=2))
    assert at.helpers.feedback == ["the test fails\nKeyError: 'tempo'"] * 2


async def test_after_a_group_was_taken_up_again_the_engineer_knows_what_became_of_the_fix_before() -> None:
    at = bench("branch")
    gone = report("reverted", reason="it came back", diff="-a\n+b", attempt_id="long ago")
    await at.desk.fix(task(KIND.KIND_FIX, report("analyzed"), report("new"), gone))
    assert at.helpers.feedback == ["it was applied, and had to be taken out: it came back\n-a\n+b"]


async def test_a_repair_that_cannot_be_made_here_waits_and_is_no_failure_of_the_fix() -> None:
    at = bench("branch", helpers=Helpers(proof=RepairUnavailable("git is missing")))
    outcome = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed")))
    assert outcome.report is not None
    assert outcome.report.status == "analyzed"
    assert "git is missing" in outcome.report.reason
    assert outcome.next is not None
    assert outcome.next.postponed


async def test_no_model_is_paid_for_a_fix_that_could_not_be_proven() -> None:
    at = bench("branch", helpers=Helpers(base=RepairUnavailable("the project's own tests fail")))
    with pytest.raises(RepairUnavailable):
        await at.desk.fix(task(KIND.KIND_FIX, report("analyzed")))
    assert at.helpers.asked == []
    suggests = bench("suggest", helpers=at.helpers)
    outcome = await suggests.desk.fix(task(KIND.KIND_FIX, report("analyzed")))
    assert outcome.report is not None
    assert outcome.report.status == "fix_suggested"


async def test_what_a_model_wrote_is_kept_no_longer_than_a_report_may_be() -> None:
    long = Suggestion("d" * 300_000, "t" * 2_000, "c" * 300_000, "e" * 50_000)
    at = bench(helpers=Helpers(suggestion=long, checked=InvalidFix("it is too long")))
    outcome = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed")))
    assert outcome.report is not None
    kept = (
        outcome.report.diff,
        outcome.report.test_path,
        outcome.report.test_code,
        outcome.report.explanation,
    )
    assert [len(text) for text in kept] == [100_000, 500, 100_000, 10_000]


async def test_a_proven_fix_is_applied_by_itself_only_where_its_class_is_allowed() -> None:
    for mode, classes, applied in (
        ("apply", ("KeyError",), True),
        ("apply", ("ValueError",), False),
        ("branch", ("KeyError",), False),
    ):
        at = bench(mode, classes=classes)
        outcome = await at.desk.fix(task(KIND.KIND_FIX, report("analyzed")))
        assert (outcome.next is not None and outcome.next.kind == KIND.KIND_APPLY) is applied
        assert at.said(outcome) == ([] if applied else ["fix_waits"])


async def test_an_applied_fix_is_watched() -> None:
    at = bench("apply")
    proven = report("fix_suggested", commit=COMMIT, branch="autofix/part")
    outcome = await at.desk.apply(task(KIND.KIND_APPLY, proven))
    # By the branch's own name: the group may have become a part of another one since.
    assert at.helpers.asked == [f"apply part {COMMIT}"]
    assert outcome.report is not None
    assert outcome.report.applied_at.ToDatetime(tzinfo=NOW.tzinfo) - NOW < timedelta(minutes=1)
    assert (outcome.report.status, outcome.report.commit) == ("fix_applied", "a11ed")
    assert outcome.next is not None
    assert outcome.next.kind == KIND.KIND_WATCH
    assert at.said(outcome) == ["fix_applied"]


@pytest.mark.parametrize(("log", "status"), [("", "fix_suggested"), ("1 failed", "fix_failed")])
async def test_a_fix_that_does_not_go_in_needs_a_person(log: str, status: str) -> None:
    at = bench("apply", helpers=Helpers(applied=FixFailed("x.py has changes of yours", log)))
    outcome = await at.desk.apply(task(KIND.KIND_APPLY, report("fix_suggested", commit=COMMIT)))
    assert outcome.report is not None
    assert (outcome.report.status, outcome.next) == (status, None)
    assert "x.py has changes of yours" in outcome.report.reason
    assert at.said(outcome) == ["needs_a_person"]


async def test_nothing_is_applied_unless_the_mode_says_so() -> None:
    at = bench("branch")
    with pytest.raises(RepairUnavailable):
        await at.desk.apply(task(KIND.KIND_APPLY, report("fix_suggested", commit=COMMIT)))
    assert at.helpers.asked == []


async def test_a_watched_fix_is_looked_at_again_until_its_time_is_over_and_then_kept() -> None:
    at = bench("apply", watch_s=7200)
    early = await at.desk.watch(task(KIND.KIND_WATCH, report("fix_applied"), applied_ago=HOUR))
    assert early.report is None
    assert early.next is not None
    assert (early.next.kind, early.next.postponed) == (KIND.KIND_WATCH, True)
    late = await at.desk.watch(task(KIND.KIND_WATCH, report("fix_applied"), applied_ago=3 * HOUR))
    assert late.report is not None
    assert (late.report.status, late.next) == ("fix_applied", None)
    assert late.report.reason.startswith("kept")
    assert late.report.HasField("applied_at")
    assert at.said(late) == ["fix_kept"]


@pytest.mark.parametrize(
    ("since", "day_before", "reverts"),
    [(19, 0, False), (20, 0, True), (29, 240, False), (30, 240, True)],
    ids=["few are no rise", "many where there were none", "not three times", "three times"],
)
async def test_a_rise_of_errors_after_a_fix_takes_it_out(since: int, day_before: int, reverts: bool) -> None:
    at = bench("apply", watch_s=7200)
    watched = task(KIND.KIND_WATCH, report("fix_applied"), errors=(since, day_before), applied_ago=HOUR)
    outcome = await at.desk.watch(watched)
    assert outcome.next is not None
    assert (outcome.next.kind == KIND.KIND_REVERT) is reverts
    if reverts:
        assert "errors have risen" in outcome.next.reason


async def test_a_fix_that_is_taken_out_says_why() -> None:
    at = bench("apply")
    step = task(KIND.KIND_REVERT, report("fix_applied", commit="a11ed"), reason="it came back")
    outcome = await at.desk.revert(step)
    assert outcome.report is not None
    assert (outcome.report.status, outcome.report.reason) == ("reverted", "it came back")
    assert (outcome.report.commit, outcome.next) == ("0ff", None)
    assert at.helpers.asked == ["revert a11ed"]
    assert at.helpers.messages[0].endswith("it came back")
    assert at.said(outcome) == ["fix_reverted"]


async def test_a_fix_that_cannot_be_taken_out_needs_a_person_who_is_told_once() -> None:
    at = bench("apply", helpers=Helpers(reverted=FixFailed("later changes touch the same lines")))
    first = await at.desk.revert(task(KIND.KIND_REVERT, report("fix_applied", commit="a11ed")))
    assert first.report is not None
    assert first.report.status == "fix_applied"
    assert first.next is not None
    again = await at.desk.revert(task(KIND.KIND_REVERT, first.report))
    assert again.report is None
    assert again.next is not None
    assert at.said(first, again) == ["needs_a_person"]
