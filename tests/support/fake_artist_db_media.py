"""artist_db in memory, on a real socket: briefs, takes, releases and persona versions."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from itertools import count
from typing import Any

import grpc
from google.protobuf.message import Message
from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import (
    ArtistDbServiceServicer,
    add_ArtistDbServiceServicer_to_server,
)
from services.artist_db.errors import ReleaseCapReached
from services.chassis.chain import Chain
from services.chassis.errors import AlreadyExists, NotFound, RequestIdReused
from services.chassis.ids import digest_of
from services.chassis.layers import standard_layers
from tests.support.fake_budgets import FakeBudgets
from tests.support.fake_codes import FakeCodes
from tests.support.fake_films import FakeFilms

NOW = Timestamp(seconds=1_770_000_000)


class FakeArtistDb(FakeCodes, FakeFilms, ArtistDbServiceServicer):
    """Keeps what it is given and counts what it is asked."""

    def __init__(self) -> None:
        super().__init__()
        self.briefs: dict[str, db.StoredBrief] = {}
        self.takes: dict[str, db.StoredTake] = {}
        self.releases: dict[str, db.StoredRelease] = {}
        self.personas: dict[str, list[db.PersonaVersion]] = {}
        self.calls: list[str] = []
        self.admitted: list[str] = []
        self.fail_next: dict[str, grpc.StatusCode] = {}
        self.money = FakeBudgets()
        """What music providers cost, and what they answered."""
        self.address = ""
        self._answers: dict[str, tuple[str, Message]] = {}

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakeArtistDb"]:
        """On a free port of loopback."""
        fake = cls()
        server = grpc.aio.server(interceptors=[Chain(standard_layers("fake", {}, 64))])
        add_ArtistDbServiceServicer_to_server(fake, server)
        fake.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield fake
        finally:
            await server.stop(None)

    async def _enter(self, context: Any, name: str) -> None:
        self.calls.append(name)
        if code := self.fail_next.pop(name, None):
            await context.abort(code, "told to fail")

    def _once(self, request: Any, response: Any) -> Any:
        digest = digest_of(request)
        known = self._answers.get(request.request_id)
        if known is None:
            self._answers[request.request_id] = (digest, response)
            return response
        if known[0] != digest:
            raise RequestIdReused(request.request_id)
        return known[1]

    async def GetBrief(self, request: Any, context: Any) -> db.GetBriefResponse:
        await self._enter(context, "GetBrief")
        return db.GetBriefResponse(brief=_found(self.briefs, "brief", request.brief_id))

    async def GetTake(self, request: Any, context: Any) -> db.GetTakeResponse:
        await self._enter(context, "GetTake")
        return db.GetTakeResponse(take=_found(self.takes, "take", request.take_id))

    async def SaveTake(self, request: Any, context: Any) -> db.SaveTakeResponse:
        await self._enter(context, "SaveTake")
        take = request.take
        if take.id in self.takes and request.request_id not in self._answers:
            raise AlreadyExists("take", take.id)
        take.created_at.CopyFrom(NOW)
        response = self._once(request, db.SaveTakeResponse(take=take))
        self.takes[take.id] = response.take
        return response

    async def ListTakes(self, request: Any, context: Any) -> db.ListTakesResponse:
        await self._enter(context, "ListTakes")
        takes = [t for t in reversed(self.takes.values()) if request.run_id in ("", t.run_id)]
        start = int(request.page_token or 0)
        end = start + request.page_size
        token = str(end) if end < len(takes) else ""
        return db.ListTakesResponse(takes=takes[start:end], next_page_token=token)

    async def ListFingerprints(self, request: Any, context: Any) -> db.ListFingerprintsResponse:
        await self._enter(context, "ListFingerprints")
        since = request.since.ToDatetime()
        found = [
            db.TakeFingerprint(
                take_id=take.id,
                brief_id=take.brief_id,
                fingerprint=take.fingerprint,
                created_at=take.created_at,
            )
            for take in sorted(self.takes.values(), key=lambda t: (t.created_at.ToDatetime(), t.id))
            if take.review.passed and take.fingerprint and take.created_at.ToDatetime() >= since
        ]
        start = int(request.page_token or 0)
        end = start + (request.page_size or 100)
        token = str(end) if end < len(found) else ""
        return db.ListFingerprintsResponse(fingerprints=found[start:end], next_page_token=token)

    async def HoldSpend(self, request: Any, context: Any) -> db.HoldSpendResponse:
        await self._enter(context, "HoldSpend")
        return self.money.hold(request)

    async def RenewHolds(self, request: Any, context: Any) -> db.RenewHoldsResponse:
        await self._enter(context, "RenewHolds")
        return db.RenewHoldsResponse(holds=self.money.renew(request))

    async def RecordModelCall(self, request: Any, context: Any) -> db.RecordModelCallResponse:
        await self._enter(context, "RecordModelCall")
        answer = self.money.record(request)
        return db.RecordModelCallResponse(answer=answer, strained=self.money.strained(request.call))

    async def GetModelAnswer(self, request: Any, context: Any) -> db.GetModelAnswerResponse:
        await self._enter(context, "GetModelAnswer")
        answer = self.money.answer_of(request.call_id)
        if answer is not None:
            return db.GetModelAnswerResponse(call=answer)
        missing = NotFound("model answer", request.call_id)
        numbers = [call.attempt for call in self.money.attempts_of(request.call_id)]
        missing.metadata["attempts"] = str(max(numbers, default=0))
        raise missing

    async def ListPersonaVersions(self, request: Any, context: Any) -> db.ListPersonaVersionsResponse:
        await self._enter(context, "ListPersonaVersions")
        return db.ListPersonaVersionsResponse(versions=self.personas[request.artist_id][::-1])

    async def GetRelease(self, request: Any, context: Any) -> db.GetReleaseResponse:
        await self._enter(context, "GetRelease")
        return db.GetReleaseResponse(release=_found(self.releases, "release", request.release_id))

    async def SaveRelease(self, request: Any, context: Any) -> db.SaveReleaseResponse:
        await self._enter(context, "SaveRelease")
        release = request.release
        release.created_at.CopyFrom(NOW)
        response = self._once(request, db.SaveReleaseResponse(release=release))
        self.releases[release.id] = response.release
        return response

    async def ListReleases(self, request: Any, context: Any) -> db.ListReleasesResponse:
        await self._enter(context, "ListReleases")
        return db.ListReleasesResponse(
            releases=[r for r in self.releases.values() if request.run_id in ("", r.run_id)]
        )

    async def RecordPublication(self, request: Any, context: Any) -> db.RecordPublicationResponse:
        await self._enter(context, "RecordPublication")
        release = _found(self.releases, "release", request.release_id)
        known = next((p for p in release.publications if p.target == request.target), None)
        if known is None or known.HasField("taken_down_at"):
            if known is not None:
                release.publications.remove(known)
            release.publications.add(target=request.target, location=request.location, published_at=_later())
        return self._once(request, db.RecordPublicationResponse(release=release))

    async def AdmitRelease(self, request: Any, context: Any) -> db.AdmitReleaseResponse:
        await self._enter(context, "AdmitRelease")
        release = _found(self.releases, "release", request.release_id)
        if release.id in self.admitted:
            return db.AdmitReleaseResponse(admitted_at=NOW)
        if request.most_a_week and len(self.admitted) >= request.most_a_week:
            again_at = datetime(2026, 3, 8, 9, tzinfo=UTC)
            raise ReleaseCapReached(release.artist_id, cap=request.most_a_week, again_at=again_at)
        if request.dry_run:
            return db.AdmitReleaseResponse()
        self.admitted.append(release.id)
        return db.AdmitReleaseResponse(admitted_at=NOW)

    async def RecordTakeDown(self, request: Any, context: Any) -> db.RecordTakeDownResponse:
        await self._enter(context, "RecordTakeDown")
        release = _found(self.releases, "release", request.release_id)
        for publication in release.publications:
            if publication.target == request.target and not publication.HasField("taken_down_at"):
                publication.taken_down_at.CopyFrom(_later())
                publication.take_down_reason = request.reason
        return self._once(request, db.RecordTakeDownResponse(release=release))


_ticks = count(1)


def _later() -> Timestamp:
    """A moment after all others."""
    return Timestamp(seconds=NOW.seconds + next(_ticks))


def _found(kept: dict[str, Any], kind: str, id: str) -> Any:
    if id not in kept:
        raise NotFound(kind, id)
    return kept[id]
