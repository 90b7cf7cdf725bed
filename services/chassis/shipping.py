"""Sends logged errors to error_analyzer: bounded, in batches, never in anybody's way."""

import asyncio
import re
import time
import traceback
from collections import deque
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

import grpc

from aiartist.error_analyzer.v1 import error_analyzer_pb2, error_analyzer_pb2_grpc
from services.chassis import logs, metrics
from services.chassis.ids import new_id
from services.chassis.version import RELEASE

BUFFER = 1_000
"""Errors kept at most while error_analyzer is away; later ones are dropped and counted."""
BATCH = 200
BATCH_BYTES = 4 << 20
"""A quarter of what one message may have. An event by itself is far smaller."""
INTERVAL_S = 1.0
SEND_TIMEOUT_S = 5.0
MAX_FRAMES = 100
"""The innermost ones tell most; a recursion has a thousand."""
MAX_NAME = 500
"""Characters of a file, a module and a function."""
MAX_FIELDS = 40
MAX_KEY = 100
_LOOKED_AT = 4
"""Times as much of a text is masked as is kept of it: masking all of a long one would hold its logger up."""
_DEEPEST = 10
_TOO_LARGE = re.compile(r"message (?:is )?(?:larger than|exceeds|too large)", re.IGNORECASE)
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
        self._unsent: deque[error_analyzer_pb2.IngestErrorsRequest] = deque()
        """Batches whose answer never came, sent again under their own ids, so that they count once; and
        parts of one that was refused.
        """
        self._dropped = 0

    def take(self, record: Mapping[str, Any]) -> None:
        """Called by the log for each error record; from any thread; never waits and never raises."""
        try:
            service = str(record.get("service", self._default_service))
            # What fails while errors are being stored must not make more of them.
            if service == "error_analyzer" or record.get("rpc") in ("IngestErrors", "RecordErrors"):
                return
            if len(self._buffer) >= BUFFER:
                self._drop(1)
                return
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
        if not self._unsent:
            self._unsent.append(self._next_batch())
        request = self._unsent[0]
        try:
            await self._stub.IngestErrors(request, timeout=SEND_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            if not refused_for_good(error.code(), error.details() or ""):
                return False
            self._unsent.popleft()
            self._halve(request)
        else:
            self._unsent.popleft()
            metrics.SHIPPED.labels("sent").inc(len(request.events))
        return True

    def _halve(self, request: error_analyzer_pb2.IngestErrorsRequest) -> None:
        """What was refused whole may be taken in parts; an event that is refused by itself is dropped."""
        middle = len(request.events) // 2
        if middle == 0:
            self._dropped += request.dropped
            self._drop(len(request.events))
            return
        self._unsent.appendleft(_request(request.events[middle:]))
        self._unsent.appendleft(_request(request.events[:middle], request.dropped))

    def _next_batch(self) -> error_analyzer_pb2.IngestErrorsRequest:
        batch: list[error_analyzer_pb2.ErrorEvent] = []
        size = 0
        while self._buffer and len(batch) < BATCH:
            size += self._buffer[0].ByteSize()
            if batch and size > BATCH_BYTES:
                break
            batch.append(self._buffer.popleft())
        dropped, self._dropped = self._dropped, 0
        return _request(batch, dropped)

    def _drop(self, errors: int) -> None:
        self._dropped += errors
        metrics.SHIPPED.labels("dropped").inc(errors)


def _request(
    events: Sequence[error_analyzer_pb2.ErrorEvent], dropped: int = 0
) -> error_analyzer_pb2.IngestErrorsRequest:
    return error_analyzer_pb2.IngestErrorsRequest(request_id=new_id("ship"), events=events, dropped=dropped)


def refused_for_good(code: grpc.StatusCode, details: str) -> bool:
    """Whether the same call would be refused again: for what it holds, or for its size.

    Every gRPC library says RESOURCE_EXHAUSTED of a message over the limit, as a service does that has too
    much to do; only the text tells them apart.
    """
    if code is grpc.StatusCode.RESOURCE_EXHAUSTED:
        return _TOO_LARGE.search(details) is not None
    return code is grpc.StatusCode.INVALID_ARGUMENT


def event_of(record: Mapping[str, Any], service: str) -> error_analyzer_pb2.ErrorEvent:
    """A log record as an ErrorEvent, its secrets masked."""
    event = error_analyzer_pb2.ErrorEvent(
        service=_name(service, MAX_KEY),
        message=_text(record.get("event", ""), 1000).strip() or "(no message)",
        context=_context(record),
        code_version=RELEASE,
        error_id=_name(str(record.get("error_id", "")), MAX_KEY),
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
                module=_name(module),
                function=_name(frame.f_code.co_qualname),
                line=line,
                in_app=module.startswith(_OWN_PACKAGES),
                file=_text(frame.f_code.co_filename, MAX_NAME),
            )
    return event


def _context(record: Mapping[str, Any]) -> dict[str, str]:
    fields = ((key, value) for key, value in record.items() if key not in _NOT_CONTEXT and key[:1] != "_")
    return {_name(key, MAX_KEY): _text(value, 500, key) for key, value in islice(fields, MAX_FIELDS)}


def _text(value: object, most: int, key: str = "") -> str:
    """Masked, as the value of `key` where it has one, and cut to `most` characters."""
    return _name(str(_Masked(most).value(key, value, 0)), most)


def _name(text: str, most: int = MAX_NAME) -> str:
    """Cut, and encodable: a file's name may hold half a character."""
    return text[:most].encode(errors="replace").decode()


class _Masked:
    """Masks the beginning of a value, of nested ones too; what is far behind the cut is not looked at."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._left = _LOOKED_AT * most

    def value(self, key: str, value: object, depth: int) -> object:
        if value is None or isinstance(value, bool | int | float):
            self._left -= 1
            return value
        if isinstance(value, Mapping | list | tuple | set | frozenset):
            if depth >= _DEEPEST or self._left <= 0:
                return "\N{HORIZONTAL ELLIPSIS}"
            return logs.mask_value(key, "") or self._several(key, value, depth + 1)
        return self._masked(key, str(value[: self._left] if isinstance(value, bytes) else value))

    def _several(self, key: str, values: Any, depth: int) -> object:
        several: list[tuple[str, object]] = []
        mapping = isinstance(values, Mapping)
        for item in values.items() if mapping else values:
            if self._left <= 0:
                break
            name, inner = (str(item[0])[:MAX_KEY], item[1]) if mapping else (key, item)
            self._left -= len(name) + 1 if mapping else 1
            several.append((name, self.value(name, inner, depth)))
        return dict(several) if mapping else [inner for _, inner in several]

    def _masked(self, key: str, text: str) -> str:
        looked_at = text[: max(0, self._left)]
        self._left -= len(looked_at)
        masked = str(logs.mask_value(key, looked_at))
        # A secret that the cut goes through has no form any more: it is at the end, and goes with it.
        return masked if len(looked_at) == len(text) else masked[: -self._most]
