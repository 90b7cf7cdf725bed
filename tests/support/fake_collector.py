"""An OpenTelemetry collector that keeps what it gets: the real protocol over a real socket.

It can be told to refuse, or to hang and never answer.
"""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any, Self

import grpc
from opentelemetry.proto.collector.trace.v1 import trace_service_pb2 as pb
from opentelemetry.proto.common.v1 import common_pb2
from opentelemetry.proto.trace.v1 import trace_pb2

from services.chassis.exporting import exporting
from services.chassis.settings import ChassisSettings

ERROR = trace_pb2.Status.STATUS_CODE_ERROR
WAIT_S = 30.0


@dataclass(frozen=True, slots=True)
class KeptSpan:
    """A span as it arrived; ids in hex."""

    service: str
    name: str
    trace_id: str
    span_id: str
    parent_id: str
    """Empty: it begins its trace."""
    kind: str
    """As `SERVER`."""
    began_ns: int
    ended_ns: int
    attributes: dict[str, Any]
    links: tuple[tuple[str, str], ...]
    """Trace and span."""
    failed: bool
    message: str
    resource: dict[str, Any] = field(default_factory=dict)


class FakeCollector:
    """While open, it listens on a port of its own; one that does not remember takes any amount."""

    def __init__(self, *, remembers: bool = True) -> None:
        self._remembers = remembers
        self.spans: list[KeptSpan] = []
        self.metadata: list[dict[str, str]] = []
        """Of each export."""
        self.refuses: grpc.StatusCode | None = None
        """What every export is answered with."""
        self.hangs = False
        self.exports = 0
        """Begun ones, whatever became of them."""
        self._news = asyncio.Condition()
        self._server: grpc.aio.Server | None = None
        self.port = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    async def start(self, credentials: grpc.ServerCredentials | None = None, port: int = 0) -> None:
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        handlers = {
            "Export": grpc.unary_unary_rpc_method_handler(
                self._export,
                request_deserializer=pb.ExportTraceServiceRequest.FromString,
                response_serializer=pb.ExportTraceServiceResponse.SerializeToString,
            )
        }
        service = "opentelemetry.proto.collector.trace.v1.TraceService"
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(service, handlers),))
        address = f"127.0.0.1:{port}"
        self.port = (
            self._server.add_insecure_port(address)
            if credentials is None
            else self._server.add_secure_port(address, credentials)
        )
        await self._server.start()

    async def close(self) -> None:
        if self._server is not None:
            await self._server.stop(None)

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(self, *_error: object) -> None:
        await self.close()

    async def until(
        self, enough: Callable[[list[KeptSpan]], bool], within_s: float = WAIT_S
    ) -> list[KeptSpan]:
        """Waits until the spans that arrived are enough; all of them."""
        await self.until_true(lambda: enough(self.spans), within_s)
        return list(self.spans)

    async def until_true(self, holds: Callable[[], bool], within_s: float = WAIT_S) -> None:
        """Waits for exports until this holds."""
        async with self._news:
            try:
                await asyncio.wait_for(self._news.wait_for(holds), within_s)
            except TimeoutError:
                told = "\n".join(f"{s.service} {s.name}" for s in self.spans)
                raise AssertionError(f"it never came true; what arrived:\n{told}") from None

    async def named(self, name: str) -> KeptSpan:
        """The first span of this name, as soon as it has arrived."""
        spans = await self.until(lambda spans: any(span.name == name for span in spans))
        return next(span for span in spans if span.name == name)

    async def _export(self, request: Any, context: Any) -> Any:
        self.exports += 1
        async with self._news:
            self._news.notify_all()
        if self.hangs:
            await asyncio.Event().wait()
        if self.refuses is not None:
            await context.abort(self.refuses, "not today")
        if not self._remembers:
            return pb.ExportTraceServiceResponse()
        self.metadata.append({key: str(value) for key, value in context.invocation_metadata() or ()})
        async with self._news:
            self.spans += _kept(request)
            self._news.notify_all()
        return pb.ExportTraceServiceResponse()


@asynccontextmanager
async def traced(ratio: float = 1.0) -> AsyncIterator[FakeCollector]:
    """This process exports traces while the block runs; after it, all of them have arrived."""
    async with FakeCollector() as collector:
        settings = ChassisSettings(otlp_endpoint=collector.endpoint, trace_sample_ratio=ratio)
        async with exporting(settings):
            yield collector


def _kept(request: Any) -> Iterable[KeptSpan]:
    for resource_spans in request.resource_spans:
        resource = _attributes(resource_spans.resource.attributes)
        for scope in resource_spans.scope_spans:
            for span in scope.spans:
                yield KeptSpan(
                    str(resource["service.name"]),
                    span.name,
                    span.trace_id.hex(),
                    span.span_id.hex(),
                    span.parent_span_id.hex(),
                    trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
                    span.start_time_unix_nano,
                    span.end_time_unix_nano,
                    _attributes(span.attributes),
                    tuple((link.trace_id.hex(), link.span_id.hex()) for link in span.links),
                    span.status.code == ERROR,
                    span.status.message,
                    resource,
                )


def _attributes(pairs: Iterable[common_pb2.KeyValue]) -> dict[str, Any]:
    return {pair.key: getattr(pair.value, str(pair.value.WhichOneof("value"))) for pair in pairs}


def tree(spans: Iterable[KeptSpan], trace_id: str) -> str:
    """A trace as text: each span under its parent, in the order of their begins, with their times."""
    mine = sorted((s for s in spans if s.trace_id == trace_id), key=lambda span: span.began_ns)
    known = {span.span_id for span in mine}
    zero = min(span.began_ns for span in mine)
    lines: list[str] = []

    def add(span: KeptSpan, depth: int) -> None:
        began, took = (span.began_ns - zero) / 1e9, (span.ended_ns - span.began_ns) / 1e6
        lines.append(f"{began:8.2f} s {took:9.1f} ms  {'  ' * depth}{span.service}: {span.name}")
        for child in mine:
            if child.parent_id == span.span_id:
                add(child, depth + 1)

    for span in mine:
        if span.parent_id not in known:
            add(span, 0)
    return "\n".join(lines)
