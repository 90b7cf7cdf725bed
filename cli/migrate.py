"""`aiartist migrate`: brings the schemas of all services up to date, and what dashboards read of them."""

from importlib import import_module
from types import ModuleType

import asyncpg

from cli import dashboards
from services.chassis.database import CONNECT_TIMEOUT_S, applied_migrations, explained

SCHEMAS = ("artist_db", "notifier", "scheduler")
"""The services that own a schema, each with a `schema.py`."""


async def migrate_all(dsn: str, *, grafana_password: str | None = None) -> list[str]:
    """Applies what is missing; the names of what was applied. SetupError where that can't be.

    With a password, Grafana's role may log in with it.
    """
    dashboards.check_password(grafana_password)
    schemas = {service: import_module(f"services.{service}.schema") for service in SCHEMAS}
    if await _will_change(dsn, schemas):
        await dashboards.take_down(dsn)
    applied = []
    for service, schema in schemas.items():
        applied += [f"{service}: {name}" for name in await schema.migrate_schema(dsn)]
    await dashboards.put_up(dsn, grafana_password)
    return applied


async def _will_change(dsn: str, schemas: dict[str, ModuleType]) -> bool:
    """Whether migrations are missing, and none is there that this code does not know and would refuse."""
    async with explained(dsn):
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        missing: list[int] = [
            schema.known_migrations() - (await applied_migrations(connection, service) or 0)
            for service, schema in schemas.items()
        ]
    finally:
        await connection.close()
    return min(missing) >= 0 and max(missing) > 0
