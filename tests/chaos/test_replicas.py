"""One process a service, two scheduler replicas: one dies at work, the other finishes."""

import asyncio
import time
from contextlib import AsyncExitStack
from pathlib import Path

import grpc
import pytest

from aiartist.scheduler.v1 import scheduler_pb2 as pb
from tests.support.fake_upstream import FakeUpstream
from tests.support.label import Label, environment_with_model
from tests.support.processes import SERVICES, Process, free_port, process

TAKEOVER_S = 60


@pytest.mark.chaos
@pytest.mark.timeout(300)
async def test_the_other_replica_finishes_the_run_of_a_killed_one_within_a_minute(
    tmp_path: Path, database_url: str
) -> None:
    async with AsyncExitStack() as stack:
        upstream = await stack.enter_async_context(FakeUpstream())
        environment = {
            **environment_with_model(tmp_path, upstream.url),
            "AIARTIST_DATABASE_URL": database_url,
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
        await worker.kill()
        killed_at = time.monotonic()

        after = Label(survivor.environment, label.catalog)
        stack.push_async_callback(after.close)
        run = await after.until(run_id, pb.RUN_STATE_RELEASED, within_s=TAKEOVER_S)
        assert time.monotonic() - killed_at < TAKEOVER_S
        assert len(await after.releases(run.id)) == 1
        assert max(upstream.answered.values()) == 1


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
