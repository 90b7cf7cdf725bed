"""From what a log says of an error to the ErrorEvent that a service would have shipped."""

import json
import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from services.error_analyzer.grouping import in_app, module_of
from services.error_analyzer.intake.lines import Line, console_parts, is_error, moment
from services.error_analyzer.intake.tracebacks import MAX_FRAMES, Trace, TraceFrame, trace_of

SERVICE = re.compile(r"[A-Za-z][A-Za-z0-9_.-]{0,59}")
MAX_MESSAGE = 1_000
MAX_EXCEPTION = 2_000
MAX_FIELDS = 40
MAX_NAME = 100
MAX_VALUE = 500
NO_MESSAGE = "(no message)"
CUT_OFF = "a traceback whose end was never written"

_LEVEL = ("level", "levelname", "severity", "log.level", "lvl", "loglevel", "log_level")
_LEVEL_NUMBER = ("levelno", "level_value")
_MESSAGE = ("event", "message", "msg", "text", "body")
_TIME = ("timestamp", "@timestamp", "time", "ts", "asctime", "datetime", "date")
_TRACE = (
    "exception",
    "exc_info",
    "exc_text",
    "stack_trace",
    "traceback",
    "error.stack_trace",
    "stack",
    "stacktrace",
)
_ERROR = ("error", "err", "error.message", "exception.message")
_ERROR_TYPE = ("error.type", "exc_type", "exception.type", "error_type", "exception_type")
_SERVICE = ("service", "service.name", "service_name", "app", "application")
_VERSION = ("code_version", "version", "release", "service.version")
_KNOWN = frozenset((*_LEVEL, *_LEVEL_NUMBER, *_MESSAGE, *_TIME, *_TRACE, *_ERROR_TYPE, *_SERVICE, *_VERSION))
_KIND = r"(?:[A-Za-z_]\w*\.)*[A-Z]\w*"
_TYPED = re.compile(rf"(?P<kind>{_KIND})(?:: (?P<text>.*)|\((?P<shown>.*)\)$)", re.DOTALL)
# What fails while errors are being stored must not make more of them: as in the chassis' shipping.
_OWN_SERVICE = "error_analyzer"
_OWN_RPCS = ("IngestErrors", "RecordErrors")


def service_name(name: str, otherwise: str = "log") -> str:
    """The name as the contract allows it: letters, digits, `_`, `.`, `-`, at most 60, a letter first."""
    cleaned = re.sub(r"[^A-Za-z0-9_.-]+", "-", name).strip("-.")[:60]
    if cleaned and not cleaned[0].isalpha():
        cleaned = f"s-{cleaned}"[:60]
    return cleaned if SERVICE.fullmatch(cleaned) else otherwise


def from_line(line: Line, service: str, trace: Trace | None, more: Sequence[str]) -> ErrorEvent | None:
    """The event of a line at an error's level, with the traceback and the other lines below it.

    None where it is one of our own making.
    """
    text, logger, fields = console_parts(line.text)
    if _own(fields):
        return None
    context = dict(fields)
    if line.logger or logger:
        context["logger"] = line.logger or logger
    if more:
        context["continued"] = "\n".join(more)
    named = str(context.pop("service", "")) or line.service
    service = service_name(named) if named else service
    return _event(service, text or _first_of(trace), line.time, trace, context)


def from_traceback(line: Line, service: str, trace: Trace) -> ErrorEvent:
    """The event of a traceback that no line at an error's level stands before."""
    service = service_name(line.service) if line.service else service
    return _event(service, _first_of(trace), line.time, trace, {})


def from_fields(line: Line, service: str) -> ErrorEvent | None:
    """The event of a structured record; None where it is none: by its level, or as one of our own making."""
    fields = _flat(line.fields or {})
    level = _level(fields)
    trace = _trace(fields)
    if level is False or (level is None and (trace is None or not trace.frames)):
        return None
    service = _service(fields, line.service or service)
    if _own(fields):
        return None
    message = _first(fields, _MESSAGE)
    context = {name: value for name, value in fields.items() if name not in _KNOWN and value is not None}
    if trace is not None and not trace.frames and trace.message and message == "":
        message = trace.message
    time = moment(_first(fields, _TIME, keep=True)) or line.time
    event = _event(service, str(message) or _first_of(trace), time, trace, context)
    event.code_version = clean(str(_first(fields, _VERSION)), MAX_NAME)
    event.error_id = clean(str(context.get("error_id", "")), MAX_NAME)
    event.context.pop("error_id", None)
    return event


def _own(fields: Mapping[str, object]) -> bool:
    return fields.get("service") == _OWN_SERVICE or fields.get("rpc") in _OWN_RPCS


def clean(text: str, most: int) -> str:
    """Cut, and encodable: JSON may hold half a character."""
    return text[:most].encode(errors="replace").decode()


