"""What the ends of runs say about artists."""

import pytest

from aiartist.artist_db.v1.life_pb2 import RunOutcome
from aiartist.common.v1 import decision_pb2, error_reason_pb2
from aiartist.common.v1.audio_pb2 import Review, ReviewCheck
from services.artist_db.domain.outcomes import ENDS, Blame, blame_of, by_person, share_passed

APPROVED, AUTOPILOT = decision_pb2.VERDICT_APPROVED, decision_pb2.VERDICT_AUTOPILOT_APPROVED
REJECTED, SILENT = decision_pb2.VERDICT_REJECTED, decision_pb2.VERDICT_EXPIRED
REVIEW_FAILED = "ERROR_REASON_REVIEW_FAILED"


def ended(state: str, verdict: decision_pb2.Verdict.ValueType | None = None, reason: str = "") -> RunOutcome:
    outcome = RunOutcome(state=state, failure_reason=reason)
    if verdict is not None:
        outcome.decision.verdict = verdict
    return outcome


@pytest.mark.parametrize("reason", error_reason_pb2.ErrorReason.keys())
def test_of_all_failures_only_a_failed_review_counts_against_the_artist(reason: str) -> None:
    expected = Blame.ERROR if reason == REVIEW_FAILED else Blame.NONE

    assert blame_of(ended("FAILED", reason=reason)) is expected
    assert blame_of(ended("CANCELLED", reason=reason)) is Blame.NONE


@pytest.mark.parametrize("verdict", decision_pb2.Verdict.values())
def test_a_release_counts_as_approved_only_by_an_approval(verdict: decision_pb2.Verdict.ValueType) -> None:
    expected = Blame.APPROVED if verdict in (APPROVED, AUTOPILOT) else Blame.NONE

    assert blame_of(ended("RELEASED", verdict)) is expected


@pytest.mark.parametrize("verdict", decision_pb2.Verdict.values())
def test_only_a_persons_rejection_counts_as_one(verdict: decision_pb2.Verdict.ValueType) -> None:
    expected = Blame.REJECTED if verdict == REJECTED else Blame.NONE

    assert blame_of(ended("REJECTED", verdict)) is expected


@pytest.mark.parametrize("state", [state for state in ENDS if state != "REJECTED"])
def test_a_rejection_counts_only_once_the_run_ended_by_it(state: str) -> None:
    assert blame_of(ended(state, REJECTED)) is Blame.NONE


@pytest.mark.parametrize("state", ["FAILED", "CANCELLED", "EXPIRED"])
@pytest.mark.parametrize("verdict", [APPROVED, AUTOPILOT])
def test_an_approval_counts_only_once_the_song_is_released(
    state: str, verdict: decision_pb2.Verdict.ValueType
) -> None:
    assert blame_of(ended(state, verdict, "ERROR_REASON_STORAGE")) is Blame.NONE


@pytest.mark.parametrize("verdict", decision_pb2.Verdict.values())
def test_people_decide_and_autopilot_and_the_clock_do_not_count_as_people(
    verdict: decision_pb2.Verdict.ValueType,
) -> None:
    by_people = {
        APPROVED,
        REJECTED,
        decision_pb2.VERDICT_REGENERATE_TAKE,
        decision_pb2.VERDICT_REGENERATE_BRIEF,
    }

    assert by_person(ended("FAILED", verdict)) is (verdict in by_people)
    assert not by_person(ended("EXPIRED"))


@pytest.mark.parametrize(
    ("outcomes", "share"),
    [("PPPP", 1.0), ("PW", 0.75), ("WWWW", 0.5), ("PF", 0.5), ("FF", 0.0), ("PPWF", 0.625)],
)
def test_a_warning_counts_half_of_a_passed_check(outcomes: str, share: float) -> None:
    values = {
        "P": ReviewCheck.OUTCOME_PASS,
        "W": ReviewCheck.OUTCOME_WARN,
        "F": ReviewCheck.OUTCOME_FAIL,
    }

    assert share_passed(Review(checks=[ReviewCheck(outcome=values[each]) for each in outcomes])) == share


@pytest.mark.parametrize("passed", [True, False])
def test_a_review_without_checks_is_all_or_nothing(passed: bool) -> None:
    assert share_passed(Review(passed=passed)) == float(passed)
