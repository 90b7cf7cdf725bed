"""A notifier over a real database, with a channel that the test can watch."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from services.chassis.database import Database
from services.chassis.lifecycle import App
from services.notifier.app import build
from services.notifier.schema import SCHEMA
from services.notifier.settings import Settings
from tests.support.channels import WatchedChannel

NEVER_S = 60.0
"""A poll interval so long that a test which passes did not wait for it."""


@dataclass
class RunningNotifier:
    app: App
    stub: Any
    channel: WatchedChannel


Notifier = Callable[..., AbstractAsyncContextManager[RunningNotifier]]


@pytest.fixture
def notifier(database_url: str) -> Notifier:
    @asynccontextmanager
    async def run(channel: WatchedChannel | None = None, **changes: Any) -> AsyncIterator[RunningNotifier]:
        channel = channel or WatchedChannel()
        values = {"port": 0, "metrics_port": 0, "notifier_poll_interval_s": NEVER_S, **changes}
        settings = Settings(database_url=database_url, ship_errors=False, stop_grace_s=1, **values)
        async with (
            await build(settings, channel=channel) as app,
            grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as wire,
        ):
            yield RunningNotifier(app, NotifierServiceStub(wire), channel)

    return run


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    async with Database.open(database_url, schema=SCHEMA, pool_size=8) as database:
        yield database
