"""Errors as tests record, report and work on them."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub

A, B, C = "a" * 32, "b" * 32, "c" * 32
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def sample(minutes: int, service: str = "scheduler") -> pb.ErrorSample:
    message = pb.ErrorSample(
        service=service,
        message=f"at {minutes}",
        text="Traceback\0…",
        context={"run_id": "run_1"},
        code_version="0.1.0",
        error_id="err_1",
    )
    message.time.FromDatetime(NOON + timedelta(minutes=minutes))
    return message


def occurrences(
    fingerprint: str, *samples: pb.ErrorSample, count: int = 1, **fields: Any
) -> pb.ErrorOccurrences:
    given = {"title": "KeyError", "culprit": "services.x.y", **fields}
    return pb.ErrorOccurrences(fingerprint=fingerprint, count=count, samples=samples, **given)


def stamp(moment: datetime) -> Timestamp:
    message = Timestamp()
    message.FromDatetime(moment)
    return message


def hour(moment: datetime, count: int, service: str = "scheduler") -> pb.ErrorHour:
    return pb.ErrorHour(hour=stamp(moment), service=service, count=count)


async def record(stub: ArtistDbServiceStub, *batch: pb.ErrorOccurrences) -> list[str]:
    response = await stub.RecordErrors(pb.RecordErrorsRequest(occurrences=batch))
    return list(response.new_fingerprints)


async def group(stub: ArtistDbServiceStub, fingerprint: str) -> pb.ErrorGroup:
    return (await stub.GetErrorGroup(pb.GetErrorGroupRequest(fingerprint=fingerprint))).group


async def report(
    stub: ArtistDbServiceStub, fingerprint: str, status: str, cause: str = "", **fields: Any
) -> pb.ErrorGroup:
    given = pb.ErrorReport(
        fingerprint=fingerprint, status=status, cause=cause, diff="--- a\n+++ b\n", **fields
    )
    given.created_at.seconds = 1
    return (await stub.SaveErrorReport(pb.SaveErrorReportRequest(report=given))).group


async def claim(
    stub: ArtistDbServiceStub,
    *kinds: pb.ErrorStep.Kind.ValueType,
    holder: str = "worker_1",
    per_hour: int = 100,
    request_id: str = "",
) -> pb.ClaimErrorStepResponse:
    return await stub.ClaimErrorStep(
        pb.ClaimErrorStepRequest(
            request_id=request_id,
            holder=holder,
            lease_ms=60_000,
            kinds=kinds,
            analyses_per_hour=per_hour,
            fixes_per_hour=per_hour,
        )
    )


async def finish(
    stub: ArtistDbServiceStub,
    claimed: pb.ErrorGroup,
    status: str = "",
    *,
    holder: str = "worker_1",
    then: pb.ErrorStep | None = None,
    applied_at: Timestamp | None = None,
    **fields: Any,
) -> pb.ErrorGroup:
    """Ends what was claimed, with a report of this status if any."""
    request = pb.FinishErrorStepRequest(
        fingerprint=claimed.fingerprint,
        attempt_id=claimed.step.attempt_id,
        holder=holder,
        next=then,
        **fields,
    )
    if status:
        request.report.CopyFrom(
            pb.ErrorReport(fingerprint=claimed.fingerprint, status=status, applied_at=applied_at)
        )
    return (await stub.FinishErrorStep(request)).group


async def change(
    stub: ArtistDbServiceStub,
    fingerprint: str,
    status: str,
    step: pb.ErrorStep | None = None,
    expected: Sequence[str] = (),
) -> pb.ErrorGroup:
    """A person's order."""
    given = pb.ErrorReport(fingerprint=fingerprint, status=status, by="vera")
    request = pb.ChangeErrorGroupRequest(report=given, step=step, expected_statuses=expected)
    return (await stub.ChangeErrorGroup(request)).group
