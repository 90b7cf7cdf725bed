"""The layers around every call, outermost first; `standard_layers` fixes their order.

Traces, metrics and the access log stand outside auth, so that refused calls are counted and seen.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import grpc

from services.chassis import logs, metrics, tracing
from services.chassis.chain import DEADLINE, Call, Layer
from services.chassis.errors import Overloaded, RoleTooLow, Unauthenticated
from services.chassis.settings import TokenOwner
from services.chassis.translation import status_of

_log = logs.get_logger("rpc")

HEALTH = "/grpc.health.v1.Health/"
_NOT_OURS = "/grpc."
"""Health and reflection: asked all the time, of interest to nobody."""
_CONTEXT_FIELDS = ("request_id", "run_id", "artist_id")
_READ_VERBS = ("Get", "List", "Watch", "Read", "Verify", "ServerReflectionInfo", "Check")

_LOOKS_FOR_WORK = frozenset(
    {"ClaimErrorStep", "ClaimTrendFetch", "ClaimVacancy", "RenewErrorStep", "ReviewLives"}
)
"""Called every few seconds by whoever has nothing to do: metrics count them."""


def method_name(method: str) -> str:
    """`GetRun` of `/aiartist.scheduler.v1.SchedulerService/GetRun`."""
    return method.rpartition("/")[2]


def is_read(method: str) -> bool:
    """True for calls that change nothing."""
    return method_name(method).startswith(_READ_VERBS)


def is_quiet(method: str) -> bool:
    """True for calls that are no news where they went well."""
    return method.startswith(HEALTH) or is_read(method) or method_name(method) in _LOOKS_FOR_WORK


class LogContext:
    """Binds the service and the request's ids for every log record, and keeps the deadline."""

    name = "log context"

    def __init__(self, service: str) -> None:
        self._service = service
        self._fields: dict[str, tuple[str, ...]] = {}

    def enter(self, call: Call) -> None:
        values = {"service": self._service, "rpc": method_name(call.method)}
        fields = self._fields.get(call.method)
        if fields is None:
            descriptor = getattr(call.request, "DESCRIPTOR", None)
            names = descriptor.fields_by_name if descriptor is not None else {}
            fields = self._fields[call.method] = tuple(f for f in _CONTEXT_FIELDS if f in names)
        for field in fields:
            if value := getattr(call.request, field):
                values[field] = value
        logs.set_context(values)
        left = call.context.time_remaining()
        DEADLINE.set(None if left is None else asyncio.get_running_loop().time() + left)

    def leave(self, call: Call) -> None:
        """Nothing: the call's task ends with its context."""


class Tracing:
    """A span for each call: a part of the caller's trace, or else the begin of one."""

    name = "tracing"

    def __init__(self, tracer: tracing.Tracer) -> None:
        self._tracer = tracer

    def enter(self, call: Call) -> None:
        if call.method.startswith(_NOT_OURS):
            return
        parent = tracing.received(call.context.invocation_metadata() or ())
        if parent is not None and not parent.sampled:
            tracing.stand_in(self._tracer, parent, None)
            return
        _, service, method = call.method.split("/")
        bound = logs.context()
        attributes: dict[str, tracing.Value] = {
            "rpc.system": "grpc",
            "rpc.service": service,
            "rpc.method": method,
        }
        attributes |= {tracing.PREFIX + name: bound[name] for name in _CONTEXT_FIELDS if name in bound}
        span = self._tracer.start(f"{service}/{method}", "server", parent, attributes)
        call.scratch[self.name] = span
        tracing.stand_in(self._tracer, span.context, span)

    def leave(self, call: Call) -> None:
        span: tracing.LiveSpan | None = call.scratch.get(self.name)
        if span is None:
            return
        code = call.code
        span.set({"rpc.grpc.status_code": code.value[0]})
        if code in _SERVER_FAULTS:
            span.fail(code.name, call.status.message if call.status is not None else "")
        span.end()


_SERVER_FAULTS = frozenset(
    {
        grpc.StatusCode.UNKNOWN,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.UNIMPLEMENTED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.DATA_LOSS,
    }
)
"""What OpenTelemetry's conventions call an error of the server; all else is between it and its client."""


