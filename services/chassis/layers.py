"""The layers around every call, outermost first; `standard_layers` fixes their order.

Metrics and the access log stand outside auth, so that refused calls are counted and seen.
"""

import asyncio
import time
from collections.abc import Mapping
from typing import Any

import asyncpg
import grpc
from google.rpc import status_pb2

from services.chassis import logs, metrics
from services.chassis.chain import DEADLINE, Call, Layer
from services.chassis.errors import (
    AppError,
    DependencyUnavailable,
    Overloaded,
    RoleTooLow,
    StorageError,
    Unauthenticated,
    remote_error,
)
from services.chassis.ids import new_id
from services.chassis.settings import TokenOwner

_log = logs.get_logger("rpc")

HEALTH = "/grpc.health.v1.Health/"
_CONTEXT_FIELDS = ("request_id", "run_id", "artist_id")
_READ_VERBS = ("Get", "List", "Watch", "Verify", "ServerReflectionInfo", "Check")


def method_name(method: str) -> str:
    """`GetRun` of `/aiartist.scheduler.v1.SchedulerService/GetRun`."""
    return method.rpartition("/")[2]


def is_read(method: str) -> bool:
    """True for calls that change nothing."""
    return method_name(method).startswith(_READ_VERBS)


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
    """One record a call: changes and refusals at info, reads at debug."""

    name = "access log"

    def enter(self, call: Call) -> None:
        call.scratch[self.name] = time.perf_counter()

    def leave(self, call: Call) -> None:
        code = call.code
        if code is grpc.StatusCode.OK and (call.method.startswith(HEALTH) or is_read(call.method)):
            return
        elapsed_ms = round((time.perf_counter() - call.scratch[self.name]) * 1000, 1)
        record = {"code": code.name, "elapsed_ms": elapsed_ms, "peer": call.context.peer()}
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
        call.status = status_of(error)


def status_of(error: BaseException) -> status_pb2.Status:
    """The status that a client may see; anything unexpected is logged under an error id."""
    if isinstance(error, AppError):
        return error.status()
    if isinstance(error, grpc.aio.AioRpcError):
        remote = remote_error(error)
        if remote.from_platform:
            return remote.status()
        if remote.retryable:
            _log.warning("a service does not answer", code=error.code().name, detail=error.details())
            return DependencyUnavailable("service", "a service that this call needs does not answer").status()
    if isinstance(error, (asyncpg.DiskFullError, OSError)) and _disk_full(error):
        return StorageError(
            "the disk is full; make room and repeat", cause="no space left on device"
        ).status()
    if isinstance(error, _DATABASE_GONE):
        _log.warning("the database does not answer", detail=f"{type(error).__name__}: {error}")
        return DependencyUnavailable("database", "the database does not answer; repeat the call").status()
    error_id = new_id("err")
    _log.error("unexpected error", error_id=error_id, exc_info=error)
    return AppError(
        f"an unexpected error; the log has it as {error_id}", metadata={"error_id": error_id}
    ).status()


def _disk_full(error: BaseException) -> bool:
    return isinstance(error, asyncpg.DiskFullError) or getattr(error, "errno", None) in (28, 122)


_DATABASE_GONE = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    asyncpg.InterfaceError,
    ConnectionError,
    TimeoutError,
)


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


def standard_layers(service: str, owners: Mapping[str, TokenOwner], max_concurrent_rpcs: int) -> list[Layer]:
    """The layers of every service, outermost first."""
    return [
        LogContext(service),
        Metrics(),
        AccessLog(),
        ErrorsToStatus(),
        Auth(owners),
        ConcurrencyLimit(max_concurrent_rpcs),
    ]
