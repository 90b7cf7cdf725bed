"""Sends what waits, chat by chat: in order, once, and no faster than Telegram wants.

A try is noted before it begins. Where one was begun and nobody knows how it ended, because the process
died or the answer was lost, the chat is looked through for the message before it is sent again: a
change to exactly what a message is already is refused by Telegram as no change at all.
"""

import asyncio
import html as entities
import random
import re
from dataclasses import dataclass, replace
from datetime import timedelta

from services.chassis.database import DATABASE_TROUBLE, Connection, Database
from services.chassis.logs import bind_context, get_logger, mask_text
from services.notifier import metrics
from services.notifier.domain import retry_delay_s
from services.notifier.hints import pause, work_on_hints
from services.notifier.peers import FileUnreadable, PeerAway, Peers
from services.notifier.store import chats, deliveries, messages, posts
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.post import File, Post, Shape, Stored
from services.notifier.telegram.text import italic, one_line, plain
from services.notifier.telegram.trouble import (
    ChatClosed,
    Gone,
    Later,
    NotModified,
    Refused,
    Trouble,
    Unsure,
    WrongToken,
)
from services.notifier.telegram.writer import Writer

AT_ONCE = 4
"""Chats that are served at the same time."""
DIGEST_MOST = 20_000
"""Messages that one digest stands for, at most."""
LOOK_AT = 20
"""Message ids after the last known one among which a message is looked for."""
MAX_ERROR = 500
_SOON_S = 3.0
_TAG = re.compile(r"<[^>]*>")
_CLOSED_S, _TOKEN_S = 60.0, 60.0
_LOCK = "SELECT pg_try_advisory_lock(hashtextextended('notifier chat ' || $1::text, 0))"
_UNLOCK = "SELECT pg_advisory_unlock(hashtextextended('notifier chat ' || $1::text, 0))"

