"""PgQueuer's way to the database, made to outlive lost connections."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Self, TypeVar

import asyncpg
from pgqueuer.adapters.drivers.asyncpg import Relay
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

from services.chassis import logs
from services.chassis.database import CONNECT_TIMEOUT_S, DATABASE_TROUBLE, connection_lost
from services.chassis.outage import Outage
from services.scheduler.waiting import first_of

RECONNECT_S = 0.5

T = TypeVar("T")

_log = logs.get_logger("scheduler.queue")


class PatientDriver(AsyncpgPoolDriver):
    """Statements wait for a database that is away; a listener that was lost is replaced.

    Without it one lost connection would end PgQueuer's loop, which waits for every job in hand
    before it may begin anew, or leave it deaf to notifications for good. Every statement that
    PgQueuer sends may be sent again where nobody knows whether it arrived.
    """

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]", closing: asyncio.Event) -> None:
        super().__init__(pool)
        self._closing = closing
        self._left = asyncio.Event()
        self._outage = Outage(_log, "the queue's database")
        self._listeners: list[asyncio.Task[None]] = []

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._patiently(partial(AsyncpgPoolDriver.fetch, self, query, *args))

    async def execute(self, query: str, *args: object) -> str:
        return await self._patiently(partial(AsyncpgPoolDriver.execute, self, query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        await self._patiently(partial(AsyncpgPoolDriver.notify, self, channel, payload))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        heard = asyncio.Event()
        work = self._keep_listening(channel, Relay(callback), heard)
        self._listeners.append(asyncio.create_task(work, name="queue listener"))
        await first_of(heard, self._closing)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_error: object) -> None:
        self._left.set()
        await asyncio.gather(*self._listeners, return_exceptions=True)

    async def _keep_listening(self, channel: str, relay: Relay, heard: asyncio.Event) -> None:
        """On a connection of its own, and on another when that is lost; polling finds what was missed."""
        while not self._left.is_set():
            lost = asyncio.Event()
            try:
                async with self._pool.acquire(timeout=CONNECT_TIMEOUT_S) as connection:
                    connection.add_termination_listener(lambda _connection, lost=lost: lost.set())
                    await connection.add_listener(channel, relay)
                    heard.set()
                    await first_of(lost, self._left)
                    if not lost.is_set():
                        # The pool hands a connection on as it is.
                        await connection.reset()
            except DATABASE_TROUBLE as error:
                self._outage.noticed(error)
                await first_of(self._left, timeout_s=RECONNECT_S)

    async def _patiently(self, attempt: Callable[[], Awaitable[T]]) -> T:
        while True:
            try:
                result = await attempt()
            except Exception as error:
                if not connection_lost(error) or self._closing.is_set():
                    raise
                self._outage.noticed(error)
                await first_of(self._closing, timeout_s=RECONNECT_S)
            else:
                self._outage.over()
                return result
