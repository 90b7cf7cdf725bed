"""What each kind of step does: analyse, fix, apply, watch, revert."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass
from datetime import UTC
from typing import Protocol

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.logs import get_logger
from services.error_analyzer import metrics
from services.error_analyzer.domain import (
    Analysis,
    Fix,
    FixFailed,
    InvalidFix,
    ModelsAway,
    ModelsSilent,
    Proof,
    RepairUnavailable,
    Suggestion,
    UnusableAnswer,
)
from services.error_analyzer.settings import Mode
from services.error_analyzer.work import reports
from services.error_analyzer.work.outcome import Next, Outcome, Task

WATCH_EVERY_S = 30.0
"""Seconds between two looks at an applied fix; a group that comes back is not waited for."""
LEAST_RISE = 20
"""Errors since a fix below which nothing counts as a rise."""
DAY_S = 86_400.0
LEAST_LOOK_BACK_S = 3_600.0
MOST_SILENCES = 5
"""So often an attempt is postponed because models did not answer: they may have been paid each time."""
BRANCHES = "autofix/"
UNAVAILABLE_RETRY_S = 600.0
"""Seconds until a repair is tried again that could not be tried, through no fault of the fix."""

_Kind = db.ErrorStep.Kind
_log = get_logger("error_analyzer.work")


class Analyst(Protocol):
    """See services.error_analyzer.diagnosis."""

    async def digest(self, group: db.ErrorGroup) -> str: ...

    async def analyze(self, group: db.ErrorGroup, *, attempt_id: str) -> Analysis: ...


class Engineer(Protocol):
    """See services.error_analyzer.diagnosis."""

    async def suggest(
        self, group: db.ErrorGroup, report: db.ErrorReport, *, attempt_id: str, feedback: str
    ) -> Suggestion: ...


class Workshop(Protocol):
    """See services.error_analyzer.repair."""

    async def ready(self) -> None: ...

    async def check(self, suggestion: Suggestion) -> Fix: ...

    async def prove(self, fix: Fix) -> Proof: ...

    async def keep(self, fingerprint: str, fix: Fix, *, message: str) -> str: ...

    async def apply(self, fingerprint: str, commit: str) -> str: ...

    async def revert(self, commit: str, *, message: str) -> str: ...


class Teller(Protocol):
    """See services.error_analyzer.teller. None of these waits."""

    def analysed(self, group: db.ErrorGroup) -> None: ...

    def fix_waits(self, group: db.ErrorGroup) -> None: ...

    def fix_applied(self, group: db.ErrorGroup) -> None: ...

    def fix_reverted(self, group: db.ErrorGroup) -> None: ...

    def fix_kept(self, group: db.ErrorGroup) -> None: ...

    def needs_a_person(self, group: db.ErrorGroup, why: str) -> None: ...


@dataclass(frozen=True, slots=True)
class Policy:
    """What the settings allow. `mode`: as far as it can be done here."""

    mode: Mode
    tries: int
    classes: Collection[str]
    watch_s: float
    rise: float


Note = Callable[[Task, db.ErrorReport], Awaitable[None]]
"""Keeps a report while the step goes on."""


class Desk:
    """Does one step at a time for whoever holds it; what it answers is all that is kept."""

    def __init__(
        self,
        analyst: Analyst,
        engineer: Engineer | None,
        workshop: Workshop | None,
        teller: Teller,
        policy: Policy,
        note: Note,
    ) -> None:
        self._analyst = analyst
        self._engineer = engineer
        self._workshop = workshop
        self._teller = teller
        self._policy = policy
        self._note = note
        self._repository = asyncio.Lock()
        """One change of the repository at a time."""

    async def analyze(self, task: Task) -> Outcome:
        """Explains a group, unless nothing changed since it was explained."""
        digest = await self._analyst.digest(task.group)
        if not task.step.forced and (known := _known(task, digest)):
            metrics.ANALYSES.labels("unchanged").inc()
            if task.group.status != "new":
                return Outcome()
            if (waiting := _put_aside(task)) is not None and waiting.subject_digest == digest:
                return Outcome(reports.fixed_before(task, waiting))
            report = reports.explained_before(task, known)
            return Outcome(report, self._fix_follows(report, tries=0))
        try:
            analysis = await self._analyst.analyze(task.group, attempt_id=task.step.attempt_id)
        except UnusableAnswer as error:
            metrics.ANALYSES.labels("analysis_failed").inc()
            return Outcome(reports.unexplained(task, str(error), digest, error.asked))
        except ModelsSilent as error:
            metrics.ANALYSES.labels("analysis_failed").inc()
            again = self._again(task, error)
            if task.report.status == "analysis_failed" and task.report.attempt_id == task.step.attempt_id:
                return Outcome(next=again)
            return Outcome(reports.unexplained(task, str(error), "", error.asked), again)
        except ModelsAway as error:
            metrics.ANALYSES.labels("postponed").inc()
            return Outcome(next=task.postponed(error.retry_after_s, str(error)))
        metrics.ANALYSES.labels("analyzed").inc()
        report = reports.explained(task, analysis, digest)
        return Outcome(report, self._fix_follows(report, tries=0), self._teller.analysed)

    async def fix(self, task: Task) -> Outcome:
        """Has a fix written, checked and, where the mode says so, proven and kept on a branch."""
        engineer, workshop = self._engineer, self._workshop
        if engineer is None or workshop is None or self._policy.mode == "off":
            raise RepairUnavailable("fixes can't be tried here: the mode is off, or no repository is set")
        if self._policy.mode != "suggest":
            # Before a model is paid for what could not be proven.
            await workshop.ready()
        try:
            suggestion = await engineer.suggest(
                task.group, task.report, attempt_id=task.step.attempt_id, feedback=_feedback(task)
            )
        except UnusableAnswer as error:
            return self._not_fixed(task, reports.without_fix(task, "fix_failed", str(error), error.asked))
        except ModelsSilent as error:
            metrics.FIXES.labels("failed").inc()
            again = self._again(task, error)
            if task.report.status == "fix_failed" and task.report.attempt_id == task.step.attempt_id:
                return Outcome(next=again)
            return Outcome(reports.without_fix(task, "fix_failed", str(error), error.asked), again)
        except ModelsAway as error:
            return Outcome(next=task.postponed(error.retry_after_s, str(error)))
        try:
            fix = await workshop.check(suggestion)
        except InvalidFix as error:
            report = reports.suggested(task, "fix_skipped_invalid", suggestion, str(error))
            return self._not_fixed(task, report)
        if self._policy.mode == "suggest":
            metrics.FIXES.labels("suggested").inc()
            report = reports.suggested(
                task,
                "fix_suggested",
                suggestion,
                "its form is in order; nothing was run: the mode is suggest",
            )
            report.base_commit = fix.base_commit
            return Outcome(report, tell=self._teller.fix_waits)
        return await self._proven(task, workshop, suggestion, fix)

    async def _proven(self, task: Task, workshop: Workshop, suggestion: Suggestion, fix: Fix) -> Outcome:
        await self._note(task, reports.suggested(task, "fix_attempted", suggestion, "its tests run"))
        try:
            async with self._repository:
                proof = await workshop.prove(fix)
                message = _message(task, suggestion)
                commit = await workshop.keep(task.group.fingerprint, fix, message=message)
        except FixFailed as error:
            report = reports.suggested(task, "fix_failed", suggestion, str(error))
            report.proof = error.log[-reports.MAX_PROOF :]
            return self._not_fixed(task, report)
        except RepairUnavailable as error:
            report = reports.without_fix(
                task, "analyzed", f"the fix could not be tried: {error}", suggestion.asked
            )
            return Outcome(report, task.postponed(UNAVAILABLE_RETRY_S, str(error)))
        metrics.FIXES.labels("proven").inc()
        branch = f"{BRANCHES}{task.group.fingerprint}"
        report = reports.proven(task, suggestion, fix, proof, commit, branch)
        if self._policy.mode == "apply" and task.group.exception_type in self._policy.classes:
            return Outcome(report, Next(_Kind.KIND_APPLY, reason="its class is allowed by name"))
        return Outcome(report, tell=self._teller.fix_waits)

    async def apply(self, task: Task) -> Outcome:
        """Brings a proven fix into the repository."""
        if self._workshop is None or self._policy.mode != "apply":
            raise RepairUnavailable("fixes are not applied here: the mode is not apply")
        try:
            async with self._repository:
                # A group may have become a part of another one since: the branch has the fix's own name.
                fingerprint = task.report.branch.removeprefix(BRANCHES) or task.group.fingerprint
                commit = await self._workshop.apply(fingerprint, task.report.commit)
                landed_at = task.now()
        except FixFailed as error:
            # Proven it is; where it does not fit into what has changed since, that is told by a log.
            status = "fix_failed" if error.log else "fix_suggested"
            report = reports.changed(task, status, f"it could not be applied: {error}")
            report.proof = error.log[-reports.MAX_PROOF :] or report.proof
            metrics.FIXES.labels("not_applied").inc()
            return self._for_a_person(report)
        metrics.FIXES.labels("applied").inc()
        report = reports.changed(
            task, "fix_applied", task.step.reason or "an operator said so", commit=commit
        )
        # Not when it is reported: what was started in between runs the fix, too.
        report.applied_at.FromDatetime(landed_at)
        return Outcome(report, Next(_Kind.KIND_WATCH, self._until_next_look()), self._teller.fix_applied)

    async def watch(self, task: Task) -> Outcome:
        """Sees whether errors have risen since a fix was applied, or whether it was watched long enough."""
        claimed = task.claimed
        applied_at = task.report.applied_at.ToDatetime(tzinfo=UTC)
        watched_s = (claimed.now.ToDatetime(tzinfo=UTC) - applied_at).total_seconds()
        # Errors come in bursts: what an hour usually has may come in its first minute.
        usual = claimed.errors_before_fix * max(watched_s, LEAST_LOOK_BACK_S) / DAY_S
        if claimed.errors_since_fix >= max(LEAST_RISE, self._policy.rise * usual):
            reason = (
                f"errors have risen: {claimed.errors_since_fix:,} in the {_long(watched_s)} since it was "
                f"applied, where {usual:,.0f} would be usual"
            )
            return Outcome(next=Next(_Kind.KIND_REVERT, reason=reason))
        if watched_s < self._policy.watch_s:
            return Outcome(next=task.postponed(self._until_next_look(), "it is watched"))
        metrics.FIXES.labels("kept").inc()
        report = reports.changed(
            task, "fix_applied", f"kept: the error did not come back in {_long(watched_s)}"
        )
        return Outcome(report, tell=self._teller.fix_kept)

    async def revert(self, task: Task) -> Outcome:
        """Takes an applied fix out of the repository."""
        if self._workshop is None:
            raise RepairUnavailable("fixes can't be taken out here: the repository is missing")
        why = task.step.reason or f"asked for by {task.step.requested_by or 'an operator'}"
        message = f"Take out the automatic fix of {task.group.fingerprint}\n\n{why}"
        try:
            async with self._repository:
                commit = await self._workshop.revert(task.report.commit, message=message)
        except FixFailed as error:
            reason = f"it could not be taken out: {error}"
            again = task.postponed(UNAVAILABLE_RETRY_S, reason)
            if task.report.reason == reason:
                return Outcome(next=again)
            report = reports.changed(task, "fix_applied", reason)
            return self._for_a_person(report, again)
        metrics.FIXES.labels("reverted").inc()
        report = reports.changed(task, "reverted", why, commit=commit)
        return Outcome(report, tell=self._teller.fix_reverted)

    def analysis_broke(self, task: Task, reason: str) -> Outcome:
        """What an analysis leaves that ended in a bug."""
        return Outcome(reports.changed(task, "analysis_failed", reason))

    def fix_broke(self, task: Task, reason: str) -> Outcome:
        """What a fix leaves that ended in a bug; an applied one stays applied."""
        applied = task.step.kind in (_Kind.KIND_WATCH, _Kind.KIND_REVERT)
        return self._for_a_person(reports.changed(task, "fix_applied" if applied else "fix_failed", reason))

    def _again(self, task: Task, error: ModelsSilent) -> Next | None:
        if task.step.postponements >= MOST_SILENCES:
            return None
        return task.postponed(error.retry_after_s, str(error))

    def _for_a_person(self, report: db.ErrorReport, then: Next | None = None) -> Outcome:
        return Outcome(report, then, lambda group: self._teller.needs_a_person(group, report.reason))

    def _not_fixed(self, task: Task, report: db.ErrorReport) -> Outcome:
        metrics.FIXES.labels("invalid" if report.status == "fix_skipped_invalid" else "failed").inc()
        return Outcome(report, self._fix_follows(report, tries=task.step.tries))

    def _fix_follows(self, report: db.ErrorReport, *, tries: int) -> Next | None:
        """A try at a fix, where code can mend it and somebody may."""
        if not report.fixable or self._policy.mode == "off" or tries >= self._policy.tries:
            return None
        return Next(_Kind.KIND_FIX)

    def _until_next_look(self) -> float:
        return min(WATCH_EVERY_S, self._policy.watch_s / 10)


def _known(task: Task, digest: str) -> db.ErrorReport | None:
    """The report that explained the same; of a group that was not reopened also one that could not."""
    for report in task.reports():
        if report.subject_digest != digest:
            continue
        if report.cause or (report.status == "analysis_failed" and task.group.status != "new"):
            return report
    return None


def _put_aside(task: Task) -> db.ErrorReport | None:
    """The fix that waited when somebody put the group aside."""
    for report in task.reports():
        if report.status not in ("new", "ignored", ""):
            return report if report.status == "fix_suggested" else None
    return None


def _feedback(task: Task) -> str:
    """What was wrong with the fix before; the same after a crash in the middle of this try."""
    for report in task.reports():
        if report.attempt_id == task.step.attempt_id:
            continue
        if report.status == "reverted":
            return f"it was applied, and had to be taken out: {report.reason}\n{report.diff}"
        if report.status in ("fix_failed", "fix_skipped_invalid"):
            return "\n".join(filter(None, (report.reason, report.proof)))
    return ""


def _message(task: Task, suggestion: Suggestion) -> str:
    """A commit's message: what, why, and how it is known."""
    group, report = task.group, task.report
    return "\n".join(
        (
            f"Fix {group.title} in {group.culprit}"[:100],
            "",
            f"Cause: {report.cause}",
            f"Fix: {suggestion.explanation}",
            "",
            f"Seen {group.count} times, in {', '.join(group.services)}.",
            f"Component: {report.component}; severity: {report.severity}.",
            f"Confidence: {report.confidence:.2f}.",
            f"Proven by {suggestion.test_path}, which fails without the change, and the project's tests.",
            "",
            f"Autofix: {group.fingerprint}",
        )
    )


def _long(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.0f} h"
