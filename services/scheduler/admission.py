"""Gives free places to runs that want one: as soon as somebody asks, many at once where many wait."""

import asyncio

from services.chassis import logs
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.outage import Outage
from services.scheduler.store import Store
from services.scheduler.waiting import first_of

_log = logs.get_logger("scheduler.admission")


class Admission:
    """A run that wants a place is a row: if nobody asks, the clock of any replica does within a tick."""

    def __init__(self, store: Store, closing: asyncio.Event) -> None:
        self._store = store
        self._closing = closing
        self._asked = asyncio.Event()

    def wake(self) -> None:
        """A run wants a place, or gave one up; call it after that is committed."""
        self._asked.set()

    async def run(self) -> None:
        """Admits whenever asked, until the service closes."""
        outage = Outage(_log, "the database")
        while not self._closing.is_set():
            await first_of(self._asked, self._closing)
            if self._closing.is_set():
                return
            self._asked.clear()
            try:
                await self._store.admit()
            except DATABASE_TROUBLE as error:
                # The clock asks again.
                outage.noticed(error)
            else:
                outage.over()
