"""`aiartist migrate`: brings the schemas of all services up to date."""

from importlib import import_module

SCHEMAS = ("artist_db", "notifier", "scheduler")
"""The services that own a schema, each with a `schema.py`."""


async def migrate_all(dsn: str) -> list[str]:
    """Applies what is missing; the names of what was applied. SetupError where that can't be."""
    applied = []
    for service in SCHEMAS:
        schema = import_module(f"services.{service}.schema")
        applied += [f"{service}: {name}" for name in await schema.migrate_schema(dsn)]
    return applied
