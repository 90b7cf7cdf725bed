"""Reminds people of questions that wait: one message for all of them, and never in quiet hours."""

import asyncio
from collections.abc import Iterable

from services.chassis.database import DATABASE_TROUBLE, Database
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.notifier import metrics
from services.notifier.domain import Draft, Kind, Severity
from services.notifier.hints import pause
from services.notifier.store import approvals, clock, deliveries, messages
from services.notifier.telegram.writer import Habits

TOGETHER_S = 3_600.0
"""Reminders that would come within so long of each other are one."""
_log = get_logger("notifier.reminders")


class Reminders:
    """Any number of them may work on one database."""

    def __init__(
        self,
        db: Database,
        habits: Habits,
        recipients: Iterable[int],
        *,
        every_s: float,
        closing: asyncio.Event,
    ) -> None:
        self._db = db
        self._habits = habits
        self._recipients = tuple(recipients)
        self._every_s = every_s
        self._closing = closing

    async def run(self, look_every_s: float) -> None:
        """Looks every so often until the service closes."""
        database = Outage(_log, "the database")
        while not self._closing.is_set():
            try:
                await self.remind()
            except DATABASE_TROUBLE as error:
                database.noticed(error)
            else:
                database.over()
            await pause(self._closing, timeout_s=look_every_s)

    async def remind(self) -> int:
        """Reminds of all questions whose time has come; how many. None in quiet hours: they keep."""
        async with self._db.transaction() as connection:
            waiting, age_s = await approvals.count_open(connection)
            metrics.WAITING.set(waiting)
            metrics.WAITING_AGE.set(age_s)
            now = await clock.now(connection)
            if self._habits.quiet is not None and self._habits.quiet.cover(now, self._habits.where):
                return 0
            count, oldest = await approvals.remind_of_due(
                connection, self._every_s, min(TOGETHER_S, self._every_s / 4)
            )
            if not count:
                return 0
            songs = "1 song waits" if count == 1 else f"{count} songs wait"
            draft = Draft(
                Kind.REMINDER,
                Severity.INFO,
                f"{songs} for a decision",
                "\n".join(
                    f"{approval.title} by {approval.artist_name}: {approval.run_id}" for approval in oldest
                ),
                oldest[0].run_id if count == 1 else "",
                oldest[0].artist_id if count == 1 else "",
            )
            message_id = await messages.insert(connection, draft)
            await deliveries.address(connection, message_id, self._recipients)
            metrics.STORED.labels(Kind.REMINDER.value).inc()
            return count
