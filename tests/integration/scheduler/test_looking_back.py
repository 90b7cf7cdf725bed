"""REFLECT: after a run's final decision, without changing how it ended, whatever becomes of it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import life_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from aiartist.scheduler.v1 import scheduler_pb2_grpc
from services.chassis.errors import AppError, DependencyUnavailable, RemoteError
from services.scheduler.domain import RunState, StageName
from services.scheduler.metrics import RUNS_ENDED
from tests.integration.scheduler.conftest import NewReplica
from tests.support.captured_logs import CapturedLogs
from tests.support.scheduler_doomed import replica_that_stays_in
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import CALL_S, Replica, names_of, running_scheduler, state_name
from tests.support.stub_stages import Failing, Gate, StubStages


@pytest.fixture
async def label(database_url: str, peers_address: str) -> AsyncIterator[Replica]:
    """A scheduler with the stages that it is shipped with."""
    async with running_scheduler(database_url, peers_address) as replica:
        yield replica


@pytest.fixture
async def reflecting(new_replica: NewReplica, stages: StubStages) -> AsyncIterator[Replica]:
    """A scheduler whose stages the test commands, with the one after the end."""
    async with new_replica(stages.reflecting) as replica:
        yield replica


async def until_rests(sql: Any, run_id: str) -> None:
    """Over, and nobody looks back on it any more."""
    async with asyncio.timeout(30):
        while await sql.fetchval(
            """
            SELECT place <> 'none' OR recorded < endings OR NOT announced
                OR state NOT IN ('RELEASED', 'REJECTED', 'EXPIRED', 'FAILED', 'CANCELLED')
            FROM runs WHERE id = $1
            """,
            run_id,
        ):
            await asyncio.sleep(0.01)


def stage_of(run: pb.Run) -> pb.StageExecution:
    (stage,) = [stage for stage in run.stages if stage.stage == pb.STAGE_NAME_REFLECT]
    return stage


async def rejected(replica: Replica) -> Any:
    run = await replica.waiting()
    return await replica.decide(run, decision_pb2.VERDICT_REJECTED, reason="off key")


async def test_a_released_run_is_reflected_on_after_its_outcome_is_known(
    label: Replica, peers: Peers, sql: Any
) -> None:
    run_id = await label.start(autopilot=True)
    await label.until(run_id, "RELEASED")
    await until_rests(sql, run_id)
    asked = [r for r in peers.requests if isinstance(r, orchestrator_pb2.ReflectRequest)]
    assert [(r.request_id, r.run_id, r.artist_id) for r in asked] == [
        (f"{run_id}/reflect/1", run_id, "art_1")
    ]
    kinds = [type(request) for request in peers.requests]
    assert kinds.index(life_pb2.RecordRunOutcomeRequest) < kinds.index(orchestrator_pb2.ReflectRequest)
    run = await label.get(run_id)
    assert (state_name(run.state), run.stage) == ("RELEASED", pb.STAGE_NAME_REFLECT)
    assert stage_of(run).state == pb.StageExecution.STATE_SUCCEEDED
    told = [event for event in await label.events(run_id) if event.stage == pb.STAGE_NAME_REFLECT]
    assert [(names_of(event), event.message) for event in told] == [
        ({"STAGE_STARTED"}, ""),
        ({"STAGE_SUCCEEDED"}, "no change: too few runs"),
    ]


async def test_a_decision_ends_the_run_at_once_and_looking_back_waits_for_a_place(
    new_replica: NewReplica, stages: StubStages, sql: Any
) -> None:
    gate = Gate(stages.compose.act)
    async with new_replica(stages.reflecting, scheduler_max_active_runs=1) as replica:
        run = await replica.waiting()
        stages.compose.act = gate
        stages.compose.called.clear()
        await replica.start(autopilot=False)
        await stages.compose.called.wait()
        over = await replica.decide(run, decision_pb2.VERDICT_REJECTED, reason="off key")
        assert (state_name(over.state), over.stage) == ("REJECTED", pb.STAGE_NAME_REFLECT)
        assert names_of((await replica.events(run.id))[-1]) == {"STATE_CHANGED", "REJECTED"}
        assert await sql.fetchval("SELECT place FROM runs WHERE id = $1", run.id) == "wanted"
        assert stages.reflect.calls == []
        gate.open()
        await until_rests(sql, run.id)
    assert [call.id for call in stages.reflect.calls] == [run.id]


async def test_silence_is_looked_back_on_too(reflecting: Replica, stages: StubStages, sql: Any) -> None:
    run = await reflecting.waiting()
    await sql.execute("UPDATE runs SET approval_expires_at = now() WHERE id = $1", run.id)
    await reflecting.until(run.id, "EXPIRED")
    await until_rests(sql, run.id)
    assert [call.state for call in stages.reflect.calls] == [RunState.EXPIRED]


@pytest.mark.parametrize("how", ["cancelled", "failed"])
async def test_nobody_looks_back_on_a_run_that_was_not_decided(
    reflecting: Replica, stages: StubStages, sql: Any, peers: Peers, how: str
) -> None:
    if how == "failed":
        spent = RemoteError(grpc.StatusCode.FAILED_PRECONDITION, "spent", reason="ERROR_REASON_BUDGET_SPENT")
        stages.compose.act = Failing(stages.compose.act, spent)
        run_id = await reflecting.start(autopilot=True)
        await reflecting.until(run_id, "FAILED")
    else:
        run_id = (await reflecting.waiting()).id
        await reflecting.stub.CancelRun(pb.CancelRunRequest(run_id=run_id), timeout=CALL_S)
    await until_rests(sql, run_id)
    assert stages.reflect.calls == []
    assert peers.outcomes[run_id].state == how.upper()


@pytest.mark.parametrize("method", ["CancelRun", "RetryRun", "DecideRun"])
async def test_a_run_that_is_looked_back_on_is_over_for_everybody(
    reflecting: Replica, stages: StubStages, sql: Any, method: str
) -> None:
    gate = Gate(stages.reflect.act)
    stages.reflect.act = gate
    run = await rejected(reflecting)
    await stages.reflect.called.wait()
    decision = {"verdict": 1, "content_digest": "sha256:1", "decided_by": "cli:vera"}
    request = getattr(pb, f"{method}Request")(run_id=run.id, **(decision if method == "DecideRun" else {}))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await getattr(reflecting.stub, method)(request, timeout=CALL_S)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    gate.open()
    await until_rests(sql, run.id)
    assert state_name((await reflecting.get(run.id)).state) == "REJECTED"


async def test_what_may_pass_is_tried_again_under_the_same_request(
    label: Replica, peers: Peers, sql: Any
) -> None:
    peers.failing_once["Reflect"] = AppError("broken off")
    run_id = (await rejected(label)).id
    await until_rests(sql, run_id)
    ids = [request.request_id for request in peers.of(orchestrator_pb2.ReflectRequest)]
    assert ids == [f"{run_id}/reflect/1"] * 2
    stage = stage_of(await label.get(run_id))
    assert (stage.state, stage.attempts) == (pb.StageExecution.STATE_SUCCEEDED, 2)


class Unimplemented(AppError):
    code = grpc.StatusCode.UNIMPLEMENTED


@pytest.mark.parametrize("error", [Unimplemented("unknown method"), DependencyUnavailable("database")])
async def test_reflection_that_is_given_up_leaves_the_run_as_it_ended(
    label: Replica, peers: Peers, sql: Any, captured: CapturedLogs, error: AppError
) -> None:
    peers.failing["Reflect"] = error
    run_id = await label.start(autopilot=True)
    released = await label.until(run_id, "RELEASED")
    await until_rests(sql, run_id)
    run = await label.get(run_id)
    assert state_name(run.state) == "RELEASED"
    assert not run.HasField("error")
    assert run.location == released.location
    stage = stage_of(run)
    assert stage.state == pb.StageExecution.STATE_FAILED
    assert stage.error.reason != ""
    assert names_of((await label.events(run_id))[-1]) == {"STAGE_FAILED"}
    assert len(captured.of("run ended")) == 1
    assert [n.title for n in peers.of(notifier_pb2.NotifyRequest)] == ["“Harbour Lights”: released"]


async def test_an_end_is_told_and_counted_once_also_where_the_run_changes_while_it_is_told(
    reflecting: Replica, stages: StubStages, peers: Peers, sql: Any
) -> None:
    """Told, and not marked as told: then somebody looked back on the run, and it is told again."""
    ended = RUNS_ENDED.labels("rejected")._value.get()
    peers.failing["Notify"] = DependencyUnavailable("database")
    run = await rejected(reflecting)
    async with asyncio.timeout(30):
        while not peers.of(notifier_pb2.NotifyRequest) or not stages.reflect.calls:
            await asyncio.sleep(0.01)
        while await sql.fetchval("SELECT place FROM runs WHERE id = $1", run.id) != "none":
            await asyncio.sleep(0.01)
    peers.failing.clear()
    await until_rests(sql, run.id)
    assert len({notice.request_id for notice in peers.of(notifier_pb2.NotifyRequest)}) == 1
    assert RUNS_ENDED.labels("rejected")._value.get() == ended + 1


async def test_an_end_that_was_told_before_it_was_looked_back_on_is_not_told_again(
    reflecting: Replica, stages: StubStages, peers: Peers, sql: Any
) -> None:
    gate = Gate(stages.reflect.act)
    stages.reflect.act = gate
    run = await rejected(reflecting)
    await stages.reflect.called.wait()
    async with asyncio.timeout(30):
        while not await sql.fetchval("SELECT announced FROM runs WHERE id = $1", run.id):
            await asyncio.sleep(0.01)
    gate.open()
    await until_rests(sql, run.id)
    assert len(peers.of(notifier_pb2.NotifyRequest)) == 1


async def test_the_time_of_the_end_stays_though_the_run_changes_after_it(
    reflecting: Replica, stages: StubStages, sql: Any, peers: Peers
) -> None:
    gate = Gate(stages.reflect.act)
    stages.reflect.act = gate
    run = await rejected(reflecting)
    await stages.reflect.called.wait()
    await sql.execute("UPDATE runs SET ended_at = ended_at - interval '25 hours'")
    gate.open()
    await until_rests(sql, run.id)
    status = await reflecting.stub.GetStatus(pb.GetStatusRequest(), timeout=CALL_S)
    assert list(status.runs) == []


async def test_a_watch_ends_with_the_run_and_a_later_one_hears_what_came_after(
    reflecting: Replica, stages: StubStages, sql: Any
) -> None:
    gate = Gate(stages.reflect.act)
    run = await reflecting.waiting()
    stages.reflect.act = gate
    watched = asyncio.create_task(_all(reflecting, run.id))
    await reflecting.decide(run, decision_pb2.VERDICT_REJECTED, reason="off key")
    updates = await asyncio.wait_for(watched, 30)
    assert ("STATE_CHANGED", "REJECTED") in [
        (pb.RunEvent.Type.Name(u.event.type).removeprefix("TYPE_"), state_name(u.event.state))
        for u in updates
    ]
    await stages.reflect.called.wait()
    gate.open()
    await until_rests(sql, run.id)
    later = [update.event async for update in reflecting.watch(run.id, updates[-1].resume_token)]
    assert names_of(later[-1]) == {"STAGE_SUCCEEDED"}
    assert {event.stage for event in later} == {pb.STAGE_NAME_REFLECT}


async def _all(replica: Replica, run_id: str) -> list[Any]:
    return [update async for update in replica.watch(run_id)]


async def test_an_artist_is_busy_until_somebody_has_looked_back(
    new_replica: NewReplica, stages: StubStages, peers: Peers, sql: Any
) -> None:
    peers.artists["art_1"].cadence.interval_s = 1
    gate = Gate(stages.reflect.act)
    stages.reflect.act = gate
    fast = {"scheduler_cadence_tick_s": 0.02, "scheduler_spacing_s": 0}
    async with new_replica(stages.reflecting, **fast) as replica:
        async with asyncio.timeout(30):
            while not (first := await sql.fetchval("SELECT id FROM runs")):
                await asyncio.sleep(0.01)
        await replica.until(first, "AWAITING_APPROVAL")
        peers.artists["art_1"].cadence.interval_s = 3_600
        run = await replica.get(first)
        await replica.decide(run, decision_pb2.VERDICT_REJECTED, reason="off key")
        await stages.reflect.called.wait()
        await sql.execute("UPDATE runs SET created_at = created_at - interval '1 day', due_at = NULL")
        looks = len(peers.requests)
        async with asyncio.timeout(30):
            while len(peers.requests) < looks + 20:
                await asyncio.sleep(0.01)
        before = await sql.fetchval("SELECT count(*) FROM runs WHERE started_by = 'cadence'")
        gate.open()
        async with asyncio.timeout(30):
            while await sql.fetchval("SELECT count(*) FROM runs") == before:
                await asyncio.sleep(0.01)
    assert before == 1


async def test_a_replica_that_stops_hands_a_look_back_to_the_next(
    new_replica: NewReplica, stages: StubStages, sql: Any, peers: Peers
) -> None:
    stay = StubStages()
    stay.reflect.act = Gate(stay.reflect.act)
    async with new_replica(stay.reflecting) as replica:
        run = await rejected(replica)
        await stay.reflect.called.wait()
    async with new_replica(stages.reflecting):
        await until_rests(sql, run.id)
    assert stages.reflect.request_ids == stay.reflect.request_ids == [f"{run.id}/reflect/1"]
    assert len({notice.request_id for notice in peers.of(notifier_pb2.NotifyRequest)}) == 1


async def test_another_replica_looks_back_where_the_one_that_did_was_killed(
    new_replica: NewReplica, stages: StubStages, sql: Any, peers: Peers, database_url: str, peers_address: str
) -> None:
    async with (
        replica_that_stays_in(StageName.REFLECT, database_url, peers_address) as doomed,
        grpc.aio.insecure_channel(f"127.0.0.1:{doomed.port}") as channel,
    ):
        there = scheduler_pb2_grpc.SchedulerServiceStub(channel)
        started = await there.StartRun(pb.StartRunRequest(artist_id="art_1", autopilot=True), timeout=CALL_S)
        assert await doomed.line() == started.run.id
        await doomed.kill()
    async with new_replica(stages.reflecting) as survivor:
        await until_rests(sql, started.run.id)
        run = await survivor.get(started.run.id)
    assert state_name(run.state) == "RELEASED"
    assert stages.reflect.request_ids == [f"{run.id}/reflect/1"]
    assert (stage_of(run).state, stage_of(run).attempts) == (pb.StageExecution.STATE_SUCCEEDED, 2)
    assert len({notice.request_id for notice in peers.of(notifier_pb2.NotifyRequest)}) == 1
    assert (peers.outcomes[run.id].state, peers.outcomes[run.id].ending) == ("RELEASED", 1)
