"""Works off what people did: each update once, in a transaction with all that it changes here."""

import asyncio
import random
from collections.abc import Coroutine
from typing import Any

from services.chassis.database import Connection, Database, connection_lost
from services.chassis.ids import new_id
from services.chassis.logs import bind_context, get_logger
from services.notifier import metrics
from services.notifier.domain import retry_delay_s
from services.notifier.hints import work_on_hints
from services.notifier.peers import PeerAway
from services.notifier.store import approvals, updates
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.handler import Answer, Handler
from services.notifier.telegram.incoming import Press, Writing, is_decision, parse
from services.notifier.telegram.text import one_line
from services.notifier.telegram.trouble import Trouble

AT_ONCE = 4
"""Updates that are worked off at the same time; those of one question or person never are."""
TRIES = 5
"""So often an update that raises what nobody expected is tried."""
HANDLE_MOST_S = 45.0
"""An update that takes longer is tried again."""
GIVE_UP_S = 900.0
FROZEN_S = 60
"""Longer than the calls of other services that an update may need, one after the other."""
_FORGET_EVERY_S = 3_600.0
_AGAIN_MOST_S = 30.0

_log = get_logger("notifier.inbox")


class Inbox:
    """Any number of them may work on one database."""

    def __init__(
        self,
        db: Database,
        api: BotApi,
        handler: Handler,
        *,
        bot_id: str,
        every_s: float,
        closing: asyncio.Event,
    ) -> None:
        self._db = db
        self._api = api
        self._handler = handler
        self._bot_id = bot_id
        self._every_s = every_s
        self._closing = closing
        self._answers: set[asyncio.Task[None]] = set()
        self._working: set[asyncio.Task[None]] = set()
        self._forgot_at = 0.0

    async def run(self) -> None:
        """Works until the service closes, whatever the database does meanwhile."""
        try:
            await work_on_hints(
                self._db,
                updates.HINT_CHANNEL,
                self._work_all,
                every_s=self._every_s,
                closing=self._closing,
                log=_log,
            )
            # What is under way gets to its end.
            if self._working:
                await asyncio.wait(self._working)
        finally:
            tasks = [*self._working, *self._answers]
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _work_all(self) -> None:
        # Nobody waits for the slowest: who comes later finds a place as soon as one is free.
        while len(self._working) < AT_ONCE:
            task = asyncio.create_task(self._work())
            self._working.add(task)
            task.add_done_callback(self._working.discard)
        loop = asyncio.get_running_loop()
        if loop.time() - self._forgot_at > _FORGET_EVERY_S:
            self._forgot_at = loop.time()
            async with self._db.acquire() as connection:
                await updates.forget_old(connection)
                await approvals.forget_closings(connection)

    async def _work(self) -> None:
        try:
            while not self._closing.is_set() and await self.work_one():
                continue
        except Exception as error:  # noqa: BLE001 - the next look starts another
            if connection_lost(error):
                _log.warning("what people do waits for the database", detail=type(error).__name__)
            else:
                _log.error("what people do could not be looked at", error_id=new_id("err"), exc_info=error)

    async def work_one(self) -> bool:
        """Works off the next update; False where none is due."""
        answer: Answer | None = None
        async with self._db.transaction() as connection:
            update = await updates.claim(connection, frozen_s=FROZEN_S)
            if update is None:
                return False
            with bind_context(update_id=str(update.id)):
                incoming = parse(self._bot_id, update.body)
                try:
                    async with connection.transaction(), asyncio.timeout(HANDLE_MOST_S):
                        handled = await self._handler.handle(connection, incoming)
                    answer = handled.answer
                    await updates.done(connection, update.id, one_line(handled.outcome, 100))
                    metrics.UPDATES.labels(handled.kind).inc()
                    if handled.outcome == "counted":
                        metrics.PRESS_SECONDS.observe(update.age_s)
                except (PeerAway, TimeoutError) as error:
                    answer = await self._wait(connection, update, incoming, error)
                except Exception as error:
                    if connection_lost(error):
                        raise
                    answer = await self._gone_wrong(connection, update, incoming, error)
        if answer is not None:
            self._in_background(self._say(answer))
        return True

    async def _wait(
        self,
        connection: Connection,
        update: updates.Update,
        incoming: Press | Writing | None,
        error: Exception,
    ) -> Answer | None:
        """Something that is needed is away: kept for later, and told at the first try.

        A decision is kept for as long as it takes. A change of the label that comes an hour late would be a
        surprise: it is given up after a while, and that is told too.
        """
        what = error.what if isinstance(error, PeerAway) else "the platform"
        if update.age_s > GIVE_UP_S and not is_decision(incoming):
            await updates.done(connection, update.id, f"given up: {what}")
            return await self._handler.given_up(connection, incoming, what)
        delay_s = retry_delay_s(update.attempts + 1, base_s=1.0, most_s=_AGAIN_MOST_S, jitter=random.random())
        await updates.postpone(connection, update.id, delay_s, one_line(str(error) or "too slow", 200))
        if update.attempts:
            return None
        return await self._handler.wait_a_little(connection, incoming, what)

    async def _gone_wrong(
        self, connection: Any, update: updates.Update, incoming: Any, error: Exception
    ) -> Answer | None:
        error_id = new_id("err")
        _log.error("an update raised an unexpected error", error_id=error_id, exc_info=error)
        if update.attempts + 1 < TRIES:
            await updates.postpone(connection, update.id, 1.0 + update.attempts, error_id)
            return None
        await updates.done(connection, update.id, f"failed: {error_id}")
        metrics.UPDATES.labels("failed").inc()
        return self._handler.gone_wrong(incoming, error_id)

    def _in_background(self, saying: Coroutine[Any, Any, None]) -> None:
        task = asyncio.create_task(saying)
        self._answers.add(task)
        task.add_done_callback(self._answers.discard)

    async def _say(self, answer: Answer) -> None:
        """The line over the chat: helpful, and no loss where Telegram does not take it any more."""
        try:
            await self._api.answer(answer.query_id, answer.text, alert=answer.alert)
        except Trouble as trouble:
            _log.info("a press could not be answered", detail=str(trouble))
