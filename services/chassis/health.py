"""grpc.health.v1: `liveness`, `readiness`, the whole server as the empty name, and each service."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

LIVENESS = "liveness"
READINESS = "readiness"

_SERVING = health_pb2.HealthCheckResponse.SERVING
_NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
_UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN


class Health(health_pb2_grpc.HealthServicer):
    """Starts NOT_SERVING. Liveness tells whether the process runs, all else whether to send it work."""

    def __init__(self, services: Iterable[str]) -> None:
        self._status: dict[str, int] = dict.fromkeys(("", LIVENESS, READINESS, *services), _NOT_SERVING)
        self._changed = asyncio.Condition()
        self._closed = False

    @property
    def ready(self) -> bool:
        """True while the service wants work."""
        return bool(self._status[READINESS] == _SERVING)

    async def set_alive(self) -> None:
        """The process runs."""
        await self._set({LIVENESS: _SERVING})

    async def set_ready(self, ready: bool) -> None:
        """Whether the service wants work."""
        status = _SERVING if ready else _NOT_SERVING
        await self._set({name: status for name in self._status if name != LIVENESS})

    async def close(self) -> None:
        """Ends every watch, so that the server can stop."""
        self._closed = True
        await self._set({})

    async def _set(self, status: dict[str, int]) -> None:
        async with self._changed:
            self._status.update(status)
            self._changed.notify_all()

    async def Check(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> health_pb2.HealthCheckResponse:
        status = self._status.get(request.service)
        if status is None:
            await context.abort(grpc.StatusCode.NOT_FOUND, f"there is no service {request.service!r} here")
        return health_pb2.HealthCheckResponse(status=status)

    async def Watch(
        self, request: health_pb2.HealthCheckRequest, context: Any
    ) -> AsyncIterator[health_pb2.HealthCheckResponse]:
        told = None
        while True:
            status = self._status.get(request.service, _UNKNOWN)
            if status != told:
                told = status
                yield health_pb2.HealthCheckResponse(status=status)
            if self._closed:
                return
            async with self._changed:
                await self._changed.wait_for(
                    lambda: self._closed or self._status.get(request.service, _UNKNOWN) != told  # noqa: B023
                )


class HealthOnly:
    """A plain gRPC server that tells `health` and nothing else; until it is bound, none at all."""

    def __init__(self, health: Health) -> None:
        self._health = health
        self._server: grpc.aio.Server | None = None

    def bind(self, host: str, port: int) -> int:
        """Takes the port, any free one for 0, and returns it; OSError where it can't be had."""
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health, server)
        try:
            bound = server.add_insecure_port(listening_address(host, port))
        except RuntimeError as error:
            raise OSError(str(error)) from error
        self._server = server
        return bound

    async def start(self) -> None:
        """Answers from now on."""
        if self._server is not None:
            await self._server.start()

    async def close(self) -> None:
        """Ends it; watches are ended by `health`."""
        if self._server is not None:
            await self._server.stop(0)


def listening_address(host: str, port: int) -> str:
    """`host:port`, an IPv6 host in brackets."""
    return f"[{host}]:{port}" if ":" in host and not host.startswith("[") else f"{host}:{port}"