_log = get_logger("notifier.sender")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How often to look, how long to wait after failures and between posts, in seconds; and how many
    messages that wait for one chat become a digest."""

    poll_interval_s: float
    retry_base_s: float
    retry_max_s: float
    chat_interval_s: float
    digest_from: int


class Sender:
    """Any number of them may work on one database; each chat is served by one at a time."""

    def __init__(
        self,
        db: Database,
        api: BotApi,
        writer: Writer,
        peers: Peers,
        recipients: tuple[int, ...],
        rhythm: Rhythm,
        closing: asyncio.Event,
    ) -> None:
        self._db = db
        self._api = api
        self._writer = writer
        self._peers = peers
        self._recipients = recipients
        self._rhythm = rhythm
        self._closing = closing
        self._serving: dict[int, asyncio.Task[None]] = {}
        self._again: set[int] = set()

    async def run(self) -> None:
        """Sends until the service closes, whatever the database or Telegram does meanwhile."""
        try:
            await work_on_hints(
                self._db,
                deliveries.HINT_CHANNEL,
                self._serve_all,
                every_s=self._rhythm.poll_interval_s,
                closing=self._closing,
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
            busy = await chats.chats_with_work(connection, self._recipients)
        for chat_id in busy:
            if chat_id in self._serving:
                # It may have found nothing more just before this came.
                self._again.add(chat_id)
            elif len(self._serving) < AT_ONCE:
                self._start(chat_id)

    def _start(self, chat_id: int) -> None:
        task = asyncio.create_task(self._serve_until_done(chat_id))
        self._serving[chat_id] = task

    async def _serve_until_done(self, chat_id: int) -> None:
        try:
            while True:
                self._again.discard(chat_id)
                try:
                    with bind_context(chat_id=str(chat_id)):
                        await self.serve(chat_id)
                except DATABASE_TROUBLE as error:
                    _log.warning(
                        "a chat waits for the database", detail=mask_text(f"{type(error).__name__}: {error}")
                    )
                    return
                if chat_id not in self._again or self._closing.is_set():
                    return
        finally:
            del self._serving[chat_id]

    async def serve(self, chat_id: int) -> None:
        """Sends what is due in a chat, unless another process is at it."""
        async with self._db.acquire() as connection:
            if not await connection.fetchval(_LOCK, str(chat_id)):
                return
            try:
                while not self._closing.is_set() and await self._step(connection, chat_id):
                    continue
            finally:
                # The pool resets nothing: a lock that stayed would shut this chat for good.
                if not connection.is_closed():
                    await asyncio.shield(connection.execute(_UNLOCK, str(chat_id)))

    async def _step(self, connection: Connection, chat_id: int) -> bool:
        """One post, or the next message put into words; False where nothing is due."""
        wait_s = await chats.wait_of(connection, chat_id)
        if wait_s > _SOON_S:
            return False
        if wait_s > 0:
            await pause(self._closing, timeout_s=wait_s)
            return True
        post = await posts.next_post(connection, chat_id)
        if post is None:
            return await self._write_next(connection, chat_id)
        try:
            await self._send(connection, post)
        except Trouble as trouble:
            await self._failed(connection, post, trouble)
        except PeerAway as error:
            await self._hold(connection, post, str(error), None)
        return True

    async def _write_next(self, connection: Connection, chat_id: int) -> bool:
        if chat_id not in self._recipients:
            return False
        waiting = await deliveries.waiting_messages(connection, chat_id, DIGEST_MOST)
        if not waiting:
            return False
        if len(waiting) >= self._rhythm.digest_from:
            async with connection.transaction():
                headlines = await messages.headlines(connection, waiting)
                await self._writer.write_digest(connection, chat_id, headlines)
                await deliveries.mark_written(connection, chat_id, waiting, in_digest=True)
                await deliveries.settle_message(connection, waiting)
            metrics.DIGESTED.inc(len(waiting))
            return True
        [message] = await messages.get_many(connection, waiting[:1])
        tries = await deliveries.attempts_of(connection, chat_id, message.id)
        try:
            async with connection.transaction():
                if await self._writer.write(connection, chat_id, message, tries=tries):
                    await deliveries.mark_written(connection, chat_id, [message.id], in_digest=False)
                else:
                    await posts.drop_unsent(connection, message.id)
                await deliveries.settle_message(connection, [message.id])
        except PeerAway as error:
            delay_s = self._backoff(tries + 1, most_s=30.0)
            await deliveries.postpone(
                connection, chat_id, message.id, delay_s=delay_s, error=str(error)[:MAX_ERROR]
            )
            _log.warning("a message waits for its facts", message_id=message.id, detail=str(error))
            return False
        return True

    async def _send(self, connection: Connection, post: Stored) -> None:
        """Raises Trouble where the post is not done, PeerAway where its file cannot be had."""
        if post.edits is not None:
            await self._edit(connection, post)
            return
        if post.unsure and (telegram_id := await self._find(connection, post)):
            await self._done(connection, post, telegram_id, "found")
            return
        body = post.post
        try:
            file, thumbnail = await self._bytes(body.file), await self._bytes(body.thumbnail)
        except FileUnreadable as error:
            await self._replace(connection, post, body.as_text(_remark(str(error))), str(error))
            return
        if not await posts.begin_try(connection, post):
            await posts.drop(connection, post)
            return
        telegram_id = await self._api.send(post.chat_id, body, file=file, thumbnail=thumbnail)
        await self._done(connection, post, telegram_id, "sent")

    async def _edit(self, connection: Connection, post: Stored) -> None:
        if post.target is None:
            await posts.mark_failed(connection, post, "what it changes was never sent")
            return
        if not await posts.begin_try(connection, post):
            return
        try:
            await self._api.edit(post.chat_id, post.target, post.post)
        except (NotModified, Gone) as no_need:
            # As it should be already, or deleted by somebody: there is nothing left to change.
            _log.debug("a message needs no change", detail=str(no_need))
        await self._done(connection, post, None, "edited")

    async def _done(
        self, connection: Connection, post: Stored, telegram_id: int | None, outcome: str
    ) -> None:
        async with connection.transaction():
            await posts.mark_sent(connection, post, telegram_id)
        metrics.POSTS.labels(outcome).inc()
        if post.edits is None and self._rhythm.chat_interval_s:
            await chats.pace_chat(connection, post.chat_id, self._rhythm.chat_interval_s)

    async def _find(self, connection: Connection, post: Stored) -> int:
        """What Telegram calls a message that may have been sent; 0 where it was not."""
        candidates = set(range(post.floor + 1, post.floor + 1 + LOOK_AT))
        if post.chat_id > 0:
            # The bot counts its messages through all private chats, so that ours may come after another's.
            last = await chats.last_private_id(connection)
            candidates |= set(range(last + 1, last + 1 + LOOK_AT))
        candidates -= await posts.known_ids(connection, post.chat_id, post.floor)
        for telegram_id in sorted(candidates):
            try:
                if post.post.keyboard:
                    await self._api.edit_keyboard(post.chat_id, telegram_id, post.post.keyboard)
                else:
                    await self._api.edit(post.chat_id, telegram_id, post.post)
            except NotModified:
                return telegram_id
            except (Gone, Refused):
                continue
            if post.floor:
                # It could be changed, so it is the bot's, and all others of the bot are known.
                return telegram_id
            return 0
        return 0

    async def _bytes(self, file: File | None) -> bytes:
        return await self._peers.read(file.artifact()) if file is not None else b""

    async def _failed(self, connection: Connection, post: Stored, trouble: Trouble) -> None:
        text = str(trouble)[:MAX_ERROR]
        metrics.POSTS.labels(_outcome(trouble)).inc()
        if isinstance(trouble, ChatClosed) and post.chat_id not in self._recipients:
            await posts.mark_failed(connection, post, text)
        elif isinstance(trouble, Refused) and not isinstance(trouble, Gone | NotModified):
            await self._refused(connection, post, text)
        else:
            await self._hold(connection, post, text, trouble)

    async def _refused(self, connection: Connection, post: Stored, text: str) -> None:
        """Says it more simply; what Telegram does not take as plain text either is given up."""
        body = post.post
        if post.edits is None and body.shape is not Shape.TEXT:
            await self._replace(connection, post, body.as_text(_remark(text)), text)
        elif "<" in body.html and "parse" in text.lower():
            await self._replace(connection, post, replace(body, html=_without_markup(body.html)), text)
        else:
            await posts.mark_failed(connection, post, text)
            _log.error("Telegram refuses a message for good", post_id=post.id, detail=text)

    async def _replace(self, connection: Connection, post: Stored, body: Post, error: str) -> None:
        _log.warning("a message is said more simply", post_id=post.id, detail=error)
        await posts.replace(connection, post, body, error[:MAX_ERROR])

    async def _hold(self, connection: Connection, post: Stored, error: str, trouble: Trouble | None) -> None:
        """Leaves the chat alone for a while; what waits for it keeps its order."""
        failures = await chats.failures_of(connection, post.chat_id) + 1
        delay_s = self._backoff(failures)
        if isinstance(trouble, Later):
            delay_s = trouble.retry_after_s + random.random()
        elif isinstance(trouble, ChatClosed):
            delay_s = max(_CLOSED_S, delay_s)
        elif isinstance(trouble, WrongToken):
            delay_s = _TOKEN_S
        await posts.end_try(
            connection, post, error[:MAX_ERROR], unsure=isinstance(trouble, Unsure) or post.unsure
        )
        await chats.hold_chat(connection, post.chat_id, delay_s, error[:MAX_ERROR])
        # Each trouble once, not each try: an hour without Telegram is a line, not a hundred.
        if failures in (1, 10, 100):
            _log.warning(
                "a chat cannot be told anything now",
                detail=error,
                remedy=_remedy(trouble),
                again_in=str(timedelta(seconds=round(delay_s))),
            )

    def _backoff(self, failures: int, most_s: float | None = None) -> float:
        return retry_delay_s(
            failures,
            base_s=self._rhythm.retry_base_s,
            most_s=min(self._rhythm.retry_max_s, most_s or self._rhythm.retry_max_s),
            jitter=random.random(),
        )


def _remark(error: str) -> str:
    return italic(f"(It cannot be shown here: {one_line(error, 150)})").html


def _without_markup(html: str) -> str:
    """The text as people would see it, escaped again."""
    return plain(entities.unescape(_TAG.sub("", html))).html


def _outcome(trouble: Trouble) -> str:
    if isinstance(trouble, Later):
        return "later"
    if isinstance(trouble, Unsure):
        return "unsure"
    return "refused" if isinstance(trouble, Refused) else "failed"


def _remedy(trouble: Trouble | None) -> str:
    if isinstance(trouble, WrongToken):
        return "check AIARTIST_TELEGRAM_TOKEN; @BotFather tells the bot's token"
    if isinstance(trouble, ChatClosed):
        return (
            "check AIARTIST_TELEGRAM_CHAT_IDS; somebody there has to press Start, or add the bot to the group"
        )
    return ""
