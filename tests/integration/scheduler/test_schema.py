"""The schema: made once, the queue's tables with it, whoever comes first."""

import asyncio

import asyncpg
import pytest
from pydantic import SecretStr

from services.chassis.errors import SetupError
from services.scheduler.app import build
from services.scheduler.schema import migrate_schema
from services.scheduler.settings import Settings

EVERYTHING = ["0001_runs", "0002_people", "0003_traces", "0004_afterwards", "pgqueuer"]


async def test_an_empty_database_gets_everything_and_nothing_the_second_time(empty_database_url: str) -> None:
    assert await migrate_schema(empty_database_url) == EVERYTHING
    assert await migrate_schema(empty_database_url) == []


async def test_several_at_once_make_it_once(empty_database_url: str) -> None:
    applied = await asyncio.gather(*(migrate_schema(empty_database_url) for _ in range(3)))
    assert sorted(name for names in applied for name in names) == EVERYTHING


async def test_an_interrupted_one_is_finished_by_the_next(empty_database_url: str) -> None:
    await migrate_schema(empty_database_url)
    connection = await asyncpg.connect(empty_database_url, server_settings={"search_path": "scheduler"})
    await connection.execute("DROP TABLE pgqueuer_log")
    await connection.close()
    assert await migrate_schema(empty_database_url) == ["pgqueuer upgrade"]
    assert await migrate_schema(empty_database_url) == []


async def test_a_scheduler_does_not_start_on_a_database_without_its_schema(empty_database_url: str) -> None:
    settings = Settings(database_url=SecretStr(empty_database_url), port=0, metrics_port=0, ship_errors=False)
    with pytest.raises(SetupError, match="no schema scheduler yet"):
        await build(settings)
