"""A question that is over is closed in notifier: each once, whatever dies, and never the one after it."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from aiartist.scheduler.v1 import scheduler_pb2_grpc
from services.chassis.errors import DependencyUnavailable, FieldViolation, InvalidInput, RemoteError
from services.scheduler.domain import Silence, StageName
from tests.support.captured_logs import CapturedLogs
from tests.support.scheduler_doomed import replica_that_stays_in
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import CALL_S, Replica, running_scheduler
from tests.support.stub_stages import Failing, StubStages

APPROVED, REJECTED = decision_pb2.VERDICT_APPROVED, decision_pb2.VERDICT_REJECTED
TAKE = decision_pb2.VERDICT_REGENERATE_TAKE


async def until_closed(peers: Peers, questions: int) -> list[notifier_pb2.CloseApprovalRequest]:
    """Each closing once, as notifier keeps them, in the order in which they came."""
    async with asyncio.timeout(30):
        while (
            len(found := {c.request_id: c for c in peers.of(notifier_pb2.CloseApprovalRequest)}) < questions
        ):
            peers.told.clear()
            await peers.told.wait()
    return list(found.values())


async def until_nothing_is_left(sql: Any) -> None:
    async with asyncio.timeout(30):
        while await sql.fetchval("SELECT count(*) FROM run_closings"):
            await asyncio.sleep(0.01)


@pytest.fixture
async def label(database_url: str, peers_address: str) -> AsyncIterator[Replica]:
    """A scheduler as it is shipped, with every peer in one place."""
    async with running_scheduler(database_url, peers_address) as replica:
        yield replica


async def test_a_decision_closes_its_question_with_who_what_and_when(
    scheduler: Replica, peers: Peers, sql: Any
) -> None:
    run = await scheduler.waiting()
    decided = await scheduler.decide(run, REJECTED, reason="the chorus drags")
    (closed,) = await until_closed(peers, 1)
    assert closed.request_id.startswith(f"{run.id}/close/1/")
    assert (closed.run_id, closed.content_digest, closed.reason) == (run.id, "sha256:1", "")
    assert closed.decision == decided.decision
    assert (closed.decision.decided_by, closed.decision.reason) == ("cli:vera", "the chorus drags")
    await until_nothing_is_left(sql)


async def test_a_cancelled_run_closes_all_its_questions_with_the_reason(
    scheduler: Replica, peers: Peers
) -> None:
    run = await scheduler.waiting()
    reason = "w" * 1_000
    request = pb.CancelRunRequest(run_id=run.id, reason=reason)
    await scheduler.stub.CancelRun(request, timeout=CALL_S)
    (closed,) = await until_closed(peers, 1)
    assert (closed.run_id, closed.content_digest) == (run.id, "")
    assert not closed.HasField("decision")
    assert closed.reason == f"cancelled: {reason}"[:1_000]


@pytest.mark.parametrize(
    ("on_silence", "verdict"),
    [
        (Silence.EXPIRE, decision_pb2.VERDICT_EXPIRED),
        (Silence.AUTOPILOT, decision_pb2.VERDICT_AUTOPILOT_APPROVED),
    ],
)
async def test_silence_closes_the_question_too(
    scheduler: Replica, stages: StubStages, peers: Peers, sql: Any, on_silence: Silence, verdict: Any
) -> None:
    stages.on_silence = on_silence
    run = await scheduler.waiting()
    await sql.execute("UPDATE runs SET approval_expires_at = now() WHERE id = $1", run.id)
    (closed,) = await until_closed(peers, 1)
    assert (closed.content_digest, closed.decision.verdict) == ("sha256:1", verdict)


async def test_what_nobody_was_asked_about_is_not_closed(scheduler: Replica, peers: Peers) -> None:
    await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    # Told in the same round, and after.
    async with asyncio.timeout(30):
        while not peers.of(notifier_pb2.NotifyRequest):
            peers.told.clear()
            await peers.told.wait()
    assert peers.of(notifier_pb2.CloseApprovalRequest) == []


async def test_the_question_that_was_open_is_closed_where_another_take_was_picked(
    label: Replica, peers: Peers
) -> None:
    run = await label.waiting(takes=2)
    picked = f"tak of {run.id}/produce/1"
    await label.decide(run, APPROVED, take_id=picked, content_digest="sha256:1")
    (closed,) = await until_closed(peers, 1)
    assert (closed.content_digest, closed.decision.content_digest) == ("sha256:2", "sha256:1")


async def test_each_question_of_a_run_is_closed_by_itself_also_late(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    peers.failing["CloseApproval"] = DependencyUnavailable("database")
    async with new_replica() as one:
        run = await one.waiting()
        for _ in range(2):
            await one.decide(run, TAKE, reason="slower")
            run = await one.until(run.id, "AWAITING_APPROVAL")
    assert await sql.fetchval("SELECT count(*) FROM run_closings") == 2
    peers.failing.clear()
    peers.requests.clear()
    async with new_replica() as other:
        closed = await until_closed(peers, 2)
        await until_nothing_is_left(sql)
        # The third question is the one that is open.
        assert run.content_digest == "sha256:3"
        assert [c.content_digest for c in closed] == ["sha256:1", "sha256:2"]
        assert [c.decision.content_digest for c in closed] == ["sha256:1", "sha256:2"]
        await other.decide(run, APPROVED)
        assert [c.content_digest for c in await until_closed(peers, 3)][2] == "sha256:3"


async def test_a_closing_that_was_told_before_a_crash_is_told_again_under_the_same_id(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    # Notifier took it, and its answer never came.
    peers.failing["CloseApproval"] = DependencyUnavailable("database")
    async with new_replica() as one:
        await one.decide(await one.waiting(), REJECTED, reason="off key")
        first = (await until_asked_to_close(peers))[0]
    peers.failing.clear()
    async with new_replica():
        await until_nothing_is_left(sql)
    assert {request.SerializeToString() for request in await until_asked_to_close(peers)} == {
        first.SerializeToString()
    }


async def until_asked_to_close(peers: Peers) -> list[Any]:
    async with asyncio.timeout(30):
        while not (asked := peers.of(notifier_pb2.CloseApprovalRequest)):
            await asyncio.sleep(0.01)
    return asked


async def test_a_closing_that_notifier_refuses_does_not_keep_the_others_back(
    scheduler: Replica, peers: Peers, sql: Any, captured: CapturedLogs
) -> None:
    peers.failing_once["CloseApproval"] = InvalidInput([FieldViolation("reason", "must be one line")])
    await scheduler.decide(await scheduler.waiting(), REJECTED, reason="off\nkey")
    await until_nothing_is_left(sql)
    assert len(captured.of("notifier refuses to close a question")) == 1
    second = await scheduler.waiting()
    await scheduler.decide(second, REJECTED, reason="off key")
    assert (await until_closed(peers, 2))[1].run_id == second.id


async def test_two_replicas_close_each_question_once(new_replica: Any, peers: Peers, sql: Any) -> None:
    async with new_replica() as one, new_replica() as other:
        runs = [await one.waiting() for _ in range(6)]
        for run, replica in zip(runs, [one, other] * 3, strict=True):
            await replica.decide(run, REJECTED, reason="off key")
        closed = await until_closed(peers, 6)
        await until_nothing_is_left(sql)
    assert sorted(c.run_id for c in closed) == sorted(run.id for run in runs)


async def test_what_was_decided_is_closed_though_its_process_is_killed_at_once(
    database_url: str, peers_address: str, peers: Peers, new_replica: Any
) -> None:
    # Between commit and call: notifier takes nothing while the process lives.
    peers.failing["CloseApproval"] = DependencyUnavailable("database")
    async with (
        replica_that_stays_in(StageName.PUBLISH, database_url, peers_address) as doomed,
        grpc.aio.insecure_channel(f"127.0.0.1:{doomed.port}") as channel,
    ):
        one = Replica(doomed, scheduler_pb2_grpc.SchedulerServiceStub(channel))
        run = await one.waiting()
        await one.decide(run, TAKE, reason="slower")
        again = await one.until(run.id, "AWAITING_APPROVAL")
        await doomed.kill()
    peers.failing.clear()
    peers.requests.clear()
    async with new_replica():
        (closed,) = await until_closed(peers, 1)
    assert closed.content_digest == run.content_digest != again.content_digest


async def test_ends_are_told_by_their_topics(scheduler: Replica, stages: StubStages, peers: Peers) -> None:
    released = await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    rejected = await scheduler.waiting()
    await scheduler.decide(rejected, REJECTED, reason="off key")
    cancelled = await scheduler.waiting()
    await scheduler.stub.CancelRun(pb.CancelRunRequest(run_id=cancelled.id), timeout=CALL_S)
    spent = RemoteError(grpc.StatusCode.FAILED_PRECONDITION, "spent", reason="ERROR_REASON_BUDGET_SPENT")
    stages.compose.act = Failing(stages.compose.act, spent)
    failed = await scheduler.start()
    wanted = {
        released.id: notifier_pb2.TOPIC_RELEASED,
        rejected.id: notifier_pb2.TOPIC_ENDED,
        cancelled.id: notifier_pb2.TOPIC_ENDED,
        failed: notifier_pb2.TOPIC_FAILED,
    }
    async with asyncio.timeout(30):
        while len({n.run_id for n in peers.of(notifier_pb2.NotifyRequest)}) < 4:
            peers.told.clear()
            await peers.told.wait()
    assert {n.run_id: n.topic for n in peers.of(notifier_pb2.NotifyRequest)} == wanted
