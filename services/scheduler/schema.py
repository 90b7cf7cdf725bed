"""The schema `scheduler`: its own migrations, and PgQueuer's tables at the installed version."""

from pathlib import Path

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from services.chassis.database import explained
from services.chassis.migrations import migrate, read_folder

SCHEMA = "scheduler"
_FOLDER = Path(__file__).parent / "sql" / "migrations"


def known_migrations() -> int:
    """How many migrations this code knows, and needs."""
    return len(read_folder(_FOLDER))


async def migrate_schema(dsn: str) -> list[str]:
    """Brings the schema up to date; the names of what was applied."""
    applied = await migrate(dsn, schema=SCHEMA, folder=_FOLDER)
    async with explained(dsn):
        connection = await asyncpg.connect(dsn, server_settings={"search_path": SCHEMA})
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext('migrate pgqueuer'))")
        queries = Queries(AsyncpgDriver(connection))
        if not await queries.schema_is_installed():
            await queries.install(create_schema=False)
            applied.append("pgqueuer")
        else:
            plan = await queries.apply_upgrade()
            applied += ["pgqueuer upgrade"] * bool(plan.statements)
    finally:
        await connection.close()
    return applied
