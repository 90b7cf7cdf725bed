"""What one line of a log says by itself: who wrote it, when, at which level, and whether it begins a record.

Known are JSON and logfmt; dates and times with a level in any usual order; `LEVEL:name:text`; syslog; klog;
and around any of those the prefixes of Docker, Compose, Kubernetes and CRI, and terminal colours.
"""

import json
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import Enum

MAX_LINE = 65_536
"""Bytes of a line that are read; what follows is cut."""

ERROR_LEVELS = frozenset(
    (
        "error",
        "err",
        "critical",
        "crit",
        "fatal",
        "exception",
        "alert",
        "emerg",
        "emergency",
        "panic",
        "severe",
    )
)
_OTHER_LEVELS = frozenset(
    ("trace", "debug", "verbose", "info", "information", "notice", "success", "log", "warn", "warning")
)
_LEVELS = ERROR_LEVELS | _OTHER_LEVELS

_COLOURS = re.compile(r"\x1b\[[0-9;:?]{0,32}[@-~]|\x1b[@-Z\\-_]")
_COMPOSE = re.compile(r"(?P<name>[A-Za-z0-9][\w.-]{0,99})(?P<room> {1,60})\| ?")
_REPLICA = re.compile(r"[-_]\d{1,4}$")
_POD = re.compile(r"\[pod/(?P<pod>[^/\]\s]{1,253})/(?P<name>[^\]\s]{1,63})\] ")
_STAMP = re.compile(r"(?P<time>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d)) ")
_CRI = re.compile(r"(?P<stream>stdout|stderr) (?P<tag>[FP]) ")
_DATE = re.compile(
    r"[\[(]?(?P<date>\d{4}[-/]\d\d[-/]\d\d)[ T](?P<time>\d\d:\d\d:\d\d)(?P<part>[.,]\d{1,9})?"
    r" ?(?P<zone>Z|UTC|GMT|[+-]\d\d:?\d\d)?[\])]?(?=[\s:|,-]|$)"
)
_CLOCK = re.compile(r"[\[(]?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?[\])]?(?=[\s:|,-]|$)")
_SYSLOG = re.compile(
    r"(?:<(?P<priority>\d{1,3})>)?[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d (?P<host>[\w.:-]{1,255}) "
    r"(?P<tag>[\w./-]{1,64})(?:\[\d{1,10}\])?: ?"
)
_SYSLOG_NEW = re.compile(
    r"<(?P<priority>\d{1,3})>1 (?P<time>\S{1,40}) \S{1,255} (?P<tag>\S{1,48}) \S{1,128} \S{1,32} "
    r"(?:-|\[[^\]]{0,2000}\])(?: \ufeff?|$)"
)
_KLOG = re.compile(
    r"(?P<level>[IWEF])\d{4} \d\d:\d\d:\d\d(?:\.\d{1,9})? +(?:\d{1,10} +)?(?:[\w./-]{1,200}:\d{1,6}\] )?"
)
_BARE_LEVEL = re.compile(
    r"(?P<open>\[)?(?P<level>[A-Z]{3,11})(?(open)\]|)(?P<after>:(?P<name>[\w.]{1,100}):|:|\s|$)\s{0,20}"
)
_NAME = re.compile(r"(?P<name>[a-z_][a-z0-9_]{0,60}(?:\.[A-Za-z_]\w{0,60}){0,10})(?::| -) +(?=\S)")
_LOGGER = re.compile(r"[A-Za-z_][\w.]{0,100}")
_BRACKETED = re.compile(r"\[(?P<name>[\w.]{1,100})\]$")
_PAIR = re.compile(
    r"(?<![^\s])(?P<key>[A-Za-z_@][\w.@-]{0,99})=(?P<value>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|\S*)"
)
_LOGFMT = re.compile(r"(?<![^\s])(?:level|lvl|severity)=\"?[A-Za-z]")
_JSON_TEXT = re.compile(r'"(?P<key>[\w.@-]{1,100})"\s{0,5}:\s{0,5}"(?P<value>(?:[^"\\]|\\.)*)"')
_TOKENS_TRIED = 6
_NANOSECONDS = len("2026-03-01T12:00:00.1234567")
"""Characters of a time that has more digits than a program's logger gives it."""


class Kind(Enum):
    """What a line is to those before it."""

    RECORD = "a whole record by itself"
    HEAD = "has a level, and begins a record that may go on in the next lines"
    LOOSE = "has a prefix that records as well as their continuations have"
    BARE = "nothing before its text"


@dataclass(frozen=True, slots=True)
class Line:
    """One line. `stream` keeps apart those that are mixed in a file; `service` is what a prefix names.

    `error`: True or False by its level, None where it tells none. `fields`: of a RECORD. `partial`: its
    text goes on in the stream's next line, which is written without a break.
    """

    kind: Kind
    text: str
    stream: str = ""
    service: str = ""
    time: datetime | None = None
    error: bool | None = None
    logger: str = ""
    fields: Mapping[str, object] | None = None
    partial: bool = False


