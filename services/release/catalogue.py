"""The catalogue: whether a new take is one that the label already has."""

import asyncio
from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2
from services.chassis.clients import deadline_s
from services.chassis.logs import get_logger
from services.release.review.checks import FAIL, WARN, bounded, worst
from services.release.review.likeness import SAME_RECORDING, Index, Match, Words, words

if TYPE_CHECKING:
    from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub

_ALIKE = 0.45
"""From this similarity on a person should listen to both."""
_TIMEOUT_S = 10.0
_PAGE = 200
_OVERLAP = timedelta(minutes=10)
"""A take's time is when its transaction began: one that took so long to end may come in behind others."""
_log = get_logger("release.catalogue")


class Catalogue:
    """The fingerprints of all takes that passed their review, kept in memory and brought up to date."""

    def __init__(self, stub: "ArtistDbServiceStub") -> None:
        self._db = stub
        self._refreshing = asyncio.Lock()
        self._index = Index()
        self._take_ids: list[str] = []
        self._known: set[str] = set()
        self._of_brief: defaultdict[str, list[int]] = defaultdict(list)
        self._newest: datetime | None = None

    def __len__(self) -> int:
        """How many takes a new one is compared with."""
        return len(self._take_ids)

    @property
    def size_bytes(self) -> int:
        """The memory that the fingerprints take."""
        return self._index.size_bytes

    async def judge(
        self, review: audio_pb2.Review, fingerprint: bytes, *, but_brief: str
    ) -> audio_pb2.Review:
        """The review with its last check, for near-duplicates, and `passed` of them all.

        Takes of `but_brief` are no duplicates: several renderings of one brief may be alike. An error of
        artist_db is raised as it came.
        """
        await self.refresh()
        index, but = self._index, tuple(self._of_brief.get(but_brief, ()))
        match = await asyncio.to_thread(_search, index, fingerprint, but)
        judged = audio_pb2.Review()
        judged.CopyFrom(review)
        judged.checks.append(self._check(match))
        judged.passed = review.passed and all(check.outcome != FAIL for check in judged.checks)
        return judged

    async def refresh(self) -> None:
        """Reads the takes that are new since the last time; what was read stays where a page fails."""
        async with self._refreshing:
            request = db.ListFingerprintsRequest(page_size=_PAGE)
            if self._newest is not None:
                request.since.FromDatetime(self._newest - _OVERLAP)
            while True:
                page = await self._db.ListFingerprints(request, timeout=deadline_s(_TIMEOUT_S))
                await self._add(page.fingerprints)
                request.page_token = page.next_page_token
                if not request.page_token:
                    return

    async def _add(self, page: Sequence[db.TakeFingerprint]) -> None:
        new = [take for take in page if take.take_id not in self._known]
        legible = [(take, frames) for take in new if (frames := _legible(take)) is not None]
        if legible:
            self._index = await asyncio.to_thread(self._index.with_added, [frames for _, frames in legible])
        for take, _ in legible:
            self._of_brief[take.brief_id].append(len(self._take_ids))
            self._take_ids.append(take.take_id)
        for take in page:
            self._known.add(take.take_id)
            kept = take.created_at.ToDatetime(UTC)
            self._newest = kept if self._newest is None else max(self._newest, kept)

    def _check(self, match: Match | None) -> audio_pb2.ReviewCheck:
        likeness = 0.0 if match is None else match.likeness
        like = "" if match is None else f"it is like the take {self._take_ids[match.place]}"
        name = "near_duplicate_similarity"
        return worst(
            bounded(name, likeness, most=SAME_RECORDING, digits=2, what=like),
            bounded(name, likeness, most=_ALIKE, digits=2, what=like, otherwise=WARN),
        )


def _legible(take: db.TakeFingerprint) -> Words | None:
    try:
        return words(take.fingerprint)
    except ValueError:
        _log.warning("a take's fingerprint can't be read", take_id=take.take_id)
        return None


def _search(index: Index, fingerprint: bytes, but: tuple[int, ...]) -> Match | None:
    try:
        query = words(fingerprint)
    except ValueError:
        return None
    return index.likest(query, but=but)
