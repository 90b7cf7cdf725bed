"""People are told how runs end: once each, and also where notifier was away meanwhile."""

import asyncio
from typing import Any

import grpc
import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import DependencyUnavailable, FieldViolation, InvalidInput, RemoteError
from services.scheduler.domain import Done, Outcome, Run
from services.scheduler.metrics import DECISIONS, RUNS_ENDED, RUNS_STARTED
from services.scheduler.stages import Report
from tests.support.captured_logs import CapturedLogs
from tests.support.processes import free_port
from tests.support.scheduler_peers import Peers, serve_peers
from tests.support.scheduler_replica import CALL_S, Replica, running_scheduler
from tests.support.stub_stages import Failing, StubStages


async def until_told(peers: Peers, notices: int) -> list[notifier_pb2.NotifyRequest]:
    """Each notice once, as notifier keeps them."""
    async with asyncio.timeout(30):
        while len(found := {n.request_id: n for n in peers.of(notifier_pb2.NotifyRequest)}) < notices:
            peers.told.clear()
            await peers.told.wait()
    return list(found.values())


async def until_all_are_announced(sql: Any) -> None:
    async with asyncio.timeout(30):
        while await sql.fetchval("SELECT count(*) FROM runs WHERE NOT announced"):
            await asyncio.sleep(0.01)


async def test_a_release_is_told_with_its_title_and_its_place(scheduler: Replica, peers: Peers) -> None:
    run = await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    (notice,) = await until_told(peers, 1)
    assert (notice.severity, notice.title, notice.body) == (
        notifier_pb2.SEVERITY_INFO,
        "“Harbour Lights”: released",
        "/catalog/rel of tak_1",
    )
    assert (notice.run_id, notice.artist_id) == (run.id, "art_1")


async def test_a_failure_is_told_as_an_error_with_its_cause(
    scheduler: Replica, peers: Peers, stages: StubStages
) -> None:
    spent = RemoteError(
        grpc.StatusCode.FAILED_PRECONDITION, "nothing left for today", reason="ERROR_REASON_BUDGET_SPENT"
    )
    stages.compose.act = Failing(stages.compose.act, spent)
    run_id = await scheduler.start(autopilot=True)
    (notice,) = await until_told(peers, 1)
    assert (notice.severity, notice.title, notice.body) == (
        notifier_pb2.SEVERITY_ERROR,
        f"run {run_id}: failed",
        "nothing left for today",
    )


async def test_every_end_is_told(scheduler: Replica, peers: Peers, sql: Any) -> None:
    rejected, expired, cancelled = [await scheduler.waiting() for _ in range(3)]
    await scheduler.decide(rejected, decision_pb2.VERDICT_REJECTED, reason="off key")
    await sql.execute("UPDATE runs SET approval_expires_at = now() WHERE id = $1", expired.id)
    await scheduler.stub.CancelRun(pb.CancelRunRequest(run_id=cancelled.id), timeout=CALL_S)
    told = {notice.run_id: notice for notice in await until_told(peers, 3)}
    assert told[rejected.id].title.endswith(": rejected")
    assert told[rejected.id].body == "off key"
    assert told[expired.id].title.endswith(": expired")
    assert told[cancelled.id].title.endswith(": cancelled")


async def test_a_run_that_waits_is_no_end(scheduler: Replica, peers: Peers, sql: Any) -> None:
    await scheduler.waiting()
    await until_all_are_announced(sql)
    assert peers.of(notifier_pb2.NotifyRequest) == []


async def test_a_run_that_fails_again_is_told_again(
    scheduler: Replica, peers: Peers, stages: StubStages
) -> None:
    spent = RemoteError(grpc.StatusCode.FAILED_PRECONDITION, "spent", reason="ERROR_REASON_BUDGET_SPENT")
    stages.compose.act = Failing(stages.compose.act, spent, spent)
    run_id = await scheduler.start(autopilot=True)
    await until_told(peers, 1)
    await scheduler.stub.RetryRun(pb.RetryRunRequest(run_id=run_id), timeout=CALL_S)
    await until_told(peers, 2)
    await scheduler.stub.RetryRun(pb.RetryRunRequest(run_id=run_id), timeout=CALL_S)
    titles = [notice.title for notice in await until_told(peers, 3)]
    assert titles == [f"run {run_id}: failed"] * 2 + ["“Harbour Lights”: released"]


