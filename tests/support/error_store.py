"""artist_db for tests of error_analyzer: in memory as far as recording goes, or the real one."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.chain import Chain
from services.chassis.clients import open_channel
from services.chassis.errors import AppError, RequestIdReused
from services.chassis.ids import digest_of
from services.chassis.layers import ErrorsToStatus


class MemoryErrorStore(artist_db_pb2_grpc.ArtistDbServiceServicer):
    """Keeps occurrences by fingerprint, once for each request id; `failing` is raised instead."""

    def __init__(self) -> None:
        self.groups: dict[str, list[artist_db_pb2.ErrorOccurrences]] = {}
        self.requests: list[artist_db_pb2.RecordErrorsRequest] = []
        self.failing: AppError | None = None
        self._answers: dict[str, tuple[str, artist_db_pb2.RecordErrorsResponse]] = {}

    def count(self, fingerprint: str) -> int:
        """Occurrences of one group."""
        return sum(occurrences.count for occurrences in self.groups.get(fingerprint, []))

    async def RecordErrors(
        self, request: artist_db_pb2.RecordErrorsRequest, context: Any
    ) -> artist_db_pb2.RecordErrorsResponse:
        if self.failing is not None:
            raise self.failing
        self.requests.append(request)
        digest = digest_of(request)
        known, answer = self._answers.get(request.request_id, (digest, None))
        if known != digest:
            raise RequestIdReused(request.request_id)
        if answer is not None:
            return answer
        new = [o.fingerprint for o in request.occurrences if o.fingerprint not in self.groups]
        for occurrences in request.occurrences:
            self.groups.setdefault(occurrences.fingerprint, []).append(occurrences)
        response = artist_db_pb2.RecordErrorsResponse(new_fingerprints=new)
        if request.request_id:
            self._answers[request.request_id] = (digest, response)
        return response

    async def ListErrorTemplates(
        self, request: artist_db_pb2.ListErrorTemplatesRequest, context: Any
    ) -> artist_db_pb2.ListErrorTemplatesResponse:
        return artist_db_pb2.ListErrorTemplatesResponse()


@asynccontextmanager
async def error_store() -> AsyncIterator[tuple[MemoryErrorStore, str]]:
    """The store and its address while the block runs."""
    store = MemoryErrorStore()
    server = grpc.aio.server(interceptors=[Chain([ErrorsToStatus()])])
    artist_db_pb2_grpc.add_ArtistDbServiceServicer_to_server(store, server)
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    try:
        yield store, f"127.0.0.1:{port}"
    finally:
        await server.stop(None)


@asynccontextmanager
async def real_error_store(
    database_url: str,
) -> AsyncIterator[tuple[str, artist_db_pb2_grpc.ArtistDbServiceStub]]:
    """The real artist_db over a migrated database: its address, and a client of it, while the block runs."""
    settings = Settings(database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False)
    async with await build(settings) as app:
        address = f"127.0.0.1:{app.port}"
        async with open_channel(address, settings) as channel:
            yield address, artist_db_pb2_grpc.ArtistDbServiceStub(channel)