def is_error(level: str) -> bool | None:
    """Whether a level is an error's; None for what is no level."""
    level = level.lower()
    return True if level in ERROR_LEVELS else False if level in _OTHER_LEVELS else None


def decoded(raw: bytes) -> str:
    """A line's text: no byte breaks it. Colours, NULs and the line's end are gone."""
    text = raw[:MAX_LINE].decode("utf-8", "replace").rstrip("\r\n").replace("\0", "").removeprefix("\ufeff")
    return _COLOURS.sub("", text) if "\x1b" in text else text


def read_line(text: str) -> Line:
    """What a line, already decoded, says."""
    stream = service = ""
    if found := _compose(text):
        stream, service, text = found
    elif text.startswith("[pod/") and (pod := _POD.match(text)):
        stream, service, text = f"{pod['pod']}/{pod['name']}", pod["name"], text[pod.end() :]
    line = _stamped(text)
    if not stream:
        return line
    return replace(line, stream=f"{stream} {line.stream}".rstrip(), service=line.service or service)


def joined(first: str, rest: Line) -> Line:
    """The line that was written in parts; `first` is the text of all but the last."""
    whole = _stamped(first + rest.text) if not first.startswith("{") else _plain(first + rest.text)
    return replace(
        whole, stream=rest.stream, service=rest.service or whole.service, time=whole.time or rest.time
    )


def _compose(text: str) -> tuple[str, str, str] | None:
    """`web-1  | text`: replicas have a number, and names are padded."""
    found = _COMPOSE.match(text)
    if found is None:
        return None
    name = found["name"]
    plain = _REPLICA.sub("", name)
    if plain == name and len(found["room"]) < 2:
        return None
    return name, plain, text[found.end() :]


def _stamped(text: str) -> Line:
    """Without the time that Docker, Kubernetes or CRI put before everything."""
    stamp = _STAMP.match(text)
    if stamp is None:
        line = _plain(text)
        return _unwrapped(line) if line.fields is not None else line
    time, rest = moment(stamp["time"]), text[stamp.end() :]
    if cri := _CRI.match(rest):
        inner = _plain(rest[cri.end() :])
        partial = cri["tag"] == "P"
        if partial:
            return Line(Kind.BARE, rest[cri.end() :], stream=cri["stream"], time=time, partial=True)
        return replace(inner, stream=cri["stream"], time=inner.time or time)
    inner = _plain(rest)
    if len(stamp["time"]) > _NANOSECONDS:
        # Docker's and Kubernetes' own: before every line, so that it says nothing of where a record begins.
        return replace(inner, stream=f"@{inner.stream}", time=inner.time or time)
    if inner.kind in (Kind.HEAD, Kind.RECORD):
        return replace(inner, time=inner.time or time)
    error, logger, said = _levelled(rest)
    if error is not None:
        return _head(said, time, error, logger)
    return Line(Kind.LOOSE, rest, time=time)


def _unwrapped(line: Line) -> Line:
    """Docker's own JSON holds a line as its program wrote it."""
    fields = line.fields or {}
    log, stream = fields.get("log"), fields.get("stream")
    if not (isinstance(log, str) and stream in ("stdout", "stderr") and "time" in fields):
        return line
    time = moment(fields["time"])
    if not log.endswith("\n"):
        return Line(Kind.BARE, log, stream=str(stream), time=time, partial=True)
    inner = _plain(decoded(log.encode("utf-8", "replace")))
    return replace(inner, stream=str(stream), time=inner.time or time)


def _plain(text: str) -> Line:
    if text.startswith("{"):
        fields = _json(text)
        if fields is not None:
            return Line(Kind.RECORD, text, fields=fields)
    first = text[:1]
    if first.isdigit() or first in "[(":
        if date := _DATE.match(text):
            return _dated(text[date.end() :], _date(date), text)
        if clock := _CLOCK.match(text):
            error, logger, said = _levelled(text[clock.end() :])
            if error is not None:
                return _head(said, None, error, logger)
    if first == "<" or first.isupper():
        found = _syslog(text) or _klog(text)
        if found is not None:
            return found
    if first.isupper() or first == "[":
        level = _BARE_LEVEL.match(text)
        error = is_error(level["level"]) if level else None
        if level and error is not None:
            return _head(text[level.end() :], None, error, level["name"] or "")
    if "level=" in text[:300] or "lvl=" in text[:300] or "severity=" in text[:300]:
        fields = _logfmt(text)
        if fields is not None:
            return Line(Kind.RECORD, text, fields=fields)
    return Line(Kind.BARE, text)


def _dated(rest: str, time: datetime | None, text: str) -> Line:
    if "level=" in rest[:300] and (fields := _logfmt(rest)) is not None:
        return Line(Kind.RECORD, text, time=time, fields=fields)
    error, logger, said = _levelled(rest)
    if error is None:
        return Line(Kind.LOOSE, rest[1:] if rest[:1] == " " else rest, time=time)
    return _head(said, time, error, logger)


def _head(text: str, time: datetime | None, error: bool | None, logger: str) -> Line:
    return Line(Kind.HEAD, text.strip(), time=time, error=error, logger=logger)


