"""Reads a Python traceback line by line, as the interpreter, logging or structlog's console prints it.

Of a chain the last exception counts, and of an exception group the group itself, as in the error that a
service ships; what caused it, and what it holds, is kept in short.
"""

import re
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

MAX_FRAMES = 100
"""Of a deeper traceback the innermost ones are kept."""
MAX_MESSAGE_LINES = 200
MAX_MESSAGE = 8_192
_MAX_NOTES = 10
_MAX_NOTE = 200

_HEADER = re.compile(
    r"(?P<margin>[ \t]*)(?P<group>\+ Exception Group )?Traceback \(most recent call last\):[ \t]*"
)
_RICH_HEADER = re.compile(
    r"(?P<margin>[ \t]*)\u256d\u2500+ Traceback \(most recent call last\) \u2500+\u256e[ \t]*"
)
_RICH_FRAME = re.compile(r"\u2502 (?P<file>[^\s:](?:[^:]|:(?!\d))*):(?P<line>\d{1,9}) in (?P<function>\S.*)")
_HEADLESS = re.compile(r'[ \t]*File "[^"]+", line \d{1,9}[ \t]*')
_FRAME = re.compile(r'[ \t]+File "(?P<file>.+?)", line (?P<line>\d{1,9})(?:, in (?P<function>.+))?')
_ERROR = re.compile(r"(?P<kind>[^\W\d][\w.<>]*)(?:: ?(?P<message>.*))?")
_MARGIN = re.compile(r"(?P<indent>[ \t]*)(?:\| ?|\+(?=-|$))")
_CHAINED = (
    "During handling of the above exception, another exception occurred:",
    "The above exception was the direct cause of the following exception:",
)


@dataclass(frozen=True, slots=True)
class TraceFrame:
    """One function on the way: its file as it is named there, and the line number."""

    file: str
    line: int
    function: str


@dataclass(frozen=True, slots=True)
class Trace:
    """A traceback. Frames: outermost first. `kind` is empty where its end never came.

    `causes`: the exceptions before it in the chain; `parts`: those in an exception group.
    """

    kind: str
    message: str
    frames: Sequence[TraceFrame]
    causes: Sequence[str] = ()
    parts: Sequence[str] = ()


def begins(text: str) -> bool:
    """True for a line that a traceback begins with."""
    return (
        _HEADER.fullmatch(text) is not None
        or _RICH_HEADER.fullmatch(text) is not None
        or _HEADLESS.fullmatch(text) is not None
    )


def trace_of(text: str) -> Trace | None:
    """The last traceback in a text such as a JSON field; None where there is none."""
    reader: TracebackReader | None = None
    for line in text.split("\n"):
        if reader is not None and reader.feed(line):
            continue
        if begins(line):
            reader = TracebackReader(line)
    return reader.trace() if reader is not None else None


class TracebackReader:
    """One traceback with all that it is chained to, from its first line on."""

    def __init__(self, first: str) -> None:
        self._frames: deque[TraceFrame] = deque(maxlen=MAX_FRAMES)
        self._causes: deque[str] = deque(maxlen=_MAX_NOTES)
        self._parts: list[str] = []
        self._kind = ""
        self._message: list[str] = []
        self._kept = 0
        self._lines = 0
        self._group: int | None = None
        self._indent = 0
        self._state = "frames"
        if not self._begin(first):
            self._indent = max(0, len(first) - len(first.lstrip()) - 2)

    @property
    def complete(self) -> bool:
        """True once the line with the exception came: what follows may or may not belong to it."""
        return self._state in ("message", "blank")

    @property
    def in_message(self) -> bool:
        """True where the next line, whatever it says, may be one more of the exception's text."""
        return self._state == "message"

    def feed(self, text: str) -> bool:
        """Takes the next line; False where it is none of this traceback's."""
        if self._indent and not text[: self._indent].strip():
            text = text[self._indent :]
        if self._group is not None:
            margin = _MARGIN.match(text)
            if margin is not None:
                return self._feed_group(len(margin["indent"]), text[margin.end() :])
            if self._state == "frames":
                return False
            if self._state == "message" and text.strip():
                return False
        return self._feed(text)

    def trace(self) -> Trace:
        """What was read."""
        return Trace(
            self._kind,
            "\n".join(self._message)[:MAX_MESSAGE].rstrip(),
            tuple(self._frames),
            tuple(self._causes),
            tuple(self._parts),
        )

    def _begin(self, text: str) -> bool:
        found = _HEADER.fullmatch(text) or _RICH_HEADER.fullmatch(text)
        if found is None:
            return False
        if found.groupdict().get("group"):
            self._group = len(found["margin"])
        else:
            self._group = None
            self._indent += len(found["margin"])
        self._frames.clear()
        self._parts.clear()
        self._kind, self._message, self._kept, self._state = "", [], 0, "frames"
        return True

    def _feed_group(self, column: int, body: str) -> bool:
        assert self._group is not None, "only a group has margins"
        if column <= self._group and not body.startswith("-"):
            return self._feed(body)
        # A part of the group; which ones there are is enough.
        found = _ERROR.fullmatch(body)
        if found and found["message"] and not body.startswith("Traceback") and len(self._parts) < _MAX_NOTES:
            self._parts.append(body[:_MAX_NOTE])
        self._state = "blank"
        return True

    def _feed(self, text: str) -> bool:
        if self._state == "frames":
            return self._feed_frame(text)
        blank = not text.strip()
        if self._state == "message":
            if blank:
                self._state = "blank"
                return True
            self._lines += 1
            if self._lines > MAX_MESSAGE_LINES or begins(text):
                return False
            if self._kept < MAX_MESSAGE:
                self._message.append(text)
                self._kept += len(text) + 1
            return True
        if blank:
            return True
        if self._state == "blank":
            if text.strip() not in _CHAINED:
                return False
            self._causes.append(f"{self._kind}: {' '.join(self._message)}"[:_MAX_NOTE])
            self._state = "chain"
            return True
        return self._begin(text)

    def _feed_frame(self, text: str) -> bool:
        frame = _FRAME.fullmatch(text) or _RICH_FRAME.match(text.strip())
        if frame is not None:
            # Without a function it is the place of a syntax error, and nothing that was called.
            if frame["function"]:
                function = frame["function"].rstrip(" \t\u2502")
                self._frames.append(TraceFrame(frame["file"], int(frame["line"]), function))
            return True
        if not text.strip() or text[0] in " \t\u2502\u2570":
            return True
        found = _ERROR.fullmatch(text)
        if found is None:
            return False
        self._kind, self._message = found["kind"], [found["message"] or ""]
        self._kept, self._state = len(self._message[0]), "message"
        return True
