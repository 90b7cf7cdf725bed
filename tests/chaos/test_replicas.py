"""One process a service, two scheduler replicas: one dies at work, the other finishes, in the same trace."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from tests.support.fake_collector import FakeCollector
from tests.support.fake_upstream import FakeUpstream
from tests.support.label import Label, environment_with_model
from tests.support.processes import SERVICES, Process, free_port, process

TAKEOVER_S = 60
START = "aiartist.scheduler.v1.SchedulerService/StartRun"
NOTIFY = "aiartist.notifier.v1.NotifierService/Notify"


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_the_other_replica_finishes_the_run_of_a_killed_one_within_a_minute_in_one_trace(
    tmp_path: Path, database_url: str
) -> None:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream())
        collector = await stack.enter_async_context(FakeCollector())
        environment = {
            **environment_with_model(tmp_path, upstream.url),
            "AIARTIST_DATABASE_URL": database_url,
            "AIARTIST_OTLP_ENDPOINT": collector.endpoint,
            # What every deployment gets if it says nothing.
            "AIARTIST_SCHEDULER_HEARTBEAT_TIMEOUT_S": "6",
        }
        label = Label(environment, tmp_path / "catalog")
        stack.push_async_callback(label.close)
        for service in SERVICES:
            if service != "scheduler":
                await stack.enter_async_context(process(service, environment, tmp_path / f"{service}.log"))
        replicas = [
            await stack.enter_async_context(
                process("scheduler", _replica(environment), tmp_path / f"scheduler-{n}.log")
            )
            for n in (1, 2)
        ]
        for replica in replicas:
            await replica.ready("scheduler")
        artist_id = await _when_up(label)

        watcher = Label(replicas[1].environment, label.catalog)
        stack.push_async_callback(watcher.close)
        run_id = await watcher.start(artist_id)
        await watcher.until(run_id, pb.RUN_STATE_PRODUCING)
        worker, survivor = await _who_works(replicas)
        # What it has told of before is not lost with it; what it has in hand, the other one tells of.
        await collector.named(START)
        await collector.named("stage compose")
        await worker.kill()
        killed_at = time.monotonic()

        after = Label(survivor.environment, label.catalog)
        stack.push_async_callback(after.close)
        run = await after.until(run_id, pb.RUN_STATE_RELEASED, within_s=TAKEOVER_S)
        assert time.monotonic() - killed_at < TAKEOVER_S
        assert len(await after.releases(run.id)) == 1
        assert max(upstream.answered.values()) == 1
        await collector.named(NOTIFY)
        await collector.named("stage reflect")
        await _assert_one_trace(collector, run_id)


async def _assert_one_trace(collector: FakeCollector, run_id: str) -> None:
    """From StartRun to publication, in every service, with every parent there."""
    root = await collector.named(START)

    def lost() -> list[str]:
        mine = [span for span in collector.spans if span.trace_id == root.trace_id]
        known = {span.span_id for span in mine}
        return [span.name for span in mine if span.parent_id and span.parent_id not in known]

    await collector.until_true(lambda: not lost())
    of_run = {
        s.trace_id for s in collector.spans if s.attributes.get("aiartist.run_id") == run_id and s.parent_id
    }
    assert of_run == {root.trace_id}
    mine = sorted(
        (span for span in collector.spans if span.trace_id == root.trace_id), key=lambda span: span.began_ns
    )
    assert {span.service for span in mine} == {
        "scheduler",
        "artist_db",
        "orchestrator",
        "release",
        "notifier",
    }
    stages = [(s.name, s.attributes["aiartist.outcome"]) for s in mine if s.name.startswith("stage ")]
    assert stages == [
        ("stage compose", "succeeded"),
        ("stage produce", "left"),
        ("stage produce", "succeeded"),
        ("stage approve", "succeeded"),
        ("stage film", "succeeded"),
        ("stage package", "succeeded"),
        ("stage publish", "succeeded"),
        ("stage reflect", "succeeded"),
    ]
    assert {"chat scripted", "job render", "publish to folder"} <= {span.name for span in mine}


def _replica(environment: dict[str, str]) -> dict[str, str]:
    port = str(free_port())
    return {
        **environment,
        "AIARTIST_SCHEDULER_PORT": port,
        "AIARTIST_SCHEDULER_ADDR": f"127.0.0.1:{port}",
        "AIARTIST_SCHEDULER_METRICS_PORT": str(free_port()),
    }


async def _when_up(label: Label) -> str:
    """A new artist, as soon as artist_db takes one."""
    while True:
        try:
            return await label.take_on()
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.UNAVAILABLE:
                raise
            await asyncio.sleep(0.2)


async def _who_works(replicas: list[Process]) -> tuple[Process, Process]:
    """The replica that has the run in hand, and the other."""
    while True:
        for one, other in (replicas, replicas[::-1]):
            if await one.metric("scheduler", "aiartist_scheduler_runs_in_hand") > 0:
                return one, other
        await asyncio.sleep(0.05)
