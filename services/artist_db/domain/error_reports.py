"""Reports about error groups: what they must look like."""

import re

from aiartist.artist_db.v1.artist_db_pb2 import ErrorReport
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.errors import check_fingerprint

NEW = "new"
FIX_SUGGESTED = "fix_suggested"
FIX_APPLIED = "fix_applied"
STATUSES = (
    NEW,
    "analyzed",
    "analysis_failed",
    FIX_SUGGESTED,
    "fix_attempted",
    "fix_failed",
    FIX_APPLIED,
    "fix_skipped_invalid",
    "ignored",
    "reverted",
)
SETTLED = ("ignored", "fix_attempted", FIX_APPLIED, "reverted")
"""Statuses in which a new release of the code is no reason to look again."""
SEVERITIES = ("low", "medium", "high", "critical")

MAX_EVIDENCE = 50
MAX_MODELS = 50
_MOST = {
    "cause": 20_000,
    "diff": 200_000,
    "component": 500,
    "reason": 4_000,
    "test_path": 1_000,
    "test_code": 100_000,
    "explanation": 20_000,
    "branch": 500,
    "commit": 200,
    "base_commit": 200,
    "proof": 8_000,
    "by": 200,
    "attempt_id": 200,
}
"""Characters of each text, at most."""
_MOST_OF_EVIDENCE = {"source": 1_000, "text": 4_000, "note": 4_000}
_DIGEST = re.compile(r"[0-9a-f]{64}|")


def settled(status: str, commit: str) -> bool:
    """Whether a new release of the code is no reason to look again at a group whose newest report says this.

    A suggested fix that has a commit is proven: a person decides about it.
    """
    return status in SETTLED or (status == FIX_SUGGESTED and commit != "")


def check_report(checks: Checks, report: ErrorReport) -> None:
    """Notes what is wrong with a report, fields as `report.status`."""
    check_fingerprint(checks, "report.fingerprint", report.fingerprint)
    checks.choice("report.status", report.status, STATUSES)
    if report.severity:
        checks.choice("report.severity", report.severity, SEVERITIES)
    if not 0 <= report.confidence <= 1:
        checks.add("report.confidence", f"must be 0 to 1, is {report.confidence}")
    if not _DIGEST.fullmatch(report.subject_digest):
        checks.add("report.subject_digest", "must be 64 hex digits or empty")
    for name, most in _MOST.items():
        checks.text(f"report.{name}", getattr(report, name), most=most)
    if report.HasField("applied_at"):
        checks.time("report.applied_at", report.applied_at)
    checks.count("report.models", report.models, most=MAX_MODELS)
    for index, model in enumerate(report.models):
        checks.text(f"report.models[{index}]", model, most=500)
    checks.count("report.evidence", report.evidence, most=MAX_EVIDENCE)
    for index, line in enumerate(report.evidence):
        for name, most in _MOST_OF_EVIDENCE.items():
            checks.text(f"report.evidence[{index}].{name}", getattr(line, name), most=most)
