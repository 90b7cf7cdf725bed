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
from services.chassis.version import VERSION

BUFFER = 1_000
BATCH = 200
INTERVAL_S = 1.0
_OWN_PACKAGES = ("services.", "cli.")
_NOT_CONTEXT = {"event", "exc_info", "exception", "level", "timestamp", "service", "error_id"}


class ErrorShipper:
    """A bounded buffer of errors and the task that empties it."""

    def __init__(self, channel: grpc.aio.Channel, *, default_service: str) -> None:
        self._stub = error_analyzer_pb2_grpc.ErrorAnalyzerServiceStub(channel)
        self._default_service = default_service
        self._buffer: deque[error_analyzer_pb2.ErrorEvent] = deque()
        self._dropped = 0

    def take(self, record: Mapping[str, Any]) -> None:
        """Called by the log for each error record; from any thread; never waits and never raises."""
        if record.get("service") == "error_analyzer":
            return
        if len(self._buffer) >= BUFFER:
            self._dropped += 1
            metrics.SHIPPED.labels("dropped").inc()
            return
        self._buffer.append(event_of(record, self._default_service))

    async def run(self) -> None:
        """Empties the buffer every second until cancelled."""
        while True:
            await asyncio.sleep(INTERVAL_S)
            while self._buffer:
                if not await self._send():
                    break

    async def flush(self) -> None:
        """One last try, for the end."""
        if self._buffer:
            await self._send()

    async def _send(self) -> bool:
        batch = [self._buffer.popleft() for _ in range(min(BATCH, len(self._buffer)))]
        dropped, self._dropped = self._dropped, 0
        request = error_analyzer_pb2.IngestErrorsRequest(
            request_id=new_id("ship"), events=batch, dropped=dropped
        )
        try:
            await self._stub.IngestErrors(request, timeout=5)
        except grpc.aio.AioRpcError as error:
            self._dropped += dropped
            if error.code() is grpc.StatusCode.INVALID_ARGUMENT:
                self._dropped += len(batch)
                metrics.SHIPPED.labels("dropped").inc(len(batch))
                return True
            self._buffer.extendleft(reversed(batch))
            return False
        metrics.SHIPPED.labels("sent").inc(len(batch))
        return True


def event_of(record: Mapping[str, Any], default_service: str) -> error_analyzer_pb2.ErrorEvent:
    """A log record as an ErrorEvent, its secrets masked."""
    event = error_analyzer_pb2.ErrorEvent(
        service=str(record.get("service", default_service)),
        message=logs.mask_text(str(record.get("event", "")))[:1000],
        context={
            key: logs.mask_text(str(value))[:500]
            for key, value in record.items()
            if key not in _NOT_CONTEXT and not key.startswith("_")
        },
        code_version=VERSION,
        error_id=str(record.get("error_id", "")),
    )
    event.time.FromNanoseconds(time.time_ns())
    error = logs.exception_of(record)
    if error is not None:
        kind = type(error)
        event.exception_type = f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")
        event.exception_message = logs.mask_text(str(error))[:2000]
        for frame, line in traceback.walk_tb(error.__traceback__):
            module = str(frame.f_globals.get("__name__", ""))
            event.frames.add(
                module=module,
                function=frame.f_code.co_qualname,
                line=line,
                in_app=module.startswith(_OWN_PACKAGES),
            )
    return event
