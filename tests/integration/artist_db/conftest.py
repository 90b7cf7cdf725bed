"""A real server over a real database, with the real interceptor chain."""

from collections.abc import AsyncIterator

import asyncpg
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel


@pytest.fixture
async def stub(database_url: str) -> AsyncIterator[ArtistDbServiceStub]:
    """A client of a service that runs for this test alone."""
    settings = Settings(database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False)
    async with (
        await build(settings) as app,
        open_channel(f"127.0.0.1:{app.port}", settings) as channel,
    ):
        yield ArtistDbServiceStub(channel)


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the test's own, beside the service."""
    connection = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
    yield connection
    await connection.close()
