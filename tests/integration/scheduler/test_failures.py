"""Stages that fail: what may pass is tried again, what can't is told at once, nothing is lost."""

import asyncio
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import RemoteError
from services.scheduler.domain import Done, Outcome, Run, TakeRefused
from services.scheduler.driver import Driver
from services.scheduler.stages import Report, StageFailed
from tests.support.captured_logs import CapturedLogs
from tests.support.scheduler_replica import CALL_S, Replica, names_of, state_name
from tests.support.stub_stages import Failing, Gate, StubStages

EXHAUSTED = "openai/gpt-5: timeout; local: empty_answer"


def models_exhausted() -> RemoteError:
    return RemoteError(
        grpc.StatusCode.UNAVAILABLE,
        f"no model gave a usable answer: {EXHAUSTED}",
        reason="ERROR_REASON_MODELS_EXHAUSTED",
        metadata={"role": "songwriter", "attempts": EXHAUSTED},
    )


def away() -> RemoteError:
    return RemoteError(grpc.StatusCode.UNAVAILABLE, "failed to connect to ipv4:10.0.0.7:50053")


def budget_spent() -> RemoteError:
    return RemoteError(
        grpc.StatusCode.FAILED_PRECONDITION, "nothing left for today", reason="ERROR_REASON_BUDGET_SPENT"
    )


async def retried(replica: Replica, run_id: str, **fields: Any) -> Any:
    return (await replica.stub.RetryRun(pb.RetryRunRequest(run_id=run_id, **fields), timeout=CALL_S)).run


async def test_what_may_pass_is_tried_again_under_the_same_request_until_it_passes(
    scheduler: Replica, stages: StubStages
) -> None:
    stages.compose.act = Failing(stages.compose.act, away(), models_exhausted())
    run_id = await scheduler.start(autopilot=True)
    run = await scheduler.until(run_id, "RELEASED")
    assert stages.compose.request_ids == [f"{run_id}/compose/1"] * 3
    compose = run.stages[0]
    assert (compose.state, compose.attempts) == (pb.StageExecution.STATE_SUCCEEDED, 3)
    assert compose.error.reason == "ERROR_REASON_MODELS_EXHAUSTED"
    failures = [event for event in await scheduler.events(run_id) if "STAGE_FAILED" in names_of(event)]
    assert [(event.attempt, event.error.reason) for event in failures] == [
        (1, "ERROR_REASON_DEPENDENCY_UNAVAILABLE"),
        (2, "ERROR_REASON_MODELS_EXHAUSTED"),
    ]
    assert all(event.error.retryable and event.state == pb.RUN_STATE_COMPOSING for event in failures)


async def test_a_services_address_does_not_reach_the_run(scheduler: Replica, stages: StubStages) -> None:
    stages.compose.act = Failing(stages.compose.act, *[away()] * 4)
    run = await scheduler.until(await scheduler.start(autopilot=True), "FAILED")
    assert run.error.message == "a service that compose needs does not answer: unavailable"


async def test_a_run_whose_stage_keeps_failing_fails_with_the_cause_and_can_be_retried(
    scheduler: Replica, stages: StubStages
) -> None:
    stages.compose.act = Failing(stages.compose.act, *[models_exhausted()] * 4)
    run_id = await scheduler.start(autopilot=True)
    failed = await scheduler.until(run_id, "FAILED")
    assert (failed.error.reason, failed.error.retryable) == ("ERROR_REASON_MODELS_EXHAUSTED", True)
    assert EXHAUSTED in failed.error.message
    assert failed.stages[0].state == pb.StageExecution.STATE_FAILED
    again = await retried(scheduler, run_id)
    assert (state_name(again.state), again.HasField("error")) == ("COMPOSING", False)
    released = await scheduler.until(run_id, "RELEASED")
    assert stages.compose.request_ids == [f"{run_id}/compose/1"] * 5
    assert (released.stages[0].attempts, released.stages[0].state) == (5, pb.StageExecution.STATE_SUCCEEDED)


