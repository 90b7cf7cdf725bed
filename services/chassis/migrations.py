"""Numbered SQL files, applied in order, once each, under an advisory lock; forward only."""

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path

import asyncpg

from services.chassis.database import CONNECT_TIMEOUT_S, explained
from services.chassis.errors import SetupError

_NAME = re.compile(r"(\d{4})_[a-z0-9_]+\.sql")

_BASE = """
CREATE SCHEMA IF NOT EXISTS {schema};
CREATE TABLE IF NOT EXISTS {schema}.migrations (
    number      integer PRIMARY KEY,
    name        text NOT NULL,
    sha256      text NOT NULL,
    applied_at  timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE IF NOT EXISTS {schema}.idempotency (
    request_id      text PRIMARY KEY,
    request_digest  text NOT NULL,
    response        bytea NOT NULL,
    created_at      timestamptz NOT NULL DEFAULT now()
);
"""


@dataclass(frozen=True, slots=True)
class Migration:
    """One file: its number, its name and its SQL."""

    number: int
    name: str
    sql: str

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.sql.encode()).hexdigest()


def read_folder(folder: Path) -> list[Migration]:
    """The folder's migrations by number; ValueError where numbers are not 1, 2, 3, …"""
    found = []
    for path in sorted(folder.glob("*.sql")):
        match = _NAME.fullmatch(path.name)
        if match is None:
            raise ValueError(f"{path.name}: a migration is named 0001_what_it_does.sql")
        found.append(Migration(int(match[1]), path.stem, path.read_text(encoding="utf-8")))
    if [m.number for m in found] != list(range(1, len(found) + 1)):
        raise ValueError(f"{folder.name}: migrations must be numbered 1, 2, 3, … without a gap")
    return found


async def migrate(dsn: str, *, schema: str, folder: Path) -> list[str]:
    """Brings a schema up to date; the names of what was applied.

    SetupError where the database can't be reached, was written by a newer version, or holds
    another text of a migration than this code.
    """
    known = read_folder(folder)
    async with explained(dsn):
        connection = await asyncpg.connect(dsn, timeout=CONNECT_TIMEOUT_S)
    try:
        await connection.execute("SELECT pg_advisory_lock(hashtext($1))", f"migrate {schema}")
        await connection.execute(_BASE.format(schema=schema))
        applied = await connection.fetch(f"SELECT number, sha256 FROM {schema}.migrations ORDER BY number")
        _refuse_newer(schema, known, {row["number"]: row["sha256"] for row in applied})
        missing = known[len(applied) :]
        for migration in missing:
            async with connection.transaction():
                await connection.execute(f"SET LOCAL search_path TO {schema}")
                await connection.execute(migration.sql)
                await connection.execute(
                    "INSERT INTO migrations (number, name, sha256) VALUES ($1, $2, $3)",
                    migration.number,
                    migration.name,
                    migration.sha256,
                )
        return [m.name for m in missing]
    finally:
        await connection.close()


def _refuse_newer(schema: str, known: list[Migration], applied: dict[int, str]) -> None:
    if len(applied) > len(known):
        raise SetupError(
            f"the database was written by a newer version: {schema} has migration {max(applied)}, "
            f"this version knows {len(known)}; upgrade aiartist, or use another database or data folder"
        )
    for migration in known:
        if migration.number in applied and applied[migration.number] != migration.sha256:
            raise SetupError(
                f"the database was written by another version: {schema} migration {migration.name} "
                "has another text there; use the version that wrote it, or another database"
            )
