"""Reports: what an analysis and a fix leave behind, and what a later one takes over from an earlier."""

from collections.abc import Iterable
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.domain import Analysis, Asked, Fix, Proof, Suggestion
from services.error_analyzer.work.outcome import Task

MAX_REASON = 2_000
MAX_PROOF = 8_000
MAX_DIFF = MAX_CODE = 100_000
MAX_EXPLANATION = 10_000
"""What a report shows of a suggestion; one that is longer is invalid."""
_OF_THE_MOMENT = ("created_at", "sequence", "cost_micro_usd", "models", "by", "reason", "attempt_id")
_OF_A_FIX = (
    "diff",
    "test_path",
    "test_code",
    "explanation",
    "branch",
    "commit",
    "base_commit",
    "proof",
    "applied_at",
)


def explained(task: Task, analysis: Analysis, digest: str) -> db.ErrorReport:
    """The report of an analysis."""
    return _made(
        task,
        analysis.asked,
        db.ErrorReport(
            status="analyzed",
            cause=analysis.cause,
            component=analysis.component,
            severity=analysis.severity,
            confidence=analysis.confidence,
            fixable=analysis.fixable,
            subject_digest=digest,
            evidence=[
                db.ErrorEvidence(source=e.source, line=e.line, text=e.text, note=e.note)
                for e in analysis.evidence
            ],
        ),
    )


def unexplained(task: Task, reason: str, digest: str, asked: Asked) -> db.ErrorReport:
    """The report of an analysis that gave nothing; what was known before stays known."""
    return _made(task, asked, _like(task.report, "analysis_failed", reason=reason, subject_digest=digest))


def explained_before(task: Task, known: db.ErrorReport) -> db.ErrorReport:
    """What an earlier report found out, once more."""
    report = _like(known, "analyzed", reason="nothing has changed since it was explained")
    _clear(report, _OF_A_FIX)
    return _made(task, Asked(), report)


def fixed_before(task: Task, known: db.ErrorReport) -> db.ErrorReport:
    """A fix that waited for a person before the group was put aside."""
    return _made(task, Asked(), _like(known, "fix_suggested", reason=known.reason))


def suggested(task: Task, status: str, suggestion: Suggestion, reason: str = "") -> db.ErrorReport:
    """A fix as the engineer wrote it, whatever became of it."""
    report = _like(task.report, status, reason=reason)
    _clear(report, _OF_A_FIX)
    report.diff, report.explanation = suggestion.diff[:MAX_DIFF], suggestion.explanation[:MAX_EXPLANATION]
    report.test_path, report.test_code = suggestion.test_path[:500], suggestion.test_code[:MAX_CODE]
    return _made(task, suggestion.asked, report)


def proven(
    task: Task, suggestion: Suggestion, fix: Fix, proof: Proof, commit: str, branch: str
) -> db.ErrorReport:
    """A fix that its test and the project's tests say is one, kept on a branch."""
    report = suggested(task, "fix_suggested", suggestion, "proven by its test and by the project's tests")
    report.diff, report.base_commit, report.commit, report.branch = fix.diff, fix.base_commit, commit, branch
    report.proof = proof.log[-MAX_PROOF:]
    return report


def changed(task: Task, status: str, reason: str, **fields: str) -> db.ErrorReport:
    """The same fix in another status."""
    report = _like(task.report, status, reason=reason, **fields)
    report.by = task.step.requested_by
    return _made(task, Asked(), report)


def without_fix(task: Task, status: str, reason: str, asked: Asked) -> db.ErrorReport:
    """The analysis as it is, and no fix."""
    return suggested(task, status, Suggestion("", "", "", "", asked), reason)


def _like(report: db.ErrorReport, status: str, *, reason: str, **fields: str) -> db.ErrorReport:
    made = db.ErrorReport()
    made.CopyFrom(report)
    _clear(made, _OF_THE_MOMENT)
    made.status, made.reason = status, reason[:MAX_REASON]
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def _clear(report: Any, names: Iterable[str]) -> None:
    for name in names:
        report.ClearField(name)


def _made(task: Task, asked: Asked, report: db.ErrorReport) -> db.ErrorReport:
    report.fingerprint = task.group.fingerprint
    report.attempt_id = task.step.attempt_id
    report.cost_micro_usd = asked.cost_micro_usd
    report.models.extend(asked.models)
    return report
