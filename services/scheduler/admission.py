"""Gives free places to runs that want one: as soon as somebody asks, many at once where many wait."""

import asyncio

from services.chassis import logs
from services.chassis.database import DATABASE_TROUBLE
from services.scheduler.store import Store

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
        closing = asyncio.ensure_future(self._closing.wait())
        while not closing.done():
            asked = asyncio.ensure_future(self._asked.wait())
            await asyncio.wait((asked, closing), return_when=asyncio.FIRST_COMPLETED)
            asked.cancel()
            self._asked.clear()
            try:
                if not closing.done():
                    await self._store.admit()
            except DATABASE_TROUBLE as error:
                _log.warning("the database does not answer; the clock asks again", detail=str(error))
