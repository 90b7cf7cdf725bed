"""ErrorAnalyzerService: checks a batch, groups it, gives the groups to artist_db."""

import asyncio
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

import grpc
from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from aiartist.error_analyzer.v1 import error_analyzer_pb2, error_analyzer_pb2_grpc
from services.chassis.clients import deadline_s
from services.chassis.errors import (
    DependencyUnavailable,
    FieldViolation,
    InvalidInput,
    RequestIdReused,
    remote_error,
)
from services.chassis.ids import derived_id
from services.chassis.logs import get_logger
from services.error_analyzer import metrics
from services.error_analyzer.grouping import (
    Batch,
    Event,
    Occurrences,
    Sample,
    TracedFrame,
    culprit_of,
    group_events,
)
from services.error_analyzer.teller import Teller

MAX_EVENTS = 500
MAX_VIOLATIONS = 20
STORE_TIMEOUT_S = 10.0

_SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
_log = get_logger("error_analyzer")


class ErrorAnalyzerServicer(error_analyzer_pb2_grpc.ErrorAnalyzerServiceServicer):
    """The same batch gives the same groups in any process."""

    def __init__(self, artist_db: artist_db_pb2_grpc.ArtistDbServiceStub, teller: Teller) -> None:
        self._artist_db = artist_db
        self._teller = teller

    async def IngestErrors(
        self, request: error_analyzer_pb2.IngestErrorsRequest, context: Any
    ) -> error_analyzer_pb2.IngestErrorsResponse:
        check(request)
        # Regular expressions over megabytes: not on the loop.
        batch = await asyncio.to_thread(group_events, [event_of(event) for event in request.events])
        new = await self._store(request.request_id, batch)
        metrics.count_events(event.service for event in request.events)
        metrics.DROPPED.inc(request.dropped)
        metrics.NEW_GROUPS.inc(len(new))
        for occurrences in batch.occurrences:
            if occurrences.group.fingerprint in new:
                _log.info(
                    "new error group",
                    fingerprint=occurrences.group.fingerprint,
                    title=occurrences.group.title,
                    culprit=culprit_of(occurrences),
                )
                self._teller.new_group(occurrences)
        return error_analyzer_pb2.IngestErrorsResponse(fingerprints=batch.fingerprints)

    async def _store(self, request_id: str, batch: Batch) -> Sequence[str]:
        """Fingerprints of the groups that are new."""
        stored_as = derived_id("ing", request_id) if request_id else ""
        record = artist_db_pb2.RecordErrorsRequest(
            request_id=stored_as, occurrences=[occurrences_to_proto(o) for o in batch.occurrences]
        )
        try:
            response = await self._artist_db.RecordErrors(record, timeout=deadline_s(STORE_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_reason == "ERROR_REASON_REQUEST_ID_REUSED":
                raise RequestIdReused(request_id) from error
            if remote.retryable and not remote.from_platform:
                raise DependencyUnavailable("artist_db") from error
            raise remote from error
        return response.new_fingerprints


def check(request: error_analyzer_pb2.IngestErrorsRequest) -> None:
    """InvalidInput where the batch breaks the contract; names the first 20 fields."""
    wrong: list[FieldViolation] = []
    if not 1 <= len(request.events) <= MAX_EVENTS:
        wrong.append(FieldViolation("events", f"must be 1 to {MAX_EVENTS} errors, are {len(request.events)}"))
    for number, event in enumerate(request.events[:MAX_EVENTS]):
        place = f"events[{number}]"
        if not _SERVICE.fullmatch(event.service):
            wrong.append(
                FieldViolation(f"{place}.service", "is required: a service's name, such as scheduler")
            )
        if not event.message.strip():
            wrong.append(FieldViolation(f"{place}.message", "is required: the log event"))
        if event.HasField("time") and _moment(event.time) is None:
            wrong.append(FieldViolation(f"{place}.time", "must be a time from year 1 to 9999"))
        if len(wrong) >= MAX_VIOLATIONS:
            break
    if wrong:
        raise InvalidInput(wrong[:MAX_VIOLATIONS])


def event_of(event: error_analyzer_pb2.ErrorEvent) -> Event:
    """The event as the domain knows it."""
    return Event(
        service=event.service,
        message=event.message,
        exception_type=event.exception_type,
        exception_message=event.exception_message,
        frames=tuple(TracedFrame(f.module, f.function, f.in_app, f.line) for f in event.frames),
        context=dict(event.context),
        time=_moment(event.time) if event.HasField("time") else None,
        code_version=event.code_version,
        error_id=event.error_id,
    )


def occurrences_to_proto(occurrences: Occurrences) -> artist_db_pb2.ErrorOccurrences:
    """The occurrences as artist_db takes them."""
    return artist_db_pb2.ErrorOccurrences(
        fingerprint=occurrences.group.fingerprint,
        title=occurrences.group.title,
        culprit=culprit_of(occurrences),
        count=occurrences.count,
        samples=[_sample_to_proto(sample) for sample in occurrences.samples],
    )


def _sample_to_proto(sample: Sample) -> artist_db_pb2.ErrorSample:
    proto = artist_db_pb2.ErrorSample(
        service=sample.service,
        message=sample.message,
        text=sample.text,
        context=sample.context,
        code_version=sample.code_version,
        error_id=sample.error_id,
    )
    if sample.time is not None:
        proto.time.FromDatetime(sample.time)
    return proto


def _moment(time: Timestamp) -> datetime | None:
    """None where it is no time that a calendar has."""
    try:
        return time.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
