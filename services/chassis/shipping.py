"""Sends logged errors to error_analyzer: bounded, in batches, never in anybody's way."""

import asyncio
import time
import traceback
from collections import deque
from collections.abc import Mapping
from typing import Any

import grpc

from aiartist.error_analyzer.v1 import error_analyzer_pb2, error_analyzer_pb2_grpc
from services.chassis import logs, metrics
from services.chassis.ids import new_id
from services.chassis.version import RELEASE

BUFFER = 1_000
"""Errors kept at most while error_analyzer is away; later ones are dropped and counted."""
BATCH = 200
INTERVAL_S = 1.0
SEND_TIMEOUT_S = 5.0
MAX_FRAMES = 100
"""The innermost ones tell most; a recursion has a thousand."""
MAX_FILE = 500
_OWN_PACKAGES = ("services.", "cli.")
_NOT_CONTEXT = {"event", "exc_info", "exception", "level", "timestamp", "service", "error_id"}


def _started_ns() -> int:
    """When this process started, in nanoseconds since 1970: as the system knows it, else now."""
    seconds = metrics.REGISTRY.get_sample_value("process_start_time_seconds")
    return int(seconds * 1e9) if seconds else time.time_ns()


_STARTED_NS = _started_ns()


class ErrorShipper:
    """A bounded buffer of errors and the task that empties it."""

    def __init__(self, channel: grpc.aio.Channel, *, default_service: str) -> None:
        self._stub = error_analyzer_pb2_grpc.ErrorAnalyzerServiceStub(channel)
        self._default_service = default_service
        self._buffer: deque[error_analyzer_pb2.ErrorEvent] = deque()
        self._unsent: error_analyzer_pb2.IngestErrorsRequest | None = None
        """A batch whose answer never came; sent again under its own id, so that it counts once."""
        self._dropped = 0

    def take(self, record: Mapping[str, Any]) -> None:
        """Called by the log for each error record; from any thread; never waits and never raises."""
        service = str(record.get("service", self._default_service))
        # What fails while errors are being stored must not make more of them.
        if service == "error_analyzer" or record.get("rpc") in ("IngestErrors", "RecordErrors"):
            return
        if len(self._buffer) >= BUFFER:
            self._drop(1)
            return
        try:
            self._buffer.append(event_of(record, service))
        except Exception:  # noqa: BLE001 - a value whose text can't be had must not break who logs it
            self._drop(1)

    async def run(self) -> None:
        """Empties the buffer every second until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            while (self._buffer or self._unsent) and await self._send():
                pass

    async def flush(self) -> None:
        """One last try, for the end."""
        while (self._buffer or self._unsent) and await self._send():
            pass

    async def _send(self) -> bool:
        """True where the next batch may follow at once."""
        request = self._unsent = self._unsent or self._next_batch()
        try:
            await self._stub.IngestErrors(request, timeout=SEND_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                return False
            self._dropped += request.dropped
            self._drop(len(request.events))
        else:
            metrics.SHIPPED.labels("sent").inc(len(request.events))
        self._unsent = None
        return True

    def _next_batch(self) -> error_analyzer_pb2.IngestErrorsRequest:
        batch = [self._buffer.popleft() for _ in range(min(BATCH, len(self._buffer)))]
        dropped, self._dropped = self._dropped, 0
        return error_analyzer_pb2.IngestErrorsRequest(
            request_id=new_id("ship"), events=batch, dropped=dropped
        )

    def _drop(self, errors: int) -> None:
        self._dropped += errors
        metrics.SHIPPED.labels("dropped").inc(errors)


def event_of(record: Mapping[str, Any], service: str) -> error_analyzer_pb2.ErrorEvent:
    """A log record as an ErrorEvent, its secrets masked."""
    event = error_analyzer_pb2.ErrorEvent(
        service=service,
        message=_text(record.get("event", ""), 1000).strip() or "(no message)",
        context={
            key: _text(logs.mask_value(key, value), 500)
            for key, value in record.items()
            if key not in _NOT_CONTEXT and not key.startswith("_")
        },
        code_version=RELEASE,
        error_id=str(record.get("error_id", "")),
    )
    event.time.FromNanoseconds(time.time_ns())
    event.process_started_at.FromNanoseconds(_STARTED_NS)
    error = logs.exception_of(record)
    if error is not None:
        kind = type(error)
        event.exception_type = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        event.exception_message = _text(error, 2000)
        for frame, line in list(traceback.walk_tb(error.__traceback__))[-MAX_FRAMES:]:
            module = str(frame.f_globals.get("__name__", ""))
            event.frames.add(
                module=module,
                function=frame.f_code.co_qualname,
                line=line,
                in_app=module.startswith(_OWN_PACKAGES),
                file=_text(frame.f_code.co_filename, MAX_FILE),
            )
    return event


def _text(value: object, most: int) -> str:
    """Masked, cut, and encodable: a file's name may hold half a character."""
    return logs.mask_text(str(value)).encode(errors="replace").decode()[:most]
