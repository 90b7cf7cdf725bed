"""WatchRun: every event once, in order, from wherever the watcher was; progress; heartbeats; an end."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import remote_error
from services.scheduler import watch
from services.scheduler.domain import Outcome, Run
from services.scheduler.stages import Report
from tests.support.scheduler_replica import Replica, names_of
from tests.support.stub_stages import Gate, StubStages

PROGRESS = pb.RunEvent.TYPE_PROGRESS


async def test_a_watch_begins_at_the_first_event_and_ends_with_the_run(
    scheduler: Replica, stages: StubStages
) -> None:
    gate = Gate(stages.produce.act)
    stages.produce.act = gate
    run_id = await scheduler.start(autopilot=True)
    updates = []
    async for update in scheduler.watch(run_id):
        updates.append(update)
        if update.event.stage == pb.STAGE_NAME_PRODUCE:
            gate.open()
    sequences = [update.event.sequence for update in updates]
    assert sequences == list(range(1, len(updates) + 1))
    assert [int(update.resume_token) for update in updates] == sequences
    assert names_of(updates[-1].event) == {"STATE_CHANGED", "RELEASED"}


async def test_a_run_that_is_over_is_told_whole_and_at_once(scheduler: Replica) -> None:
    run_id = await scheduler.start(autopilot=True)
    first = await scheduler.events(run_id)
    assert await scheduler.events(run_id) == first


@pytest.mark.parametrize("after", [1, 4, 9, 14])
async def test_a_watch_goes_on_after_its_token_without_a_gap_or_a_double(
    scheduler: Replica, after: int
) -> None:
    run_id = await scheduler.start(autopilot=True)
    whole = await scheduler.events(run_id)
    rest = [update.event async for update in scheduler.watch(run_id, str(after))]
    assert rest == whole[after:]


async def test_a_watcher_that_breaks_off_again_and_again_misses_nothing(
    scheduler: Replica, stages: StubStages
) -> None:
    gate = Gate(stages.publish.act)
    stages.publish.act = gate
    run_id = await scheduler.start(autopilot=True)
    heard: list[int] = []
    token = ""
    while not heard or heard[-1] < 15:
        call = scheduler.stub.WatchRun(pb.WatchRunRequest(run_id=run_id, resume_token=token))
        update = await call.read()
        call.cancel()
        heard.append(update.event.sequence)
        token = update.resume_token
        if len(heard) == 13:
            gate.open()
    assert heard == list(range(1, 16))


async def test_several_watchers_hear_the_same(scheduler: Replica) -> None:
    run_id = await scheduler.start(autopilot=True)
    stories = await asyncio.gather(*(scheduler.events(run_id) for _ in range(5)))
    assert all(story == stories[0] for story in stories)


@pytest.mark.parametrize("token", ["x", "-1", "1.0", "²", "9" * 19, " 1", "16"])
async def test_a_token_that_nobody_gave_out_is_refused(scheduler: Replica, token: str) -> None:
    run_id = await scheduler.start(autopilot=True)
    await scheduler.events(run_id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(scheduler.watch(run_id, token))
    error = remote_error(caught.value)
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in error.violations] == ["resume_token"]


async def test_an_unknown_run_is_not_found(scheduler: Replica) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await anext(scheduler.watch("run_9"))
    assert remote_error(caught.value).metadata == {"kind": "run", "id": "run_9"}


class Reporting:
    """Reports one step after another, each when the last was seen."""

    def __init__(self, then: Any) -> None:
        self.seen = asyncio.Semaphore(0)
        self._then = then

    async def __call__(self, run: Run, report: Report) -> Outcome:
        for done in range(1, 4):
            await report(f"verse {done}", done, 4_000_000_000)
            await self.seen.acquire()
        outcome: Outcome = await self._then(run, report)
        return outcome


async def test_a_watcher_sees_how_far_a_stage_is(scheduler: Replica, stages: StubStages) -> None:
    reporting = Reporting(stages.compose.act)
    stages.compose.act = reporting
    run_id = await scheduler.start(autopilot=True)
    told = []
    last_token = "0"
    async for update in scheduler.watch(run_id):
        if update.event.type == PROGRESS:
            event = update.event
            told.append((event.progress.step, event.progress.done, event.progress.total))
            assert (event.stage, event.take_number, event.sequence) == (pb.STAGE_NAME_COMPOSE, 1, 0)
            assert event.state == pb.RUN_STATE_COMPOSING
            assert update.resume_token == last_token
            reporting.seen.release()
        last_token = update.resume_token
    assert told == [(f"verse {done}", done, 4_000_000_000) for done in (1, 2, 3)]


async def test_the_progress_of_a_stage_that_is_over_is_not_told_any_more(
    scheduler: Replica, stages: StubStages, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def report_and_finish(run: Run, report: Report) -> Outcome:
        await report("mastering", 1, 2)
        return await StubStages().produce.act(run, report)

    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.05)
    stages.produce.act = report_and_finish
    stages.package.act = Gate(stages.package.act)
    run_id = await scheduler.start(autopilot=True)
    await stages.package.called.wait()
    late = scheduler.stub.WatchRun(pb.WatchRunRequest(run_id=run_id))
    heard = [await asyncio.wait_for(late.read(), 30) for _ in range(12)]
    assert [update.event.sequence for update in heard[:11]] == list(range(1, 12))
    assert not heard[11].HasField("event")
    late.cancel()


async def test_a_watcher_of_a_silent_run_hears_that_the_scheduler_lives(
    scheduler: Replica, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watch, "HEARTBEAT_S", 0.05)
    run = await scheduler.waiting()
    call = scheduler.stub.WatchRun(pb.WatchRunRequest(run_id=run.id, resume_token="9"))
    for _ in range(2):
        update = await asyncio.wait_for(call.read(), 30)
        assert not update.HasField("event")
        assert update.resume_token == "9"
    call.cancel()


async def test_watchers_do_not_keep_the_scheduler_from_stopping(new_replica: Any) -> None:
    async with new_replica(stop_grace_s=120) as replica:
        run = await replica.waiting()
        call = replica.stub.WatchRun(pb.WatchRunRequest(run_id=run.id, resume_token="8"))
        assert (await call.read()).event.sequence == 9
        reading = asyncio.create_task(call.read())
        await asyncio.wait_for(replica.app.close(), 60)
        assert await reading is grpc.aio.EOF
        assert await call.code() is grpc.StatusCode.OK


async def test_a_watch_may_go_on_at_another_replica(new_replica: Any) -> None:
    async with new_replica() as one, new_replica() as other:
        run_id = await one.start(autopilot=True)
        whole = await one.events(run_id)
        assert [update.event async for update in other.watch(run_id, "5")] == whole[5:]


async def test_watching_is_a_read_of_the_database_and_no_more(
    scheduler: Replica, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    run = await scheduler.waiting()
    before = await sql.fetchrow("SELECT version, events, updated_at FROM runs")
    call = scheduler.stub.WatchRun(pb.WatchRunRequest(run_id=run.id))
    for _ in range(9):
        await call.read()
    call.cancel()
    assert await sql.fetchrow("SELECT version, events, updated_at FROM runs") == before
