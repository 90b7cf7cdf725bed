"""A run from start to end, as a client sees it."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis.errors import RemoteError, remote_error
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import CALL_S, Replica, names_of, state_name
from tests.support.stub_stages import Gate, StubStages


async def refused(call: Any) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call
    return remote_error(caught.value)


async def test_a_run_on_autopilot_goes_all_the_way_to_released(scheduler: Replica) -> None:
    run_id = await scheduler.start(autopilot=True, note="something quiet")
    run = await scheduler.until(run_id, "RELEASED")
    assert {
        name: getattr(run, name)
        for name in ("artist_id", "title", "brief_id", "take_id", "content_digest", "release_id", "location")
    } == {
        "artist_id": "art_1",
        "title": "Harbour Lights",
        "brief_id": "brf_1",
        "take_id": "tak_1",
        "content_digest": "sha256:1",
        "release_id": "rel of tak_1",
        "location": "/catalog/rel of tak_1",
    }
    assert (run.started_by, run.autopilot, run.take_number) == ("operator", True, 1)
    assert (run.decision.decided_by, run.decision.content_digest) == ("autopilot", "sha256:1")
    assert not run.HasField("error")
    assert not run.HasField("approval_expires_at")


async def test_a_run_shows_every_stage_with_its_times(scheduler: Replica) -> None:
    before = datetime.now(UTC)
    run = await scheduler.until(await scheduler.start(autopilot=True), "RELEASED")
    names = [pb.StageName.Name(stage.stage).removeprefix("STAGE_NAME_") for stage in run.stages]
    assert names == ["COMPOSE", "PRODUCE", "APPROVE", "PACKAGE", "PUBLISH"]
    ends = before.timestamp() - 60
    for stage in run.stages:
        assert stage.state == pb.StageExecution.STATE_SUCCEEDED
        assert (stage.attempts, stage.take_number) == (1, 1)
        assert not stage.HasField("error")
        assert (
            ends <= stage.started_at.ToDatetime(UTC).timestamp() <= stage.ended_at.ToDatetime(UTC).timestamp()
        )
        ends = stage.ended_at.ToDatetime(UTC).timestamp() - 0.001
    assert run.created_at.ToNanoseconds() <= run.updated_at.ToNanoseconds()


async def test_the_events_tell_the_whole_story_in_order(scheduler: Replica) -> None:
    run_id = await scheduler.start(autopilot=True)
    events = await scheduler.events(run_id)
    assert [event.sequence for event in events] == list(range(1, len(events) + 1))
    told = [
        (
            pb.RunEvent.Type.Name(event.type).removeprefix("TYPE_"),
            state_name(event.state),
            pb.StageName.Name(event.stage).removeprefix("STAGE_NAME_"),
        )
        for event in events
    ]
    assert told == [
        ("STATE_CHANGED", "QUEUED", "COMPOSE"),
        ("STATE_CHANGED", "COMPOSING", "COMPOSE"),
        ("STAGE_STARTED", "COMPOSING", "COMPOSE"),
        ("STAGE_SUCCEEDED", "COMPOSING", "COMPOSE"),
        ("STATE_CHANGED", "PRODUCING", "PRODUCE"),
        ("STAGE_STARTED", "PRODUCING", "PRODUCE"),
        ("STAGE_SUCCEEDED", "PRODUCING", "PRODUCE"),
        ("STAGE_STARTED", "AWAITING_APPROVAL", "APPROVE"),
        ("DECIDED", "AWAITING_APPROVAL", "APPROVE"),
        ("STATE_CHANGED", "RELEASING", "PACKAGE"),
        ("STAGE_STARTED", "RELEASING", "PACKAGE"),
        ("STAGE_SUCCEEDED", "RELEASING", "PACKAGE"),
        ("STAGE_STARTED", "RELEASING", "PUBLISH"),
        ("STAGE_SUCCEEDED", "RELEASING", "PUBLISH"),
        ("STATE_CHANGED", "RELEASED", "PUBLISH"),
    ]
    times = [event.time.ToNanoseconds() for event in events]
    assert times == sorted(times)
    assert events[-1].message == "/catalog/rel of tak_1"


async def test_a_run_goes_on_at_once_though_nothing_is_polled(new_replica: Any) -> None:
    async with (
        new_replica(scheduler_tick_s=60, scheduler_dequeue_timeout_s=60) as replica,
        asyncio.timeout(30),
    ):
        for _ in range(3):
            await replica.until(await replica.start(autopilot=True), "RELEASED")


@pytest.mark.parametrize("artists", [True, False])
@pytest.mark.parametrize("asked", [None, True, False])
async def test_without_a_word_about_autopilot_the_artists_setting_holds(
    scheduler: Replica, peers: Peers, artists: bool, asked: bool | None
) -> None:
    peers.artists["art_1"].autopilot_enabled = artists
    run = await scheduler.get(await scheduler.start(**({} if asked is None else {"autopilot": asked})))
    assert run.autopilot == (artists if asked is None else asked)


@pytest.mark.parametrize("state", ["PAUSED", "RETIRED"])
async def test_an_artist_who_is_not_active_starts_nothing(
    scheduler: Replica, peers: Peers, state: str, sql: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    peers.artists["art_1"].state = artist_state_pb2.ArtistState.Value(f"ARTIST_STATE_{state}")
    error = await refused(scheduler.stub.StartRun(pb.StartRunRequest(artist_id="art_1"), timeout=CALL_S))
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.metadata == {
        "kind": "artist",
        "id": "art_1",
        "state": state,
        "expected": "ACTIVE or EVOLVING",
    }
    assert await sql.fetchval("SELECT count(*) FROM runs") == 0


async def test_an_unknown_artist_is_not_found(scheduler: Replica) -> None:
    error = await refused(scheduler.stub.StartRun(pb.StartRunRequest(artist_id="art_9"), timeout=CALL_S))
    assert (error.remote_code, error.metadata) == (
        grpc.StatusCode.NOT_FOUND,
        {"kind": "artist", "id": "art_9"},
    )


async def test_the_same_start_again_is_the_same_run(scheduler: Replica) -> None:
    first = await scheduler.start(request_id="r-1", autopilot=True)
    assert await scheduler.start(request_id="r-1", autopilot=True) == first
    request = pb.StartRunRequest(artist_id="art_1", request_id="r-1", autopilot=False)
    error = await refused(scheduler.stub.StartRun(request, timeout=CALL_S))
    assert error.remote_reason == "ERROR_REASON_REQUEST_ID_REUSED"
    assert await scheduler.start(autopilot=True) != first


UNKNOWN: dict[str, Any] = {
    "GetRun": pb.GetRunRequest(run_id="run_9"),
    "DecideRun": pb.DecideRunRequest(
        run_id="run_9", verdict=1, content_digest="sha256:1", decided_by="cli:vera"
    ),
    "CancelRun": pb.CancelRunRequest(run_id="run_9"),
    "RetryRun": pb.RetryRunRequest(run_id="run_9"),
}


@pytest.mark.parametrize("method", UNKNOWN)
async def test_an_unknown_run_is_not_found(scheduler: Replica, method: str) -> None:
    error = await refused(getattr(scheduler.stub, method)(UNKNOWN[method], timeout=CALL_S))
    assert error.remote_code is grpc.StatusCode.NOT_FOUND
    assert error.remote_reason == "ERROR_REASON_NOT_FOUND"
    assert error.metadata == {"kind": "run", "id": "run_9"}


INVALID: list[tuple[str, Any, list[str]]] = [
    ("StartRun", pb.StartRunRequest(), ["artist_id"]),
    ("StartRun", pb.StartRunRequest(artist_id=" ", note="n" * 1_001), ["artist_id", "note"]),
    ("StartRun", pb.StartRunRequest(artist_id="art_1", request_id="r" * 201), ["request_id"]),
    ("StartRun", pb.StartRunRequest(artist_id="art_1", note="a\0b"), ["note"]),
    ("GetRun", pb.GetRunRequest(), ["run_id"]),
    ("GetRun", pb.GetRunRequest(run_id="\0"), ["run_id"]),
    ("CancelRun", pb.CancelRunRequest(reason="r" * 1_001), ["run_id", "reason"]),
    ("RetryRun", pb.RetryRunRequest(), ["run_id"]),
    ("ListRuns", pb.ListRunsRequest(states=[1, 0]), ["states[1]"]),
    ("ListRuns", pb.ListRunsRequest(states=[99]), ["states[0]"]),
    ("ListRuns", pb.ListRunsRequest(page_size=501), ["page_size"]),
    ("ListRuns", pb.ListRunsRequest(page_size=-1), ["page_size"]),
]


@pytest.mark.parametrize(("method", "request_", "fields"), INVALID)
async def test_bad_input_is_told_by_its_fields(
    scheduler: Replica, method: str, request_: Any, fields: list[str]
) -> None:
    error = await refused(getattr(scheduler.stub, method)(request_, timeout=CALL_S))
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in error.violations] == fields


@pytest.mark.parametrize("where", ["queued", "composing", "awaiting"])
async def test_an_operator_may_end_a_run_wherever_it_is(
    new_replica: Any, stages: StubStages, where: str
) -> None:
    gate = Gate(stages.compose.act)
    async with new_replica(scheduler_max_active_runs=1) as replica:
        if where != "awaiting":
            stages.compose.act = gate
        run_id = await replica.start(autopilot=False)
        if where == "awaiting":
            await replica.until(run_id, "AWAITING_APPROVAL")
        else:
            await stages.compose.called.wait()
        if where == "queued":
            run_id = await replica.start(autopilot=False)
        request = pb.CancelRunRequest(run_id=run_id, reason="wrong artist")
        cancelled = (await replica.stub.CancelRun(request, timeout=CALL_S)).run
        assert state_name(cancelled.state) == "CANCELLED"
        events = await replica.events(run_id)
        assert names_of(events[-1]) == {"STATE_CHANGED", "CANCELLED"}
        assert events[-1].message == "wrong artist"
        run = await replica.get(run_id)
        if where == "composing":
            await asyncio.wait_for(stages.compose.cancelled.wait(), 30)
        ends = {"queued": [], "composing": ["CANCELLED"], "awaiting": ["SUCCEEDED", "SUCCEEDED", "CANCELLED"]}
        told = [pb.StageExecution.State.Name(s.state).removeprefix("STATE_") for s in run.stages]
        assert told == ends[where]
        gate.open()


async def test_a_cancelled_run_leaves_its_place_to_the_next(new_replica: Any, stages: StubStages) -> None:
    stages.compose.act = Gate(stages.compose.act)
    async with new_replica(scheduler_max_active_runs=1) as replica:
        first = await replica.start(autopilot=True)
        await stages.compose.called.wait()
        stages.compose.act = StubStages().compose.act
        second = await replica.start(autopilot=True)
        await replica.stub.CancelRun(pb.CancelRunRequest(run_id=first), timeout=CALL_S)
        await replica.until(second, "RELEASED")
        assert state_name((await replica.get(first)).state) == "CANCELLED"


@pytest.mark.parametrize("method", ["CancelRun", "RetryRun"])
async def test_a_run_that_is_over_stays_as_it_is(scheduler: Replica, method: str) -> None:
    run_id = await scheduler.start(autopilot=True)
    await scheduler.until(run_id, "RELEASED")
    request = {"CancelRun": pb.CancelRunRequest, "RetryRun": pb.RetryRunRequest}[method](run_id=run_id)
    error = await refused(getattr(scheduler.stub, method)(request, timeout=CALL_S))
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.remote_reason == "ERROR_REASON_WRONG_STATE"
    assert (error.metadata["kind"], error.metadata["id"], error.metadata["state"]) == (
        "run",
        run_id,
        "RELEASED",
    )
    assert state_name((await scheduler.get(run_id)).state) == "RELEASED"


async def test_a_run_is_cancelled_once_for_one_request_id(scheduler: Replica) -> None:
    run = await scheduler.waiting()
    request = pb.CancelRunRequest(run_id=run.id, request_id="c-1")
    answers = [await scheduler.stub.CancelRun(request, timeout=CALL_S) for _ in range(2)]
    assert answers[0] == answers[1]
    assert len([event for event in await scheduler.events(run.id) if "CANCELLED" in names_of(event)]) == 1
