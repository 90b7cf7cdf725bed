"""Makes calls meet in the database for certain, where starting them at once would leave it to luck."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg

_WAITING = """
SELECT count(*) FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'artist_db' AND wait_event_type = 'Lock'
"""


@asynccontextmanager
async def held(database_url: str, lock: str, *, until: int) -> AsyncIterator[None]:
    """Holds what `lock` locks until so many of the service's connections wait; then all go on at once.

    TimeoutError where they never do: what is tried does not take the lock.
    """
    settings = {"search_path": "artist_db"}
    holder = await asyncpg.connect(database_url, server_settings=settings)
    watcher = await asyncpg.connect(database_url, server_settings=settings)
    try:
        async with holder.transaction():
            await holder.execute(lock)
            yield
            async with asyncio.timeout(30):
                while await watcher.fetchval(_WAITING) < until:
                    pass
    finally:
        await watcher.close()
        await holder.close()