def _event(
    service: str, message: str, time: datetime | None, trace: Trace | None, context: Mapping[str, object]
) -> ErrorEvent:
    event = ErrorEvent(service=service, message=clean(message, MAX_MESSAGE).strip() or NO_MESSAGE)
    if time is not None:
        event.time.FromDatetime(time.astimezone(UTC))
    if trace is not None:
        event.exception_type = clean(trace.kind.removeprefix("builtins."), MAX_NAME * 2)
        event.exception_message = clean(trace.message, MAX_EXCEPTION)
        for frame in trace.frames[-MAX_FRAMES:]:
            file = clean(frame.file, MAX_VALUE)
            event.frames.add(
                module=module_of(file),
                function=clean(frame.function, MAX_VALUE),
                line=min(frame.line, 2**31),
                in_app=in_app(file),
                file=file,
            )
        if trace.causes:
            context = {**context, "causes": "\n".join(trace.causes)}
        if trace.parts:
            context = {**context, "parts": "\n".join(trace.parts)}
    for name, value in list(context.items())[:MAX_FIELDS]:
        event.context[clean(name, MAX_NAME)] = clean(_shown(value), MAX_VALUE)
    return event


def _first_of(trace: Trace | None) -> str:
    if trace is None:
        return NO_MESSAGE
    if not trace.kind:
        return trace.message or CUT_OFF
    return f"{trace.kind}: {trace.message}".rstrip(": ").partition("\n")[0]


def _shown(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=str)


def _flat(fields: Mapping[str, object]) -> dict[str, object]:
    """One level of names inside names joined by dots, where a known field is written so."""
    flat = dict(fields)
    for name in ("service", "log", "error", "exception", "err"):
        inner = fields.get(name)
        if isinstance(inner, Mapping):
            del flat[name]
            flat.update({f"{name}.{key}": value for key, value in inner.items()})
    return {str(name): value for name, value in flat.items()}


def _first(fields: Mapping[str, object], names: Iterable[str], *, keep: bool = False) -> object:
    for name in names:
        value = fields.get(name)
        if value is not None and value != "" and (keep or isinstance(value, str | int | float)):
            return value
    return ""


def _level(fields: Mapping[str, object]) -> bool | None:
    """True for an error. Numbers: of Python's logging as `levelno`, of pino and bunyan as `level`."""
    number = _first(fields, _LEVEL_NUMBER)
    if isinstance(number, int | float):
        return number >= 40
    for name in _LEVEL:
        value = fields.get(name)
        if isinstance(value, bool) or value is None:
            continue
        if isinstance(value, int | float):
            return value >= 50
        if isinstance(value, str) and (found := is_error(value.strip())) is not None:
            return found
    return None


def _service(fields: Mapping[str, object], otherwise: str) -> str:
    name = _first(fields, _SERVICE)
    return service_name(str(name), service_name(otherwise)) if name else service_name(otherwise)


def _trace(fields: Mapping[str, object]) -> Trace | None:
    """What a record tells of an exception, in any of the usual forms; None where it tells nothing."""
    kind = str(_first(fields, (*_ERROR_TYPE, "err.type", "error.kind", "exception.exc_type")))
    message = str(
        _first(fields, ("error.message", "exc_value", "exception.message", "err.message", "exc_message"))
    )
    for name in (*_TRACE, "exception.stacktrace", "err.stack", "error.stack", "exception.traceback"):
        value = fields.get(name)
        if isinstance(value, str) and (trace := trace_of(value)) is not None:
            return trace
        if isinstance(value, list) and (trace := _listed(value)) is not None:
            return trace
    if kind:
        return Trace(kind, message, ())
    for name in (*_TRACE, *_ERROR):
        value = fields.get(name)
        if isinstance(value, str) and (typed := _TYPED.match(value.strip()[:MAX_EXCEPTION])):
            return Trace(typed["kind"], typed["text"] or typed["shown"] or "", ())
    return None


def _listed(stacks: Sequence[object]) -> Trace | None:
    """structlog's tracebacks as data: the exception, then what caused it."""
    known = [
        stack for stack in stacks if isinstance(stack, Mapping) and isinstance(stack.get("exc_type"), str)
    ]
    if not known:
        return None
    told = known[0].get("frames")
    frames = [frame for frame in told if isinstance(frame, Mapping)] if isinstance(told, list) else []
    return Trace(
        known[0]["exc_type"],
        _said(known[0].get("exc_value")),
        tuple(
            TraceFrame(_said(frame.get("filename")), _number(frame.get("lineno")), _said(frame.get("name")))
            for frame in frames[-MAX_FRAMES:]
        ),
        tuple(f"{stack['exc_type']}: {_said(stack.get('exc_value'))}"[:200] for stack in known[1:10]),
    )


def _said(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    """A line's number; a bool is an int to Python, and none to the contract."""
    if not isinstance(value, int) or isinstance(value, bool):
        return 0
    return value if 0 <= value < 2**31 else 0
