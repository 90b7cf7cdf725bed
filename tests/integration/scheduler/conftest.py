"""A scheduler over a real database and queue, whose stages and peers the test commands."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager
from typing import Any

import asyncpg
import pytest

from services.scheduler import announce, driver, queue, queue_driver, watch
from services.scheduler.schema import SCHEMA
from tests.support.captured_logs import CapturedLogs, captured_logs
from tests.support.scheduler_peers import Peers, serve_peers
from tests.support.scheduler_replica import Replica, running_scheduler
from tests.support.stub_stages import StubStages

NewReplica = Callable[..., AbstractAsyncContextManager[Replica]]


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "POLL_S", 0.01)
    monkeypatch.setattr(driver, "WATCH_INTERVAL_S", 0.05)
    monkeypatch.setattr(driver, "REPORT_INTERVAL_S", 0.0)
    monkeypatch.setattr(announce, "AGAIN_S", 0.05)
    monkeypatch.setattr(queue, "RECONNECT_S", 0.05)
    monkeypatch.setattr(queue_driver, "RECONNECT_S", 0.05)


@pytest.fixture
def captured() -> Iterator[CapturedLogs]:
    with captured_logs(level="info") as found:
        yield found


@pytest.fixture
def peers() -> Peers:
    """With one artist, `art_1`."""
    made = Peers()
    made.add_artist("art_1")
    return made


@pytest.fixture
async def peers_address(peers: Peers) -> AsyncIterator[str]:
    async with serve_peers(peers) as address:
        yield address


@pytest.fixture
def stages() -> StubStages:
    return StubStages()


@pytest.fixture
def new_replica(database_url: str, peers_address: str, stages: StubStages) -> NewReplica:
    """Makes replicas over the test's one database."""

    def make(with_stages: Any = None, **more: Any) -> AbstractAsyncContextManager[Replica]:
        return running_scheduler(database_url, peers_address, with_stages or stages.all, **more)

    return make


@pytest.fixture
async def scheduler(new_replica: NewReplica) -> AsyncIterator[Replica]:
    """One replica."""
    async with new_replica() as replica:
        yield replica


@pytest.fixture
async def sql(database_url: str) -> AsyncIterator["asyncpg.Connection[asyncpg.Record]"]:
    """A connection of the test's own, beside the service."""
    connection = await asyncpg.connect(database_url, server_settings={"search_path": SCHEMA})
    yield connection
    await connection.close()
