"""Sees to it that every chat gets what waits for it: several chats at a time, each served by one process."""

import asyncio

from services.chassis.database import Connection, Database, connection_lost
from services.chassis.ids import new_id
from services.chassis.logs import bind_context, get_logger, mask_text
from services.notifier.hints import pause, work_on_hints
from services.notifier.store import chats, deliveries
from services.notifier.telegram.outbox import Outbox

AT_ONCE = 4
"""Chats that are served at the same time."""
SOON_S = 3.0
"""A chat whose turn comes so soon is waited for."""

_log = get_logger("notifier.sender")


class Sender:
    """Any number of them may work on one database."""

    def __init__(
        self,
        db: Database,
        outbox: Outbox,
        recipients: tuple[int, ...],
        *,
        every_s: float,
        frozen_s: int,
        closing: asyncio.Event,
    ) -> None:
        """A process that is silent for `frozen_s` while it serves a chat loses it to another: PostgreSQL ends
        its session, and with it the lock. Longer than any single call may take."""
        self._db = db
        self._frozen_s = frozen_s
        self._outbox = outbox
        self._recipients = recipients
        self._every_s = every_s
        self._closing = closing
        self._serving: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()
        self._freed = asyncio.Event()

    async def run(self) -> None:
        """Sends until the service closes, whatever the database or Telegram does meanwhile."""
        try:
            await work_on_hints(
                self._db,
                deliveries.HINT_CHANNEL,
                self._serve_all,
                every_s=self._every_s,
                closing=self._closing,
                also=self._freed,
                log=_log,
            )
            # What is on its way gets there, and its record is made.
            if self._serving:
                await asyncio.wait(self._serving.values())
        finally:
            for task in self._serving.values():
                task.cancel()
            await asyncio.gather(*self._serving.values(), return_exceptions=True)

    async def _serve_all(self) -> None:
        async with self._db.acquire() as connection:
            busy = await chats.with_work(connection, self._recipients, soon_s=SOON_S)
        for chat_id in busy:
            if chat_id in self._serving:
                # It may have found nothing more just before this came.
                self._again.add(chat_id)
            elif len(self._serving) < AT_ONCE:
                self._serving[chat_id] = asyncio.create_task(self._serve_until_done(chat_id))

    async def _serve_until_done(self, chat_id: int) -> None:
        try:
            with bind_context(chat_id=str(chat_id)):
                while True:
                    self._again.discard(chat_id)
                    await self.serve(chat_id)
                    if chat_id not in self._again or self._closing.is_set():
                        return
        except Exception as error:  # noqa: BLE001 - one chat must not stop the others
            if connection_lost(error):
                detail = mask_text(f"{type(error).__name__}: {error}")
                _log.warning("a chat waits for the database", detail=detail)
            else:
                _log.error("a chat could not be served", error_id=new_id("err"), exc_info=error)
            await pause(self._closing, timeout_s=1.0)
        finally:
            del self._serving[chat_id]
            # The next chat need not wait for the next look.
            self._freed.set()

    async def serve(self, chat_id: int) -> None:
        """Sends what is due in a chat, unless another process is at it."""
        async with self._db.acquire() as connection:
            if not await chats.lock(connection, chat_id, frozen_s=self._frozen_s):
                return
            try:
                while not self._closing.is_set() and await self._step(connection, chat_id):
                    continue
            finally:
                # The pool resets nothing: a lock that stayed would shut this chat for good.
                if not connection.is_closed():
                    await asyncio.shield(chats.unlock(connection, chat_id))

    async def _step(self, connection: Connection, chat_id: int) -> bool:
        """False where nothing is due soon."""
        wait_s = await chats.wait_of(connection, chat_id)
        if wait_s > SOON_S:
            return False
        if wait_s > 0:
            await pause(self._closing, timeout_s=wait_s)
            return True
        return await self._outbox.step(connection, chat_id)
