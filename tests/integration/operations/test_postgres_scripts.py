"""deploy/postgres: tables in parts answer as they did, and retention takes what is old and nothing else."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import asyncpg
import pytest

from cli.migrate import migrate_all
from services.artist_db.store import model_calls
from services.chassis.database import Database
from services.scheduler.domain import Change, Event, Run, RunState, StageName
from services.scheduler.queue import RunQueue
from services.scheduler.store import Store
from tests.integration.artist_db.samples import model_call
from tests.support.scheduler_plans import RecordingDatabase, indexes, plan_of, read_whole

SCRIPTS = Path(__file__).resolve().parents[3] / "deploy" / "postgres"
FILL = """
INSERT INTO scheduler.runs (id, artist_id, state, stage, place, autopilot, started_by, events, updated_at)
SELECT 'run_' || n, 'art_1', CASE WHEN n % 2 = 0 THEN 'RELEASED' ELSE 'AWAITING_APPROVAL' END, 'APPROVE',
    'none', false, 'cadence', 3, CASE WHEN n < 100 THEN now() - interval '100 days' ELSE now() END
FROM generate_series(1, 2000) AS n;
INSERT INTO scheduler.run_events (run_id, sequence, type, state, stage, take_number)
SELECT 'run_' || n, s, 'STATE_CHANGED', 'QUEUED', 'COMPOSE', 1
FROM generate_series(1, 2000) AS n CROSS JOIN generate_series(1, 3) AS s;
INSERT INTO scheduler.run_stages (run_id, stage, take_number, state)
SELECT 'run_' || n, 'COMPOSE', 1, 'SUCCEEDED' FROM generate_series(1, 2000) AS n;
INSERT INTO artist_db.model_calls (call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens,
    completion_tokens, cost_micro_usd, latency_ms, prompt_hash, request_digest, answer, detail, created_at)
SELECT 'call-' || n, 1, 'songwriter', 'local', 'art_' || n % 50, 'run_' || n, 'ok', 1, 1, 1, 1, '', '', 'la',
    '', now() - n * interval '1 second'
FROM generate_series(1, 5000) AS n;
INSERT INTO scheduler.idempotency (request_id, request_digest, response, created_at)
SELECT 'r-' || n, '', '', now() - n * interval '1 day' FROM generate_series(0, 59) AS n;
INSERT INTO scheduler.pgqueuer_log (created, job_id, status, priority, entrypoint)
SELECT now() - n * interval '1 day', n, 'successful', 0, 'drive' FROM generate_series(0, 19) AS n;
ANALYZE
"""


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    connection = await asyncpg.connect(database_url)
    await connection.execute(FILL)
    yield connection
    await connection.close()


async def run_script(connection: Any, name: str) -> None:
    """As `psql --single-transaction -f` does."""
    async with connection.transaction():
        await connection.execute((SCRIPTS / name).read_text())


async def test_events_and_stages_of_a_run_are_found_in_one_part(database_url: str, sql: Any) -> None:
    await run_script(sql, "partition.sql")
    assert await sql.fetchval("SELECT count(*) FROM scheduler.run_events") == 6_000
    async with Database.open(database_url, schema="scheduler", pool_size=2) as opened:
        database = RecordingDatabase(opened.pool)
        store = Store(database, RunQueue(), max_active_runs=2)
        news = await store.news("run_7", 1)
        stages = await store.stages("run_7")
        assert news is not None
        assert [event.sequence for event in news.events] == [2, 3]
        assert [stage.state for stage in stages] == ["SUCCEEDED"]
        for part in ("LEFT JOIN run_events", "FROM run_stages"):
            plan = await plan_of(database, part)
            # A small one may be read whole; none of the other fifteen is looked at.
            read = read_whole(plan) | {index.removesuffix("_pkey") for index in indexes(plan)}
            assert len({name for name in read if name[-2:].isdigit()}) == 1
        run = Run(
            "run_7", "art_1", RunState.AWAITING_APPROVAL, StageName.APPROVE, False, "cadence", version=1
        )
        event = Event("STATE_CHANGED", RunState.AWAITING_APPROVAL, StageName.APPROVE, 1)
        assert await store.save(Change(run, events=(event,))) is not None
        told = await store.news("run_7", 3)
        assert told is not None
        assert [event.sequence for event in told.events] == [4]


async def test_a_model_call_is_recorded_once_over_all_parts(database_url: str, sql: Any) -> None:
    await run_script(sql, "partition.sql")
    async with (
        Database.open(database_url, schema="artist_db", pool_size=1) as database,
        database.acquire() as connection,
    ):
        # The number 1 of this call was taken before the split; the same record again is kept once.
        for call_id in ("call-7", "call-7", "fresh"):
            await model_calls.record(connection, model_call(call_id))
        page = await model_calls.page(connection, run_id="run_1", after=None, limit=9)
        known = await model_calls.answer_or_last(connection, "call-7")
    kept = await sql.fetch(
        "SELECT call_id, attempt FROM artist_db.model_calls WHERE call_id = ANY ($1) ORDER BY 1, 2",
        ["call-7", "fresh"],
    )
    assert [tuple(row) for row in kept] == [("call-7", 1), ("call-7", 2), ("fresh", 1)]
    assert known is not None
    assert (known["attempt"], known["answer"]) == (1, b"la")
    assert [row["id"] > 5_000 for row in page] == [True, True, False]
    with pytest.raises(asyncpg.UniqueViolationError):
        await sql.execute(
            """
            INSERT INTO artist_db.model_calls OVERRIDING SYSTEM VALUE
            SELECT * FROM artist_db.model_calls WHERE call_id = 'fresh'
            """
        )


async def test_a_database_in_parts_can_be_migrated_and_is_split_once(database_url: str, sql: Any) -> None:
    await run_script(sql, "partition.sql")
    assert await migrate_all(database_url) == []
    assert await sql.fetchval("SELECT count(*) > 0 FROM pg_views WHERE schemaname = 'dashboards'")
    with pytest.raises(asyncpg.RaiseError, match="split already"):
        await run_script(sql, "partition.sql")
    assert await sql.fetchval("SELECT count(*) FROM artist_db.model_calls") == 5_000


async def test_retention_takes_what_is_old_and_over(sql: Any) -> None:
    await run_script(sql, "retention.sql")

    assert await sql.fetchval("SELECT count(*) FROM scheduler.idempotency") == 30
    assert await sql.fetchval("SELECT count(*) FROM scheduler.pgqueuer_log") == 7
    # Of the 99 runs that changed 100 days ago 49 are released; the others still wait for a person.
    assert await sql.fetchval("SELECT count(*) FROM scheduler.run_events") == (2_000 - 49) * 3
    assert await sql.fetchval("SELECT count(*) FROM scheduler.runs") == 2_000
    assert await sql.fetchval("SELECT count(*) FROM scheduler.run_stages") == 2_000
