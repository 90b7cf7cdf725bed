"""A real release service over a real socket, with artist_db in memory and a quick studio."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService


@pytest.fixture
async def artist_db() -> AsyncIterator[FakeArtistDb]:
    async with FakeArtistDb.serving() as fake:
        yield fake


@pytest.fixture
async def service(artist_db: FakeArtistDb, tmp_path: Path) -> AsyncIterator[ReleaseService]:
    async with ReleaseService.running(artist_db, tmp_path / "data") as running:
        yield running
