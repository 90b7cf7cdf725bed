"""One trace for each run, across services: its spans, and how it travels from call to call.

Knows nothing of OpenTelemetry's SDK, which `tracing_export` imports where an endpoint is set. Where none is,
no span is made, and `span` costs a look at one variable. What is current is kept in one context variable and
is never taken back by token: a stream that its client left is closed in another task than it began in.
"""

import asyncio
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, replace
from datetime import datetime
from types import TracebackType
from typing import Final, Literal, Protocol, Self, TypeAlias

import grpc
from prometheus_client import Counter

from services.chassis import logs
from services.chassis.metrics import REGISTRY
from services.chassis.redaction import redact

Kind = Literal["internal", "server", "client"]
Value: TypeAlias = str | int | float | bool
Attributes: TypeAlias = Mapping[str, Value]

PARENT_KEY = "traceparent"
STATE_KEY = "tracestate"
PREFIX = "aiartist."
"""Of every attribute that no convention of OpenTelemetry names."""
_MOST_TEXT = 500
_MOST_STATE = 512
_SAMPLED, _KNOWN_FLAGS = 0x01, 0x03
_PARENT = re.compile(r"(?P<version>[0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(?P<more>-.*)?")

SPANS = Counter(
    "aiartist_trace_spans",
    "Spans that were to be sent to the collector, by what became of them.",
    ("outcome",),
    registry=REGISTRY,
)
for _outcome in ("sent", "dropped"):
    SPANS.labels(_outcome)


@dataclass(frozen=True, slots=True)
class TraceContext:
    """A span as others know it; https://www.w3.org/TR/trace-context/."""

    trace_id: int
    """128 bits."""
    span_id: int
    """64 bits."""
    flags: int
    state: str = ""
    """What vendors add, passed on as it is."""
    remote: bool = False
    """True where it came from another process."""

    @classmethod
    def parse(cls, traceparent: str | None, state: str = "") -> Self | None:
        """What a `traceparent` says; None where it is none."""
        found = _PARENT.fullmatch(traceparent or "")
        if found is None or found["version"] == "ff" or (found["version"] == "00" and found["more"]):
            return None
        trace_id, span_id, flags = int(found[2], 16), int(found[3], 16), int(found[4], 16)
        if not trace_id or not span_id:
            return None
        return cls(trace_id, span_id, flags & _KNOWN_FLAGS, state[:_MOST_STATE], remote=True)

    @property
    def sampled(self) -> bool:
        """Whether the trace is kept; decided where it began."""
        return bool(self.flags & _SAMPLED)

    @property
    def traceparent(self) -> str:
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-{self.flags:02x}"


class LiveSpan(Protocol):
    """A span that is not over. Nothing of it raises, and nothing waits."""

    @property
    def context(self) -> TraceContext: ...
    def set(self, attributes: Attributes) -> None: ...
    def fail(self, kind: str, text: str) -> None:
        """It ends in an error; secrets in the text are taken out."""

    def link(self, other: TraceContext) -> None: ...
    def end(self, at: datetime | None = None) -> None: ...


class Tracer(Protocol):
    """Makes the spans of one service."""

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
        """A span that begins now, or began then. Without a parent it begins a trace; `span_id` 0: any."""


class Export(Protocol):
    """The process's way to its collector."""

    def tracer(self, service: str) -> Tracer: ...


@dataclass(frozen=True, slots=True)
class _Scope:
    """What stands around the code that runs."""

    tracer: Tracer
    context: TraceContext
    span: LiveSpan | None
    """None where it is another's, or not kept."""


_SCOPE: ContextVar[_Scope | None] = ContextVar("aiartist_trace", default=None)
_PROCESS: dict[str, Export] = {}
"""`export`, while the process exports traces: one for all of its services."""


@contextmanager
def sent_by(export: Export) -> Iterator[None]:
    """While open, this process makes spans, and `export` gets them."""
    _PROCESS["export"] = export
    try:
        yield
    finally:
        _PROCESS.pop("export", None)


def is_on() -> bool:
    """True where this process exports traces."""
    return bool(_PROCESS)


def tracer(service: str) -> Tracer | None:
    """The service's tracer; None where nothing is traced."""
    export = _PROCESS.get("export")
    return None if export is None else export.tracer(service)


def current() -> TraceContext | None:
    """The span around the code that runs, kept or not; None: nothing is traced here."""
    scope = _SCOPE.get()
    return None if scope is None else scope.context


def traceparent() -> str:
    """The current span, to be kept with what it started; empty: nothing is traced here."""
    context = current()
    return "" if context is None else context.traceparent


def headers() -> tuple[tuple[str, str], ...]:
    """The metadata that carries the trace to a service that is called now. Only for our own services."""
    scope = _SCOPE.get()
    if scope is None:
        return ()
    parent = (PARENT_KEY, scope.context.traceparent)
    return (parent, (STATE_KEY, scope.context.state)) if scope.context.state else (parent,)


def received(metadata: Iterable[tuple[str, str | bytes]]) -> TraceContext | None:
    """The span that a call comes from."""
    parent, state = "", ""
    for key, value in metadata:
        if key == PARENT_KEY:
            parent = str(value)
        elif key == STATE_KEY:
            state = str(value)
    return TraceContext.parse(parent, state) if parent else None


def link(other: TraceContext) -> None:
    """Says of the span around the code that runs that another one has to do with it."""
    scope = _SCOPE.get()
    if scope is not None and scope.span is not None:
        scope.span.link(other)


