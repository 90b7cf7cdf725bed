"""Fetches what people do, by long polling: one process at a time, and another within seconds of its end.

Telegram forgets an update when it is asked for the ones after it, so each is kept in the database
first. Who polls is a lease in PostgreSQL: a process that died or hangs does not renew it.
"""

import asyncio
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.chassis.database import DATABASE_TROUBLE, Database
from services.chassis.ids import new_id
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.notifier import metrics
from services.notifier.hints import pause
from services.notifier.store import chats, updates
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.incoming import is_id, part
from services.notifier.telegram.trouble import Conflict, Later, Trouble, WrongToken

LEASE = "telegram poll"
WEBHOOK_LEASE = "telegram webhook"
LEASE_S = 8.0
RENEW_S = 2.0
"""Another process takes over at most `LEASE_S` + `RENEW_S` after the last renewal."""
AT_MOST_EVERY_S = 0.25
_CONFLICT_S, _TOKEN_S, _AWAY_S = 3.0, 30.0, 2.0
CHAT_LANE, QUESTION_LANE = "chat", "question"
_LOOKS = re.compile(r"/(start|help|status|waiting|artists?|runs?|releases|errors)\b", re.IGNORECASE)
_ODD = re.compile(r"[^\x20-\x7e]")

_log = get_logger("notifier.poller")


