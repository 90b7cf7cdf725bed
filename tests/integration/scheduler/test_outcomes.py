"""How runs ended reaches artist_db: each end, whatever it was, and also where artist_db was away."""

import asyncio
from typing import Any

import grpc
import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import DependencyUnavailable, FieldViolation, InvalidInput, RemoteError
from services.scheduler.domain import Outcome, Run, TakeRefused
from services.scheduler.stages import Report
from tests.integration.scheduler.conftest import NewReplica
from tests.support.captured_logs import CapturedLogs
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import CALL_S, Replica
from tests.support.stub_stages import Failing, StubStages


async def until_recorded(sql: Any) -> None:
    async with asyncio.timeout(30):
        while await sql.fetchval("SELECT count(*) FROM runs WHERE recorded < endings"):
            await asyncio.sleep(0.01)


async def test_every_end_is_recorded_as_it_was(scheduler: Replica, peers: Peers, sql: Any) -> None:
    released = await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    rejected, expired, cancelled = [await scheduler.waiting() for _ in range(3)]
    await scheduler.decide(rejected, decision_pb2.VERDICT_REJECTED, reason="off key")
    await sql.execute("UPDATE runs SET approval_expires_at = now() WHERE id = $1", expired.id)
    await scheduler.until(expired.id, "EXPIRED")
    await scheduler.stub.CancelRun(pb.CancelRunRequest(run_id=cancelled.id), timeout=CALL_S)
    await until_recorded(sql)
    known = peers.outcomes
    assert {run_id: outcome.state for run_id, outcome in known.items()} == {
        released.id: "RELEASED", rejected.id: "REJECTED", expired.id: "EXPIRED", cancelled.id: "CANCELLED",
    }  # fmt: skip
    assert known[released.id].decision.decided_by == "autopilot"
    assert (known[released.id].release_id, known[released.id].takes) == (released.release_id, 1)
    assert (known[rejected.id].decision.decided_by, known[rejected.id].decision.reason) == (
        "cli:vera",
        "off key",
    )
    assert known[expired.id].decision.verdict == decision_pb2.VERDICT_EXPIRED
    assert not known[cancelled.id].HasField("decision")
    assert known[cancelled.id].ended_at.ToNanoseconds() > known[cancelled.id].started_at.ToNanoseconds()


async def test_a_run_that_ends_again_is_recorded_again_with_the_next_number(
    scheduler: Replica, stages: StubStages, peers: Peers, sql: Any
) -> None:
    spent = RemoteError(grpc.StatusCode.FAILED_PRECONDITION, "spent", reason="ERROR_REASON_BUDGET_SPENT")
    stages.compose.act = Failing(stages.compose.act, spent)
    run_id = await scheduler.start(autopilot=True)
    await scheduler.until(run_id, "FAILED")
    await until_recorded(sql)
    failed = peers.outcomes[run_id]
    assert (failed.state, failed.ending, failed.failed_stage) == ("FAILED", 1, "COMPOSE")
    assert (failed.failure_reason, failed.failure_text) == ("ERROR_REASON_BUDGET_SPENT", "spent")
    await scheduler.stub.RetryRun(pb.RetryRunRequest(run_id=run_id), timeout=CALL_S)
    await scheduler.until(run_id, "RELEASED")
    await until_recorded(sql)
    assert (peers.outcomes[run_id].state, peers.outcomes[run_id].ending) == ("RELEASED", 2)


async def test_a_rejection_comes_with_how_many_approved_songs_are_still_under_way(
    scheduler: Replica, stages: StubStages, peers: Peers, sql: Any
) -> None:
    go_on, package = asyncio.Event(), stages.package.act

    async def wait(run: Run, report: Report) -> Outcome:
        await go_on.wait()
        return await package(run, report)

    stages.package.act = wait
    approved, rejected, other = [await scheduler.waiting() for _ in range(3)]
    await scheduler.decide(approved, decision_pb2.VERDICT_APPROVED)
    await scheduler.until(approved.id, "RELEASING")
    await scheduler.decide(rejected, decision_pb2.VERDICT_REJECTED, reason="off key")
    await until_recorded(sql)
    assert peers.outcomes[rejected.id].approved_under_way == 1
    go_on.set()
    await scheduler.until(approved.id, "RELEASED")
    await until_recorded(sql)
    assert peers.outcomes[approved.id].approved_under_way == 0
    await scheduler.decide(other, decision_pb2.VERDICT_REJECTED, reason="off key")
    await until_recorded(sql)
    assert peers.outcomes[other.id].approved_under_way == 0


