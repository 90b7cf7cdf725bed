"""How runs ended, as artists are judged by it."""

from collections.abc import Sequence
from enum import StrEnum

from aiartist.artist_db.v1.life_pb2 import RunOutcome
from aiartist.common.v1 import decision_pb2, error_reason_pb2
from aiartist.common.v1.audio_pb2 import Review, ReviewCheck
from services.artist_db.domain.checks import MAX_ID, Checks
from services.artist_db.domain.songs import MAX_INT, MAX_TITLE

ENDS = ("RELEASED", "REJECTED", "EXPIRED", "FAILED", "CANCELLED")
MAX_TEXT = 1_000

_REVIEW_FAILED = error_reason_pb2.ErrorReason.Name(error_reason_pb2.ERROR_REASON_REVIEW_FAILED)
_APPROVED = (decision_pb2.VERDICT_APPROVED, decision_pb2.VERDICT_AUTOPILOT_APPROVED)
_BY_PEOPLE = (
    decision_pb2.VERDICT_APPROVED,
    decision_pb2.VERDICT_REJECTED,
    decision_pb2.VERDICT_REGENERATE_TAKE,
    decision_pb2.VERDICT_REGENERATE_BRIEF,
)
_WORTH = {ReviewCheck.OUTCOME_PASS: 1.0, ReviewCheck.OUTCOME_WARN: 0.5}


class Blame(StrEnum):
    """As in `Blame`, without its prefix."""

    APPROVED = "APPROVED"
    REJECTED = "REJECTED"
    ERROR = "ERROR"
    NONE = "NONE"


def blame_of(outcome: RunOutcome) -> Blame:
    """What an outcome says about its artist.

    A verdict counts once the run has the end that it asked for: an approved song that the platform then
    failed to publish says nothing yet, and counts as approved when a retry has released it.
    """
    verdict = outcome.decision.verdict
    if outcome.state == "RELEASED" and verdict in _APPROVED:
        return Blame.APPROVED
    if outcome.state == "REJECTED" and verdict == decision_pb2.VERDICT_REJECTED:
        return Blame.REJECTED
    if outcome.state == "FAILED" and outcome.failure_reason == _REVIEW_FAILED:
        return Blame.ERROR
    return Blame.NONE


def by_person(outcome: RunOutcome) -> bool:
    """True where a person decided, whatever came of it: not autopilot, and not the clock."""
    return outcome.decision.verdict in _BY_PEOPLE


def share_passed(review: Review) -> float:
    """The share of a take's checks that passed, 0 to 1; a warning counts half."""
    if not review.checks:
        return float(review.passed)
    return sum(_WORTH.get(check.outcome, 0.0) for check in review.checks) / len(review.checks)


def check_outcome(checks: Checks, outcome: RunOutcome) -> None:
    """Notes what is wrong with an outcome to record, fields as `outcome.run_id`."""
    checks.id("outcome.run_id", outcome.run_id)
    checks.id("outcome.artist_id", outcome.artist_id)
    checks.choice("outcome.state", outcome.state, ENDS)
    checks.phrase("outcome.failure_reason", outcome.failure_reason, most=100)
    checks.text("outcome.failure_text", outcome.failure_text, most=MAX_TEXT)
    checks.phrase("outcome.failed_stage", outcome.failed_stage, most=100)
    for field, value in _ids(outcome):
        checks.phrase(f"outcome.{field}", value, most=MAX_ID)
    checks.text("outcome.title", outcome.title, most=MAX_TITLE)
    checks.number("outcome.takes", outcome.takes, least=0, most=MAX_INT)
    checks.number("outcome.ending", outcome.ending, least=1, most=MAX_INT)
    checks.time("outcome.started_at", outcome.started_at)
    if checks.present("outcome.ended_at", outcome.HasField("ended_at")):
        checks.time("outcome.ended_at", outcome.ended_at)
    if outcome.HasField("decision"):
        checks.text("outcome.decision.reason", outcome.decision.reason, most=MAX_TEXT)
        checks.time("outcome.decision.decided_at", outcome.decision.decided_at)


def _ids(outcome: RunOutcome) -> Sequence[tuple[str, str]]:
    return (
        ("brief_id", outcome.brief_id),
        ("take_id", outcome.take_id),
        ("release_id", outcome.release_id),
    )
