"""What is to be done about error groups: kinds of steps, and what requests about them must look like."""

from enum import StrEnum

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.error_reports import check_report
from services.artist_db.domain.errors import check_fingerprint

MAX_HOLDER = 100
MAX_LEASE_MS = 3_600_000
MAX_WAIT_MS = 366 * 86_400_000
MAX_PER_HOUR = 100_000
_MAX_REASON = 4_000
_MAX_PERSON = 200


class Kind(StrEnum):
    """A kind of step, as the database names it."""

    ANALYZE = "ANALYZE"
    FIX = "FIX"
    APPLY = "APPLY"
    WATCH = "WATCH"
    REVERT = "REVERT"

    @classmethod
    def of(cls, value: pb.ErrorStep.Kind.ValueType) -> "Kind":
        """The kind that a checked message names."""
        return cls(pb.ErrorStep.Kind.Name(value).removeprefix("KIND_"))

    @property
    def value_in_messages(self) -> pb.ErrorStep.Kind.ValueType:
        return pb.ErrorStep.Kind.Value(f"KIND_{self}")


_KNOWN = frozenset(kind.value_in_messages for kind in Kind)


def check_kind(checks: Checks, field: str, value: pb.ErrorStep.Kind.ValueType) -> None:
    """Notes a kind that is none."""
    if value not in _KNOWN:
        checks.add(field, f"must be one of {', '.join(f'KIND_{kind}' for kind in Kind)}, is {value}")


def check_step(checks: Checks, field: str, step: pb.ErrorStep) -> None:
    """Notes what is wrong with a step that is to be set."""
    check_kind(checks, f"{field}.kind", step.kind)
    checks.text(f"{field}.requested_by", step.requested_by, most=_MAX_PERSON)
    checks.text(f"{field}.reason", step.reason, most=_MAX_REASON)


def check_lease(checks: Checks, holder: str, lease_ms: int) -> None:
    """Notes what is wrong with who asks for a lease, and for how long."""
    checks.phrase("holder", holder, most=MAX_HOLDER, required=True)
    checks.number("lease_ms", lease_ms, least=1_000, most=MAX_LEASE_MS)


def check_claim(checks: Checks, request: pb.ClaimErrorStepRequest) -> None:
    """Notes what is wrong with a claim."""
    check_lease(checks, request.holder, request.lease_ms)
    for index, kind in enumerate(request.kinds):
        check_kind(checks, f"kinds[{index}]", kind)
    checks.number("analyses_per_hour", request.analyses_per_hour, least=0, most=MAX_PER_HOUR)
    checks.number("fixes_per_hour", request.fixes_per_hour, least=0, most=MAX_PER_HOUR)


def check_finish(checks: Checks, request: pb.FinishErrorStepRequest) -> None:
    """Notes what is wrong with what is to be kept of a step."""
    check_fingerprint(checks, "fingerprint", request.fingerprint)
    checks.id("attempt_id", request.attempt_id)
    checks.phrase("holder", request.holder, most=MAX_HOLDER, required=True)
    checks.number("next_in_ms", request.next_in_ms, least=0, most=MAX_WAIT_MS)
    if request.HasField("next"):
        check_step(checks, "next", request.next)
    if request.HasField("report"):
        check_report(checks, request.report)
        if request.report.fingerprint != request.fingerprint:
            checks.add("report.fingerprint", "must be that of the request")
    if request.goes_on:
        checks.present("report", request.HasField("report"))
        if request.postponed:
            checks.add("postponed", "must be false where the attempt goes on")
        if request.HasField("next"):
            checks.add("next", "must be absent where the attempt goes on")
    elif request.postponed:
        checks.present("next", request.HasField("next"))


def check_change(checks: Checks, request: pb.ChangeErrorGroupRequest) -> None:
    """Notes what is wrong with a person's order."""
    if checks.present("report", request.HasField("report")):
        check_report(checks, request.report)
    if request.HasField("step"):
        check_step(checks, "step", request.step)
