"""artist_db's part in songwriting, in memory, on a real socket with the real layers around it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import experiment_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import (
    ArtistDbServiceServicer,
    add_ArtistDbServiceServicer_to_server,
)
from aiartist.common.v1 import experiment_pb2 as common
from aiartist.common.v1 import persona_pb2
from services.chassis.chain import Chain
from services.chassis.errors import AlreadyExists, DependencyUnavailable, NotFound
from services.chassis.layers import standard_layers
from tests.support.fake_budgets import FakeBudgets
from tests.support.fake_roster import FakeRoster


class FakeArtistDb(FakeRoster, FakeBudgets, ArtistDbServiceServicer):
    """Artists, briefs, model calls and budgets; can be told to fail."""

    def __init__(self) -> None:
        super().__init__()
        self.artists: dict[str, pb.Artist] = {}
        self.briefs: dict[str, pb.StoredBrief] = {}
        self.arms: dict[str, list[common.AssignedArm]] = {}
        """By run."""
        self.failures: dict[str, int] = {}
        """How many of the next calls of an RPC fail with UNAVAILABLE."""
        self.before: dict[str, Callable[[Any], None]] = {}
        """Run before an RPC, with its request."""
        self.address = ""
        self._recorded = asyncio.Condition()

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakeArtistDb"]:
        """On a free port of loopback."""
        artist_db = cls()
        server = grpc.aio.server(interceptors=[Chain(standard_layers("artist_db", {}, 256))])
        add_ArtistDbServiceServicer_to_server(artist_db, server)
        artist_db.address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
        await server.start()
        try:
            yield artist_db
        finally:
            await server.stop(None)

    def take_on(self, persona: persona_pb2.Persona, *, id: str = "art_1", version: int = 3) -> str:
        """An artist; the id."""
        self.artists[id] = pb.Artist(id=id, persona=persona, persona_version=version)
        return id

    async def until_recorded(self, count: int) -> None:
        """Returns when so many model calls are recorded."""
        async with self._recorded:
            await self._recorded.wait_for(lambda: len(self.calls) >= count)

    async def GetArtist(self, request: pb.GetArtistRequest, context: Any) -> pb.GetArtistResponse:
        self._enter("GetArtist", request)
        if request.artist_id not in self.artists:
            raise NotFound("artist", request.artist_id)
        return pb.GetArtistResponse(artist=self.artists[request.artist_id])

    async def AssignArms(
        self, request: experiment_pb2.AssignArmsRequest, context: Any
    ) -> experiment_pb2.AssignArmsResponse:
        self._enter("AssignArms", request)
        return experiment_pb2.AssignArmsResponse(arms=self.arms.get(request.run_id, []))

    async def ListArtists(self, request: pb.ListArtistsRequest, context: Any) -> pb.ListArtistsResponse:
        self._enter("ListArtists", request)
        return pb.ListArtistsResponse(artists=self.artists.values())

    async def GetBrief(self, request: pb.GetBriefRequest, context: Any) -> pb.GetBriefResponse:
        self._enter("GetBrief", request)
        if request.brief_id not in self.briefs:
            raise NotFound("brief", request.brief_id)
        return pb.GetBriefResponse(brief=self.briefs[request.brief_id])

    async def ListBriefs(self, request: pb.ListBriefsRequest, context: Any) -> pb.ListBriefsResponse:
        self._enter("ListBriefs", request)
        found = [brief for brief in self.briefs.values() if brief.artist_id == request.artist_id]
        # Two a page, so that whoever reads only the first one is noticed.
        start = int(request.page_token or 0)
        token = str(start + 2) if len(found) > start + 2 else ""
        return pb.ListBriefsResponse(briefs=found[::-1][start : start + 2], next_page_token=token)

    async def SaveBrief(self, request: pb.SaveBriefRequest, context: Any) -> pb.SaveBriefResponse:
        self._enter("SaveBrief", request)
        brief = request.brief
        if any(
            known.brief.title == brief.brief.title
            and known.artist_id == brief.artist_id
            and known.id != brief.id
            for known in self.briefs.values()
        ):
            raise AlreadyExists("title", brief.brief.title)
        return pb.SaveBriefResponse(brief=self.briefs.setdefault(brief.id, brief))

    async def HoldSpend(self, request: pb.HoldSpendRequest, context: Any) -> pb.HoldSpendResponse:
        self._enter("HoldSpend", request)
        return self.hold(request)

    async def RenewHolds(self, request: pb.RenewHoldsRequest, context: Any) -> pb.RenewHoldsResponse:
        self._enter("RenewHolds", request)
        return pb.RenewHoldsResponse(holds=self.renew(request))

    async def RecordModelCall(
        self, request: pb.RecordModelCallRequest, context: Any
    ) -> pb.RecordModelCallResponse:
        self._enter("RecordModelCall", request)
        answer = self.record(request)
        async with self._recorded:
            self._recorded.notify_all()
        return pb.RecordModelCallResponse(answer=answer, strained=self.strained(request.call))

    async def GetModelAnswer(
        self, request: pb.GetModelAnswerRequest, context: Any
    ) -> pb.GetModelAnswerResponse:
        self._enter("GetModelAnswer", request)
        answer = self.answer_of(request.call_id)
        if answer is not None:
            return pb.GetModelAnswerResponse(call=answer)
        missing = NotFound("model answer", request.call_id)
        numbers = [call.attempt for call in self.attempts_of(request.call_id)]
        missing.metadata["attempts"] = str(max(numbers, default=0))
        raise missing

    def _enter(self, rpc: str, request: Any) -> None:
        if self.failures.get(rpc, 0) > 0:
            self.failures[rpc] -= 1
            raise DependencyUnavailable("database")
        if rpc in self.before:
            self.before[rpc](request)
