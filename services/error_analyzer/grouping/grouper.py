"""Groups batches with all that is known of templates, and records them once, however often they come.

What a batch looks like depends on the families that are known when it is grouped, and these grow: sent
again, it may look different. So artist_db gets it under an id that is made of the sender's id and of the
batch as it came. Where artist_db then knows the id with other contents, it has this very batch, as somebody
grouped it who knew less.
"""

import asyncio
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.chassis.clients import deadline_s
from services.chassis.errors import AppError, RemoteError, RequestIdReused
from services.chassis.ids import derived_id, digest_of
from services.chassis.logs import get_logger
from services.error_analyzer.grouping.batch import group_events
from services.error_analyzer.grouping.events import Batch
from services.error_analyzer.grouping.from_proto import event_of
from services.error_analyzer.grouping.miner import TemplateMiner
from services.error_analyzer.grouping.recent import Recent
from services.error_analyzer.grouping.to_proto import occurrences_to_proto
from services.error_analyzer.stored import CALL_TIMEOUT_S, asked

LEARN_EVERY_S = 30.0
"""How often is asked which templates other processes have found."""
TEMPLATES_A_PAGE = 5_000
REMEMBERED_IDS = 10_000
UNRECORDED_BYTES = 32 * 1024 * 1024
"""Batches that may have been recorded or not are kept as they were grouped, so many bytes of them at most."""

_log = get_logger("error_analyzer")


@dataclass(frozen=True, slots=True)
class Recorded:
    """A batch that is stored. `new`: fingerprints of the groups that nobody had seen before."""

    batch: Batch
    new: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Grouped:
    batch: Batch
    record: db.RecordErrorsRequest
    size_bytes: int


class Grouper:
    """The miner of this process and the batches that it groups. `settle_s`: see group_events."""

    def __init__(
        self,
        artist_db: ArtistDbServiceStub,
        *,
        settle_s: float = 0.0,
        miner: TemplateMiner | None = None,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._artist_db = artist_db
        self._settle_s = settle_s
        self._miner = miner or TemplateMiner()
        self._clock = clock
        self._grouping = asyncio.Lock()
        """Held while a thread may be in the miner."""
        self._learn_at = 0.0
        self._learned = False
        self._sequence = 0
        self._digests: Recent[str, str] = Recent(REMEMBERED_IDS)
        self._unrecorded: dict[str, _Grouped] = {}
        """By the id that artist_db gets."""
        self._unrecorded_bytes = 0

    async def record(self, request: pb.IngestErrorsRequest) -> Recorded:
        """Groups and stores a batch that was checked, whole or not at all, and once for each `request_id`.

        DependencyUnavailable where artist_db is away; RequestIdReused where the id came with another batch
        before, as far as this process remembers, else such a batch counts as another one.
        """
        stored_as = self._stored_as(request)
        await self._grouping.acquire()
        # A thread can't be stopped: where the caller gives up, it goes on and keeps the lock until it ends.
        grouped = await asyncio.shield(asyncio.create_task(self._group(request, stored_as)))
        call = self._artist_db.RecordErrors(grouped.record, timeout=deadline_s(CALL_TIMEOUT_S))
        try:
            response = await asked(call, request_id=request.request_id)
        except RequestIdReused:
            self._drop(stored_as)
            return Recorded(grouped.batch, ())
        self._drop(stored_as)
        await self._absorbed(grouped.batch)
        return Recorded(grouped.batch, response.new_fingerprints)

    async def _group(self, request: pb.IngestErrorsRequest, stored_as: str) -> _Grouped:
        """Releases the lock, which the caller acquired. What comes of it is kept for a repeat."""
        try:
            await self._learn()
            grouped = self._unrecorded.get(stored_as)
            if grouped is None:
                # Regular expressions over megabytes: not on the loop.
                grouped = await asyncio.to_thread(self._grouped, request, stored_as)
            self._keep(stored_as, grouped)
            return grouped
        finally:
            self._grouping.release()

    async def _absorbed(self, batch: Batch) -> None:
        """What these groups absorb, artist_db has heard of."""
        groups = [occurrences.group for occurrences in batch.occurrences if occurrences.group.absorbs]
        if groups:
            async with self._grouping:
                for group in groups:
                    self._miner.stored(group.fingerprint, group.absorbs)

    def _stored_as(self, request: pb.IngestErrorsRequest) -> str:
        """Empty for a batch that is never taken for a repeat."""
        if not request.request_id:
            return ""
        digest = digest_of(request)
        known = self._digests.get(request.request_id)
        if known is not None and known != digest:
            raise RequestIdReused(request.request_id)
        self._digests.put(request.request_id, digest)
        return derived_id("ing", f"{request.request_id} {digest}")

    def _grouped(self, request: pb.IngestErrorsRequest, stored_as: str) -> _Grouped:
        events = [event_of(event) for event in request.events]
        batch = group_events(events, self._miner, now=datetime.now(UTC), settle_s=self._settle_s)
        record = db.RecordErrorsRequest(
            request_id=stored_as, occurrences=map(occurrences_to_proto, batch.occurrences)
        )
        # The objects take about twice the space of the message.
        return _Grouped(batch, record, 3 * record.ByteSize())

    def _keep(self, stored_as: str, grouped: _Grouped) -> None:
        if not stored_as or stored_as in self._unrecorded:
            return
        self._unrecorded[stored_as] = grouped
        self._unrecorded_bytes += grouped.size_bytes
        while self._unrecorded_bytes > UNRECORDED_BYTES:
            self._drop(next(iter(self._unrecorded)))

    def _drop(self, stored_as: str) -> None:
        if dropped := self._unrecorded.pop(stored_as, None):
            self._unrecorded_bytes -= dropped.size_bytes

    async def _learn(self) -> None:
        """Takes over the templates that were stored since the last time.

        Before it knows any it must hear of them: else all families would come in parts again.
        """
        now = self._clock()
        if self._learned and now < self._learn_at:
            return
        self._learn_at = now + LEARN_EVERY_S
        try:
            while await self._learn_page() == TEMPLATES_A_PAGE:
                pass
            self._learned = True
        except AppError as error:
            # An artist_db of an older release keeps no templates.
            old = isinstance(error, RemoteError) and error.remote_code is grpc.StatusCode.UNIMPLEMENTED
            if not self._learned and not old:
                raise
            self._learned = True
            _log.warning("templates of errors not read", reason=str(error))

    async def _learn_page(self) -> int:
        """How many templates there were."""
        request = db.ListErrorTemplatesRequest(after_sequence=self._sequence, page_size=TEMPLATES_A_PAGE)
        call = self._artist_db.ListErrorTemplates(request, timeout=deadline_s(CALL_TIMEOUT_S))
        templates = (await asked(call)).templates
        if templates:
            known = [(template.fingerprint, template.template) for template in templates]
            await asyncio.to_thread(self._miner.known, known)
            self._sequence = templates[-1].sequence
        return len(templates)
