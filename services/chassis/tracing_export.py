"""Spans by OpenTelemetry's SDK, on their way to a collector. Imported only where traces are exported.

    service's tracer -> gate -> batches -> OTLP over gRPC      on a thread of its own, never in the loop's way

A collector that is away, hangs or refuses costs spans, and one line a minute in the log.
"""

import asyncio
import logging
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import datetime
from typing import Any

import grpc
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
    TraceState,
    set_span_in_context,
)
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import Tracer as SdkTracer

from services.chassis import logs
from services.chassis.errors import SetupError
from services.chassis.ids import new_id
from services.chassis.settings import ChassisSettings
from services.chassis.tracing import (
    PREFIX,
    SPANS,
    Attributes,
    Kind,
    LiveSpan,
    TraceContext,
    Tracer,
    Value,
    clean,
)
from services.chassis.version import VERSION

QUEUE = 4_096
"""Spans that wait at most; later ones are dropped and counted."""
BATCH = 512
INTERVAL_S = 1.0
"""How long a span waits at most while the collector answers."""
SEND_TIMEOUT_S = 5.0
CLOSE_S = 3.0
"""How long the end of the process waits at most for spans to be sent."""
COMPLAINT_S = 60.0

_KINDS: dict[Kind, SpanKind] = {
    "internal": SpanKind.INTERNAL,
    "server": SpanKind.SERVER,
    "client": SpanKind.CLIENT,
}
_LIMITS = SpanLimits(
    max_span_attributes=64, max_events=16, max_links=16, max_event_attributes=16, max_link_attributes=16,
    max_span_attribute_length=1_000,
)  # fmt: skip
_log = logs.get_logger("tracing")


class OtlpExport:
    """The process's one way to its collector; its services have a tracer each."""

    def __init__(self, settings: ChassisSettings) -> None:
        # It says of each try that it failed; `_Sender` says it once a minute.
        logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
        self._instance = new_id("prc")
        self._sampler = ParentBased(TraceIdRatioBased(settings.trace_sample_ratio))
        self._ids = _Ids()
        self._gate = _Gate(_Sender(_otlp(settings), settings.otlp_endpoint))
        self._tracers: dict[str, Tracer] = {}

    def tracer(self, service: str) -> Tracer:
        known = self._tracers.get(service)
        if known is None:
            provider = TracerProvider(
                sampler=self._sampler,
                resource=Resource(
                    {
                        "service.name": service,
                        "service.namespace": "aiartist",
                        "service.version": VERSION,
                        "service.instance.id": self._instance,
                    }
                ),
                shutdown_on_exit=False,
                id_generator=self._ids,
                span_limits=_LIMITS,
            )
            provider.add_span_processor(self._gate)
            known = self._tracers[service] = _ServiceTracer(
                provider.get_tracer("aiartist", VERSION), self._ids
            )
        return known

    async def close(self) -> None:
        """Sends what is left, for `CLOSE_S` at most; then lets the rest go."""
        loop, over = asyncio.get_running_loop(), asyncio.Event()

        def flush() -> None:
            self._gate.shutdown()
            loop.call_soon_threadsafe(over.set)

        # Not the loop's own threads: it would wait for them without a bound.
        threading.Thread(target=flush, name="last traces", daemon=True).start()
        for bound_s in (CLOSE_S, 1.0):
            try:
                await asyncio.wait_for(over.wait(), bound_s)
                return
            except TimeoutError:
                self._gate.give_up()


class _Ids(RandomIdGenerator):
    """Random ids, but where a span's is known already."""

    def __init__(self) -> None:
        self._wanted: ContextVar[int] = ContextVar("aiartist_span_id", default=0)

    def generate_span_id(self) -> int:
        return self._wanted.get() or super().generate_span_id()

    @contextmanager
    def given(self, span_id: int) -> Iterator[None]:
        token = self._wanted.set(span_id)
        try:
            yield
        finally:
            self._wanted.reset(token)


class _ServiceTracer:
    def __init__(self, sdk: SdkTracer, ids: _Ids) -> None:
        self._sdk = sdk
        self._ids = ids

    def start(
        self,
        name: str,
        kind: Kind,
        parent: TraceContext | None,
        attributes: Attributes,
        *,
        links: Sequence[TraceContext] = (),
        began: datetime | None = None,
        span_id: int = 0,
    ) -> LiveSpan:
        # Never the SDK's own current context: what is current is told by whoever starts a span.
        context = Context()
        if parent is not None:
            context = set_span_in_context(NonRecordingSpan(_sdk_context(parent)), context)
        with self._ids.given(span_id):
            span = self._sdk.start_span(
                name,
                context=context,
                kind=_KINDS[kind],
                links=[Link(_sdk_context(other)) for other in links],
                start_time=_nanoseconds(began),
            )
        live = _Live(span, parent)
        if span.is_recording():
            live.set(attributes)
        return live