async def test_what_cannot_pass_fails_the_run_at_once(scheduler: Replica, stages: StubStages) -> None:
    stages.produce.act = Failing(stages.produce.act, budget_spent())
    run_id = await scheduler.start(autopilot=True)
    failed = await scheduler.until(run_id, "FAILED")
    assert (failed.error.reason, failed.error.retryable) == ("ERROR_REASON_BUDGET_SPENT", False)
    assert failed.error.message == "nothing left for today"
    assert len(stages.produce.calls) == 1
    await retried(scheduler, run_id)
    await scheduler.until(run_id, "RELEASED")
    assert len(stages.compose.calls) == 1


@pytest.mark.parametrize(
    "error", [ValueError("secret plan"), KeyError("secret plan"), OSError("secret plan")]
)
async def test_a_stage_may_raise_anything_and_only_its_run_suffers(
    scheduler: Replica, stages: StubStages, captured: CapturedLogs, error: Exception
) -> None:
    stages.package.act = Failing(stages.package.act, *[error] * 4)
    run_id = await scheduler.start(autopilot=True)
    failed = await scheduler.until(run_id, "FAILED")
    assert failed.error.reason == "ERROR_REASON_INTERNAL"
    assert "secret plan" not in str(failed)
    records = captured.of("stage raised an unexpected error")
    assert len(records) == 4
    assert records[-1]["error_id"] in failed.error.message
    assert "secret plan" in records[-1]["exception"]
    assert {(r["run_id"], r["artist_id"]) for r in records} == {(run_id, "art_1")}
    await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")


async def test_a_stage_may_say_by_itself_that_it_cannot_go_on(scheduler: Replica, stages: StubStages) -> None:
    failure = StageFailed("ERROR_REASON_WRONG_STATE", "nobody decided about this take", retryable=False)
    stages.package.act = Failing(stages.package.act, failure)
    failed = await scheduler.until(await scheduler.start(autopilot=True), "FAILED")
    assert (failed.error.reason, failed.error.message, failed.error.retryable) == (
        "ERROR_REASON_WRONG_STATE",
        "nobody decided about this take",
        False,
    )


@pytest.fixture
def the_longest_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    """No luck in drawing the wait before the next try."""
    monkeypatch.setitem(Driver.__init__.__kwdefaults__, "jitter", lambda: 1.0)


