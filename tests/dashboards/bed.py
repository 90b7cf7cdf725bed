"""A real run to look at: six services as containers run them, a real model, a real database, Prometheus."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.scheduler.v1 import scheduler_pb2
from cli.dashboards import ROLE
from cli.migrate import migrate_all
from tests.dashboards.prometheus import Prometheus
from tests.support.label import Label, persona
from tests.support.processes import SERVICES, clean_environment, free_port, ports_environment, process

_SETTLED = {
    # What the last step of the story leaves behind, as Prometheus must have seen it.
    "max(aiartist_scheduler_approvals_waiting) == 1",
    "max(aiartist_scheduler_approvals_oldest_seconds) > 0",
    'max(aiartist_scheduler_runs{state="awaiting_approval"}) == 1',
    'max(aiartist_artist_db_releases{state="published"}) == 1',
    'sum(max by (service) (aiartist_artist_db_error_groups{status="new"})) == 1',
    'sum(aiartist_scheduler_runs_ended_total{state="released"}) == 1',
    "sum(aiartist_scheduler_runs_in_hand) == 0",
}


@dataclass(frozen=True, slots=True)
class Bed:
    """What the queries are asked of, and when."""

    prometheus: Prometheus
    database_url: str
    password: str
    artist_db_addr: str
    now: datetime
    """After everything that is to be seen has been scraped."""

    async def rows(self, text: str) -> list[asyncpg.Record]:
        """What a SELECT gives Grafana's role."""
        connection = await asyncpg.connect(self.database_url, user=ROLE, password=self.password)
        try:
            found: list[asyncpg.Record] = await connection.fetch(text)
            return found
        finally:
            await connection.close()


@asynccontextmanager
async def made_bed(folder: Path, database_url: str) -> AsyncIterator[Bed]:
    """One release, one question that waits and one error, seen by Prometheus."""
    password = secrets.token_urlsafe(24)
    await migrate_all(database_url, grafana_password=password)
    model_port = free_port()
    environment = clean_environment(
        **ports_environment(),
        AIARTIST_DATABASE_URL=database_url,
        AIARTIST_DATA_DIR=str(folder / "data"),
        AIARTIST_MODEL_PORT=str(model_port),
        AIARTIST_MODEL_URL=f"http://127.0.0.1:{model_port}/v1",
        AIARTIST_RELEASE_CATALOG_DIR=str(folder / "catalog"),
        AIARTIST_LOG_FORMAT="json",
    )
    label = Label(environment, folder / "catalog")
    prometheus = Prometheus(folder / "prometheus", environment)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(prometheus.stop)
        await prometheus.start()
        stack.push_async_callback(label.close)
        for target in ("model", *SERVICES):
            running = await stack.enter_async_context(process(target, environment, folder / f"{target}.log"))
            if target in SERVICES:
                await running.ready(target)
        await _story(label, database_url)
        yield Bed(
            prometheus,
            database_url,
            password,
            environment["AIARTIST_ARTIST_DB_ADDR"],
            await _settled(prometheus),
        )


async def _story(label: Label, database_url: str) -> None:
    created = await label.artists.CreateArtist(
        artist_db_pb2.CreateArtistRequest(persona=persona(), autopilot_enabled=True), timeout=10
    )
    released = await label.start(created.artist.id)
    await label.until(released, scheduler_pb2.RUN_STATE_RELEASED, within_s=300)
    await _break_once(label, database_url)
    waiting = await label.start(await label.take_on("Second Pilot"), autopilot=False)
    await label.until(waiting, scheduler_pb2.RUN_STATE_AWAITING_APPROVAL, within_s=300)


async def _break_once(label: Label, database_url: str) -> None:
    """An error that nobody expected: a table is missing for a moment."""
    owner = await asyncpg.connect(database_url)
    try:
        await owner.execute("ALTER TABLE artist_db.films RENAME TO gone")
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await label.artists.GetFilm(artist_db_pb2.GetFilmRequest(take_id="take_of_nobody"), timeout=10)
        assert failed.value.code() is grpc.StatusCode.INTERNAL
    finally:
        await owner.execute("ALTER TABLE IF EXISTS artist_db.gone RENAME TO films")
        await owner.close()


async def _settled(prometheus: Prometheus) -> datetime:
    until = time.monotonic() + 120
    while True:
        now = datetime.now(UTC)
        missing = [
            expr for expr in sorted(_SETTLED) if not await asyncio.to_thread(prometheus.instant, expr, now)
        ]
        if not missing:
            return now
        assert time.monotonic() < until, f"Prometheus never saw {missing}"
        await asyncio.sleep(0.5)
