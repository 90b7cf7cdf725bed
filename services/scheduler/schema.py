"""The schema `scheduler`: its own migrations, and PgQueuer's tables at the installed version."""

from pathlib import Path

import asyncpg
from pgqueuer.db import AsyncpgDriver
from pgqueuer.queries import Queries

from services.chassis.database import explained
from services.chassis.migrations import migrate

SCHEMA = "scheduler"


async def migrate_schema(dsn: str) -> list[str]:
    """Brings the schema up to date; the names of what was applied."""
    applied = await migrate(dsn, schema=SCHEMA, folder=Path(__file__).parent / "sql" / "migrations")
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
