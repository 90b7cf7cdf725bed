"""Hot queries use their indexes among ten thousand runs: each test fails when its index is lost."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest

from services.chassis.database import Database
from services.chassis.paging import Page
from services.scheduler.domain import Change, Event, Run, RunState, StageName
from services.scheduler.queue import RunQueue
from services.scheduler.records import ClosingRecord
from services.scheduler.schema import SCHEMA
from services.scheduler.store import Store
from tests.support.postgres import TestServer, fresh_database
from tests.support.scheduler_plans import RecordingDatabase, indexes, plan_of, read_whole

RUNS = 10_000
SEED = f"""
INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, created_at, updated_at,
                  not_before, approval_expires_at, announced, endings)
SELECT 'run_' || n, 'art_' || n % 100, kinds.state, 'APPROVE', kinds.place, false, kinds.started_by,
    times.time, times.time, times.time,
    CASE WHEN kinds.state = 'AWAITING_APPROVAL' THEN times.time + interval '7 days' END, n % 500 <> 0,
    CASE WHEN n % 500 = 2 THEN 1 ELSE 0 END
FROM generate_series(1, {RUNS}) AS n
CROSS JOIN LATERAL (SELECT now() - interval '1 day' + n * interval '1 second') AS times (time)
CROSS JOIN LATERAL (
    SELECT
        CASE n % 10 WHEN 0 THEN 'QUEUED' WHEN 1 THEN 'PRODUCING' WHEN 2 THEN 'RELEASED'
            ELSE 'AWAITING_APPROVAL' END,
        CASE WHEN n % 10 = 0 THEN 'wanted' WHEN n % 1000 = 1 THEN 'held' ELSE 'none' END,
        CASE WHEN n % 3 = 0 THEN 'cadence' ELSE 'operator' END
) AS kinds (state, place, started_by)
"""
EVENTS = """
INSERT INTO run_events (run_id, sequence, type, state, stage, take_number)
SELECT 'run_' || n, s, 'STATE_CHANGED', 'QUEUED', 'COMPOSE', 1
FROM generate_series(1, 1000) AS n CROSS JOIN generate_series(1, 20) AS s
"""
STAGES = """
INSERT INTO run_stages (run_id, stage, take_number, state)
SELECT 'run_' || n, s, 1, 'SUCCEEDED'
FROM generate_series(1, 1000) AS n CROSS JOIN unnest('{COMPOSE,PRODUCE,APPROVE}'::text[]) AS s
"""
CLOSINGS = """
INSERT INTO run_closings (run_id, request_id, content_digest, reason)
SELECT 'run_' || n, 'run_' || n || '/close/1/7', 'sha256:' || n, '' FROM generate_series(1, 10000) AS n
"""
PROGRESS = """
INSERT INTO run_progress (run_id, stage, take_number, step, done, total)
SELECT 'run_' || n, 'APPROVE', 1, 'half way', 1, 2 FROM generate_series(1, 1000) AS n
"""


@pytest.fixture(scope="module")
def filled(postgres: TestServer) -> Iterator[str]:
    """A database with so many runs that the planner cares; it is the same for all tests here."""
    with fresh_database(postgres) as url:
        asyncio.run(_fill(url))
        yield url


async def _fill(url: str) -> None:
    connection = await asyncpg.connect(url, server_settings={"search_path": SCHEMA})
    try:
        for statement in (SEED, EVENTS, STAGES, CLOSINGS, PROGRESS, "ANALYZE"):
            await connection.execute(statement)
    finally:
        await connection.close()


@pytest.fixture
async def database(filled: str) -> AsyncIterator[RecordingDatabase]:
    async with Database.open(filled, schema=SCHEMA, pool_size=2) as opened:
        yield RecordingDatabase(opened.pool)


@pytest.fixture
def store(database: RecordingDatabase) -> Store:
    return Store(database, RunQueue(), max_active_runs=20)


Work = Callable[[Store], Awaitable[Any]]
RUN = Run("run_9007", "art_7", RunState.AWAITING_APPROVAL, StageName.APPROVE, False, "operator", version=1)
CLOSING = ClosingRecord(7, "run_7", "run_7/close/1/7", "sha256:7", None, "")
EVENT = Event("STATE_CHANGED", RunState.AWAITING_APPROVAL, StageName.APPROVE, 1)
MIDDLE = datetime(2030, 1, 1, tzinfo=UTC)
PLANS: dict[str, tuple[Work, str, set[str]]] = {
    "who wants a place": (
        lambda store: store.anybody_wants_a_place(),
        "SELECT id FROM runs WHERE place",
        {"runs_wanting"},
    ),
    "whose approval is over": (
        lambda store: store.expired(100),
        "approval_expires_at <= now()",
        {"runs_expiring"},
    ),
    "which ends were not told": (
        lambda store: store.unannounced(50),
        "WHERE NOT announced",
        {"runs_to_announce"},
    ),
    "which ends artist_db does not know": (
        lambda store: store.unrecorded(50),
        "WHERE recorded < endings",
        {"runs_to_record"},
    ),
    "which it knows now": (
        lambda store: store.mark_recorded(RUN),
        "SET recorded",
        {"runs_pkey"},
    ),
    "how many takes a run has": (
        lambda store: store.takes_made("run_7"),
        "SELECT count(*) FROM run_stages",
        {"run_stages_pkey"},
    ),
    "what of an artist was approved and is not known there": (
        lambda store: store.approved_under_way(RUN),
        "state = 'RELEASING' AND place",
        {"runs_of_artist", "runs_by_state", "runs_to_record"},
    ),
    "which questions are to be closed": (
        lambda store: store.untold_closings(50),
        "FROM run_closings",
        {"run_closings_pkey", "runs_pkey"},
    ),
    "which were closed": (
        lambda store: store.forget_closings([CLOSING]),
        "DELETE FROM run_closings",
        {"run_closings_pkey"},
    ),
    "when artists ran last": (
        lambda store: store.last_runs(["art_7", "art_8"], most_a_week=7),
        "CROSS JOIN LATERAL",
        {"runs_of_artist", "runs_busy"},
    ),
    "one run": (lambda store: store.read("run_7"), "SELECT * FROM runs WHERE id", {"runs_pkey"}),
    "one run's stages": (lambda store: store.stages("run_7"), "FROM run_stages", {"run_stages_pkey"}),
    "what a watcher asks": (
        lambda store: store.news("run_7", 15),
        "LEFT JOIN run_events",
        {"runs_pkey", "run_events_pkey", "run_progress_pkey"},
    ),
    "a step": (lambda store: store.save(Change(RUN, events=(EVENT,))), "saved AS", {"runs_pkey"}),
    "a sign of progress": (
        lambda store: store.report(RUN, "half way", 1, 2),
        "INSERT INTO run_progress",
        {"runs_pkey"},
    ),
    "the newest runs": (
        lambda store: store.page(Page(50, None, ""), artist_id="", states=[]),
        "ORDER BY created_at DESC",
        {"runs_newest"},
    ),
    "a later page": (
        lambda store: store.page(Page(50, (MIDDLE.isoformat(), "x"), ""), artist_id="", states=[]),
        "ORDER BY created_at DESC",
        {"runs_newest"},
    ),
    "an artist's runs": (
        lambda store: store.page(Page(50, None, ""), artist_id="art_7", states=[]),
        "ORDER BY created_at DESC",
        {"runs_of_artist"},
    ),
}


@pytest.mark.parametrize("what", PLANS)
async def test_a_hot_query_uses_its_index(database: RecordingDatabase, store: Store, what: str) -> None:
    work, part, expected = PLANS[what]
    await work(store)
    plan = await plan_of(database, part)
    assert indexes(plan) == expected
    assert read_whole(plan) == set()


async def test_admission_reads_no_more_runs_than_it_has_places_for(
    database: RecordingDatabase, store: Store
) -> None:
    await store.admit()
    plan = await plan_of(database, "places FROM free")
    assert {"runs_holding", "runs_wanting"} <= indexes(plan)
    assert read_whole(plan) == set()
    # In the index's own order: a thousand runs that wait cost no more than ten.
    assert not [node for node in plan if node["Node Type"] == "Sort"]


async def test_the_rescue_looks_only_at_runs_that_hold_a_place(
    database: RecordingDatabase, store: Store
) -> None:
    await store.rescue()
    plan = await plan_of(database, "convert_to(r.id")
    assert "runs_holding" in indexes(plan)
    assert "runs" not in read_whole(plan)


async def test_the_runs_in_one_state_are_found_by_it(database: RecordingDatabase, store: Store) -> None:
    found, _ = await store.page(Page(50, None, ""), artist_id="", states=[RunState.FAILED])
    assert found == []
    plan = await plan_of(database, "ORDER BY created_at DESC")
    assert indexes(plan) == {"runs_by_state"}
    assert read_whole(plan) == set()
