"""One server interceptor that runs a named list of layers around every handler.

grpc.aio would build a closure for each interceptor on each call; here the list is composed once
for each method and all four kinds of handlers go through the same two functions.
"""

import asyncio
import contextvars
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import aclosing
from contextvars import ContextVar, copy_context
from typing import Any, Protocol, TypeAlias

import grpc
from google.rpc import status_pb2

from services.chassis.errors import AppError

DETAILS_KEY = "grpc-status-details-bin"
NO_RETRY = ("grpc-retry-pushback-ms", "-1")
"""Ends a channel's own retries: gRFC A6, "Pushback"."""

# Quoted: only the stubs know these as generic.
Context: TypeAlias = "grpc.aio.ServicerContext[Any, Any]"
Handler: TypeAlias = "grpc.RpcMethodHandler[Any, Any]"
Continuation: TypeAlias = "Callable[[grpc.HandlerCallDetails], Awaitable[Handler | None]]"


class Call:
    """One RPC on its way through the layers."""

    __slots__ = ("bound", "context", "entered", "error", "kind", "method", "request", "scratch", "status")

    def __init__(self, method: str, kind: str, request: Any, context: Context) -> None:
        self.method = method
        """Full name, for example `/aiartist.scheduler.v1.SchedulerService/GetRun`."""
        self.kind = kind
        """`unary`, `server_stream`, `client_stream` or `bidi_stream`."""
        self.request = request
        """The message, or the iterator of messages where the client streams."""
        self.context = context
        self.error: BaseException | None = None
        """What the handler raised."""
        self.status: status_pb2.Status | None = None
        """What the client gets in its place."""
        self.entered = 0
        self.bound: contextvars.Context | None = None
        """The context variables as the layers set them; None before they did."""
        self.scratch: dict[str, Any] = {}
        """What a layer keeps between enter and leave, under its own name."""

    @property
    def code(self) -> grpc.StatusCode:
        """How the call ended."""
        if self.status is not None:
            return _CODES[self.status.code]
        if isinstance(self.error, (asyncio.CancelledError, GeneratorExit)):
            return grpc.StatusCode.CANCELLED
        # None where the handler set none; grpc.aio gives a number where it set one.
        told: Any = self.context.code()
        if not told:
            return grpc.StatusCode.OK if self.error is None else grpc.StatusCode.UNKNOWN
        return told if isinstance(told, grpc.StatusCode) else _CODES[int(told)]


_CODES = {code.value[0]: code for code in grpc.StatusCode}


class Layer(Protocol):
    """Something that stands around every call. Both methods are quick and do not wait."""

    name: str

    def enter(self, call: Call) -> None:
        """Before the handler, outermost first; what it raises ends the call."""

    def leave(self, call: Call) -> None:
        """After it, innermost first, with `call.error`; may set `call.status`."""


class Chain(grpc.aio.ServerInterceptor):
    """The interceptor."""

    def __init__(self, layers: Sequence[Layer]) -> None:
        self.layers = tuple(layers)
        self._handlers: dict[str, Handler] = {}

    async def intercept_service(
        self, continuation: Continuation, handler_call_details: grpc.HandlerCallDetails
    ) -> "Handler | None":
        method = handler_call_details.method
        known = self._handlers.get(method)
        if known is not None:
            return known
        inner = await continuation(handler_call_details)
        if inner is None:
            return inner
        self._handlers[method] = handler = self._wrap(method, inner)
        return handler

    def _wrap(self, method: str, inner: Handler) -> Handler:
        codec = {
            "request_deserializer": inner.request_deserializer,
            "response_serializer": inner.response_serializer,
        }
        if inner.request_streaming and inner.response_streaming:
            return grpc.stream_stream_rpc_method_handler(
                self._streaming(method, "bidi_stream", inner.stream_stream), **codec
            )
        if inner.request_streaming:
            return grpc.stream_unary_rpc_method_handler(
                self._unary(method, "client_stream", inner.stream_unary), **codec
            )
        if inner.response_streaming:
            return grpc.unary_stream_rpc_method_handler(
                self._streaming(method, "server_stream", inner.unary_stream), **codec
            )
        return grpc.unary_unary_rpc_method_handler(self._unary(method, "unary", inner.unary_unary), **codec)

    def _unary(self, method: str, kind: str, inner: Any) -> Any:
        async def handle(request: Any, context: Context) -> Any:
            call = Call(method, kind, request, context)
            try:
                self._enter(call)
                return await inner(request, context)
            except BaseException as error:
                call.error = error
                raise
            finally:
                self._leave(call)
                if call.status is not None:
                    await _abort(call)

        return handle

    def _streaming(self, method: str, kind: str, inner: Any) -> Any:
        async def handle(request: Any, context: Context) -> AsyncIterator[Any]:
            call = Call(method, kind, request, context)
            try:
                self._enter(call)
                produced = inner(request, context)
                if hasattr(produced, "__aiter__"):
                    async with aclosing(produced):
                        async for message in produced:
                            yield message
                else:
                    await produced
            except BaseException as error:
                call.error = error
                raise
            finally:
                self._leave(call)
                if call.status is not None:
                    await _abort(call)

        return handle

    def _enter(self, call: Call) -> None:
        try:
            for layer in self.layers:
                call.entered += 1
                layer.enter(call)
        finally:
            call.bound = copy_context()

    def _leave(self, call: Call) -> None:
        # A stream that its client left is closed by another task, which knows nothing of the call.
        assert call.bound is not None, "_enter comes before"
        call.bound.run(self._leave_layers, call)

    def _leave_layers(self, call: Call) -> None:
        for layer in reversed(self.layers[: call.entered]):
            layer.leave(call)


DEADLINE: ContextVar[float | None] = ContextVar("aiartist_deadline", default=None)
"""When the incoming call must be answered, by the loop's clock; None: no limit."""


async def _abort(call: Call) -> None:
    status = call.status
    assert status is not None
    metadata: list[tuple[str, str | bytes]] = [(DETAILS_KEY, status.SerializeToString())]
    if isinstance(call.error, AppError) and not call.error.repeated_by_channels:
        metadata.append(NO_RETRY)
    await call.context.abort(_CODES[status.code], status.message, tuple(metadata))
