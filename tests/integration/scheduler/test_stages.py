"""The real stages against services that speak the real contracts."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2
from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.release.v1 import release_pb2
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import (
    AlreadyExists,
    DependencyUnavailable,
    NotFound,
    RemoteError,
    RequestIdReused,
)
from services.scheduler.domain import Run, RunState
from services.scheduler.stages import StageFailed
from services.scheduler.stages.film import Film
from services.scheduler.stages.package import Package
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import Replica, running_scheduler


@pytest.fixture
async def label(database_url: str, peers_address: str) -> AsyncIterator[Replica]:
    """A scheduler as it is shipped, with every peer in one place."""
    async with running_scheduler(database_url, peers_address) as replica:
        yield replica


async def test_a_run_calls_each_service_once_with_what_it_needs(label: Replica, peers: Peers) -> None:
    run = await label.waiting(note="something quiet")
    await label.decide(run, decision_pb2.VERDICT_APPROVED)
    released = await label.until(run.id, "RELEASED")

    (composed,) = peers.of(orchestrator_pb2.ComposeSongRequest)
    assert (composed.request_id, composed.run_id, composed.artist_id, composed.note) == (
        f"{run.id}/compose/1",
        run.id,
        "art_1",
        "something quiet",
    )
    (produced,) = peers.of(release_pb2.ProduceTakeRequest)
    assert (produced.request_id, produced.brief_id, produced.take_number) == (
        f"{run.id}/produce/1",
        f"brf of {run.id}/compose/1",
        1,
    )
    (filmed,) = peers.of(release_pb2.FilmTakeRequest)
    assert (filmed.request_id, filmed.run_id) == (f"{run.id}/film/1", run.id)
    assert (filmed.take_id, filmed.decision) == (f"tak of {run.id}/produce/1", released.decision)
    (packaged,) = peers.of(release_pb2.PackageReleaseRequest)
    assert (packaged.request_id, packaged.run_id) == (f"{run.id}/package/1", run.id)
    assert packaged.take_id == f"tak of {run.id}/produce/1"
    assert packaged.decision == released.decision
    (published,) = peers.of(release_pb2.PublishReleaseRequest)
    assert (published.request_id, published.release_id) == (
        f"{run.id}/publish/1",
        f"rel of tak of {run.id}/produce/1",
    )
    assert (released.title, released.location) == (
        "Harbour Lights",
        f"/catalog/rel of tak of {run.id}/produce/1",
    )


async def test_a_person_is_asked_about_exactly_what_was_reviewed(label: Replica, peers: Peers) -> None:
    run = await label.waiting()
    (asked,) = peers.of(notifier_pb2.RequestApprovalRequest)
    assert (asked.request_id, asked.run_id, asked.artist_id, asked.artist_name) == (
        f"{run.id}/approve/1",
        run.id,
        "art_1",
        "The art_1s",
    )
    assert (asked.brief_id, asked.take_id, asked.title) == (run.brief_id, run.take_id, "Harbour Lights")
    assert asked.content_digest == run.content_digest == "sha256:1"
    assert asked.audio.path == f"takes/{run.take_id}/master.flac"
    assert asked.review.passed


async def test_autopilot_asks_nobody(label: Replica, peers: Peers) -> None:
    run = await label.until(await label.start(autopilot=True), "RELEASED")
    assert peers.of(notifier_pb2.RequestApprovalRequest) == []
    assert peers.of(artist_db_pb2.GetTakeRequest) == []
    assert run.decision.verdict == decision_pb2.VERDICT_AUTOPILOT_APPROVED


async def test_only_failed_checks_are_told_of_a_refused_take(label: Replica, peers: Peers) -> None:
    peers.failed_checks = [["loudness", "silence"]]
    run = await label.until(await label.start(autopilot=True), "RELEASED")
    refused = next(stage for stage in run.stages if stage.error.reason)
    assert refused.error.message == "the review refused the take: loudness, silence"
    assert run.take_id == f"tak of {run.id}/produce/2"


async def test_a_services_reason_is_the_runs(label: Replica, peers: Peers) -> None:
    peers.failing["ProduceTake"] = NotFound("brief", "brf_9")
    run = await label.until(await label.start(autopilot=True), "FAILED")
    assert (run.error.reason, run.error.message, run.error.retryable) == (
        "ERROR_REASON_NOT_FOUND",
        "there is no brief 'brf_9'",
        False,
    )


async def test_a_stream_that_ends_without_its_result_is_tried_again(label: Replica, peers: Peers) -> None:
    peers.cut_off = {"ComposeSong"}
    run_id = await label.start(autopilot=True)
    run = await label.until(run_id, "RELEASED")
    compose = run.stages[0]
    assert (compose.error.message, compose.error.retryable) == ("the stream ended without a result", True)
    assert {request.request_id for request in peers.of(orchestrator_pb2.ComposeSongRequest)} == {
        f"{run_id}/compose/1"
    }


async def test_where_notifier_is_away_the_question_is_asked_later(label: Replica, peers: Peers) -> None:
    peers.failing_once["RequestApproval"] = DependencyUnavailable("database")
    run_id = await label.start(autopilot=False)
    await label.until(run_id, "AWAITING_APPROVAL")
    ids = {request.request_id for request in peers.of(notifier_pb2.RequestApprovalRequest)}
    assert ids == {f"{run_id}/approve/1"}


async def test_who_was_asked_before_a_crash_is_not_asked_again(label: Replica, peers: Peers) -> None:
    peers.failing["RequestApproval"] = RequestIdReused("run_1/approve/1")
    assert (await label.waiting()).content_digest == "sha256:1"


async def test_another_refusal_of_the_question_fails_the_run(label: Replica, peers: Peers) -> None:
    peers.failing["RequestApproval"] = AlreadyExists("question", "run_1")
    run = await label.until(await label.start(autopilot=False), "FAILED")
    assert run.error.reason == "ERROR_REASON_ALREADY_EXISTS"


@pytest.mark.parametrize("stage", [Film, Package])
async def test_nothing_is_filmed_or_packaged_that_nobody_decided_about(
    stage: type[Film] | type[Package], peers_address: str, peers: Peers
) -> None:
    async with grpc.aio.insecure_channel(peers_address) as channel:
        run = Run("run_1", "art_1", RunState.RELEASING, stage.name, autopilot=False, started_by="operator")
        with pytest.raises(StageFailed, match="nobody decided"):
            await stage(ReleaseServiceStub(channel)).run(run, _nowhere)
    assert peers.requests == []


async def _nowhere(step: str, done: int, total: int) -> None:
    """Nobody watches."""


def week_full(again_at: datetime) -> RemoteError:
    moment = again_at.strftime("%Y-%m-%dT%H:%M:%SZ")
    return RemoteError(
        grpc.StatusCode.FAILED_PRECONDITION,
        f"7 releases in 7 days; again at {moment}",
        reason="ERROR_REASON_RELEASE_CAP",
        metadata={"artist_id": "art_1", "cap": "7", "again_at": moment},
    )


async def test_where_the_week_is_full_the_run_waits_without_a_place_until_there_is_room(
    label: Replica, peers: Peers, sql: Any
) -> None:
    again_at = datetime.now(UTC).replace(microsecond=0) + timedelta(days=3)
    peers.failing["PublishRelease"] = week_full(again_at)
    run_id = await label.start(autopilot=True)
    async with asyncio.timeout(30):
        while await sql.fetchval("SELECT place <> 'wanted' OR attempts <> 0 OR stage <> 'PUBLISH' FROM runs"):
            await asyncio.sleep(0.01)
    waiting = await sql.fetchrow("SELECT * FROM runs")
    assert abs(waiting["not_before"] - again_at) < timedelta(seconds=2)
    assert (waiting["state"], waiting["failures"]) == ("RELEASING", 0)
    run = await label.get(run_id)
    publish = run.stages[-1]
    assert (publish.stage, publish.state) == (pb.STAGE_NAME_PUBLISH, pb.StageExecution.STATE_RUNNING)
    assert publish.error.reason == "ERROR_REASON_RELEASE_CAP"
    peers.failing.clear()
    await sql.execute("UPDATE runs SET not_before = now()")
    await label.until(run_id, "RELEASED")
    messages = [event.message for event in await label.events(run_id)]
    assert any(message.startswith(f"waits until {again_at:%Y-%m-%dT%H:%M:%SZ}: ") for message in messages)
    ids = {request.request_id for request in peers.of(release_pb2.PublishReleaseRequest)}
    assert ids == {f"{run_id}/publish/1"}


@pytest.mark.parametrize("told", ["2026-13-01", "", "far ahead"])
async def test_a_full_week_that_does_not_say_when_it_ends_fails_the_run(
    label: Replica, peers: Peers, told: str
) -> None:
    error = week_full(datetime.now(UTC) + timedelta(days=9))
    if told != "far ahead":
        error.metadata = {**error.metadata, "again_at": told}
    peers.failing["PublishRelease"] = error
    run = await label.until(await label.start(autopilot=True), "FAILED")
    assert run.error.reason == "ERROR_REASON_RELEASE_CAP"


async def test_a_run_that_waits_for_room_may_be_cancelled(label: Replica, peers: Peers, sql: Any) -> None:
    peers.failing["PublishRelease"] = week_full(datetime.now(UTC) + timedelta(days=3))
    run_id = await label.start(autopilot=True)
    async with asyncio.timeout(30):
        while not await sql.fetchval("SELECT place = 'wanted' AND stage = 'PUBLISH' FROM runs"):
            await asyncio.sleep(0.01)
    cancelled = await label.stub.CancelRun(pb.CancelRunRequest(run_id=run_id), timeout=30)
    assert cancelled.run.state == pb.RUN_STATE_CANCELLED
