"""The worker that gives stored messages to the channel, in order, until each was taken."""

import asyncio
import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.chassis.database import DATABASE_TROUBLE, Database
from services.chassis.logs import get_logger, mask_text
from services.notifier import metrics, store
from services.notifier.channel import Channel
from services.notifier.domain import Message, retry_delay_s

MAX_ERROR = 500

_log = get_logger("notifier.delivery")


@dataclass(frozen=True, slots=True)
class Pace:
    """How often to look, how long a delivery may take, and how long a failed one waits, in seconds."""

    poll_interval_s: float
    delivery_timeout_s: float
    retry_base_s: float
    retry_max_s: float


class DeliveryWorker:
    """Any number of them, in any number of processes, may work on one database.

    A message is locked while the channel has it and marked in the same transaction: a process that
    dies in between leaves it undelivered. One that fails waits by itself; the next ones go on.
    """

    def __init__(self, db: Database, channel: Channel, pace: Pace, closing: asyncio.Event) -> None:
        self._db = db
        self._channel = channel
        self._pace = pace
        self._closing = closing

    async def run(self) -> None:
        """Delivers until the service closes, whatever the database does meanwhile."""
        while not self._closing.is_set():
            try:
                async with self._hints() as hint:
                    await self._deliver_until_hints_end(hint)
            except DATABASE_TROUBLE as error:
                _log.warning(
                    "messages wait for the database", detail=mask_text(f"{type(error).__name__}: {error}")
                )
                await self._pause(asyncio.Event())

    async def deliver_due(self) -> None:
        """Delivers what is due now."""
        while not self._closing.is_set() and await self._deliver_next():
            pass

    async def _deliver_until_hints_end(self, hint: "_Hint") -> None:
        while not self._closing.is_set() and not hint.ended:
            hint.given.clear()
            await self.deliver_due()
            await self._pause(hint.given)

    async def _deliver_next(self) -> bool:
        async with self._db.transaction() as connection:
            message = await store.claim_next(connection)
            if message is None:
                return False
            error = await self._give(message)
            if error is None:
                metrics.WAIT_SECONDS.observe(await store.mark_delivered(connection, message.id))
                metrics.DELIVERIES.labels("delivered").inc()
                return True
            attempts = message.failed_attempts + 1
            delay_s = retry_delay_s(
                attempts,
                base_s=self._pace.retry_base_s,
                most_s=self._pace.retry_max_s,
                jitter=random.random(),
            )
            await store.postpone(connection, message.id, delay_s=delay_s, error=error)
        metrics.DELIVERIES.labels("failed").inc()
        _log.warning(
            "a message could not be delivered",
            message_id=message.id,
            channel=self._channel.name,
            failed_attempts=attempts,
            next_attempt_in_s=round(delay_s, 1),
            detail=error,
        )
        return True

    async def _give(self, message: Message) -> str | None:
        """None where the channel took it, else why not, without secrets."""
        try:
            async with asyncio.timeout(self._pace.delivery_timeout_s):
                await self._channel.deliver(message)
        except Exception as error:  # noqa: BLE001 - a channel may raise whatever its library raises
            return mask_text(f"{type(error).__name__}: {error}".rstrip(": "))[:MAX_ERROR]
        return None

    async def _pause(self, hint: asyncio.Event) -> None:
        """Until the hint, the next look, or the end."""
        waits = [asyncio.create_task(event.wait()) for event in (hint, self._closing)]
        try:
            await asyncio.wait(waits, timeout=self._pace.poll_interval_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()

    @asynccontextmanager
    async def _hints(self) -> AsyncIterator["_Hint"]:
        """Listens on a connection of its own; a hint may be missed, which is why the worker also looks."""
        hint = _Hint()
        async with self._db.acquire() as connection:
            connection.add_termination_listener(hint.end)
            await connection.add_listener(store.HINT_CHANNEL, hint.give)
            try:
                yield hint
            finally:
                # The pool would hand the connection on as it is, listening; and to ask one that is being cut
                # off to stop listening may never be answered. So it ends, and the pool opens another.
                if not hint.ended:
                    connection.remove_termination_listener(hint.end)
                    connection.terminate()


class _Hint:
    """Whether somebody said that there is something to deliver, and whether anybody still could."""

    def __init__(self) -> None:
        self.given = asyncio.Event()
        self.ended = False

    def give(self, *_notification: object) -> None:
        self.given.set()

    def end(self, *_connection: object) -> None:
        self.ended = True
        self.given.set()
