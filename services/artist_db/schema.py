"""The schema `artist_db` and its migrations."""

from pathlib import Path

from services.chassis.migrations import migrate, read_folder

SCHEMA = "artist_db"
_FOLDER = Path(__file__).parent / "sql" / "migrations"


def known_migrations() -> int:
    """How many migrations this code knows, and needs."""
    return len(read_folder(_FOLDER))


async def migrate_schema(dsn: str) -> list[str]:
    """Brings the schema up to date; the names of what was applied."""
    return await migrate(dsn, schema=SCHEMA, folder=_FOLDER)
