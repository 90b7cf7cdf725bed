"""The scheduler's gauges: what the database says, in every replica, at a price that does not grow."""

import asyncio
from typing import Any

from services.chassis.database import Database
from services.chassis.metrics_sampling import keep_sampled
from services.scheduler.metrics import Sampler
from services.scheduler.queue import RunQueue
from services.scheduler.schema import SCHEMA
from tests.integration.scheduler.conftest import NewReplica
from tests.support.database_proxy import database_proxy
from tests.support.metrics import metric, until
from tests.support.scheduler_plans import RecordingDatabase, indexes, plan_of, read_whole

WAITING = "aiartist_scheduler_approvals_waiting"
INSERT = """
INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, updated_at)
SELECT $1 || n, 'art_1', $1, 'APPROVE', $2, false, 'operator', now() - $3::integer * interval '1 second'
FROM generate_series(1, $4::integer) AS n
"""


async def insert(sql: Any, state: str, place: str, *, age_s: int = 0, count: int = 1) -> None:
    await sql.execute(INSERT, state, place, age_s, count)


async def test_runs_that_are_not_over_are_counted_by_state(database_url: str, sql: Any) -> None:
    await insert(sql, "QUEUED", "wanted", count=3)
    await insert(sql, "PRODUCING", "held")
    await insert(sql, "RELEASED", "none", count=5)
    async with Database.open(database_url, schema=SCHEMA) as database:
        await Sampler(database).sample()
        assert metric("aiartist_scheduler_runs", state="queued") == 3
        assert metric("aiartist_scheduler_runs", state="producing") == 1
        assert metric("aiartist_scheduler_runs", state="releasing") == 0
        assert metric("aiartist_scheduler_runs", state="released") is None
        await sql.execute("UPDATE runs SET state = 'RELEASING' WHERE state = 'PRODUCING'")
        await Sampler(database).sample()
        assert metric("aiartist_scheduler_runs", state="producing") == 0
        assert metric("aiartist_scheduler_runs", state="releasing") == 1


async def test_questions_that_wait_are_counted_with_the_longest_wait(database_url: str, sql: Any) -> None:
    await insert(sql, "AWAITING_APPROVAL", "none", age_s=3_600, count=2)
    async with Database.open(database_url, schema=SCHEMA) as database:
        await Sampler(database).sample()
        assert metric(WAITING) == 2
        assert 3_600 <= (metric("aiartist_scheduler_approvals_oldest_seconds") or 0) < 3_700
        await sql.execute("DELETE FROM runs")
        await Sampler(database).sample()
    assert metric(WAITING) == 0
    assert metric("aiartist_scheduler_approvals_oldest_seconds") == 0


async def test_runs_that_wait_for_room_in_their_week_are_counted_and_retries_are_not(
    database_url: str, sql: Any
) -> None:
    await insert(sql, "RELEASING", "wanted", count=3)
    await sql.execute("UPDATE runs SET not_before = now() + interval '10 minutes'")
    await sql.execute("UPDATE runs SET not_before = now() + interval '3 days' WHERE id <> 'RELEASING1'")
    async with Database.open(database_url, schema=SCHEMA) as database:
        await Sampler(database).sample()
        assert metric("aiartist_scheduler_runs_postponed") == 2
        assert metric("aiartist_scheduler_runs", state="releasing") == 3
        await sql.execute("DELETE FROM runs")
        await Sampler(database).sample()
    assert metric("aiartist_scheduler_runs_postponed") == 0


async def test_jobs_are_due_later_or_picked_and_the_longest_due_tells_its_wait(
    database_url: str, sql: Any
) -> None:
    await RunQueue().drive(sql, [f"run_{n}" for n in range(6)])
    await sql.execute(
        """
        UPDATE pgqueuer SET
            status = CASE WHEN place = 1 THEN 'picked' ELSE 'queued' END::pgqueuer_status,
            execute_after = now() + CASE WHEN place <= 3 THEN 1 ELSE -100 END * interval '1 second'
        FROM (SELECT id, row_number() OVER (ORDER BY id) AS place FROM pgqueuer) AS numbered
        WHERE numbered.id = pgqueuer.id
        """
    )
    async with Database.open(database_url, schema=SCHEMA) as database:
        await Sampler(database).sample()
    jobs = {s: metric("aiartist_scheduler_queue_jobs", status=s) for s in ("due", "later", "picked")}
    assert jobs == {"due": 3, "later": 2, "picked": 1}
    assert 100 <= (metric("aiartist_scheduler_queue_oldest_seconds") or 0) < 200


async def test_a_job_for_later_makes_no_wait(database_url: str, sql: Any) -> None:
    await RunQueue().drive(sql, ["run_1"])
    await sql.execute("UPDATE pgqueuer SET execute_after = now() + interval '1 hour'")
    async with Database.open(database_url, schema=SCHEMA) as database:
        await Sampler(database).sample()
    assert metric("aiartist_scheduler_queue_oldest_seconds") == 0


async def test_a_running_scheduler_samples(new_replica: NewReplica, sql: Any) -> None:
    await insert(sql, "AWAITING_APPROVAL", "none", count=7)
    async with new_replica():
        await until(lambda: metric(WAITING) == 7)


async def test_the_last_values_stay_while_the_database_is_away(database_url: str, sql: Any) -> None:
    failed = "aiartist_samples_failed_total"
    await insert(sql, "AWAITING_APPROVAL", "none", count=4)
    closing = asyncio.Event()
    async with (
        database_proxy(database_url) as proxy,
        Database.open(proxy.url, schema=SCHEMA) as database,
    ):
        sampling = asyncio.create_task(
            keep_sampled("scheduler", Sampler(database).sample, closing, every_s=0.01)
        )
        await until(lambda: metric(WAITING) == 4)
        before = metric(failed, service="scheduler") or 0.0
        await proxy.cut()
        await until(lambda: (metric(failed, service="scheduler") or 0.0) >= before + 2)
        assert metric(WAITING) == 4
        await sql.execute("DELETE FROM runs")
        await proxy.open()
        await until(lambda: metric(WAITING) == 0)
        closing.set()
        await sampling


async def test_a_sample_reads_none_of_the_runs_that_are_over(database_url: str, sql: Any) -> None:
    await insert(sql, "RELEASED", "none", count=50_000)
    await insert(sql, "AWAITING_APPROVAL", "none", count=20)
    await insert(sql, "QUEUED", "wanted", count=5)
    await sql.execute("VACUUM ANALYZE runs")
    async with Database.open(database_url, schema=SCHEMA, pool_size=1) as opened:
        database = RecordingDatabase(opened.pool)
        await Sampler(database).sample()
        plan = await plan_of(database, "jsonb_object_agg", "FORMAT JSON, ANALYZE")
    assert {"runs_by_state", "runs_waiting"} <= indexes(plan)
    assert "runs" not in read_whole(plan)
    read = [n["Actual Rows"] * n["Actual Loops"] for n in plan if n.get("Index Name", "").startswith("runs")]
    assert sum(read) == 25 + 20