async def test_takes_that_the_review_refused_count_and_tries_that_gave_none_do_not(
    scheduler: Replica, stages: StubStages, peers: Peers, sql: Any
) -> None:
    made = stages.produce.act

    async def refuse_the_first(run: Run, report: Report) -> Outcome:
        return TakeRefused(["loudness"]) if run.take_number == 1 else await made(run, report)

    stages.produce.act = Failing(refuse_the_first, RuntimeError("broken off"))
    await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    await until_recorded(sql)
    (outcome,) = peers.outcomes.values()
    assert outcome.takes == 2


async def test_what_ended_while_artist_db_was_away_is_recorded_when_it_is_back(
    scheduler: Replica, peers: Peers, sql: Any, captured: CapturedLogs
) -> None:
    peers.failing["RecordRunOutcome"] = DependencyUnavailable("database")
    runs = [await scheduler.start(autopilot=True) for _ in range(3)]
    for run_id in runs:
        await scheduler.until(run_id, "RELEASED")
    async with asyncio.timeout(30):
        while not captured.of("artist_db does not answer; trying again"):
            await asyncio.sleep(0.01)
    assert peers.outcomes == {}
    peers.failing.clear()
    await until_recorded(sql)
    assert set(peers.outcomes) == set(runs)
    assert len(captured.of("artist_db does not answer; trying again")) == 1


@pytest.mark.parametrize("refusal", ["invalid", "unknown artist"])
async def test_an_outcome_that_artist_db_refuses_does_not_keep_back_all_others(
    scheduler: Replica, peers: Peers, sql: Any, captured: CapturedLogs, refusal: str
) -> None:
    if refusal == "invalid":
        peers.failing_once["RecordRunOutcome"] = InvalidInput(
            [FieldViolation("outcome.title", "is too long")]
        )
        await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    else:
        run_id = await scheduler.start(autopilot=False)
        await scheduler.until(run_id, "AWAITING_APPROVAL")
        await sql.execute("UPDATE runs SET artist_id = 'art_gone'")
        await scheduler.stub.CancelRun(pb.CancelRunRequest(run_id=run_id), timeout=CALL_S)
    await until_recorded(sql)
    assert len(captured.of("artist_db refuses an outcome")) == 1
    second = await scheduler.start(autopilot=True)
    await scheduler.until(second, "RELEASED")
    await until_recorded(sql)
    assert set(peers.outcomes) == {second}


async def test_what_ended_while_no_scheduler_ran_any_more_is_recorded_by_the_next(
    new_replica: NewReplica, peers: Peers, sql: Any
) -> None:
    peers.failing["RecordRunOutcome"] = DependencyUnavailable("database")
    async with new_replica() as one:
        run_id = await one.start(autopilot=True)
        await one.until(run_id, "RELEASED")
    peers.failing.clear()
    async with new_replica():
        await until_recorded(sql)
    assert set(peers.outcomes) == {run_id}


async def test_a_run_that_ended_under_an_older_version_changes_no_more_and_is_told_once(
    new_replica: NewReplica, peers: Peers, sql: Any
) -> None:
    """As that version leaves it: without its end's time, version and count."""
    await sql.execute(
        """
        INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, announced, version)
        VALUES ('run_old', 'art_1', 'REJECTED', 'APPROVE', 'none', false, 'operator', false, 9)
        """
    )
    async with new_replica() as replica:
        async with asyncio.timeout(30):
            while not await sql.fetchval("SELECT announced FROM runs"):
                await asyncio.sleep(0.01)
        status = await replica.stub.GetStatus(pb.GetStatusRequest(), timeout=CALL_S)
    (notice,) = [r for r in peers.requests if type(r).__name__ == "NotifyRequest"]
    assert notice.request_id == "run_old/announce/9"
    assert [(entry.state, entry.count) for entry in status.runs] == [(pb.RUN_STATE_REJECTED, 1)]
    assert peers.outcomes == {}
