"""GetStatus: how the work stands, and at what price among a hundred thousand runs that are over."""

from typing import Any

import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.database import Database
from services.scheduler.domain import RunState
from services.scheduler.queue import RunQueue
from services.scheduler.schema import SCHEMA
from services.scheduler.store import Store
from tests.support.scheduler_plans import RecordingDatabase, indexes, plan_of, read_whole
from tests.support.scheduler_replica import CALL_S, Replica, state_name

ENDED = """
INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, created_at, updated_at)
SELECT 'old_' || n, 'art_' || n % 100,
    (ARRAY['RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED'])[n % 5 + 1],
    'PUBLISH', 'none', true, 'cadence', times.time, times.time
FROM generate_series(1, $1::integer) AS n
CROSS JOIN LATERAL (SELECT now() - $2::text::interval - n * interval '1 second') AS times (time)
"""
LIVE = """
INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, updated_at)
SELECT 'run_' || state || n, 'art_1', state, 'APPROVE',
    CASE state WHEN 'AWAITING_APPROVAL' THEN 'none' WHEN 'QUEUED' THEN 'wanted' ELSE 'held' END,
    false, 'operator', now() - n * interval '1 hour'
FROM unnest('{QUEUED,PRODUCING,AWAITING_APPROVAL}'::text[]) AS states (state)
CROSS JOIN generate_series(1, 4) AS n
"""


async def status(replica: Replica) -> tuple[dict[str, int], pb.GetStatusResponse]:
    found = await replica.stub.GetStatus(pb.GetStatusRequest(), timeout=CALL_S)
    return {state_name(entry.state): entry.count for entry in found.runs}, found


async def test_a_label_without_runs_has_only_its_places(new_replica: Any) -> None:
    async with new_replica(scheduler_max_active_runs=7) as replica:
        runs, found = await status(replica)
    assert (runs, found.places) == ({}, 7)
    assert not found.HasField("waiting_since")


async def test_runs_are_counted_by_state_and_the_longest_wait_is_told(scheduler: Replica, sql: Any) -> None:
    await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    first = await scheduler.waiting()
    await scheduler.waiting()
    runs, found = await status(scheduler)
    assert runs == {"AWAITING_APPROVAL": 2, "RELEASED": 1}
    assert found.waiting_since == first.updated_at
    # A run that is asked about anew has waited since then only.
    await scheduler.stub.CancelRun(pb.CancelRunRequest(run_id=first.id), timeout=CALL_S)
    runs, found = await status(scheduler)
    assert runs == {"AWAITING_APPROVAL": 1, "RELEASED": 1, "CANCELLED": 1}
    assert found.waiting_since.ToNanoseconds() > first.updated_at.ToNanoseconds()


@pytest.mark.parametrize("state", [s for s in RunState if s.final])
async def test_what_is_over_counts_for_a_day(scheduler: Replica, sql: Any, state: RunState) -> None:
    await sql.execute(ENDED, 50, "24 hours")
    await sql.execute(
        "UPDATE runs SET state = $1, updated_at = now() - interval '23 hours' WHERE id = 'old_7'", state
    )
    assert (await status(scheduler))[0] == {state: 1}


async def test_a_status_reads_none_of_the_runs_that_ended_before_yesterday(
    database_url: str, sql: Any
) -> None:
    await sql.execute(ENDED, 100_000, "24 hours")
    await sql.execute(ENDED.replace("old_", "new_"), 20, "1 hour")
    await sql.execute(LIVE)
    await sql.execute("VACUUM ANALYZE runs")
    async with Database.open(database_url, schema=SCHEMA, pool_size=1) as opened:
        database = RecordingDatabase(opened.pool)
        found = await Store(database, RunQueue(), max_active_runs=2).status()
        plan = await plan_of(database, "waiting_since", "FORMAT JSON, ANALYZE")
    assert sum(found.runs.values()) == 20 + 3 * 4
    assert indexes(plan) == {"runs_by_state", "runs_over", "runs_waiting"}
    assert read_whole(plan) == set()
    read = [node["Actual Rows"] * node["Actual Loops"] for node in plan if "Index Name" in node]
    assert sum(read) <= 20 + 3 * 4 + 1