def _levelled(rest: str) -> tuple[bool | None, str, str]:
    """The level among the first words after a time, the logger's name where it is one, and the text.

    A level in small letters counts in brackets or before a colon only: `an error occurred` tells none.
    """
    before: list[str] = []
    position = 0
    for _ in range(_TOKENS_TRIED):
        while position < len(rest) and rest[position].isspace():
            position += 1
        end = position
        while end < len(rest) and not rest[end].isspace():
            end += 1
        word = rest[position:end]
        bare = word.strip("[](){}<>|:,-")
        if bare.lower() in _LEVELS and (bare.isupper() or word != bare):
            return is_error(bare), *_named(before, rest[end:])
        if ":" in word and (level := word.partition(":")[0]).isupper() and level.lower() in _LEVELS:
            return is_error(level), *_named(before, rest[position + len(level) + 1 :])
        if not bare and not word.strip("|-:"):
            position = end
            continue
        before.append(bare)
        position = end
    return None, "", rest.lstrip(" \t|:-,")


def _named(before: list[str], text: str) -> tuple[str, str]:
    # A level that is padded inside its bracket leaves it behind.
    text = text.lstrip(" \t]|:-").rstrip()
    if found := _NAME.match(text):
        return found["name"], text[found.end() :]
    return next((word for word in before if _LOGGER.fullmatch(word)), ""), text


def _syslog(text: str) -> Line | None:
    found = _SYSLOG.match(text) or _SYSLOG_NEW.match(text)
    if found is None:
        return None
    parts = found.groupdict()
    time = moment(parts.get("time"))
    error = int(found["priority"]) % 8 <= 3 if found["priority"] else None
    inner = _plain(text[found.end() :])
    stream, service = found["tag"], found["tag"].rpartition("/")[2]
    if inner.kind in (Kind.HEAD, Kind.RECORD):
        return replace(inner, stream=stream, service=service, time=inner.time or time)
    return Line(Kind.LOOSE, inner.text, stream=stream, service=service, time=time, error=error)


def _klog(text: str) -> Line | None:
    found = _KLOG.match(text)
    return _head(text[found.end() :], None, found["level"] in "EF", "") if found else None


def _json(text: str) -> Mapping[str, object] | None:
    """The object on a line; of one that was cut, its texts as far as they can be told."""
    try:
        fields = json.loads(text)
    except (ValueError, RecursionError):
        if len(text) < MAX_LINE // 4:
            return None
        # The first of a name wins: what is further in belongs to something else.
        salvaged: dict[str, object] = {}
        for pair in _JSON_TEXT.finditer(text):
            salvaged.setdefault(pair["key"], pair["value"].replace("\\n", "\n").replace('\\"', '"'))
        return salvaged or None
    return fields if isinstance(fields, dict) else None


def pairs(text: str) -> dict[str, object]:
    """`key=value` words; quotes around a value are gone."""
    found: dict[str, object] = {}
    for pair in _PAIR.finditer(text):
        value = pair["value"]
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1].replace('\\"', '"').replace("\\n", "\n")
        found.setdefault(pair["key"], value)
    return found


def console_parts(text: str) -> tuple[str, str, dict[str, object]]:
    """Event, logger and fields of a line as structlog's console prints it, after the level."""
    first = _PAIR.search(text)
    if first and _PAIR.sub("", text[first.start() :]).strip():
        return text, "", {}
    event = (text[: first.start()] if first else text).rstrip()
    fields = pairs(text[first.start() :]) if first else {}
    if found := _BRACKETED.search(event):
        return event[: found.start()].rstrip(), found["name"], fields
    return event, "", fields


def _logfmt(text: str) -> Mapping[str, object] | None:
    return pairs(text) if _LOGFMT.search(text[:300]) and ("msg=" in text or "message=" in text) else None


def _date(found: re.Match[str]) -> datetime | None:
    zone = (found["zone"] or "Z").replace("UTC", "Z").replace("GMT", "Z")
    part = (found["part"] or "").replace(",", ".")
    return moment(f"{found['date'].replace('/', '-')}T{found['time']}{part}{zone}")


def moment(value: object) -> datetime | None:
    """A time as logs write it: ISO 8601, or seconds since 1970 or thousandths and smaller. UTC if untold."""
    if isinstance(value, bool) or value is None:
        return None
    try:
        if isinstance(value, str) and not value.replace(".", "", 1).isdigit():
            # Python reads no more than six digits of a second.
            iso = re.sub(r"(?<=[.,]\d{6})\d+", "", value.strip()).replace(",", ".")
            found = datetime.fromisoformat(iso)
            return (found if found.tzinfo else found.replace(tzinfo=UTC)).astimezone(UTC)
        seconds = float(value) if isinstance(value, str | int | float) else 0.0
        if not math.isfinite(seconds):
            return None
        while seconds > 32_503_680_000:
            seconds /= 1000
        return datetime.fromtimestamp(seconds, UTC) if seconds > 0 else None
    except (ValueError, OverflowError, OSError):
        return None