class _Live:
    __slots__ = ("_span", "context")

    def __init__(self, span: SdkSpan, parent: TraceContext | None) -> None:
        self._span = span
        own = span.get_span_context()
        state = parent.state if parent is not None else ""
        self.context = TraceContext(own.trace_id, own.span_id, int(own.trace_flags), state)

    def set(self, attributes: Attributes) -> None:
        for key, value in attributes.items():
            self._span.set_attribute(key, _cleaned(key, value))

    def fail(self, kind: str, text: str) -> None:
        self._span.set_attribute("error.type", kind)
        self._span.set_status(Status(StatusCode.ERROR, clean(text)))

    def link(self, other: TraceContext) -> None:
        self._span.add_link(_sdk_context(other))

    def end(self, at: datetime | None = None) -> None:
        self._span.end(_nanoseconds(at))


def _cleaned(key: str, value: Value) -> Value:
    """Ids of requests are the clients' own words. What conventions name is ours."""
    return clean(value) if isinstance(value, str) and key.startswith(PREFIX) else value


def _sdk_context(context: TraceContext) -> SpanContext:
    return SpanContext(
        context.trace_id,
        context.span_id,
        is_remote=context.remote,
        trace_flags=TraceFlags(context.flags),
        trace_state=TraceState.from_header([context.state]) if context.state else None,
    )


def _nanoseconds(time: datetime | None) -> int | None:
    return None if time is None else int(time.timestamp() * 1_000_000) * 1_000


def _otlp(settings: ChassisSettings) -> OTLPSpanExporter:
    credentials = None
    if settings.otlp_endpoint.startswith("https:") and settings.tls_ca is not None:
        try:
            credentials = grpc.ssl_channel_credentials(settings.tls_ca.read_bytes())
        except OSError as error:
            raise SetupError(f"AIARTIST_TLS_CA: cannot read {settings.tls_ca}: {error.strerror}") from error
    return OTLPSpanExporter(
        endpoint=settings.otlp_endpoint,
        insecure=settings.otlp_endpoint.startswith("http:"),
        credentials=credentials,
        timeout=SEND_TIMEOUT_S,
    )


class _Sender(SpanExporter):
    """Sends batches, on the batches' thread. What fails is dropped, and told of once a minute."""

    def __init__(self, inner: OTLPSpanExporter, endpoint: str) -> None:
        self._inner = inner
        self._endpoint = endpoint
        self._lock = threading.Lock()
        self._waiting = self._lost = 0
        self._next_complaint = 0.0
        self._gone = False

    def admit(self) -> bool:
        """Whether another span may wait; one that may not is dropped."""
        with self._lock:
            if self._waiting < QUEUE:
                self._waiting += 1
                return True
        self._drop(1)
        return False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        try:
            result = SpanExportResult.FAILURE if self._gone else self._inner.export(spans)
        finally:
            with self._lock:
                self._waiting -= len(spans)
        if result is SpanExportResult.SUCCESS:
            SPANS.labels("sent").inc(len(spans))
            self._sent()
        else:
            self._drop(len(spans))
        return result

    def shutdown(self) -> None:
        """Ends the call under way and its repeats, and all later ones."""
        with self._lock:
            gone, self._gone = self._gone, True
        if not gone:
            self._inner.shutdown()

    def _drop(self, spans: int) -> None:
        SPANS.labels("dropped").inc(spans)
        now = time.monotonic()
        with self._lock:
            self._lost += spans
            lost, due = self._lost, now >= self._next_complaint
            if due:
                self._next_complaint = now + COMPLAINT_S
        if due:
            _log.warning("traces can't be sent; they are dropped", collector=self._endpoint, spans=lost)

    def _sent(self) -> None:
        with self._lock:
            lost, self._lost = self._lost, 0
        if lost:
            _log.info("traces are sent again", collector=self._endpoint, dropped=lost)


class _Gate(SpanProcessor):
    """Lets spans into the batches while there is room; the processor's own way to drop them is loud."""

    def __init__(self, sender: _Sender) -> None:
        self._sender = sender
        self._batches = BatchSpanProcessor(
            sender,
            max_queue_size=QUEUE,
            schedule_delay_millis=INTERVAL_S * 1_000,
            max_export_batch_size=BATCH,
            export_timeout_millis=SEND_TIMEOUT_S * 1_000,
        )

    def on_start(self, span: Any, parent_context: Context | None = None) -> None:
        """Nothing: only what is over is sent."""

    def on_end(self, span: ReadableSpan) -> None:
        if self._sender.admit():
            self._batches.on_end(span)

    def shutdown(self) -> None:
        self._batches.shutdown()  # type: ignore[no-untyped-call]

    def give_up(self) -> None:
        """Ends what is being sent."""
        self._sender.shutdown()
