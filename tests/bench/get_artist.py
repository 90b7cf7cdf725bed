"""Unary rate of GetArtist beside a bare grpc.aio handler with the same query."""

import asyncio
from collections.abc import Callable

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc, artist_state_pb2
from aiartist.common.v1 import decision_pb2, persona_pb2
from services.artist_db.app import build
from services.artist_db.schema import SCHEMA
from services.artist_db.settings import Settings
from services.artist_db.store import artists
from services.chassis.database import Database
from tests.bench.harness import ServerProcess, calls_per_second, fresh_database, line, middle
from tests.support.label import persona
from tests.support.postgres import TestServer

ROUNDS = 9
SECONDS = 2.0
CALLERS = 32


async def get_artist_rate(server: TestServer) -> None:
    line("GetArtist, calls a second (goal: 0.9 of a bare handler with the same query)")
    async with fresh_database(server) as dsn:
        ours = await ServerProcess.started(_serve_ours, dsn)
        bare = await ServerProcess.started(_serve_bare, dsn)
        try:
            async with (
                grpc.aio.insecure_channel(f"127.0.0.1:{ours.port}") as our_channel,
                grpc.aio.insecure_channel(f"127.0.0.1:{bare.port}") as bare_channel,
            ):
                await _measure(our_channel, bare_channel)
        finally:
            ours.close()
            bare.close()


async def _measure(our_channel: grpc.aio.Channel, bare_channel: grpc.aio.Channel) -> None:
    ours = artist_db_pb2_grpc.ArtistDbServiceStub(our_channel)
    bare = artist_db_pb2_grpc.ArtistDbServiceStub(bare_channel)
    created = await ours.CreateArtist(artist_db_pb2.CreateArtistRequest(persona=persona()), timeout=10)
    request = artist_db_pb2.GetArtistRequest(artist_id=created.artist.id)
    assert (await bare.GetArtist(request)).artist == created.artist

    async def rate(stub: artist_db_pb2_grpc.ArtistDbServiceStub) -> float:
        return await calls_per_second(lambda: stub.GetArtist(request), seconds=SECONDS, callers=CALLERS)

    await rate(ours)
    await rate(bare)
    rounds = [(await rate(ours), await rate(bare)) for _ in range(ROUNDS)]
    line(f"  artist_db      {middle([ours for ours, _ in rounds]):8.0f} calls/s")
    line(f"  bare handler   {middle([bare for _, bare in rounds]):8.0f} calls/s")
    line(f"  ratio          {middle([ours / bare for ours, bare in rounds]):8.2f} (median of {ROUNDS} pairs)")
    line()


async def _serve_ours(tell: Callable[[int], None], stop: asyncio.Event, dsn: str) -> None:
    settings = Settings(port=0, metrics_port=0, database_url=dsn, ship_errors=False, log_level="warning")
    async with await build(settings) as app:
        tell(app.port)
        await stop.wait()


class _Bare(artist_db_pb2_grpc.ArtistDbServiceServicer):
    """The least: the same statement on the same kind of pool, the same message back."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def GetArtist(
        self, request: artist_db_pb2.GetArtistRequest, context: object
    ) -> artist_db_pb2.GetArtistResponse:
        async with self._database.pool.acquire() as connection:
            row = await artists.by_id(connection, request.artist_id)
        assert row is not None
        artist = artist_db_pb2.Artist(
            id=row["id"],
            persona=persona_pb2.Persona.FromString(row["persona_pb"]),
            persona_version=row["persona_version"],
            autopilot_enabled=row["autopilot_enabled"],
            on_silence=decision_pb2.SilenceAnswer.Value(f"SILENCE_ANSWER_{row['on_silence']}"),
            evolve=artist_db_pb2.Evolve.Value(f"EVOLVE_{row['evolve']}"),
            state=artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{row['state']}"),
            state_reason=row["state_reason"],
            etag=str(row["etag"]),
        )
        artist.state_since.FromDatetime(row["state_since"])
        artist.created_at.FromDatetime(row["created_at"])
        artist.updated_at.FromDatetime(row["updated_at"])
        return artist_db_pb2.GetArtistResponse(artist=artist)


async def _serve_bare(tell: Callable[[int], None], stop: asyncio.Event, dsn: str) -> None:
    async with Database.open(dsn, schema=SCHEMA, pool_size=10) as database:
        server = grpc.aio.server()
        artist_db_pb2_grpc.add_ArtistDbServiceServicer_to_server(_Bare(database), server)
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        tell(port)
        await stop.wait()
        await server.stop(0)
