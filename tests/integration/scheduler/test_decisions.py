"""A decision counts once, in the right state, about exactly what was seen."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import remote_error
from tests.support.scheduler_replica import CALL_S, Replica, names_of, state_name
from tests.support.stub_stages import Gate, StubStages

V = decision_pb2.Verdict.Value
APPROVED, REJECTED = V("VERDICT_APPROVED"), V("VERDICT_REJECTED")
TAKE, BRIEF = V("VERDICT_REGENERATE_TAKE"), V("VERDICT_REGENERATE_BRIEF")


async def refusal(replica: Replica, run: Any, verdict: Any, **fields: Any) -> Any:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await replica.decide(run, verdict, **fields)
    return remote_error(caught.value)


async def test_a_run_that_waits_costs_a_row(
    scheduler: Replica, stages: StubStages, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    run = await scheduler.waiting()
    assert (state_name(run.state), run.content_digest) == ("AWAITING_APPROVAL", "sha256:1")
    assert run.stages[-1].state == pb.StageExecution.STATE_WAITING
    assert not run.stages[-1].HasField("ended_at")
    async with asyncio.timeout(30):
        while await sql.fetchval("SELECT count(*) FROM pgqueuer"):
            await asyncio.sleep(0.01)
    assert await sql.fetchval("SELECT place FROM runs") == "none"
    assert stages.approve.inside == 0


async def test_waiting_runs_block_nobody(new_replica: Any) -> None:
    async with new_replica(scheduler_max_active_runs=1) as replica:
        waiting = [await replica.waiting() for _ in range(3)]
        await replica.until(await replica.start(autopilot=True), "RELEASED")
        for run in waiting:
            assert state_name((await replica.get(run.id)).state) == "AWAITING_APPROVAL"


async def test_an_approved_run_is_released(scheduler: Replica, stages: StubStages) -> None:
    run = await scheduler.waiting()
    decided = await scheduler.decide(run, APPROVED)
    assert state_name(decided.state) == "RELEASING"
    assert (decided.decision.decided_by, decided.decision.content_digest) == ("cli:vera", "sha256:1")
    assert decided.decision.decided_at.ToNanoseconds() >= run.updated_at.ToNanoseconds()
    assert not decided.HasField("approval_expires_at")
    released = await scheduler.until(run.id, "RELEASED")
    assert released.decision == decided.decision
    # What goes into the package is the decision as it was made, at the time when it was made.
    given = stages.package.calls[0].decision
    assert given is not None
    assert given.decided_at is not None
    assert given.decided_at.timestamp() == pytest.approx(decided.decision.decided_at.ToDatetime().timestamp())


async def test_a_rejected_run_is_over_and_keeps_its_reason(scheduler: Replica, stages: StubStages) -> None:
    run = await scheduler.waiting()
    decided = await scheduler.decide(run, REJECTED, reason=" off key ")
    assert (state_name(decided.state), decided.decision.reason) == ("REJECTED", "off key")
    events = await scheduler.events(run.id)
    assert [event.message for event in events[-2:]] == ["rejected by cli:vera: off key", "off key"]
    assert stages.package.calls == []


async def test_another_take_of_the_same_brief_is_asked_about_again(
    scheduler: Replica, stages: StubStages
) -> None:
    run = await scheduler.waiting()
    decided = await scheduler.decide(run, TAKE, reason="slower")
    assert (state_name(decided.state), decided.take_number) == ("PRODUCING", 2)
    again = await scheduler.until(run.id, "AWAITING_APPROVAL")
    assert (again.take_id, again.content_digest, again.brief_id) == ("tak_2", "sha256:2", "brf_1")
    assert [(r.request_id, r.note) for r in stages.produce.calls] == [
        (f"{run.id}/produce/1", ""),
        (f"{run.id}/produce/2", "slower"),
    ]
    assert len(stages.compose.calls) == 1
    released = await _released(scheduler, again)
    assert released.decision.content_digest == "sha256:2"


async def test_another_brief_is_composed_and_asked_about_again(
    scheduler: Replica, stages: StubStages
) -> None:
    run = await scheduler.waiting()
    decided = await scheduler.decide(run, BRIEF, reason="about the sea")
    assert (state_name(decided.state), decided.brief_id, decided.title) == ("COMPOSING", "", "")
    again = await scheduler.until(run.id, "AWAITING_APPROVAL")
    assert (again.brief_id, again.take_id) == ("brf_2", "tak_2")
    assert [(r.request_id, r.note) for r in stages.compose.calls] == [
        (f"{run.id}/compose/1", ""),
        (f"{run.id}/compose/2", "about the sea"),
    ]
    assert [(stage.stage, stage.take_number) for stage in (await _released(scheduler, again)).stages] == [
        (pb.STAGE_NAME_COMPOSE, 1),
        (pb.STAGE_NAME_PRODUCE, 1),
        (pb.STAGE_NAME_APPROVE, 1),
        (pb.STAGE_NAME_COMPOSE, 2),
        (pb.STAGE_NAME_PRODUCE, 2),
        (pb.STAGE_NAME_APPROVE, 2),
        (pb.STAGE_NAME_PACKAGE, 2),
        (pb.STAGE_NAME_PUBLISH, 2),
    ]


async def _released(replica: Replica, run: Any) -> Any:
    await replica.decide(run, APPROVED)
    return await replica.until(run.id, "RELEASED")


async def test_a_decision_about_other_content_is_refused(scheduler: Replica) -> None:
    seen = await scheduler.waiting()
    await scheduler.decide(seen, TAKE)
    now = await scheduler.until(seen.id, "AWAITING_APPROVAL")
    error = await refusal(scheduler, seen, APPROVED)
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.remote_reason == "ERROR_REASON_STALE_DIGEST"
    assert error.metadata == {"run_id": seen.id, "given": "sha256:1", "current": "sha256:2"}
    assert state_name((await scheduler.get(now.id)).state) == "AWAITING_APPROVAL"


@pytest.mark.parametrize("first", [APPROVED, REJECTED])
async def test_a_second_decision_is_refused(scheduler: Replica, stages: StubStages, first: int) -> None:
    stages.package.act = Gate(stages.package.act)
    run = await scheduler.waiting()
    await scheduler.decide(run, first, reason="because")
    error = await refusal(scheduler, run, REJECTED, reason="changed my mind")
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.remote_reason == "ERROR_REASON_WRONG_STATE"
    assert error.metadata["state"] == {APPROVED: "RELEASING", REJECTED: "REJECTED"}[first]
    assert error.metadata["expected"] == "AWAITING_APPROVAL"


async def test_of_several_decisions_at_once_exactly_one_wins(
    scheduler: Replica, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    run = await scheduler.waiting()
    verdicts = [APPROVED, REJECTED, TAKE, BRIEF] * 2
    answers = await asyncio.gather(
        *(scheduler.decide(run, v, reason="r", decided_by=f"p{n}") for n, v in enumerate(verdicts)),
        return_exceptions=True,
    )
    winners = [answer for answer in answers if not isinstance(answer, BaseException)]
    losers = [remote_error(answer) for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert (len(winners), len(losers)) == (1, 7)
    assert {error.remote_code for error in losers} == {grpc.StatusCode.FAILED_PRECONDITION}
    assert await sql.fetchval("SELECT count(*) FROM run_events WHERE type = 'DECIDED'") == 1


async def test_the_same_decision_sent_twice_counts_once_and_gets_the_first_answer(scheduler: Replica) -> None:
    run = await scheduler.waiting()
    first = await scheduler.decide(run, APPROVED, request_id="d-1")
    await scheduler.until(run.id, "RELEASED")
    assert await scheduler.decide(run, APPROVED, request_id="d-1") == first
    error = await refusal(scheduler, run, REJECTED, reason="r", request_id="d-1")
    assert error.remote_reason == "ERROR_REASON_REQUEST_ID_REUSED"
    decided = [event for event in await scheduler.events(run.id) if "DECIDED" in names_of(event)]
    assert len(decided) == 1


async def test_a_run_that_does_not_wait_yet_cannot_be_decided(scheduler: Replica, stages: StubStages) -> None:
    stages.produce.act = Gate(stages.produce.act)
    run_id = await scheduler.start(autopilot=False)
    await stages.produce.called.wait()
    run = pb.Run(id=run_id, content_digest="sha256:1")
    error = await refusal(scheduler, run, APPROVED)
    assert (error.remote_reason, error.metadata["state"]) == ("ERROR_REASON_WRONG_STATE", "PRODUCING")


async def test_a_decision_may_come_while_the_question_is_still_being_sent(
    scheduler: Replica, stages: StubStages
) -> None:
    gate = Gate(stages.approve.act)
    stages.approve.act = gate
    run_id = await scheduler.start(autopilot=False)
    await stages.approve.called.wait()
    await scheduler.decide(await scheduler.get(run_id), APPROVED)
    released = await scheduler.until(run_id, "RELEASED")
    assert released.decision.decided_by == "cli:vera"
    await asyncio.wait_for(stages.approve.cancelled.wait(), 30)
    gate.open()
    assert len(stages.package.calls) == len(stages.publish.calls) == 1


@pytest.mark.parametrize(
    ("fields", "wrong"),
    [
        ({"verdict": 0}, ["verdict"]),
        ({"verdict": V("VERDICT_AUTOPILOT_APPROVED")}, ["verdict"]),
        ({"verdict": V("VERDICT_EXPIRED")}, ["verdict"]),
        ({"verdict": 99}, ["verdict"]),
        ({"verdict": REJECTED}, ["reason"]),
        ({"verdict": REJECTED, "reason": "  "}, ["reason"]),
        ({"verdict": APPROVED, "content_digest": ""}, ["content_digest"]),
        ({"verdict": APPROVED, "decided_by": ""}, ["decided_by"]),
        ({"verdict": REJECTED, "reason": "r" * 1_001}, ["reason"]),
        ({"verdict": APPROVED, "decided_by": "a\0"}, ["decided_by"]),
    ],
)
async def test_a_decision_that_is_not_whole_is_told_by_its_fields(
    scheduler: Replica, fields: dict[str, Any], wrong: list[str]
) -> None:
    run = await scheduler.waiting()
    values = {"content_digest": run.content_digest, "decided_by": "cli:vera", **fields}
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scheduler.stub.DecideRun(pb.DecideRunRequest(run_id=run.id, **values), timeout=CALL_S)
    error = remote_error(caught.value)
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in error.violations] == wrong
    assert state_name((await scheduler.get(run.id)).state) == "AWAITING_APPROVAL"