def stand_in(tracer: Tracer, context: TraceContext, span: LiveSpan | None) -> None:
    """Makes this the current span until the task ends, for its log records too."""
    _SCOPE.set(_Scope(tracer, context, span))
    logs.set_context({**logs.context(), **_log_fields(context)})


@contextmanager
def continued(service: str, context: TraceContext | None) -> Iterator[None]:
    """What is done inside belongs to that span, whoever tells of it; None: to no trace."""
    found = tracer(service)
    if found is None or context is None:
        yield
        return
    inside = _Inside(_Scope(found, context, None))
    try:
        yield
    finally:
        inside.leave()


def record(
    service: str,
    name: str,
    parent: TraceContext,
    attributes: Attributes,
    *,
    began: datetime,
    ended: datetime,
    span_id: int = 0,
    error: tuple[str, str] | None = None,
    links: Sequence[TraceContext] = (),
) -> None:
    """Tells of something that is over. `span_id`: as what it called knows it; `error`: kind and text.

    A transaction that waited for another one bears an earlier time than that: such a span takes no time.
    """
    found = tracer(service)
    if found is None or not parent.sampled:
        return
    span = found.start(name, "internal", parent, attributes, links=links, began=began, span_id=span_id)
    if error is not None:
        span.fail(*error)
    span.end(max(began, ended))


class Span:
    """Around a block: a part of the span around it, or nothing at all."""

    __slots__ = ()

    def set(self, **attributes: Value | None) -> None:
        """Facts that are known only now, under `aiartist.`; None: unknown."""

    def tell(self, attributes: Attributes) -> None:
        """The same under names of their own."""

    def fail(self, kind: str, text: str = "") -> None:
        """It ends in an error though nothing is raised."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Ends it; what is raised is its error, a cancellation is not."""


class _Recorded(Span):
    __slots__ = ("_inside", "_live", "_scope")

    def __init__(self, scope: _Scope, live: LiveSpan) -> None:
        self._scope = scope
        self._live = live

    def set(self, **attributes: Value | None) -> None:
        self._live.set(named(attributes))

    def tell(self, attributes: Attributes) -> None:
        self._live.set(attributes)

    def fail(self, kind: str, text: str = "") -> None:
        self._live.fail(kind, text)

    def __enter__(self) -> Self:
        self._inside = _Inside(self._scope)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._inside.leave()
        if isinstance(error, (asyncio.CancelledError, GeneratorExit)):
            self._live.set({f"{PREFIX}cancelled": True})
        elif error is not None:
            self._live.fail(*_told(error))
        self._live.end()


_NOTHING: Final = Span()


def span(
    name: str, attributes: Attributes | None = None, *, kind: Kind = "internal", **more: Value | None
) -> Span:
    """A part of the current trace, while the block runs; nothing where nothing is traced.

    `attributes` have names of their own; `more` stand under `aiartist.`, and None is left out. Never a
    prompt, a text that somebody wrote, or a secret.
    """
    scope = _SCOPE.get()
    if scope is None or not scope.context.sampled:
        return _NOTHING
    return _begun(scope.tracer, scope.context, name, kind, attributes, more)


def root(service: str, name: str, **more: Value | None) -> Span:
    """As `span`, for work that nobody asked for: it begins a trace of this service's."""
    found = tracer(service)
    return _NOTHING if found is None else _begun(found, None, name, "internal", None, more)


def _begun(
    tracer: Tracer,
    parent: TraceContext | None,
    name: str,
    kind: Kind,
    attributes: Attributes | None,
    more: Mapping[str, Value | None],
) -> Span:
    live = tracer.start(name, kind, parent, {**(attributes or {}), **named(more)})
    return _Recorded(_Scope(tracer, live.context, live), live)


class _Inside:
    """Makes a scope the current one, from now until `leave`."""

    __slots__ = ("_fields", "_outer", "_outer_fields", "_scope")

    def __init__(self, scope: _Scope) -> None:
        self._scope = scope
        self._outer = _SCOPE.get()
        self._outer_fields = logs.context()
        self._fields = {**self._outer_fields, **_log_fields(scope.context)}
        _SCOPE.set(scope)
        logs.set_context(self._fields)

    def leave(self) -> None:
        # In another task, which closes a generator that this one began, nothing of it was ever set.
        if _SCOPE.get() is self._scope:
            _SCOPE.set(self._outer)
        if logs.context() is self._fields:
            logs.set_context(self._outer_fields)


def named(values: Mapping[str, Value | None]) -> dict[str, Value]:
    """Facts of our own, as attributes."""
    return {f"{PREFIX}{name}": value for name, value in values.items() if value is not None}


def clean(text: str) -> str:
    """A text without secrets, cut."""
    return redact(logs.mask_text(text))[:_MOST_TEXT]


def as_child(parent: TraceContext, span_id: int) -> TraceContext:
    """A span of the same trace, known by its id before anybody has told of it."""
    return replace(parent, span_id=span_id, remote=False)


def _log_fields(context: TraceContext) -> dict[str, str]:
    return {"trace_id": f"{context.trace_id:032x}", "span_id": f"{context.span_id:016x}"}


def _told(error: BaseException) -> tuple[str, str]:
    """The kind and the text of an error. That of a call names its status: its own text is a page."""
    if isinstance(error, grpc.aio.AioRpcError):
        return error.code().name, error.details() or ""
    return type(error).__qualname__, str(error)