@pytest.mark.usefixtures("the_longest_wait")
async def test_a_run_that_waits_for_its_next_try_leaves_its_place_to_others_until_its_time_has_come(
    new_replica: Any, stages: StubStages, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    stages.compose.act = Failing(stages.compose.act, away())
    async with new_replica(scheduler_max_active_runs=1, scheduler_backoff_base_s=60) as replica:
        slow = await replica.start(autopilot=True)
        await replica.until(slow, "STAGE_FAILED")
        await replica.until(await replica.start(autopilot=True), "RELEASED")
        assert state_name((await replica.get(slow)).state) == "COMPOSING"
        assert len(stages.compose.calls) == 2
        await sql.execute("UPDATE runs SET not_before = now() WHERE id = $1", slow)
        await replica.until(slow, "RELEASED")


@pytest.mark.usefixtures("the_longest_wait")
async def test_the_wait_is_told_and_kept_in_the_database(
    new_replica: Any, stages: StubStages, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    stages.compose.act = Failing(stages.compose.act, *[away()] * 2)
    async with new_replica(scheduler_backoff_base_s=30, scheduler_backoff_max_s=45) as replica:
        run_id = await replica.start(autopilot=True)
        waits = []
        for _ in range(2):
            await replica.until(run_id, "STAGE_FAILED")
            waits.append(
                await sql.fetchval("SELECT extract(epoch FROM not_before - updated_at)::int FROM runs")
            )
            await sql.execute("UPDATE runs SET not_before = now()")
        assert waits == [30, 45]
        await replica.until(run_id, "RELEASED")
        messages = [
            event.message for event in await replica.events(run_id) if "STAGE_FAILED" in names_of(event)
        ]
    assert messages == ["next try in 30.0 s", "next try in 45.0 s"]


class Refusing:
    """A review that refuses takes, as many as it is told."""

    def __init__(self, takes: int) -> None:
        self.left = takes

    async def __call__(self, run: Run, report: Report) -> Outcome:
        if self.left:
            self.left -= 1
            return TakeRefused(["loudness", "silence"])
        return Done({"take_id": f"tak_{run.take_number}", "content_digest": f"sha256:{run.take_number}"})


async def test_a_broken_take_is_followed_by_another_and_nobody_is_asked_about_it(
    scheduler: Replica, stages: StubStages
) -> None:
    stages.produce.act = Refusing(2)
    run = await scheduler.waiting()
    assert (run.take_number, run.content_digest) == (3, "sha256:3")
    assert stages.produce.request_ids == [f"{run.id}/produce/{take}" for take in (1, 2, 3)]
    assert [call.content_digest for call in stages.approve.calls] == ["sha256:3"]
    produced = [stage for stage in run.stages if stage.stage == pb.STAGE_NAME_PRODUCE]
    assert [(s.take_number, pb.StageExecution.State.Name(s.state), s.error.reason) for s in produced] == [
        (1, "STATE_FAILED", "ERROR_REASON_REVIEW_FAILED"),
        (2, "STATE_FAILED", "ERROR_REASON_REVIEW_FAILED"),
        (3, "STATE_SUCCEEDED", ""),
    ]


async def test_a_run_whose_takes_are_all_broken_fails_and_is_retried_with_new_ones(
    scheduler: Replica, stages: StubStages
) -> None:
    stages.produce.act = Refusing(3)
    run_id = await scheduler.start(autopilot=True)
    failed = await scheduler.until(run_id, "FAILED")
    assert failed.error.reason == "ERROR_REASON_REVIEW_FAILED"
    assert failed.error.message == "no take of 3 passed the review; the last failed: loudness, silence"
    await retried(scheduler, run_id)
    released = await scheduler.until(run_id, "RELEASED")
    assert (released.take_number, released.take_id) == (4, "tak_4")
    assert len(stages.compose.calls) == 1


async def test_only_a_failed_run_is_retried_and_once_for_one_request_id(
    scheduler: Replica, stages: StubStages
) -> None:
    stages.compose.act = Failing(stages.compose.act, budget_spent())
    run_id = await scheduler.start(autopilot=False)
    await scheduler.until(run_id, "FAILED")
    first = await retried(scheduler, run_id, request_id="t-1")
    await scheduler.until(run_id, "AWAITING_APPROVAL")
    assert await retried(scheduler, run_id, request_id="t-1") == first
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await retried(scheduler, run_id)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert len(stages.compose.calls) == 2


async def test_of_several_retries_at_once_one_wins(scheduler: Replica, stages: StubStages) -> None:
    stages.compose.act = Failing(stages.compose.act, budget_spent())
    run_id = await scheduler.start(autopilot=True)
    await scheduler.until(run_id, "FAILED")
    answers = await asyncio.gather(*(retried(scheduler, run_id) for _ in range(4)), return_exceptions=True)
    assert sum(isinstance(answer, pb.Run) for answer in answers) == 1
    await scheduler.until(run_id, "RELEASED")
    assert len(stages.compose.calls) == 2


async def test_a_poison_run_is_parked_and_can_be_retried(
    new_replica: Any, stages: StubStages, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    gate = Gate(stages.compose.act)
    stages.compose.act = gate
    async with new_replica(scheduler_max_attempts=3) as replica:
        run_id = await replica.start(autopilot=True)
        for _ in range(3):
            await stages.compose.called.wait()
            stages.compose.called.clear()
            await _lose_the_driver(sql, run_id)
        failed = await replica.until(run_id, "FAILED")
        assert failed.error.reason == "ERROR_REASON_INTERNAL"
        assert "begun 3 times and never ended" in failed.error.message
        gate.open()
        await retried(replica, run_id)
        await replica.until(run_id, "RELEASED")


async def _lose_the_driver(sql: "asyncpg.Connection[asyncpg.Record]", run_id: str) -> None:
    """As if whoever drives the run had died in the stage: the run is held, and its job is gone."""
    await sql.execute("DELETE FROM pgqueuer")
    await sql.execute(
        "UPDATE runs SET version = version + 1, updated_at = now() - interval '1 hour' WHERE id = $1", run_id
    )
    await sql.execute("UPDATE run_progress SET time = now() - interval '1 hour'")
