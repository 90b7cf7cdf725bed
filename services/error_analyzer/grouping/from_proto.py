"""Errors as their senders ship them."""

from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.error_analyzer.grouping.events import Event, TracedFrame
from services.error_analyzer.grouping.frames import module_of


def event_of(event: pb.ErrorEvent) -> Event:
    """The event as the domain knows it; a time that no calendar has is none."""
    return Event(
        service=event.service,
        message=event.message,
        exception_type=event.exception_type,
        exception_message=event.exception_message,
        frames=tuple(
            TracedFrame(f.module or module_of(f.file), f.function, f.in_app, f.line) for f in event.frames
        ),
        context=dict(event.context),
        time=moment(event.time) if event.HasField("time") else None,
        code_version=event.code_version,
        error_id=event.error_id,
        process_started_at=moment(event.process_started_at) if event.HasField("process_started_at") else None,
    )


def moment(time: Timestamp) -> datetime | None:
    """None where it is no time that a calendar has."""
    try:
        return time.ToDatetime(tzinfo=UTC)
    except (ValueError, OverflowError):
        return None
