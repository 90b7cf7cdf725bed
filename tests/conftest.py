"""A real PostgreSQL for the whole test run, and a fresh, migrated database for each test."""

import asyncio
import os
import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
from filelock import FileLock

from tests.support.postgres import TEMPLATE, TestServer, migrate_all, with_database


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[TestServer]:
    """One server for all workers: the first starts it and fills the template, the last stops it."""
    shared = (
        Path(tempfile.gettempdir())
        / f"aiartist-tests-{os.environ.get('PYTEST_XDIST_TESTRUNUID', secrets.token_hex(8))}"
    )
    shared.mkdir(exist_ok=True)
    with TestServer.shared(shared) as server:
        with FileLock(shared / "template.lock"):
            if not (shared / "template.done").exists():
                asyncio.run(_make_template(server))
                (shared / "template.done").touch()
        yield server


async def _make_template(server: TestServer) -> None:
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(f"CREATE DATABASE {TEMPLATE}")
    finally:
        await connection.close()
    await migrate_all(server.url(TEMPLATE))


@pytest.fixture
def database_url(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh database with every service's schema."""
    name = f"test_{secrets.token_hex(8)}"
    asyncio.run(with_database(postgres, f"CREATE DATABASE {name} TEMPLATE {TEMPLATE}"))
    yield postgres.url(name)
    asyncio.run(with_database(postgres, f"DROP DATABASE {name} WITH (FORCE)"))


@pytest.fixture
def empty_database_url(postgres: TestServer) -> Iterator[str]:
    """The address of a fresh database without anything in it."""
    name = f"test_{secrets.token_hex(8)}"
    asyncio.run(with_database(postgres, f"CREATE DATABASE {name}"))
    yield postgres.url(name)
    asyncio.run(with_database(postgres, f"DROP DATABASE {name} WITH (FORCE)"))
