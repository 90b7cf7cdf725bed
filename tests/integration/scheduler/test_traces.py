"""A run's trace: one for each, whoever drives it, whoever decides, however long it takes."""

import asyncio
from collections.abc import AsyncIterator
from itertools import pairwise
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.chassis import tracing, tracing_export
from tests.support.fake_collector import FakeCollector, KeptSpan, traced
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import CALL_S, Replica, running_scheduler
from tests.support.stub_stages import Failing, Gate, StubStages

START = "aiartist.scheduler.v1.SchedulerService/StartRun"
NOTIFY = "aiartist.notifier.v1.NotifierService/Notify"
APPROVED = decision_pb2.VERDICT_APPROVED
STAGES = ["stage compose", "stage produce", "stage approve", "stage package", "stage publish"]


@pytest.fixture(autouse=True)
async def collector(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[FakeCollector]:
    """Before the scheduler and its peers, which are traced both."""
    monkeypatch.setattr(tracing_export, "INTERVAL_S", 0.05)
    async with traced() as opened:
        yield opened


def of_run(spans: list[KeptSpan], run_id: str) -> list[KeptSpan]:
    """All of the trace that the run's stages stand in, by their begin."""
    trace_ids = {
        s.trace_id for s in spans if s.attributes.get("aiartist.run_id") == run_id and s.name in STAGES
    }
    (trace_id,) = trace_ids
    return sorted((s for s in spans if s.trace_id == trace_id), key=lambda span: span.began_ns)


async def trace_of(collector: FakeCollector, run_id: str, last: str = NOTIFY) -> list[KeptSpan]:
    """The run's trace, once its last span has arrived, and no half of a call is on its way any more."""
    await collector.named(last)
    await collector.until_true(lambda: len(without_parent(of_run(collector.spans, run_id))) <= 1)
    return of_run(collector.spans, run_id)


def names(spans: list[KeptSpan]) -> list[str]:
    return [span.name for span in spans]


def only(spans: list[KeptSpan], name: str) -> KeptSpan:
    (span,) = [span for span in spans if span.name == name]
    return span


def without_parent(spans: list[KeptSpan]) -> list[str]:
    known = {span.span_id for span in spans}
    return [span.name for span in spans if span.parent_id not in known]


def assert_whole(spans: list[KeptSpan]) -> None:
    """Every parent is there, all but the first's."""
    assert without_parent(spans) == [START]


@pytest.fixture
async def label(database_url: str, peers_address: str) -> AsyncIterator[Replica]:
    """A scheduler as it is shipped, with every peer in one place."""
    async with running_scheduler(database_url, peers_address) as replica:
        yield replica


async def test_a_run_from_its_start_to_its_announcement_is_one_trace(
    label: Replica, collector: FakeCollector
) -> None:
    run_id = await label.start(autopilot=True)
    await label.until(run_id, "RELEASED")
    spans = await trace_of(collector, run_id)
    assert_whole(spans)
    called = {
        "stage compose": "aiartist.orchestrator.v1.OrchestratorService/ComposeSong",
        "stage produce": "aiartist.release.v1.ReleaseService/ProduceTake",
        "stage film": "aiartist.release.v1.ReleaseService/FilmTake",
        "stage package": "aiartist.release.v1.ReleaseService/PackageRelease",
        "stage publish": "aiartist.release.v1.ReleaseService/PublishRelease",
        START: "aiartist.artist_db.v1.ArtistDbService/GetArtist",
    }
    for caller, callee in called.items():
        assert only(spans, callee).parent_id == only(spans, caller).span_id
        assert only(spans, callee).service == "peers"
    assert only(spans, NOTIFY).parent_id == only(spans, START).span_id
    assert only(spans, "wait for a place").ended_ns >= only(spans, START).began_ns
    stage = only(spans, "stage produce")
    assert stage.attributes == {
        "aiartist.run_id": run_id,
        "aiartist.artist_id": "art_1",
        "aiartist.stage": "produce",
        "aiartist.take_number": 1,
        "aiartist.attempt": 1,
        "aiartist.outcome": "succeeded",
    }
    stages = [span for span in spans if span.name.startswith("stage ")]
    assert all(one.ended_ns <= following.began_ns for one, following in pairwise(stages))


async def test_a_persons_decision_is_linked_with_the_run_and_the_wait_is_told_afterwards(
    label: Replica, collector: FakeCollector
) -> None:
    run = await label.waiting()
    await collector.named("stage approve")
    assert "wait for a decision" not in names(collector.spans)
    await label.decide(run, APPROVED)
    await label.until(run.id, "RELEASED")
    spans = await trace_of(collector, run.id)
    assert_whole(spans)
    decide = only(collector.spans, "aiartist.scheduler.v1.SchedulerService/DecideRun")
    wait, start = only(spans, "wait for a decision"), only(spans, START)
    assert decide.trace_id != start.trace_id, "it is a call of its own"
    assert wait.links == ((decide.trace_id, decide.span_id),)
    assert decide.links == ((start.trace_id, start.span_id),)
    assert wait.attributes["aiartist.verdict"] == "approved"
    asked = only(spans, "stage approve")
    assert wait.began_ns == asked.ended_ns
    assert wait.ended_ns <= only(spans, "stage film").began_ns
    question = only(spans, "aiartist.notifier.v1.NotifierService/RequestApproval")
    closed = only(spans, "aiartist.notifier.v1.NotifierService/CloseApproval")
    assert (question.parent_id, closed.parent_id) == (asked.span_id, start.span_id)


async def test_a_replica_that_goes_on_goes_on_with_the_trace(
    new_replica: Any, stages: StubStages, collector: FakeCollector
) -> None:
    carried: list[str] = []

    async def stay(run: Any, report: Any) -> Any:
        carried.append(tracing.traceparent())
        stages.produce.called.set()
        await asyncio.Event().wait()

    others = StubStages()
    stages.produce.act = stay
    async with new_replica(scheduler_heartbeat_timeout_s=600) as one:
        run_id = await one.start(autopilot=True)
        await stages.produce.called.wait()
        async with new_replica(others.all, scheduler_heartbeat_timeout_s=600) as other:
            await one.app.close()
            await other.until(run_id, "RELEASED")
            spans = await trace_of(collector, run_id)
    assert_whole(spans)
    left, again = [span for span in spans if span.name == "stage produce"]
    assert [span.attributes["aiartist.outcome"] for span in (left, again)] == ["left", "succeeded"]
    assert carried == [f"00-{left.trace_id}-{left.span_id}-03"]
    assert (left.failed, again.failed) == (True, False)
    assert left.ended_ns == again.began_ns


async def test_each_try_of_a_stage_is_a_span_and_a_failed_one_says_why(
    new_replica: Any, stages: StubStages, collector: FakeCollector
) -> None:
    stages.package.act = Failing(stages.package.act, RuntimeError("password=hunter2hunter2"))
    async with new_replica() as replica:
        run_id = await replica.start(autopilot=True)
        await replica.until(run_id, "RELEASED")
        spans = await trace_of(collector, run_id)
    failed, passed = [span for span in spans if span.name == "stage package"]
    assert (failed.failed, passed.failed) == (True, False)
    assert failed.attributes["error.type"] == "ERROR_REASON_INTERNAL"
    assert "the log has it as err_" in failed.message
    assert "hunter2" not in str(spans)


async def test_a_call_without_a_result_is_told_by_its_stage(
    label: Replica, peers: Peers, collector: FakeCollector
) -> None:
    peers.cut_off.add("ComposeSong")
    run_id = await label.start(autopilot=True)
    await label.until(run_id, "RELEASED")
    spans = await trace_of(collector, run_id)
    failed, passed = [span for span in spans if span.name == "stage compose"]
    assert (failed.failed, failed.message) == (True, "the stream ended without a result")
    assert [span.attributes["aiartist.attempt"] for span in (failed, passed)] == [1, 2]


async def test_a_cancelled_try_is_told_by_the_call_that_cancelled_it(
    new_replica: Any, stages: StubStages, collector: FakeCollector
) -> None:
    stages.produce.act = Gate(stages.produce.act)
    async with new_replica() as replica:
        run_id = await replica.start(autopilot=True)
        await stages.produce.called.wait()
        await replica.stub.CancelRun(pb.CancelRunRequest(run_id=run_id), timeout=CALL_S)
        spans = await trace_of(collector, run_id)
    cancel = only(collector.spans, "aiartist.scheduler.v1.SchedulerService/CancelRun")
    over = only(spans, "stage produce")
    assert over.attributes["aiartist.outcome"] == "cancelled"
    assert over.links == ((cancel.trace_id, cancel.span_id),)
    assert_whole(spans)


async def test_a_decision_that_is_repeated_is_told_once(
    scheduler: Replica, stages: StubStages, collector: FakeCollector
) -> None:
    run = await scheduler.waiting()
    for _ in range(2):
        await scheduler.decide(run, APPROVED, request_id="the same")
    await scheduler.until(run.id, "RELEASED")
    spans = await trace_of(collector, run.id)
    assert names(spans).count("wait for a decision") == 1


async def test_a_run_that_the_cadence_starts_has_a_trace_too(
    new_replica: Any, peers: Peers, collector: FakeCollector, sql: Any
) -> None:
    cadence = artist_db_pb2.Cadence(interval_s=3_600)
    peers.add_artist("art_2", cadence=cadence, autopilot_enabled=True)
    async with new_replica(scheduler_cadence_tick_s=0.02):
        await collector.named(NOTIFY)
    run_id = await sql.fetchval("SELECT id FROM runs")
    spans = of_run(collector.spans, run_id)
    root = only(spans, "start by cadence")
    assert (root.parent_id, root.attributes["aiartist.outcome"]) == ("", "started")
    assert root.attributes["aiartist.run_id"] == run_id
    stages = [span for span in spans if span.name in STAGES]
    assert names(stages) == STAGES
    assert {span.parent_id for span in stages} == {root.span_id}


async def test_a_run_of_a_trace_that_is_not_kept_tells_nothing(
    scheduler: Replica, collector: FakeCollector
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00"
    request = pb.StartRunRequest(artist_id="art_1", autopilot=True)
    started = await scheduler.stub.StartRun(request, timeout=CALL_S, metadata=(("traceparent", parent),))
    await scheduler.until(started.run.id, "RELEASED")
    kept = await scheduler.start(autopilot=True)
    await scheduler.until(kept, "RELEASED")
    await trace_of(collector, kept)
    assert started.run.id not in {
        span.attributes.get("aiartist.run_id") for span in collector.spans if "stage" in span.name
    }


async def test_a_run_that_nobody_traced_goes_its_way(
    scheduler: Replica, collector: FakeCollector, sql: Any, stages: StubStages
) -> None:
    stages.compose.act = Gate(stages.compose.act)
    run_id = await scheduler.start(autopilot=True)
    await stages.compose.called.wait()
    await sql.execute("UPDATE runs SET traceparent = NULL")
    stages.compose.act.open()
    await scheduler.until(run_id, "RELEASED")
    await collector.named(NOTIFY)
    # The stage that was under way had been read with its trace.
    assert names([span for span in collector.spans if span.name in STAGES]) == ["stage compose"]
