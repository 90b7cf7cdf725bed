"""Runs a second through the scheduler with stages that do nothing, beside a plain loop over a database."""

import asyncio
import time

import asyncpg
import grpc

from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from tests.bench.harness import ServerProcess, fresh_database, line
from tests.bench.scheduler_server import peers, serve_scheduler
from tests.support.postgres import TestServer

RUNS = 3_000
ACTIVE = 64
CALLERS = 32
STEPS = 6
"""Commits that five stages need at least: the begin of each, and the end."""


async def scheduler_rate(server: TestServer) -> None:
    line(f"Runs a second through the scheduler, {RUNS} runs of 5 stages that do nothing (goal: 300)")
    async with fresh_database(server) as dsn, peers() as address:
        real = await _through_scheduler(dsn, address)
    async with fresh_database(server) as dsn:
        plain = await _plain(dsn)
    line(f"  scheduler, StartRun to RELEASED        {real:8.0f} runs/s")
    line(f"  plain loop: insert and {STEPS} updates a run  {plain:8.0f} runs/s")
    line(f"  ratio                                  {real / plain:8.2f}")
    line()


async def _through_scheduler(dsn: str, peers_address: str) -> float:
    process = await ServerProcess.started(serve_scheduler, dsn, ACTIVE, peers_address)
    connection = await asyncpg.connect(dsn)
    try:
        async with grpc.aio.insecure_channel(f"127.0.0.1:{process.port}") as channel:
            stub = scheduler_pb2_grpc.SchedulerServiceStub(channel)
            await _start_runs(stub, 100)
            await _all_released(connection, 100)
            began = time.perf_counter()
            await _start_runs(stub, RUNS)
            await _all_released(connection, RUNS + 100)
            return RUNS / (time.perf_counter() - began)
    finally:
        await connection.close()
        process.close()


async def _start_runs(stub: scheduler_pb2_grpc.SchedulerServiceStub, count: int) -> None:
    left = iter(range(count))

    async def caller() -> None:
        for _ in left:
            await stub.StartRun(scheduler_pb2.StartRunRequest(artist_id="art_1", autopilot=True), timeout=60)

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


async def _all_released(connection: asyncpg.Connection, count: int) -> None:
    query = "SELECT count(*) FROM scheduler.runs WHERE state = 'RELEASED'"
    while await connection.fetchval(query) < count:
        await asyncio.sleep(0.05)


async def _plain(dsn: str) -> float:
    """The least that a durable state machine can do: one row a run, one commit a step."""
    pool = await asyncpg.create_pool(
        dsn, min_size=10, max_size=10, server_settings={"search_path": "scheduler"}
    )
    left = iter(range(RUNS))

    async def worker() -> None:
        for number in left:
            run_id = f"run_{number}"
            await pool.execute(
                """
                INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by)
                VALUES ($1, 'art_1', 'QUEUED', 'COMPOSE', 'none', true, 'operator')
                """,
                run_id,
            )
            for _ in range(STEPS):
                await pool.execute("UPDATE runs SET version = version + 1 WHERE id = $1", run_id)

    try:
        began = time.perf_counter()
        await asyncio.gather(*(worker() for _ in range(10)))
        return RUNS / (time.perf_counter() - began)
    finally:
        await pool.close()
