"""What 100,000 runs that wait for a person cost: memory of the scheduler, and time of a new run's stages."""

import asyncio
from contextlib import AsyncExitStack

import asyncpg
import grpc

from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from tests.bench.harness import ServerProcess, fill_waiting_runs, fresh_database, line, middle
from tests.bench.scheduler_server import peers, serve_scheduler
from tests.support.postgres import TestServer

WAITING = 100_000
PAIRS = 200
WARM_UP = 30

_STAGE_SECONDS = """
SELECT extract(epoch FROM max(ended_at) - min(started_at)) FROM scheduler.run_stages WHERE run_id = $1
"""


class Side:
    """A scheduler on a database of its own."""

    def __init__(self, dsn: str, process: ServerProcess) -> None:
        self._dsn = dsn
        self.process = process
        self._channel = grpc.aio.insecure_channel(f"127.0.0.1:{self.process.port}")
        self._stub = scheduler_pb2_grpc.SchedulerServiceStub(self._channel)
        self._connection: asyncpg.Connection | None = None

    async def one_run(self) -> float:
        """Seconds from a new run's first stage to the end of its last."""
        if self._connection is None:
            self._connection = await asyncpg.connect(self._dsn)
        started = await self._stub.StartRun(
            scheduler_pb2.StartRunRequest(artist_id="art_1", autopilot=True), timeout=30
        )
        run_id = started.run.id
        while True:
            run = (await self._stub.GetRun(scheduler_pb2.GetRunRequest(run_id=run_id), timeout=30)).run
            if run.state == scheduler_pb2.RUN_STATE_RELEASED:
                return float(await self._connection.fetchval(_STAGE_SECONDS, run_id))
            await asyncio.sleep(0.005)

    async def close(self) -> None:
        if self._connection is not None:
            await self._connection.close()
        await self._channel.close()
        self.process.close()


async def waiting_approvals(server: TestServer) -> None:
    line(f"{WAITING:,} runs waiting for approval (goals: at most 20 MB more memory, 10 % slower stages)")
    async with AsyncExitStack() as stack:
        empty_dsn = await stack.enter_async_context(fresh_database(server))
        full_dsn = await stack.enter_async_context(fresh_database(server))
        await fill_waiting_runs(full_dsn, WAITING)
        address = await stack.enter_async_context(peers())
        empty, full = [
            Side(dsn, await ServerProcess.started(serve_scheduler, dsn, 4, address))
            for dsn in (empty_dsn, full_dsn)
        ]
        stack.push_async_callback(empty.close)
        stack.push_async_callback(full.close)
        for _ in range(WARM_UP):
            await empty.one_run()
            await full.one_run()
        pairs = [(await empty.one_run(), await full.one_run()) for _ in range(PAIRS)]
        memory = [side.process.memory_bytes / 1e6 for side in (empty, full)]
    without, with_waiting = (middle([pair[n] for pair in pairs]) * 1000 for n in (0, 1))
    ratio = middle([full / empty for empty, full in pairs])
    added = memory[1] - memory[0]
    line(f"                            none waiting   {WAITING:,} waiting")
    line(f"  memory of the scheduler   {memory[0]:9.1f} MB  {memory[1]:9.1f} MB  {added:+.1f} MB")
    line(f"  a new run's five stages   {without:9.2f} ms  {with_waiting:9.2f} ms  {ratio:.3f}, pair by pair")
    line()
