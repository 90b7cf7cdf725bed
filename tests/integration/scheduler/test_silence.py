"""Nobody answers: the run holds, expires or is approved by autopilot, as its artist is set."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest

from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from services.chassis.errors import remote_error
from services.scheduler.domain import Silence
from services.scheduler.metrics import DECISIONS
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import Replica, names_of, running_scheduler, state_name
from tests.support.stub_stages import StubStages

WEEK = timedelta(days=7)
HOLD, EXPIRE, AUTOPILOT = (
    decision_pb2.SILENCE_ANSWER_HOLD,
    decision_pb2.SILENCE_ANSWER_EXPIRE,
    decision_pb2.SILENCE_ANSWER_AUTOPILOT,
)


@pytest.fixture
async def label(database_url: str, peers_address: str) -> AsyncIterator[Replica]:
    """A scheduler as it is shipped, with every peer in one place."""
    async with running_scheduler(database_url, peers_address) as replica:
        yield replica


async def let_time_pass(sql: Any, run: Any) -> None:
    """Its time was over a moment ago."""
    await sql.execute(
        "UPDATE runs SET approval_expires_at = now() WHERE id = $1 AND approval_expires_at IS NOT NULL",
        run.id,
    )


def waits_for(run: Any) -> timedelta:
    left: timedelta = run.approval_expires_at.ToDatetime() - run.updated_at.ToDatetime()
    return left


async def test_a_run_holds_where_its_artist_says_nothing(label: Replica, peers: Peers) -> None:
    run = await label.waiting()
    (asked,) = peers.of(notifier_pb2.RequestApprovalRequest)
    assert (run.on_silence, asked.on_silence) == (HOLD, HOLD)
    assert not run.HasField("approval_expires_at")
    assert not asked.HasField("expires_at")


@pytest.mark.parametrize("on_silence", [EXPIRE, AUTOPILOT])
async def test_a_question_says_what_silence_means_and_when(
    label: Replica, peers: Peers, on_silence: Any
) -> None:
    peers.add_artist("art_2", on_silence=on_silence)
    run = await label.waiting("art_2")
    (asked,) = peers.of(notifier_pb2.RequestApprovalRequest)
    assert run.on_silence == asked.on_silence == on_silence
    assert waits_for(run) == WEEK
    # Asked a moment before the run waits.
    assert run.created_at.ToDatetime() + WEEK <= asked.expires_at.ToDatetime()
    assert asked.expires_at.ToDatetime() <= run.approval_expires_at.ToDatetime()


async def test_a_question_that_was_asked_keeps_its_answer_to_silence(label: Replica, peers: Peers) -> None:
    run = await label.waiting()
    peers.artists["art_1"].on_silence = EXPIRE
    assert (await label.get(run.id)).on_silence == HOLD
    await label.decide(run, decision_pb2.VERDICT_REGENERATE_TAKE)
    again = await label.until(run.id, "AWAITING_APPROVAL")
    assert again.on_silence == EXPIRE
    assert waits_for(again) == WEEK


async def test_a_run_expires_when_its_time_has_come(scheduler: Replica, stages: StubStages, sql: Any) -> None:
    stages.on_silence = Silence.EXPIRE
    run, other = await scheduler.waiting(), await scheduler.waiting()
    await let_time_pass(sql, run)
    expired = await scheduler.until(run.id, "EXPIRED")
    assert expired.decision.verdict == decision_pb2.VERDICT_EXPIRED
    assert expired.decision.decided_by == "clock"
    assert not expired.HasField("approval_expires_at")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await scheduler.decide(run, decision_pb2.VERDICT_APPROVED)
    assert remote_error(caught.value).metadata["state"] == "EXPIRED"
    assert state_name((await scheduler.get(other.id)).state) == "AWAITING_APPROVAL"


async def test_autopilot_approves_a_run_that_nobody_answered_and_it_is_released(
    scheduler: Replica, stages: StubStages, sql: Any
) -> None:
    stages.on_silence = Silence.AUTOPILOT
    persons = [DECISIONS.labels(v)._value.get() for v in ("approved", "autopilot_approved")]
    run = await scheduler.waiting()
    await let_time_pass(sql, run)
    released = await scheduler.until(run.id, "RELEASED")
    assert released.decision.verdict == decision_pb2.VERDICT_AUTOPILOT_APPROVED
    assert released.decision.decided_by == "autopilot after silence"
    assert released.decision.content_digest == run.content_digest
    # People decided nothing.
    assert [DECISIONS.labels(v)._value.get() for v in ("approved", "autopilot_approved")] == persons


async def test_a_run_that_holds_waits_on_though_time_passes(scheduler: Replica, sql: Any) -> None:
    held = await scheduler.waiting()
    await sql.execute("UPDATE runs SET updated_at = now() - interval '1 year' WHERE id = $1", held.id)
    # The clock has been there: it ended another one, of a version that knew no other answer.
    older = await scheduler.waiting()
    await sql.execute("UPDATE runs SET on_silence = '', approval_expires_at = now() WHERE id = $1", older.id)
    await scheduler.until(older.id, "EXPIRED")
    assert state_name((await scheduler.get(held.id)).state) == "AWAITING_APPROVAL"


async def test_a_question_of_an_older_version_keeps_its_deadline(scheduler: Replica, sql: Any) -> None:
    run = await scheduler.waiting()
    await sql.execute(
        "UPDATE runs SET on_silence = '', approval_expires_at = now() + interval '1 hour' WHERE id = $1",
        run.id,
    )
    shown = await scheduler.get(run.id)
    assert shown.on_silence == EXPIRE
    assert shown.HasField("approval_expires_at")


async def test_a_regenerated_take_gets_its_whole_time_to_be_decided(
    scheduler: Replica, stages: StubStages, sql: Any
) -> None:
    stages.on_silence = Silence.EXPIRE
    run = await scheduler.waiting()
    await sql.execute("UPDATE runs SET approval_expires_at = now() + interval '1 hour' WHERE id = $1", run.id)
    await scheduler.decide(run, decision_pb2.VERDICT_REGENERATE_TAKE)
    assert waits_for(await scheduler.until(run.id, "AWAITING_APPROVAL")) == WEEK


async def test_an_answer_at_the_last_moment_counts_once(
    scheduler: Replica, stages: StubStages, sql: Any
) -> None:
    stages.on_silence = Silence.AUTOPILOT
    run = await scheduler.waiting()
    await let_time_pass(sql, run)
    rejected = scheduler.decide(run, decision_pb2.VERDICT_REJECTED, reason="off key")
    (answer,) = await asyncio.gather(rejected, return_exceptions=True)
    events = await scheduler.events(run.id)
    (decided,) = [event.message for event in events if "DECIDED" in names_of(event)]
    too_late = isinstance(answer, grpc.aio.AioRpcError)
    assert decided == (
        "autopilot approved by autopilot after silence" if too_late else "rejected by cli:vera: off key"
    )
