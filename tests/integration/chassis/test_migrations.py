"""Migrations against a real PostgreSQL: once, whole, forward only."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from services.chassis.errors import SetupError
from services.chassis.migrations import migrate

FIRST = "CREATE TABLE songs (id text PRIMARY KEY); INSERT INTO songs VALUES ('first')"
SECOND = "ALTER TABLE songs ADD COLUMN title text NOT NULL DEFAULT ''; INSERT INTO songs VALUES ('second')"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "0001_songs.sql").write_text(FIRST)
    return tmp_path


async def rows(dsn: str, query: str) -> list[tuple[object, ...]]:
    connection = await asyncpg.connect(dsn)
    try:
        return [tuple(row) for row in await connection.fetch(query)]
    finally:
        await connection.close()


async def test_a_migration_is_applied_once(empty_database_url: str, folder: Path) -> None:
    assert await migrate(empty_database_url, schema="echo", folder=folder) == ["0001_songs"]
    assert await migrate(empty_database_url, schema="echo", folder=folder) == []
    assert await rows(empty_database_url, "SELECT id FROM echo.songs") == [("first",)]


async def test_a_later_one_is_applied_to_what_is_there(empty_database_url: str, folder: Path) -> None:
    await migrate(empty_database_url, schema="echo", folder=folder)
    (folder / "0002_titles.sql").write_text(SECOND)
    assert await migrate(empty_database_url, schema="echo", folder=folder) == ["0002_titles"]
    assert await rows(empty_database_url, "SELECT id, title FROM echo.songs ORDER BY id") == [
        ("first", ""),
        ("second", ""),
    ]


async def test_what_was_applied_is_on_record(empty_database_url: str, folder: Path) -> None:
    (folder / "0002_titles.sql").write_text(SECOND)
    await migrate(empty_database_url, schema="echo", folder=folder)
    found = await rows(empty_database_url, "SELECT number, name FROM echo.migrations ORDER BY number")
    assert found == [(1, "0001_songs"), (2, "0002_titles")]


async def test_several_at_once_apply_each_migration_once(empty_database_url: str, folder: Path) -> None:
    (folder / "0002_titles.sql").write_text(SECOND)
    applied = await asyncio.gather(
        *(migrate(empty_database_url, schema="echo", folder=folder) for _ in range(4))
    )
    assert sorted(applied) == [[], [], [], ["0001_songs", "0002_titles"]]
    assert len(await rows(empty_database_url, "SELECT FROM echo.songs")) == 2


async def test_each_schema_has_migrations_of_its_own(empty_database_url: str, folder: Path) -> None:
    for schema in ("echo", "other"):
        assert await migrate(empty_database_url, schema=schema, folder=folder) == ["0001_songs"]


async def test_a_database_from_a_newer_version_is_refused(
    empty_database_url: str, folder: Path, tmp_path: Path
) -> None:
    (folder / "0002_titles.sql").write_text(SECOND)
    await migrate(empty_database_url, schema="echo", folder=folder)
    (folder / "0002_titles.sql").unlink()
    with pytest.raises(SetupError, match="newer version: echo has migration 2, this version knows 1"):
        await migrate(empty_database_url, schema="echo", folder=folder)


async def test_a_database_with_another_text_of_a_migration_is_refused(
    empty_database_url: str, folder: Path
) -> None:
    await migrate(empty_database_url, schema="echo", folder=folder)
    (folder / "0001_songs.sql").write_text(f"{FIRST} -- and more")
    with pytest.raises(SetupError, match="0001_songs has another text"):
        await migrate(empty_database_url, schema="echo", folder=folder)


async def test_a_migration_that_fails_leaves_nothing_half_done(empty_database_url: str, folder: Path) -> None:
    broken = folder / "0002_broken.sql"
    broken.write_text("INSERT INTO songs VALUES ('half'); CREATE TABLE covers (id text); SELECT 1 / 0")
    with pytest.raises(asyncpg.DivisionByZeroError):
        await migrate(empty_database_url, schema="echo", folder=folder)
    assert await rows(empty_database_url, "SELECT id FROM echo.songs") == [("first",)]
    assert await rows(empty_database_url, "SELECT to_regclass('echo.covers')") == [(None,)]
    broken.write_text("INSERT INTO songs VALUES ('whole')")
    assert await migrate(empty_database_url, schema="echo", folder=folder) == ["0002_broken"]


async def test_a_failed_migration_does_not_keep_the_next_try_waiting(
    empty_database_url: str, folder: Path
) -> None:
    (folder / "0001_songs.sql").write_text("nonsense")
    for _ in range(2):
        with pytest.raises(asyncpg.PostgresSyntaxError):
            await asyncio.wait_for(migrate(empty_database_url, schema="echo", folder=folder), 30)


async def test_a_database_that_is_away_is_told_without_its_password(folder: Path) -> None:
    with pytest.raises(SetupError, match=r"127\.0\.0\.1:1/label") as refused:
        await migrate("postgresql://label:hunter2@127.0.0.1:1/label", schema="echo", folder=folder)
    assert "hunter2" not in str(refused.value)
