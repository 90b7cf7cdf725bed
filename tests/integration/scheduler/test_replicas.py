"""Replicas that die, stop or lose the database: every run goes on, and no stage is lost or doubled."""

import asyncio
from typing import Any

import grpc
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from aiartist.scheduler.v1 import scheduler_pb2_grpc
from services.chassis.database import connection_lost
from services.scheduler import queue_driver
from services.scheduler.domain import StageName
from tests.support.captured_logs import CapturedLogs
from tests.support.database_proxy import database_proxy
from tests.support.scheduler_doomed import replica_that_stays_in
from tests.support.scheduler_replica import Replica, names_of, running_scheduler
from tests.support.stub_stages import Gate, StubStages

CUT = """
SELECT pg_terminate_backend(pid) FROM pg_stat_activity
WHERE datname = current_database() AND pid <> pg_backend_pid()
"""


def assert_consistent(events: list[Any]) -> None:
    """Numbered without a gap, one success for each stage, each try numbered, one end."""
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    succeeded = [event.stage for event in events if "STAGE_SUCCEEDED" in names_of(event)]
    assert len(succeeded) == len(set(succeeded))
    for stage in succeeded:
        tries = [e.attempt for e in events if e.stage == stage and "STAGE_STARTED" in names_of(e)]
        assert tries == list(range(1, len(tries) + 1))
    assert [e.sequence for e in events if "RELEASED" in names_of(e)] == [events[-1].sequence]


@pytest.mark.parametrize("stage", [StageName.COMPOSE, StageName.PUBLISH])
async def test_another_replica_takes_over_what_a_killed_one_was_doing(
    new_replica: Any, stages: StubStages, database_url: str, peers_address: str, stage: StageName
) -> None:
    async with (
        replica_that_stays_in(stage, database_url, peers_address) as doomed,
        grpc.aio.insecure_channel(f"127.0.0.1:{doomed.port}") as channel,
    ):
        there = scheduler_pb2_grpc.SchedulerServiceStub(channel)
        started = await there.StartRun(pb.StartRunRequest(artist_id="art_1", autopilot=True), timeout=30)
        run_id = started.run.id
        assert await doomed.line() == run_id
        async with new_replica() as survivor:
            await doomed.kill()
            run = await survivor.until(run_id, "RELEASED")
            events = await survivor.events(run_id)
    assert_consistent(events)
    record = next(s for s in run.stages if s.stage == pb.StageName.Value(f"STAGE_NAME_{stage}"))
    assert (record.state, record.attempts) == (pb.StageExecution.STATE_SUCCEEDED, 2)
    done_here = [s.name for s in stages.all if s.calls]
    assert done_here == [s.name for s in stages.all][-len(done_here) :]
    assert done_here[0] is stage


async def test_a_replica_that_stops_hands_its_run_back_at_once(
    new_replica: Any, stages: StubStages, captured: CapturedLogs
) -> None:
    stays = Gate(stages.produce.act)
    stages.produce.act = stays
    others = StubStages()
    async with new_replica(scheduler_heartbeat_timeout_s=600) as one:
        run_id = await one.start(autopilot=True)
        await stages.produce.called.wait()
        async with new_replica(others.all, scheduler_heartbeat_timeout_s=600) as other:
            await one.app.close()
            run = await other.until(run_id, "RELEASED")
            events = await other.events(run_id)
    assert stages.produce.cancelled.is_set()
    assert others.produce.request_ids == stages.produce.request_ids == [f"{run_id}/produce/1"]
    assert (others.compose.calls, stages.package.calls) == ([], [])
    assert_consistent(events)
    produce = next(stage for stage in run.stages if stage.stage == pb.STAGE_NAME_PRODUCE)
    assert (produce.attempts, produce.state) == (2, pb.StageExecution.STATE_SUCCEEDED)
    assert captured.of("runs had lost their jobs and got new ones") == []


async def test_a_run_of_a_stopped_scheduler_goes_on_when_it_is_started_again(
    new_replica: Any, stages: StubStages
) -> None:
    stays = Gate(stages.package.act)
    stages.package.act = stays
    async with new_replica() as one:
        run_id = await one.start(autopilot=True)
        await stages.package.called.wait()
    stays.open()
    async with new_replica() as again:
        await again.until(run_id, "RELEASED")
    assert stages.package.request_ids == [f"{run_id}/package/1"] * 2
    assert [len(stage.calls) for stage in (stages.compose, stages.produce, stages.publish)] == [1, 1, 1]