class Metrics:
    """Counts calls and measures how long they take."""

    name = "metrics"

    def __init__(self) -> None:
        self._children: dict[str, tuple[Any, Any, dict[grpc.StatusCode, Any]]] = {}

    def enter(self, call: Call) -> None:
        started, _, _ = self._of(call)
        started.inc()
        call.scratch[self.name] = time.perf_counter()

    def leave(self, call: Call) -> None:
        _, seconds, handled = self._of(call)
        code = call.code
        counter = handled.get(code)
        if counter is None:
            counter = handled[code] = metrics.HANDLED.labels(*self._labels(call), code.name)
        counter.inc()
        seconds.observe(time.perf_counter() - call.scratch[self.name])

    def _of(self, call: Call) -> tuple[Any, Any, dict[grpc.StatusCode, Any]]:
        known = self._children.get(call.method)
        if known is None:
            labels = self._labels(call)
            known = self._children[call.method] = (
                metrics.STARTED.labels(*labels),
                metrics.SECONDS.labels(*labels),
                {},
            )
        return known

    @staticmethod
    def _labels(call: Call) -> tuple[str, str, str]:
        _, service, method = call.method.split("/")
        return call.kind, service, method


class AccessLog:
    """One record a call at info; those that are quiet leave none where they went well."""

    name = "access log"

    def enter(self, call: Call) -> None:
        # The peer is asked for here: gRPC crashes where it is asked about a call that is over.
        call.scratch[self.name] = time.perf_counter(), call.context.peer()

    def leave(self, call: Call) -> None:
        code = call.code
        if code is grpc.StatusCode.OK and is_quiet(call.method):
            return
        began, peer = call.scratch[self.name]
        elapsed_ms = round((time.perf_counter() - began) * 1000, 1)
        record = {"code": code.name, "elapsed_ms": elapsed_ms, "peer": peer}
        if call.status is not None:
            record["error"] = call.status.message
        _log.info("call", **record)


class ErrorsToStatus:
    """Turns whatever a handler raised into a status that tells no more than it should."""

    name = "exceptions to status"

    def enter(self, call: Call) -> None:
        """Nothing to prepare."""

    def leave(self, call: Call) -> None:
        error = call.error
        if error is None or isinstance(
            error, (asyncio.CancelledError, GeneratorExit, grpc.aio.AbortError, KeyboardInterrupt, SystemExit)
        ):
            return
        call.status = status_of(error, call.request)


class Auth:
    """Bearer tokens with a role. Without tokens configured everybody on loopback may do everything."""

    name = "auth"

    def __init__(self, owners: Mapping[str, TokenOwner]) -> None:
        self._owners = owners

    def enter(self, call: Call) -> None:
        if not self._owners or call.method.startswith(HEALTH):
            return
        owner = self._owners.get(_bearer(call))
        if owner is None:
            raise Unauthenticated
        if owner.role == "viewer" and not is_read(call.method):
            raise RoleTooLow(role=owner.role, needed="operator")
        logs.set_context({**logs.context(), "caller": owner.name})

    def leave(self, call: Call) -> None:
        """Nothing to undo."""


def _bearer(call: Call) -> str:
    for key, value in call.context.invocation_metadata() or ():
        if key == "authorization":
            scheme, _, token = str(value).partition(" ")
            return token.strip() if scheme.lower() == "bearer" else ""
    return ""


class ConcurrencyLimit:
    """Refuses calls over the limit at once; health checks pass, so that a busy server is not restarted."""

    name = "concurrency limit"

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._running = 0

    def enter(self, call: Call) -> None:
        if call.method.startswith(HEALTH):
            return
        if self._running >= self._limit:
            raise Overloaded(self._limit)
        self._running += 1
        call.scratch[self.name] = True

    def leave(self, call: Call) -> None:
        if call.scratch.get(self.name):
            self._running -= 1


def standard_layers(
    service: str,
    owners: Mapping[str, TokenOwner],
    max_concurrent_rpcs: int,
    tracer: tracing.Tracer | None = None,
) -> list[Layer]:
    """The layers of every service, outermost first; without a tracer nothing stands there for traces."""
    return [
        LogContext(service),
        *([] if tracer is None else [Tracing(tracer)]),
        Metrics(),
        AccessLog(),
        ErrorsToStatus(),
        Auth(owners),
        ConcurrencyLimit(max_concurrent_rpcs),
    ]
