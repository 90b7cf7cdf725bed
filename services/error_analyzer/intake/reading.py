"""A piece of a log file as the errors in it.

A piece is read by itself: what it gives depends on its bytes only, so that the same piece gives the same
errors after a crash. Where one ends is chosen so that no error goes across: at a calm point, a line
before which everything has ended.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from enum import Enum

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from services.error_analyzer.intake import events as made
from services.error_analyzer.intake.lines import MAX_LINE, Kind, Line, decoded, joined, read_line
from services.error_analyzer.intake.tracebacks import TracebackReader, begins

MAX_EVENT_LINES = 200
"""Lines below a line at an error's level that are its own, tracebacks not counted."""
MAX_STREAMS = 64
"""Streams of one file with something unfinished at once."""
MAX_FOREIGN = 20
"""Whole records in the middle of a traceback, after which its end is not waited for."""


class End(Enum):
    """What the end of a piece means."""

    OPEN = "more may come: what is unfinished is left for later"
    FLUSHED = "what whole lines hold is finished"
    CLOSED = "as FLUSHED, and the rest without a line's end is a line too"


@dataclass(frozen=True, slots=True)
class Piece:
    """What was read. `consumed`: bytes from the begin, up to where all is told by `events`.

    `skipping`: the last line had no end, and what follows is its rest. `failed`: records that no error
    could be made of, for a fault of ours.
    """

    events: Sequence[ErrorEvent]
    consumed: int
    lines: int
    cut: int
    skipping: bool = False
    failed: int = 0


@dataclass(slots=True)
class _Open:
    """An error that may go on in the next line."""

    line: Line
    stamped: bool
    reader: TracebackReader | None = None
    more: list[str] = field(default_factory=list)
    foreign: int = 0

    def takes(self, line: Line) -> bool:
        """Whether the line is a part of it."""
        loose = line.kind is Kind.LOOSE
        if loose and not self.stamped:
            # Of another writer, in the middle of a traceback; else the begin of something new.
            return self.waits()
        if self.reader is not None:
            if loose and self.reader.in_message and line.text.strip() and not line.text[0].isspace():
                return False
            return self.reader.feed(line.text)
        if begins(line.text):
            self.reader = TracebackReader(line.text)
            return True
        if loose and not line.text[:1].isspace():
            return False
        if len(self.more) >= MAX_EVENT_LINES:
            return False
        if line.text.strip():
            self.more.append(line.text[: made.MAX_VALUE])
        return True

    def waits(self) -> bool:
        """Whether a line of somebody else leaves it unfinished."""
        self.foreign += 1
        return self.reader is not None and not self.reader.complete and self.foreign <= MAX_FOREIGN


def read_piece(
    data: bytes, service: str, *, end: End = End.OPEN, skipping: bool = False, most: int | None = None
) -> Piece:
    """Reads a piece that begins at a line's begin, or with `skipping` in the middle of one.

    Gives at most `most` errors, or MAX_STREAMS more where that many lines had no end.
    """
    return _Piece(data, service, most).read(end, skipping)


