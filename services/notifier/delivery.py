"""The worker that gives stored messages to the channel, in order, until each was taken."""

import asyncio
import random
from dataclasses import dataclass

from services.chassis.database import Database
from services.chassis.logs import get_logger, mask_text
from services.notifier import metrics
from services.notifier.channel import Channel
from services.notifier.domain import Message, retry_delay_s
from services.notifier.hints import work_on_hints
from services.notifier.store import messages

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
        await work_on_hints(
            self._db,
            messages.HINT_CHANNEL,
            self.deliver_due,
            every_s=self._pace.poll_interval_s,
            closing=self._closing,
            log=_log,
        )

    async def deliver_due(self) -> None:
        """Delivers what is due now."""
        while not self._closing.is_set() and await self._deliver_next():
            pass

    async def _deliver_next(self) -> bool:
        async with self._db.transaction() as connection:
            message = await messages.claim_next(connection)
            if message is None:
                return False
            error = await self._give(message)
            if error is None:
                metrics.WAIT_SECONDS.observe(await messages.mark_delivered(connection, message.id))
                metrics.DELIVERIES.labels("delivered").inc()
                return True
            attempts = message.failed_attempts + 1
            delay_s = retry_delay_s(
                attempts,
                base_s=self._pace.retry_base_s,
                most_s=self._pace.retry_max_s,
                jitter=random.random(),
            )
            await messages.postpone(connection, message.id, delay_s=delay_s, error=error)
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
