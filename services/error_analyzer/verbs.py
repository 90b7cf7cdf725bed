"""What people order about error groups: each order is one change in artist_db, once for each request id.

The report that an order leaves names the request in `attempt_id`. So a repeated request finds what stood
before it, sends artist_db exactly the same change, and gets its first answer.
"""

import re
from typing import ClassVar, TypeAlias

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import error_reason_pb2 as reasons
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.chassis import logs
from services.chassis.clients import deadline_s
from services.chassis.errors import AppError, FieldViolation, InvalidInput, RemoteError, WrongState
from services.chassis.ids import derived_id
from services.chassis.redaction import redact
from services.error_analyzer.errors import RepairOff
from services.error_analyzer.news import News
from services.error_analyzer.setup import RepairSetup
from services.error_analyzer.statuses import STATUSES, Change, Refusal, Standing, Step, Verb, change_of
from services.error_analyzer.stored import CALL_TIMEOUT_S, asked

MAX_REQUEST_ID = 200
MAX_NAME = 100
MAX_REASON = 1_000
LEAST_COMMIT = 12
"""Digits of a commit that name it."""
SOMEBODY = "operator"
"""Who asked, where nobody says so and no token tells."""
_TRIES = 3
_STEPS = {
    db.ErrorStep.KIND_ANALYZE: Step.ANALYZE,
    db.ErrorStep.KIND_FIX: Step.FIX,
    db.ErrorStep.KIND_APPLY: Step.APPLY,
    db.ErrorStep.KIND_WATCH: Step.WATCH,
    db.ErrorStep.KIND_REVERT: Step.REVERT,
}
_KINDS = {step: kind for kind, step in _STEPS.items()}
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")
_COMMIT = re.compile(r"[0-9a-f]{12,64}")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_log = logs.get_logger("error_analyzer.verbs")

Order: TypeAlias = (
    pb.AnalyzeErrorRequest
    | pb.IgnoreErrorRequest
    | pb.ReopenErrorRequest
    | pb.ApplyFixRequest
    | pb.RevertFixRequest
)


