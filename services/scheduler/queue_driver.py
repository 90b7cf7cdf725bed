"""PgQueuer's way to the database, made to outlive lost connections."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TypeVar

import asyncpg
from pgqueuer.db import AsyncpgPoolDriver
from pgqueuer.ports.driver import NotifyCallback

from services.chassis import logs
from services.chassis.database import connection_lost
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
        self._outage = Outage(_log, "the database of the queue")
        self._callbacks: list[tuple[str, NotifyCallback]] = []
        self._renewal: asyncio.Task[None] | None = None

    async def fetch(self, query: str, *args: object) -> list[dict[str, object]]:
        return await self._patiently(partial(AsyncpgPoolDriver.fetch, self, query, *args))

    async def execute(self, query: str, *args: object) -> str:
        return await self._patiently(partial(AsyncpgPoolDriver.execute, self, query, *args))

    async def notify(self, channel: str, payload: str) -> None:
        await self._patiently(partial(AsyncpgPoolDriver.notify, self, channel, payload))

    async def add_listener(self, channel: str, callback: NotifyCallback) -> None:
        await super().add_listener(channel, callback)
        self._callbacks.append((channel, callback))
        self._watch_listener()

    async def __aexit__(self, *error: object) -> None:
        if self._renewal is not None:
            self._renewal.cancel()
        connection = self._listener_connection
        if connection is not None:
            connection.remove_termination_listener(self._listener_lost)
        await super().__aexit__(*error)

    def _watch_listener(self) -> None:
        assert self._listener_connection is not None
        self._listener_connection.add_termination_listener(self._listener_lost)

    def _listener_lost(self, _connection: object) -> None:
        self._listener_connection = None
        if not self._closing.is_set():
            self._renewal = asyncio.create_task(self._renew_listener(), name="queue listener")

    async def _renew_listener(self) -> None:
        """What was notified meanwhile is found by polling."""
        for channel, callback in self._callbacks:
            await self._patiently(partial(AsyncpgPoolDriver.add_listener, self, channel, callback))
        self._watch_listener()

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
