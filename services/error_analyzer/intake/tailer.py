"""Reads log files as they grow and hands the errors in them on, each once."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from pathlib import Path

from aiartist.error_analyzer.v1.error_analyzer_pb2 import (
    ErrorEvent,
    IngestErrorsRequest,
    IngestErrorsResponse,
)
from services.chassis.errors import InvalidInput, RemoteError, RequestIdReused
from services.chassis.ids import new_id
from services.chassis.logs import get_logger
from services.chassis.shipping import refused_for_good
from services.error_analyzer.intake import metrics
from services.error_analyzer.intake.files import Source
from services.error_analyzer.intake.offsets import (
    FolderBusy,
    Place,
    Places,
    PlaceStore,
    PlacesUnreadable,
    Range,
    Sending,
)
from services.error_analyzer.intake.tracking import FIRST_START, Taken, Tracker
from services.error_analyzer.settings import Settings

MOST_EVENTS = 400
"""Errors of one request; a file whose streams all end at once may give 64 more."""
_ENOUGH_EVENTS = 300
_ENOUGH_BYTES = 4 << 20
_NOTE_S = 5.0
"""How often places are written down where no errors were found."""
_LONGEST_PAUSE_S = 30.0

Ingest = Callable[[IngestErrorsRequest], Awaitable[IngestErrorsResponse]]

_log = get_logger("error_analyzer")


def tailer_of(settings: Settings, ingest: Ingest) -> "Tailer":
    """As the settings say."""
    return Tailer(
        settings.log_files, settings.data_dir / "error_analyzer", ingest, poll_s=settings.log_poll_s
    )


class Tailer:
    """One process reads for a folder of places; another one on the same folder waits for its end.

    While errors can't be stored nothing more is read; while places can't be kept nothing is read at all.
    """

    def __init__(
        self,
        patterns: Sequence[str],
        folder: Path,
        ingest: Ingest,
        *,
        poll_s: float,
        retry_s: float = 1.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._sources = [Source.parse(pattern) for pattern in patterns]
        self._store = PlaceStore(folder)
        self._ingest = ingest
        self._poll_s = poll_s
        self._retry_s = retry_s
        self._clock = clock
        self._closing = asyncio.Event()
        self._tracker = Tracker((), Places(), clock=clock)
        self._noted, self._noted_files = clock(), dict[tuple[int, int], Place]()
        self._told = ""

    async def run(self, closing: asyncio.Event) -> None:
        """Reads until `closing`. What it was sending then is sent again by the next process, once."""
        self._closing = closing
        try:
            while not closing.is_set() and not await self._open():
                await self._pause(max(self._poll_s, self._retry_s))
            if not closing.is_set():
                await self._read()
        finally:
            self._store.close()

    async def _read(self) -> None:
        if (sending := self._tracker.places.sending) is not None:
            found = [await asyncio.to_thread(self._tracker.again, span) for span in sending.ranges]
            await self._deliver(sending, found)
        while not self._closing.is_set():
            await asyncio.to_thread(self._tracker.look)
            while not self._closing.is_set() and (taken := await asyncio.to_thread(self._take)):
                await self._hand_on(taken)
            changed = self._tracker.places.files != self._noted_files
            if changed and self._clock() - self._noted >= _NOTE_S:
                await self._note()
            await self._pause(self._poll_s)
        if self._tracker.places.sending is None:
            with suppress(OSError):
                await asyncio.to_thread(self._store.save, self._tracker.places)

    def _take(self) -> list[Taken]:
        """The next turn: a piece of each file that has one, as many as one request holds."""
        taken: list[Taken] = []
        events = read = 0
        unfinished: set[str] = set()
        for place in self._tracker.order():
            if events >= _ENOUGH_EVENTS or read >= _ENOUGH_BYTES:
                break
            # What is left of a renamed file comes before what was written after it.
            if place.path == place.origin and place.origin in unfinished:
                continue
            one = self._tracker.take(place, MOST_EVENTS - events)
            if one is not None:
                taken.append(one)
                events += len(one.events)
                read += one.range.end - place.offset
                unfinished.add(place.origin)
        return taken

    async def _hand_on(self, taken: Sequence[Taken]) -> None:
        telling = [one for one in taken if one.events]
        self._tracker.advance([one.range for one in taken if not one.events])
        if telling:
            sending = Sending(new_id("log"), tuple(one.range for one in telling))
            await self._deliver(sending, [one.events for one in telling])
        metrics.LINES.inc(sum(one.lines for one in taken))
        metrics.LINES_CUT.inc(sum(one.cut for one in taken))
        for one in taken:
            if one.failed:
                metrics.LOG_REFUSED.inc(one.failed)
                _log.warning(
                    "records of a log file could not be read", path=one.range.place.path, records=one.failed
                )

    async def _deliver(self, sending: Sending, found: Sequence[Sequence[ErrorEvent]]) -> None:
        """Stores the errors of each range once, however often it takes; returns early only when closing.

        Each range is a request of its own: one that can't be read again must not change those that can.
        """
        self._tracker.places.sending = sending
        if not await self._note():
            return
        for number, events in enumerate(found):
            if events and not await self._send(f"{sending.request_id}-{number}", events):
                return
        self._done(sending.ranges)
        await self._note()

    def _done(self, ranges: Sequence[Range]) -> None:
        self._tracker.advance(ranges)
        self._tracker.places.sending = None

    async def _send(self, request_id: str, events: Sequence[ErrorEvent]) -> bool:
        """False where the service closes first."""
        fate = await self._stored(IngestErrorsRequest(request_id=request_id, events=events))
        if fate == "refused" and len(events) > 1:
            # One of them spoils the others.
            for number, event in enumerate(events):
                if not await self._send(f"{request_id}-{number}", [event]):
                    return False
            return True
        if fate == "refused":
            metrics.LOG_REFUSED.inc()
            _log.warning("an error in a log file could not be stored", source=events[0].service)
        elif fate == "stored":
            metrics.LOG_ERRORS.inc(len(events))
        return fate != "closing"

    async def _stored(self, request: IngestErrorsRequest) -> str:
        pause = self._retry_s
        while not self._closing.is_set():
            try:
                await self._ingest(request)
            except Exception as error:  # noqa: BLE001 - whatever it is, nothing may be lost for it
                fate = fate_of(error)
                if fate != "again":
                    return fate
                self._say("errors from log files can't be stored now; reading waits", error)
                await self._pause(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, _LONGEST_PAUSE_S)
            else:
                self._say("")
                return "stored"
        return "closing"

    async def _open(self) -> bool:
        """Takes the folder; False where it can't be had now."""
        try:
            await asyncio.to_thread(self._store.open)
            places, at_first = await asyncio.to_thread(self._load)
            if at_first is None:
                # A folder that takes no file shows here, before anything is read.
                await asyncio.to_thread(self._store.save, places)
            self._tracker = Tracker(self._sources, places, clock=self._clock, at_first=at_first)
        except FolderBusy:
            self._say(
                "log files are read by another process with the same AIARTIST_DATA_DIR; waiting for its end"
            )
        except OSError as error:
            self._unwritable(error)
        else:
            self._say("")
            return True
        self._store.close()
        return False

    def _load(self) -> tuple[Places, int | None]:
        """What was kept, and how much is read of files that are there already."""
        try:
            places = self._store.load()
        except PlacesUnreadable as error:
            _log.error(
                "where reading of log files stopped can't be read; it goes on at their ends",
                detail=str(error),
                kept_as=str(self._store.set_aside()),
            )
            return Places(), 0
        return (Places(), FIRST_START) if places is None else (places, None)

    async def _note(self) -> bool:
        """Writes places down, however long it takes; False where the service closes first."""
        while True:
            try:
                await asyncio.to_thread(self._store.save, self._tracker.places)
            except OSError as error:
                self._unwritable(error)
                if self._closing.is_set():
                    return False
                await self._pause(self._retry_s)
            else:
                self._noted, self._noted_files = self._clock(), dict(self._tracker.places.files)
                return True

    def _unwritable(self, error: OSError) -> None:
        self._say(
            f"log files are not read: where reading stops can't be kept in {self._store.folder}: "
            f"{error.strerror}; set AIARTIST_DATA_DIR to a folder that can be written"
        )

    def _say(self, trouble: str, error: Exception | None = None) -> None:
        """Each trouble once, and once that it is over."""
        if trouble == self._told:
            return
        self._told = trouble
        if not trouble:
            _log.info("log files are read again")
        elif error is None:
            _log.error(trouble)
        else:
            _log.warning(trouble, detail=f"{type(error).__name__}: {error}")

    async def _pause(self, seconds: float) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)


def fate_of(error: Exception) -> str:
    """What became of a request: stored before, refused for what it holds, or to be sent again."""
    reason = error.remote_reason if isinstance(error, RemoteError) else ""
    if isinstance(error, RequestIdReused) or reason == "ERROR_REASON_REQUEST_ID_REUSED":
        # The id is ours alone: it came with these errors, as they looked to the process that died.
        return "stored"
    code = error.remote_code if isinstance(error, RemoteError) else None
    if isinstance(error, InvalidInput) or (code is not None and refused_for_good(code, str(error))):
        return "refused"
    return "again"
