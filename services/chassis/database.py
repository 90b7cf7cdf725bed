"""PostgreSQL through asyncpg: one pool a service, its own schema first in the search path."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TypeAlias
from urllib.parse import urlsplit

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from services.chassis.errors import SetupError
from services.chassis.metrics_pools import watched

Connection: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"

DATABASE_TROUBLE = (
    OSError,
    TimeoutError,
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
)
"""What a statement may raise that is not this code's fault; a background task tries again later."""

_LOST = (
    asyncpg.PostgresConnectionError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    # What the driver says to who uses a connection between the server's last word and its end.
    asyncpg.InternalClientError,
    ConnectionError,
    TimeoutError,
)

CONNECT_TIMEOUT_S = 10.0
COMMAND_TIMEOUT_S = 30.0


class Database:
    """A pool of connections; JSONB arrives as Python values, times in UTC."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        self.pool = pool

    @classmethod
    @asynccontextmanager
    async def open(
        cls, dsn: str, *, schema: str, migrations: int = 0, pool_size: int = 10, durable: bool = True
    ) -> AsyncIterator["Database"]:
        """Opens the pool; SetupError where the database can't be reached, or is older than this code.

        `migrations` is how many of the schema this code needs. That there are more is no trouble: a version
        that came later has migrated already, and what it changed suits the code before it too.
        The schema bears its service's name, which metrics show.
        Where it need not be `durable`, a commit does not wait for the disk: a crash of PostgreSQL, not one
        of this process, may lose what was committed in the last second.
        """
        options = {"search_path": schema, "timezone": "UTC", "application_name": schema}
        if not durable:
            options["synchronous_commit"] = "off"
        async with explained(dsn):
            pool = await asyncpg.create_pool(
                dsn,
                min_size=1,
                max_size=pool_size,
                timeout=CONNECT_TIMEOUT_S,
                command_timeout=COMMAND_TIMEOUT_S,
                init=_prepare,
                reset=_keep,
                server_settings=options,
            )
        try:
            await _refuse_unmigrated(pool, schema, migrations)
            with watched(pool, schema):
                yield cls(pool)
        finally:
            try:
                await asyncio.wait_for(pool.close(), timeout=5)
            except TimeoutError:
                pool.terminate()

    def acquire(self) -> AbstractAsyncContextManager[Connection]:
        """A connection without a transaction, for reads.

        Without a timeout of its own, which costs a task for each use: connecting and commands have
        theirs, and who waits for a free connection is cancelled with the call that it serves.
        """
        return self.pool.acquire()

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        """A connection in a transaction: commits at the end, rolls back on any error."""
        async with self.pool.acquire() as connection, connection.transaction():
            yield connection

    async def ping(self) -> None:
        """One round trip; raises what the driver raises."""
        async with self.acquire() as connection:
            await connection.fetchval("SELECT 1")


@asynccontextmanager
async def explained(dsn: str) -> AsyncIterator[None]:
    """Turns a failure to connect into a SetupError without the password."""
    try:
        yield
    except (OSError, TimeoutError, asyncpg.PostgresError, asyncpg.InterfaceError) as error:
        raise SetupError(
            f"cannot open the database at {public_address(dsn)}: {error or type(error).__name__}; "
            "check AIARTIST_DATABASE_URL and that PostgreSQL runs"
        ) from error
    except (ValueError, OverflowError):
        # The text would quote a part of the address, and a part of the password with it.
        raise SetupError(
            "AIARTIST_DATABASE_URL is no address of a database; it looks like "
            "postgresql://user:password@host:5432/name, with %2F for a / in the password"
        ) from None


def public_address(dsn: str) -> str:
    """The DSN without user and password."""
    parts = urlsplit(dsn)
    query = re.sub(r"(^|&)(user|password)=[^&]*", "", parts.query).lstrip("&")
    return parts.netloc.rpartition("@")[2] + parts.path + (f"?{query}" if query else "")


async def applied_migrations(asked: "Connection | asyncpg.Pool[asyncpg.Record]", schema: str) -> int | None:
    """How many migrations a schema has; None where there is no such schema."""
    if await asked.fetchval("SELECT to_regclass($1)", f"{schema}.migrations") is None:
        return None
    return int(await asked.fetchval(f"SELECT coalesce(max(number), 0) FROM {schema}.migrations"))


async def _refuse_unmigrated(pool: "asyncpg.Pool[asyncpg.Record]", schema: str, needed: int) -> None:
    applied = await applied_migrations(pool, schema)
    if applied is None:
        raise SetupError(f"the database has no schema {schema} yet; make it with: aiartist migrate")
    if applied < needed:
        raise SetupError(
            f"the database is older than this version: {schema} has {applied} of {needed} migrations; "
            "apply the others with: aiartist migrate"
        )


def connection_lost(error: BaseException) -> bool:
    """True where the database went away or can't be reached: the same may work a little later."""
    if isinstance(error, asyncpg.InterfaceError):
        # The driver's word for a lost connection, but also for being used wrongly: that is a bug.
        lost = any(word in str(error) for word in ("closed", "closing", "released"))
        return lost and not isinstance(error, ValueError)
    return isinstance(error, _LOST)


async def _prepare(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    for kind in ("json", "jsonb"):
        await connection.set_type_codec(kind, encoder=_to_json, decoder=json.loads, schema="pg_catalog")


def _to_json(value: object) -> str:
    """Text is taken for JSON as it is: PgQueuer, on the same connections, encodes its own."""
    return value if isinstance(value, str) else json.dumps(value)


async def _keep(connection: "asyncpg.Connection[asyncpg.Record]") -> None:
    """In place of asyncpg's RESET ALL, a round trip for each use: nothing here changes session state."""