class _Piece:
    def __init__(self, data: bytes, service: str, most: int | None) -> None:
        self._data = data
        self._service = service
        self._most = most
        self._events: list[ErrorEvent] = []
        self._open: dict[str, _Open] = {}
        self._partial: dict[str, str] = {}
        self._cut: list[int] = []
        self._begin = 0
        self._calm = self._calm_events = 0
        self._failed = self._calm_failed = 0

    def read(self, end: End, skipping: bool) -> Piece:
        position = 0
        if skipping:
            position = self._data.find(b"\n") + 1
            if position == 0:
                return Piece((), len(self._data), 0, 0, skipping=True)
        self._begin = self._calm = position
        while (newline := self._data.find(b"\n", position)) >= 0:
            if self._most is not None and len(self._events) + len(self._open) >= self._most:
                self._note_calm(position)
                return self._at_calm() if self._calm > self._begin else self._flushed(position)
            self._line(position, newline)
            position = newline + 1
        if end is End.OPEN:
            self._note_calm(position)
            return self._at_calm()
        if end is End.CLOSED and position < len(self._data):
            self._line(position, len(self._data))
            return replace(self._flushed(len(self._data)), skipping=True)
        return self._flushed(position)

    def _line(self, start: int, end: int) -> None:
        if end - start > MAX_LINE:
            self._cut.append(start)
        text = decoded(self._data[start : min(end, start + MAX_LINE)])
        try:
            self._read(read_line(text), start)
        except Exception:  # noqa: BLE001 - whatever is wrong with one line, those behind it are read
            self._failed += 1

    def _read(self, line: Line, start: int) -> None:
        before = self._partial.pop(line.stream, "")
        if line.partial and len(self._partial) < MAX_STREAMS and len(before) + len(line.text) < MAX_LINE:
            self._partial[line.stream] = before + line.text
            return
        if before:
            # Other lines stand between its parts: nothing is calm where it begins or ends.
            self._take(joined(before, line), None)
        else:
            self._take(line, start)

    def _take(self, line: Line, start: int | None) -> None:
        known = self._open.get(line.stream)
        if line.kind is Kind.RECORD or (line.kind is Kind.HEAD and line.error is not True):
            self._whole(line, known, start)
            return
        if line.kind is not Kind.HEAD and known is not None and known.takes(line):
            return
        self._close(line.stream)
        self._note_calm(start)
        if len(self._open) >= MAX_STREAMS:
            self._close(next(iter(self._open)))
        stamped = line.kind is Kind.LOOSE or line.time is not None or line.stream != ""
        if line.kind is Kind.HEAD:
            self._open[line.stream] = _Open(line, stamped)
        elif begins(line.text):
            self._open[line.stream] = _Open(line, stamped, TracebackReader(line.text))
        elif line.error and line.text.strip():
            self._open[line.stream] = _Open(line, stamped)

    def _whole(self, line: Line, known: _Open | None, start: int | None) -> None:
        """A record that needs nothing more; in the middle of a traceback it is somebody else's."""
        if known is not None and not known.waits():
            self._close(line.stream)
        self._note_calm(start)
        if line.kind is Kind.RECORD:
            self._keep(lambda: made.from_fields(line, self._service))

    def _close(self, stream: str) -> None:
        done = self._open.pop(stream, None)
        if done is not None:
            self._keep(lambda: self._finished(done))

    def _finished(self, done: _Open) -> ErrorEvent | None:
        trace = done.reader.trace() if done.reader is not None else None
        if done.line.kind is Kind.HEAD or done.line.error:
            return made.from_line(done.line, self._service, trace, done.more)
        return made.from_traceback(done.line, self._service, trace) if trace is not None else None

    def _keep(self, make: Callable[[], ErrorEvent | None]) -> None:
        """A record that can't be read must not end the reading: it would again, at each start."""
        try:
            event = make()
        except Exception:  # noqa: BLE001 - see above; it is counted
            self._failed += 1
            return
        if event is not None:
            self._events.append(event)

    def _note_calm(self, offset: int | None) -> None:
        if offset is None or self._open or self._partial:
            return
        if self._most is None or len(self._events) <= self._most:
            self._calm, self._calm_events = offset, len(self._events)
            self._calm_failed = self._failed

    def _at_calm(self) -> Piece:
        return self._piece(self._events[: self._calm_events], self._calm, self._calm_failed)

    def _flushed(self, position: int) -> Piece:
        for stream, text in list(self._partial.items()):
            try:
                self._take(joined(text, Line(Kind.BARE, "", stream=stream)), None)
            except Exception:  # noqa: BLE001 - as in a line
                self._failed += 1
        for stream in list(self._open):
            self._close(stream)
        return self._piece(self._events, position, self._failed)

    def _piece(self, events: Sequence[ErrorEvent], consumed: int, failed: int) -> Piece:
        unended = self._data[max(0, consumed - 1) : consumed] not in (b"", b"\n")
        lines = self._data.count(b"\n", self._begin, consumed) + unended
        cut = sum(start < consumed for start in self._cut)
        return Piece(events, consumed, lines, cut, failed=failed)
