"""The schema `notifier` and its migrations."""

from pathlib import Path

from services.chassis.migrations import migrate

SCHEMA = "notifier"


async def migrate_schema(dsn: str) -> list[str]:
    """Brings the schema up to date; the names of what was applied."""
    return await migrate(dsn, schema=SCHEMA, folder=Path(__file__).parent / "sql" / "migrations")