class Poller:
    """Asks Telegram for updates while it has the lease."""

    def __init__(
        self,
        db: Database,
        api: BotApi,
        *,
        wait_s: int,
        closing: asyncio.Event,
    ) -> None:
        self._db = db
        self._api = api
        self._wait_s = wait_s
        self._closing = closing
        self._holder = new_id("poller")
        self._telegram = Outage(_log, "Telegram")
        self._database = Outage(_log, "the database")

    async def run(self) -> None:
        """Polls whenever nobody else does, until the service closes."""
        with metrics.MAY_POLL.track_inprogress():
            await self._run()

    async def _run(self) -> None:
        while not self._closing.is_set():
            try:
                if await self._take_lease():
                    async with self._leased() as lost:
                        await self._poll(lost)
                self._database.over()
            except DATABASE_TROUBLE as error:
                self._database.noticed(error)
            await pause(self._closing, timeout_s=RENEW_S)

    async def _take_lease(self) -> bool:
        async with self._db.acquire() as connection:
            return await updates.take_lease(connection, LEASE, self._holder, LEASE_S)

    @asynccontextmanager
    async def _leased(self) -> AsyncIterator[asyncio.Event]:
        """Renews the lease meanwhile; the event is set when it is lost."""
        lost = asyncio.Event()
        renewing = asyncio.create_task(self._renew(lost))
        metrics.POLLING.set(1)
        _log.info("polls Telegram from now on")
        try:
            yield lost
        finally:
            metrics.POLLING.set(0)
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)
            if not lost.is_set():
                async with self._db.acquire() as connection:
                    await updates.give_up_lease(connection, LEASE, self._holder)

    async def _renew(self, lost: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        until = loop.time() + LEASE_S
        while loop.time() < until:
            await asyncio.sleep(RENEW_S)
            asked_at = loop.time()
            try:
                async with asyncio.timeout(RENEW_S):
                    if not await self._take_lease():
                        break
            except DATABASE_TROUBLE as error:
                self._database.noticed(error)
            else:
                until = asked_at + LEASE_S
        _log.warning("does not poll any more: another process may, or the database is away")
        lost.set()

    async def _poll(self, lost: asyncio.Event) -> None:
        loop = asyncio.get_running_loop()
        prepared, offset = False, None
        while not self._closing.is_set() and not lost.is_set():
            if await self._webhook_is_served():
                await pause(self._closing, lost, timeout_s=RENEW_S)
                continue
            try:
                if not prepared:
                    prepared = True
                    await self._remove_webhook()
                asked_at = loop.time()
                found = await self._until_closing(self._api.updates(offset, wait_s=self._wait_s), lost)
            except Trouble as trouble:
                # A webhook that somebody sets is in the way as another poller is.
                prepared = prepared and not isinstance(trouble, Conflict)
                await self._back_off(trouble, lost)
                continue
            self._telegram.over()
            # Where nothing is left, the next ids may be any: Telegram starts anew after a quiet week.
            offset = None
            if found:
                await keep(self._db, found)
                offset = max(update["update_id"] for update in found) + 1
            elif loop.time() - asked_at < AT_MOST_EVERY_S:
                # A server that does not wait is not asked all the time.
                await pause(self._closing, lost, timeout_s=AT_MOST_EVERY_S)

    async def _remove_webhook(self) -> None:
        """Where that does not work the poll itself tells why."""
        try:
            await self._api.delete_webhook()
        except Trouble as trouble:
            _log.info("a webhook could not be removed", detail=str(trouble))

    async def _webhook_is_served(self) -> bool:
        """Whether another process, with other settings, takes the updates: a webhook is not to be removed."""
        async with self._db.acquire() as connection:
            return await updates.lease_is_held(connection, WEBHOOK_LEASE)

    async def _until_closing(self, call: Any, lost: asyncio.Event) -> list[dict[str, Any]]:
        """What the poll brings; nothing where the service closes, or the lease is lost, before it does."""
        poll = asyncio.ensure_future(call)
        ends = [asyncio.ensure_future(event.wait()) for event in (self._closing, lost)]
        try:
            await asyncio.wait([poll, *ends], return_when=asyncio.FIRST_COMPLETED)
            if not poll.done():
                return []
            found: list[dict[str, Any]] = poll.result()
            return [update for update in found if is_id(update.get("update_id"))]
        finally:
            for task in (poll, *ends):
                task.cancel()
            await asyncio.gather(poll, *ends, return_exceptions=True)

    async def _back_off(self, trouble: Trouble, lost: asyncio.Event) -> None:
        delay_s = _AWAY_S
        match trouble:
            case Conflict():
                delay_s = _CONFLICT_S
                _log.warning(
                    "somebody else polls with this bot's token",
                    detail=str(trouble),
                    remedy="stop the other program, or give this one a token of its own from @BotFather",
                )
            case WrongToken():
                delay_s = _TOKEN_S
                _log.warning(
                    "Telegram does not know the token",
                    remedy="set AIARTIST_TELEGRAM_TOKEN to the bot's token; @BotFather tells it",
                )
            case Later(retry_after_s=wait_s):
                delay_s = wait_s
            case _:
                self._telegram.noticed(trouble)
        await pause(self._closing, lost, timeout_s=delay_s)


async def keep(db: Database, found: Sequence[dict[str, Any]]) -> None:
    """Keeps updates, once each, and the message ids that they tell.

    One that the database does not take is given up: it would be in the way of all after it for ever.
    """
    try:
        await _keep_all(db, found)
    except asyncpg.DataError:
        for update in found:
            try:
                await _keep_all(db, [update])
            except asyncpg.DataError as error:
                _log.error("an update cannot be kept", update_id=update["update_id"], exc_info=error)


async def _keep_all(db: Database, found: Sequence[dict[str, Any]]) -> None:
    async with db.transaction() as connection:
        await updates.keep(connection, [(update["update_id"], lane(update), update) for update in found])
        for chat_id, number in sorted(_message_ids(found).items()):
            await chats.saw_message(connection, chat_id, number)


def _message_ids(found: Sequence[dict[str, Any]]) -> dict[int, int]:
    """By chat the greatest message id that the updates tell."""
    seen: dict[int, int] = {}
    for update in found:
        message = _message(update)
        chat_id, number = part(message, "chat").get("id"), message.get("message_id")
        if is_id(chat_id) and is_id(number):
            seen[chat_id] = max(number, seen.get(chat_id, 0))
    return seen


def _message(update: dict[str, Any]) -> dict[str, Any]:
    return part(update, "message") or part(part(update, "callback_query"), "message")


def lane(update: dict[str, Any]) -> str:
    """What is worked off one after the other: presses about one question, and what one person writes."""
    query, message = part(update, "callback_query"), _message(update)
    verb, _, rest = str(query.get("data") or "").partition(":")
    if verb == "q":
        return f"{QUESTION_LANE} {_ODD.sub('', rest.partition(':')[2])[:80]}".partition(":")[0]
    sender = part(query, "from") or part(message, "from")
    if verb == "p" or (_LOOKS.match(str(message.get("text") or "")) and not query):
        # Who waits for a change looks meanwhile how things are.
        return _ODD.sub("", f"look {part(message, 'chat').get('id')} {sender.get('id')}")[:100]
    return _ODD.sub("", f"{CHAT_LANE} {part(message, 'chat').get('id')} {sender.get('id')}")[:100]
