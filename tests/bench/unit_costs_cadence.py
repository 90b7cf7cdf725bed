"""What every scheduler does every few seconds: it reads all artists with a cadence and their last runs."""

import asyncio
import time

import asyncpg
import grpc
from pydantic import SecretStr

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.database import Database
from services.scheduler.admission import Admission
from services.scheduler.clock import Clock
from services.scheduler.domain import Limits, Machine, Pipeline
from services.scheduler.queue import RunQueue
from services.scheduler.schema import SCHEMA
from services.scheduler.store import Store
from services.scheduler.waiting import Bell
from tests.bench.harness import middle
from tests.bench.unit_costs_fill import fill

SIZES = (1_000, 10_000, 50_000)
ROUNDS = 3


async def cadence(dsn: str) -> list[tuple[int, float, float]]:
    """For so many artists with a cadence, none of them due: seconds, and seconds of a processor without
    PostgreSQL's."""
    settings = Settings(
        database_url=SecretStr(dsn), port=0, metrics_port=0, ship_errors=False, log_level="error"
    )
    found = []
    closing = asyncio.Event()
    async with (
        await build(settings) as artist_db,
        grpc.aio.insecure_channel(f"127.0.0.1:{artist_db.port}") as channel,
        Database.open(dsn, schema=SCHEMA, pool_size=4) as database,
    ):
        store = Store(database, RunQueue(), 2)
        admission = Admission(store, closing)
        stub = ArtistDbServiceStub(channel)
        machine = Machine(Pipeline([]), _limits())
        # Nobody is due, so nothing is told to anybody.
        clock = Clock(store, machine, admission, Bell(), stub, closing)
        for size in SIZES:
            await fill(dsn, size)
            await _nobody_is_due(dsn)
            found.append((size, *await _looks(clock)))
    return found


async def _looks(clock: Clock) -> tuple[float, float]:
    walls, processors = [], []
    for _ in range(ROUNDS + 1):
        began, spent = time.perf_counter(), time.process_time()
        await clock.start_due()
        walls.append(time.perf_counter() - began)
        processors.append(time.process_time() - spent)
    return middle(walls[1:]), middle(processors[1:])


async def _nobody_is_due(dsn: str) -> None:
    connection = await asyncpg.connect(dsn)
    try:
        statement = "UPDATE scheduler.runs SET created_at = now() - random() * interval '1 day'"
        await connection.execute(statement, timeout=600)
        await connection.execute("VACUUM ANALYZE scheduler.runs", timeout=600)
    finally:
        await connection.close()


def _limits() -> Limits:
    return Limits(max_takes=1, max_failures=1, max_attempts=1, backoff_base_s=1, backoff_max_s=1,
                  approval_ttl_s=1, takes=1)  # fmt: skip
