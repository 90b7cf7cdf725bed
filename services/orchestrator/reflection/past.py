"""What a reflection reads of artist_db, and keeps there."""

from collections.abc import Awaitable
from typing import TypeVar

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, life_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.clients import deadline_s
from services.chassis.errors import remote_error

TIMEOUT_S = 10.0
MOST_OUTCOMES = 60
"""Outcomes that are read: more ran since than are shown where a reflection comes late."""
MOST_BRIEFS = 100
MOST_CHANGES = 20

T = TypeVar("T")


class Past:
    """artist_db, seen by a reflector. Every call raises RemoteError."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ArtistDbServiceStub(channel)

    async def reflection(self, run_id: str, artist_id: str) -> life_pb2.GetReflectionResponse:
        """What was kept of a run, what speaks against asking, what may change; NOT_FOUND: it did not end."""
        request = life_pb2.GetReflectionRequest(run_id=run_id, artist_id=artist_id)
        return await _answer(self._stub.GetReflection(request, timeout=deadline_s(TIMEOUT_S)))

    async def artist(self, artist_id: str) -> artist_db_pb2.Artist:
        """The artist."""
        request = artist_db_pb2.GetArtistRequest(artist_id=artist_id)
        return (await _answer(self._stub.GetArtist(request, timeout=deadline_s(TIMEOUT_S)))).artist

    async def outcomes(self, artist_id: str) -> list[life_pb2.RunOutcome]:
        """How the artist's last runs ended, the last first."""
        request = life_pb2.ListRunOutcomesRequest(artist_id=artist_id, page_size=MOST_OUTCOMES)
        found = await _answer(self._stub.ListRunOutcomes(request, timeout=deadline_s(TIMEOUT_S)))
        return list(found.outcomes)

    async def briefs(self, artist_id: str) -> dict[str, artist_db_pb2.StoredBrief]:
        """The artist's last briefs by id."""
        request = artist_db_pb2.ListBriefsRequest(artist_id=artist_id, page_size=MOST_BRIEFS)
        found = await _answer(self._stub.ListBriefs(request, timeout=deadline_s(TIMEOUT_S)))
        return {brief.id: brief for brief in found.briefs}

    async def changes(self, artist_id: str) -> list[life_pb2.PersonaChange]:
        """What earlier reflections wanted, newest first."""
        request = life_pb2.ListChangesRequest(artist_id=artist_id, page_size=MOST_CHANGES)
        found = await _answer(self._stub.ListChanges(request, timeout=deadline_s(TIMEOUT_S)))
        return list(found.changes)

    async def keep(self, request: life_pb2.ProposeChangeRequest) -> life_pb2.PersonaChange:
        """Has artist_db judge and keep what comes of a reflection; of a run that has one, that one."""
        return (await _answer(self._stub.ProposeChange(request, timeout=deadline_s(TIMEOUT_S)))).change


async def _answer(call: Awaitable[T]) -> T:
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        raise remote_error(error) from error
