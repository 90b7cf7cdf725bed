"""Follows log files through growth, rotation and truncation, and reads what is new in them. Blocks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent
from services.chassis.logs import get_logger
from services.error_analyzer.intake import files, metrics
from services.error_analyzer.intake.files import Seen, Source
from services.error_analyzer.intake.offsets import Place, Places, Range
from services.error_analyzer.intake.reading import End, read_piece

CHUNK = 1 << 20
"""Bytes of one file that are read in one turn."""
FIRST_START = 10 << 20
"""Of files that exist at the very first start so many bytes are read at most, the newest."""
MOST_BEHIND = 64 << 20
"""Bytes that reading may be behind in one file; farther behind, it goes on at the last KEPT_BEHIND."""
KEPT_BEHIND = 16 << 20
QUIET_S = 2.0
"""Without a new line for so long, what is unfinished is finished."""
UNENDED_S = 30.0
"""The same where a line was begun: its writer has a buffer, and the rest of an error may be in it."""
HELD_S = 10.0
"""What is unfinished is not waited for longer, though lines of others keep coming."""

MISSING_S = 600.0
"""A file that was not found for so long is forgotten."""

_log = get_logger("error_analyzer")


@dataclass(frozen=True, slots=True)
class Taken:
    """What one turn at one file gave: errors, and the bytes that they and all that is none came from."""

    range: Range
    events: Sequence[ErrorEvent]
    lines: int
    cut: int
    failed: int = 0


@dataclass(slots=True)
class _Watch:
    """What is known of a file while this process runs."""

    seen: Seen
    grown: float
    stuck: float | None = None


class Tracker:
    """The files of some globs, and where reading stands in each.

    `at_first`: bytes that are read of files that are there at the first look; None: all.
    """

    def __init__(
        self,
        sources: Sequence[Source],
        places: Places,
        *,
        clock: Callable[[], float],
        at_first: int | None = None,
    ) -> None:
        self.places = places
        self._at_first = at_first
        self._sources = sources
        self._clock = clock
        self._watched: dict[tuple[int, int], _Watch] = {}
        self._refused: dict[tuple[int, int], str] = {}
        self._missing: dict[tuple[int, int], float] = {}
        self._next = 0
        self._full = False
        self._told: set[tuple[str, str]] = set()

    def look(self) -> None:
        """Finds out which files there are now, and what became of those that were known."""
        found = files.find(self._sources, self._left_out)
        if len(found) == files.MAX_FILES and not self._full:
            self._full = True
            _log.warning("more log files match than are read", most=files.MAX_FILES)
        for place in list(self.places.files.values()):
            seen = found.get(place.key) or files.renamed(place)
            if seen is None:
                self._gone(place)
            else:
                self._missing.pop(place.key, None)
                found[place.key] = seen
                self._again(place, seen, found)
        for seen in list(found.values()):
            if seen.key not in self.places.files:
                self._new(seen)
        self._at_first = None
        for key in self._watched.keys() - self.places.files.keys():
            del self._watched[key]
        for key in self._refused.keys() - found.keys():
            del self._refused[key]
        for key, place in list(self.places.files.items()):
            if key in found:
                self._watch(found[key])
                self._catch_up(place, found[key])
        metrics.FILES.set(len(self.places.files.keys() & found.keys()))
        metrics.BACKLOG.set(sum(self._unread(place) for place in self.places.files.values()))

    def _left_out(self, path: str, reason: str) -> None:
        """What is not even looked at, each once."""
        if (path, reason) not in self._told and len(self._told) < files.MAX_FILES:
            self._told.add((path, reason))
            _log.warning("a log file is not read", path=path, reason=reason)

    def order(self) -> list[Place]:
        """Files with something unread: renamed ones first, the others in turns."""
        waiting = [place for place in self.places.files.values() if self._unread(place) > 0]
        old = [place for place in waiting if place.path != place.origin]
        current = [place for place in waiting if place.path == place.origin]
        start = self._next % len(current) if current else 0
        self._next = start + 1
        return [*old, *current[start:], *current[:start]]

    def take(self, place: Place, most: int) -> Taken | None:
        """Reads on in one file; None where nothing can be told yet. At most `most` errors."""
        data = files.read_at(place, CHUNK)
        if not data:
            return None
        watch = self._watched[place.key]
        piece = read_piece(data, place.service, skipping=place.skipping, most=most)
        if piece.consumed == 0:
            end = self._end(place, watch, data)
            if end is End.OPEN:
                return None
            piece = read_piece(data, place.service, end=end, skipping=place.skipping, most=most)
            if piece.consumed == 0:
                return None
        watch.stuck = None
        span = Range(place, place.offset + piece.consumed, piece.skipping)
        return Taken(span, piece.events, piece.lines, piece.cut, piece.failed)

    def advance(self, ranges: Sequence[Range]) -> None:
        """What was read up to their ends is done with."""
        for span in ranges:
            place = self.places.files.get(span.place.key)
            if place is not None and place.offset == span.place.offset:
                self.places.files[place.key] = replace(place, offset=span.end, skipping=span.skipping)

    def again(self, span: Range) -> Sequence[ErrorEvent]:
        """The errors of a range that may have been stored, from its very bytes; none where they are gone."""
        data = self._same_bytes(span)
        if data is None:
            return ()
        return read_piece(data, span.place.service, end=End.CLOSED, skipping=span.place.skipping).events

    @staticmethod
    def _same_bytes(span: Range) -> bytes | None:
        length = span.end - span.place.offset
        data = files.read_at(span.place, length)
        if data is None and (seen := files.renamed(span.place) or files.copies(span.place, ())):
            moved = replace(span.place, device=seen.device, inode=seen.inode, path=seen.path)
            data = files.read_at(moved, length)
        return data if data is not None and len(data) == length else None

    def _end(self, place: Place, watch: _Watch, data: bytes) -> End:
        """Whether what is unfinished in `data` is to be finished now."""
        now, whole, ended = self._clock(), b"\n" in data, data.endswith(b"\n")
        if len(data) == CHUNK:
            return End.FLUSHED if whole else End.CLOSED
        quiet = now - watch.grown
        if not ended and place.path != place.origin and quiet >= QUIET_S:
            # Its writer has another file by now.
            return End.CLOSED
        if not whole:
            return End.OPEN
        if watch.stuck is None:
            watch.stuck = now
        if quiet >= (QUIET_S if ended else UNENDED_S) or now - watch.stuck >= HELD_S:
            return End.FLUSHED
        return End.OPEN

    def _again(self, place: Place, seen: Seen, found: dict[tuple[int, int], Seen]) -> None:
        """A file that is known: under its name or a new one, longer, or cut and written anew."""
        watch = self._watched.get(place.key)
        if watch is None or watch.seen.changed != seen.changed:
            head = files.head_of(seen)
            if head is None:
                return
            same = len(head) >= place.head_bytes and files.digest(head[: place.head_bytes]) == place.head
            if place.head_bytes and (not same or seen.size < place.offset):
                self._cut(place, found)
                place = replace(place, offset=0, skipping=False, head_bytes=0)
            if place.head_bytes == 0 and self._refuse(seen, head):
                self.places.files.pop(place.key, None)
                return
            if len(head) > place.head_bytes:
                place = files.with_head(place, head)
        self.places.files[place.key] = replace(place, path=seen.path)

    def _cut(self, place: Place, found: dict[tuple[int, int], Seen]) -> None:
        """A file begins anew; what was unread of it may be in a copy."""
        copy = files.copies(place, self.places.files)
        if copy is None:
            self._lost(place)
            return
        found[copy.key] = copy
        self.places.files[copy.key] = replace(
            place, device=copy.device, inode=copy.inode, path=copy.path, origin=place.origin
        )

    def _new(self, seen: Seen) -> None:
        head = files.head_of(seen)
        if self._refuse(seen, head) or head is None:
            return
        place = Place(seen.device, seen.inode, seen.path, seen.path, seen.service)
        place = files.with_head(place, head) if head else place
        for known in self.places.files.values():
            if _may_be_copy(seen, known) and files.is_same(seen, known):
                # Somebody copied a file that is read.
                place = replace(place, offset=known.offset, skipping=known.skipping)
                break
        else:
            if self._at_first is not None and seen.size > self._at_first:
                place = _later(place, seen.size - self._at_first, "first_start")
        self.places.files[place.key] = place

    def _refuse(self, seen: Seen, head: bytes | None) -> bool:
        reason = "it can't be opened" if head is None else files.refused(head)
        if reason and self._refused.get(seen.key) != reason:
            self._refused[seen.key] = reason
            _log.warning("a log file is not read", path=seen.path, reason=reason)
        return bool(reason)

    def _watch(self, seen: Seen) -> None:
        watch = self._watched.get(seen.key)
        if watch is None:
            self._watched[seen.key] = _Watch(seen, self._clock())
            return
        if watch.seen.size != seen.size:
            watch.grown = self._clock()
        watch.seen = seen

    def _catch_up(self, place: Place, seen: Seen) -> None:
        if seen.size - place.offset > MOST_BEHIND:
            self.places.files[place.key] = later = _later(place, seen.size - KEPT_BEHIND, "lag")
            _log.warning(
                "a log file is written faster than it is read",
                path=place.path,
                skipped_bytes=later.offset - place.offset,
            )

    def _gone(self, place: Place) -> None:
        # Its folder may be away for a moment; what was read of it must not be read again then.
        since = self._missing.setdefault(place.key, self._clock())
        if self._clock() - since >= MISSING_S:
            del self.places.files[place.key], self._missing[place.key]
            self._lost(place)

    def _lost(self, place: Place) -> None:
        if (unread := self._unread(place)) > 0:
            metrics.SKIPPED.labels("gone").inc(unread)
            _log.warning("a log file went away before it was read", path=place.path, unread_bytes=unread)

    def _unread(self, place: Place) -> int:
        watch = self._watched.get(place.key)
        return max(0, watch.seen.size - place.offset) if watch is not None else 0


def _may_be_copy(seen: Seen, known: Place) -> bool:
    return known.head_bytes > 0 and seen.path.startswith(known.path) and seen.size >= known.offset


def _later(place: Place, offset: int, reason: str) -> Place:
    """The place at the first line that begins at `offset` or after it."""
    metrics.SKIPPED.labels(reason).inc(offset - 1 - place.offset)
    return replace(place, offset=offset - 1, skipping=True)