class StaleFix(AppError):
    """The fix that somebody saw is not the newest one any more."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.FAILED_PRECONDITION
    reason: ClassVar[reasons.ErrorReason.ValueType] = reasons.ERROR_REASON_STALE_DIGEST

    def __init__(self, fingerprint: str, *, given: str, current: str) -> None:
        super().__init__(
            f"this is about the fix {given}, but the newest one of error group {fingerprint!r} is "
            f"{current or 'not proven yet'}; look at it again",
            metadata={"fingerprint": fingerprint, "given": given, "current": current},
        )


class Verbs:
    """Follows orders, or says why not."""

    def __init__(self, artist_db: ArtistDbServiceStub, setup: RepairSetup, news: News) -> None:
        self._artist_db = artist_db
        self._setup = setup
        self._news = news

    async def follow(self, verb: Verb, order: Order, *, reason: str = "", commit: str = "") -> db.ErrorGroup:
        """The group as it is after the order; `commit`: the fix that was seen, empty: whichever.

        InvalidInput, NotFound, WrongState, RepairOff, StaleFix, RequestIdReused, DependencyUnavailable.
        """
        check(order, reason, commit)
        if verb in (Verb.APPLY, Verb.REVERT):
            self._check_mode()
        by = redact(_readable(order.requested_by)).strip() or logs.context().get("caller", "") or SOMEBODY
        change_id = derived_id("chg", order.request_id)
        for tries_left in reversed(range(_TRIES)):
            group = await self._read(order.fingerprint)
            standing, before = stood(group, change_id)
            change = change_of(verb, standing)
            if isinstance(change, Refusal):
                raise WrongState(
                    "error group", order.fingerprint, state=change.state, expected=change.expected
                )
            if verb is Verb.APPLY and not before.commit.startswith(commit):
                raise StaleFix(order.fingerprint, given=commit, current=before.commit)
            request = change_request(
                change, group.fingerprint, before, change_id, by, redact(_readable(reason))
            )
            request.expected_statuses.append(standing.status)
            try:
                changed = await asked(
                    self._artist_db.ChangeErrorGroup(request, timeout=deadline_s(CALL_TIMEOUT_S)),
                    request_id=order.request_id,
                )
            except RemoteError as error:
                if error.remote_reason != "ERROR_REASON_WRONG_STATE":
                    raise
                state = error.metadata.get("state", "")
                if state not in STATUSES:
                    raise WrongState(
                        "error group",
                        order.fingerprint,
                        state="worked on right now",
                        expected="that to be done",
                    ) from error
                if not tries_left:
                    raise
                # Its status became another one since it was read: that one may allow the order, too.
                continue
            _log.info("an order about an error", verb=verb.value, error=order.fingerprint, by=by)
            self._news.announce()
            return changed.group
        raise AssertionError("the last try returns or raises")

    def _check_mode(self) -> None:
        mode, effective = self._setup.mode, self._setup.effective_mode
        if mode != "apply":
            raise RepairOff(
                f"fixes are brought into the code in the mode `apply` only; the mode here is `{mode}`",
                mode=mode,
                needed="apply",
                setting="AIARTIST_AUTO_FIX_MODE",
            )
        if effective != "apply":
            raise RepairOff(
                f"fixes can't be brought into the code here: {self._setup.lacks or 'something is missing'}",
                mode=effective,
                needed="apply",
                setting="" if self._setup.repository else "AIARTIST_AUTO_FIX_REPOSITORY",
            )

    async def _read(self, fingerprint: str) -> db.ErrorGroup:
        request = db.GetErrorGroupRequest(fingerprint=fingerprint)
        answer = await asked(self._artist_db.GetErrorGroup(request, timeout=deadline_s(CALL_TIMEOUT_S)))
        return answer.group


def stood(group: db.ErrorGroup, change_id: str) -> tuple[Standing, db.ErrorReport]:
    """How the group stood before the change with that id, and its report then; now, where there was none."""
    reports = [group.report, *group.history]
    for number, report in enumerate(reports):
        if report.attempt_id == change_id:
            before = reports[number + 1] if number + 1 < len(reports) else db.ErrorReport()
            return Standing(before.status or "new", before.commit, followed=True), before
    standing = Standing(
        group.status or "new",
        group.report.commit,
        _STEPS.get(group.step.kind, Step.NONE),
        # Who holds it is not told: what is under a lease now, artist_db itself lets nobody change.
        begun=bool(group.step.attempt_id),
        postponed=group.step.postponements > 0,
    )
    return standing, group.report


def change_request(
    change: Change, fingerprint: str, before: db.ErrorReport, change_id: str, by: str, reason: str
) -> db.ChangeErrorGroupRequest:
    """The change as artist_db takes it; all that was found out before is kept."""
    request = db.ChangeErrorGroupRequest(request_id=change_id)
    report = request.report
    report.CopyFrom(before)
    for name in ("created_at", "sequence", "cost_micro_usd", "models"):
        report.ClearField(name)
    report.fingerprint, report.attempt_id = fingerprint, change_id
    report.status, report.by, report.reason = change.status, by, reason.strip() or change.reason
    if change.step is not Step.NONE:
        request.step.kind = _KINDS[change.step]
        request.step.forced, request.step.requested_by = change.forced, by
        if reason.strip():
            request.step.reason = f"{by}: {reason.strip()}"
    return request


def check(order: Order, reason: str, commit: str) -> None:
    """InvalidInput with every field that breaks the contract."""
    wrong = []
    if not order.request_id.strip() or len(order.request_id) > MAX_REQUEST_ID:
        wrong.append(FieldViolation("request_id", f"is required: at most {MAX_REQUEST_ID} characters"))
    if not _FINGERPRINT.fullmatch(order.fingerprint):
        wrong.append(FieldViolation("fingerprint", "is required: 32 hex digits"))
    if len(order.requested_by) > MAX_NAME:
        wrong.append(FieldViolation("requested_by", f"must have at most {MAX_NAME} characters"))
    if len(reason) > MAX_REASON:
        wrong.append(FieldViolation("reason", f"must have at most {MAX_REASON} characters"))
    if commit and not _COMMIT.fullmatch(commit):
        wrong.append(FieldViolation("commit", f"must be a commit: at least {LEAST_COMMIT} hex digits"))
    if wrong:
        raise InvalidInput(wrong)


def _readable(text: str) -> str:
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text)