async def test_a_worker_that_was_only_slow_loses_its_run_and_leaves_it_alone(
    new_replica: Any, stages: StubStages, sql: Any
) -> None:
    slow = Gate(stages.produce.act)
    stages.produce.act = slow
    others = StubStages()
    async with new_replica() as one:
        run_id = await one.start(autopilot=True)
        await stages.produce.called.wait()
        async with new_replica(others.all) as other:
            async with asyncio.timeout(30):
                while not stages.produce.cancelled.is_set():
                    # As the job of a dead replica looks; who finds it so first is a matter of luck.
                    await sql.execute("UPDATE pgqueuer SET heartbeat = now() - interval '1 hour'")
                    await asyncio.sleep(0.01)
            await other.until(run_id, "RELEASED")
            events = await other.events(run_id)
    assert_consistent(events)
    assert others.produce.request_ids == [f"{run_id}/produce/1"]
    assert stages.package.calls == []


async def test_a_run_in_hand_keeps_no_other_waiting_after_the_database_was_away(
    stages: StubStages,
    database_url: str,
    peers_address: str,
    captured: CapturedLogs,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    noticed = asyncio.Event()

    def notice(error: BaseException) -> bool:
        noticed.set()
        return connection_lost(error)

    monkeypatch.setattr(queue_driver, "connection_lost", notice)
    gate = Gate(stages.produce.act)
    stages.produce.act = gate
    async with (
        database_proxy(database_url) as proxy,
        running_scheduler(proxy.url, peers_address, stages.all) as replica,
    ):
        slow = await replica.start(autopilot=True)
        await stages.produce.called.wait()
        stages.produce.act = StubStages().produce.act
        await proxy.cut()
        await asyncio.wait_for(noticed.wait(), 30)
        await proxy.open()
        await _until_released(replica, await _start(replica))
        gate.open()
        await _until_released(replica, slow)
    assert stages.produce.request_ids.count(f"{slow}/produce/1") == 1
    assert [record for record in captured.records if record["level"] == "error"] == []


async def _start(replica: Replica) -> str:
    """As a client that tries again while the database is away."""
    async with asyncio.timeout(30):
        while True:
            try:
                return await replica.start(autopilot=True)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise


async def test_a_run_outlives_its_connections_to_the_database(
    new_replica: Any, stages: StubStages, sql: Any
) -> None:
    gate = Gate(stages.produce.act)
    stages.produce.act = gate
    async with new_replica() as replica:
        run_id = await replica.start(autopilot=True)
        await stages.produce.called.wait()
        for _ in range(3):
            await sql.execute(CUT)
            await asyncio.sleep(0)
        gate.open()
        await _until_released(replica, run_id)
        events = await replica.events(run_id)
        assert_consistent(events)
        await replica.until(await replica.start(autopilot=True), "RELEASED")
    # On a busy machine the stage may be called again, and then under the id that makes it one call.
    asked = {id for id in stages.produce.request_ids if id.startswith(run_id)}
    assert asked == {f"{run_id}/produce/1"}


async def _until_released(replica: Replica, run_id: str) -> None:
    """As a client that tries again where a call broke with the connections."""
    async with asyncio.timeout(60):
        while True:
            try:
                if (await replica.get(run_id)).state == pb.RUN_STATE_RELEASED:
                    return
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.UNAVAILABLE:
                    raise
            await asyncio.sleep(0.01)


async def test_a_worker_hears_of_jobs_again_after_its_connections_were_cut(
    new_replica: Any, sql: Any, captured: CapturedLogs
) -> None:
    async with new_replica(scheduler_dequeue_timeout_s=60) as replica:
        await replica.until(await replica.start(autopilot=True), "RELEASED")
        before = await listeners(sql)
        await sql.execute(CUT)
        async with asyncio.timeout(30):
            while not (now := await listeners(sql)) or now & before:
                await asyncio.sleep(0.01)
        async with asyncio.timeout(30):
            await replica.until(await replica.start(autopilot=True), "RELEASED")
    assert [r for r in captured.records if r["level"] == "error"] == []


async def listeners(sql: Any) -> set[int]:
    """Connections that listen for jobs, by the process that serves them."""
    rows = await sql.fetch(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
    )
    return {row["pid"] for row in rows}


async def test_a_scheduler_stops_though_the_database_is_gone(
    stages: StubStages, database_url: str, peers_address: str
) -> None:
    stages.produce.act = Gate(stages.produce.act)
    async with (
        database_proxy(database_url) as proxy,
        running_scheduler(proxy.url, peers_address, stages.all, stop_grace_s=1) as replica,
    ):
        await replica.start(autopilot=True)
        await stages.produce.called.wait()
        await proxy.cut()
        await asyncio.wait_for(replica.app.close(), 60)
    assert stages.produce.cancelled.is_set()