async def test_what_happened_while_notifier_was_away_is_told_when_it_is_back(
    database_url: str, peers: Peers, stages: StubStages, captured: CapturedLogs, sql: Any
) -> None:
    port = free_port()
    artists = Peers()
    artists.add_artist("art_1")
    async with (
        serve_peers(artists) as artist_db,
        running_scheduler(database_url, artist_db, stages.all, notifier_addr=f"127.0.0.1:{port}") as replica,
    ):
        for _ in range(3):
            await replica.until(await replica.start(autopilot=True), "RELEASED")
        async with asyncio.timeout(30):
            while not captured.of("notifier does not answer; trying again"):
                await asyncio.sleep(0.01)
        async with serve_peers(peers, port):
            assert len(await until_told(peers, 3)) == 3
            await until_all_are_announced(sql)
    assert len(captured.of("notifier does not answer; trying again")) == 1


async def test_what_happened_while_no_scheduler_ran_is_told_when_one_does(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    peers.failing["Notify"] = DependencyUnavailable("database")
    async with new_replica() as one:
        await one.until(await one.start(autopilot=True), "RELEASED")
    peers.failing.clear()
    peers.requests.clear()
    async with new_replica():
        (notice,) = await until_told(peers, 1)
    assert notice.title == "“Harbour Lights”: released"


async def test_a_notice_that_notifier_refuses_does_not_silence_all_others(
    scheduler: Replica, peers: Peers, sql: Any, captured: CapturedLogs
) -> None:
    peers.failing["Notify"] = InvalidInput([FieldViolation("title", "must be one line")])
    await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    await until_all_are_announced(sql)
    assert len(captured.of("notifier refuses to tell of a run")) == 1
    peers.failing.clear()
    peers.requests.clear()
    second = await scheduler.start(autopilot=True)
    (notice,) = await until_told(peers, 1)
    assert notice.run_id == second


async def test_a_title_in_several_lines_is_told_in_one(
    scheduler: Replica, peers: Peers, stages: StubStages
) -> None:
    async def compose(run: Run, report: Report) -> Outcome:
        return Done({"brief_id": "brf_1", "title": "Harbour\n\tLights"})

    stages.compose.act = compose
    await scheduler.start(autopilot=True)
    (notice,) = await until_told(peers, 1)
    assert notice.title == "“Harbour Lights”: released"


@pytest.mark.parametrize("replicas", [1, 3])
async def test_many_ends_are_each_told_once(new_replica: Any, peers: Peers, sql: Any, replicas: int) -> None:
    await sql.execute(
        """
        INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, announced)
        SELECT 'run_' || n, 'art_1', 'EXPIRED', 'APPROVE', 'none', false, 'operator', false
        FROM generate_series(1, 120) AS n
        """
    )
    running = [new_replica() for _ in range(replicas)]
    for replica in running:
        await replica.__aenter__()
    try:
        notices = await until_told(peers, 120)
        await until_all_are_announced(sql)
    finally:
        for replica in running:
            await replica.__aexit__(None, None, None)
    assert {notice.run_id for notice in notices} == {f"run_{n}" for n in range(1, 121)}
    assert len(notices) == 120


def value(counter: Any, label: str) -> float:
    return float(counter.labels(label)._value.get())


async def test_runs_are_counted_by_how_they_began_and_ended(
    scheduler: Replica, peers: Peers, sql: Any
) -> None:
    ends = ("released", "rejected", "expired", "cancelled")
    before = {
        **{end: value(RUNS_ENDED, end) for end in ends},
        "operator": value(RUNS_STARTED, "operator"),
        "decided": value(DECISIONS, "rejected"),
    }
    await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    rejected, expired, cancelled = [await scheduler.waiting() for _ in range(3)]
    for _ in range(2):
        await scheduler.decide(rejected, decision_pb2.VERDICT_REJECTED, reason="r", request_id="d-1")
    await sql.execute("UPDATE runs SET approval_expires_at = now() WHERE id = $1", expired.id)
    await scheduler.until(expired.id, "EXPIRED")
    await scheduler.stub.CancelRun(pb.CancelRunRequest(run_id=cancelled.id), timeout=CALL_S)
    after = {
        **{end: value(RUNS_ENDED, end) for end in ends},
        "operator": value(RUNS_STARTED, "operator"),
        "decided": value(DECISIONS, "rejected"),
    }
    risen = {name: after[name] - before[name] for name in after}
    assert risen == {**dict.fromkeys(ends, 1), "operator": 4, "decided": 1}
