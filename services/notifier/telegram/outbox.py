"""One step of a chat: its next post sent or changed, or its next message put into posts.

A try is noted before it begins; where nobody knows how one ended, `search.py` looks for the message
before it is sent again.
"""

import html as entities
import random
import re
from dataclasses import dataclass, replace
from datetime import timedelta

from services.chassis.database import Connection, connection_lost
from services.chassis.errors import RemoteError
from services.chassis.ids import new_id
from services.chassis.logs import get_logger
from services.notifier import metrics
from services.notifier.domain import Message, retry_delay_s
from services.notifier.peers import FileUnreadable, PeerAway, Peers
from services.notifier.store import chats, deliveries, messages, posts
from services.notifier.telegram import search
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
from services.notifier.telegram.writer import FACTS_TRIES, Writer

DIGEST_MOST = 20_000
"""Messages that one digest stands for, at most."""
TRIES = 5
"""So often what fails in a way that nobody expected is tried."""
MAX_ERROR = 500
_CLOSED_S, _TOKEN_S, _FACTS_MOST_S = 60.0, 60.0, 30.0
_TAG = re.compile(r"<[^>]*>")

_log = get_logger("notifier.outbox")


@dataclass(frozen=True, slots=True)
class Rhythm:
    """How long to wait after failures and between posts, in seconds; and how many messages that wait for
    one chat become a digest."""

    retry_base_s: float
    retry_max_s: float
    chat_interval_s: float
    digest_from: int


class Outbox:
    """The steps, for whoever has the chat's lock."""

    def __init__(
        self, api: BotApi, writer: Writer, peers: Peers, recipients: tuple[int, ...], rhythm: Rhythm
    ) -> None:
        self._api = api
        self._writer = writer
        self._peers = peers
        self._recipients = recipients
        self._rhythm = rhythm

    async def step(self, connection: Connection, chat_id: int) -> bool:
        """False where nothing is due."""
        post = await posts.next_post(connection, chat_id)
        if post is None:
            return await self._write_next(connection, chat_id)
        if not post.due:
            return False
        try:
            await self._send(connection, post)
        except Trouble as trouble:
            await self._failed(connection, post, trouble)
        except PeerAway as error:
            await self._unread(connection, post, str(error))
        except Exception as error:
            if connection_lost(error):
                raise
            await self._gone_wrong(connection, post, error)
        return True

    async def _write_next(self, connection: Connection, chat_id: int) -> bool:
        if chat_id not in self._recipients or await posts.any_waiting(connection, chat_id):
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
            await self._write(connection, chat_id, message, tries)
        except Exception as error:
            if connection_lost(error):
                raise
            return await self._not_written(connection, chat_id, message, tries, error)
        return True

    async def _write(self, connection: Connection, chat_id: int, message: Message, tries: int) -> None:
        async with connection.transaction():
            if await self._writer.write(connection, chat_id, message, tries=tries):
                await deliveries.mark_written(connection, chat_id, [message.id], in_digest=False)
            else:
                await posts.drop_unsent(connection, message.id)
            await deliveries.settle_message(connection, [message.id])

    async def _not_written(
        self, connection: Connection, chat_id: int, message: Message, tries: int, error: Exception
    ) -> bool:
        """Again a little later; what cannot be put into words at all is given up, and the next goes on."""
        if isinstance(error, PeerAway | RemoteError):
            _log.warning("a message waits for its facts", message_id=message.id, detail=str(error))
            text = str(error)
        else:
            text = f"error {new_id('err')}"
            _log.error("a message could not be written", message_id=message.id, detail=text, exc_info=error)
        if tries >= FACTS_TRIES + TRIES:
            await deliveries.fail(connection, chat_id, message.id, text[:MAX_ERROR])
            return True
        delay_s = self._backoff(tries + 1, most_s=_FACTS_MOST_S)
        await deliveries.postpone(connection, chat_id, message.id, delay_s=delay_s, error=text[:MAX_ERROR])
        return False

    async def _send(self, connection: Connection, post: Stored) -> None:
        """Raises Trouble where the post is not done, PeerAway where its file cannot be had."""
        if post.edits is not None:
            await self._edit(connection, post)
            return
        if post.unsure and (telegram_id := await search.find(connection, self._api, post)):
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
        if post.unsure:
            await search.keep_the_first(connection, self._api, post, telegram_id)

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
            await chats.pace(connection, post.chat_id, self._rhythm.chat_interval_s)

    async def _bytes(self, file: File | None) -> bytes:
        return await self._peers.read(file.artifact()) if file is not None else b""

    async def _unread(self, connection: Connection, post: Stored, error: str) -> None:
        """Its file cannot be had now: it waits and lets what is urgent pass; in the end it goes without."""
        if post.unread >= FACTS_TRIES:
            await self._replace(connection, post, post.post.as_text(_remark(error)), error)
            return
        delay_s = self._backoff(post.unread + 1, most_s=_FACTS_MOST_S)
        await posts.postpone(connection, post, delay_s, error[:MAX_ERROR])
        _log.warning("a message waits for its file", post_id=post.id, detail=error)

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

    async def _gone_wrong(self, connection: Connection, post: Stored, error: Exception) -> None:
        """A fault of ours: a few more tries, then the next goes on."""
        text = f"error {new_id('err')}"
        _log.error("a message could not be sent", post_id=post.id, detail=text, exc_info=error)
        if post.unread >= TRIES:
            await posts.mark_failed(connection, post, text)
        else:
            await posts.postpone(connection, post, self._backoff(post.unread + 1), text)

    async def _hold(self, connection: Connection, post: Stored, error: str, trouble: Trouble) -> None:
        """Leaves the chat alone for a while; what waits for it keeps its order."""
        failures = await chats.failures_of(connection, post.chat_id) + 1
        delay_s = self._backoff(failures)
        if isinstance(trouble, Later):
            delay_s = trouble.retry_after_s + random.random()
        elif isinstance(trouble, ChatClosed):
            delay_s = max(_CLOSED_S, delay_s)
        elif isinstance(trouble, WrongToken):
            delay_s = _TOKEN_S
        await posts.end_try(connection, post, error, unsure=isinstance(trouble, Unsure) or post.unsure)
        await chats.hold(connection, post.chat_id, delay_s, error)
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


def _remedy(trouble: Trouble) -> str:
    if isinstance(trouble, WrongToken):
        return "check AIARTIST_TELEGRAM_TOKEN; @BotFather tells the bot's token"
    if isinstance(trouble, ChatClosed):
        return (
            "check AIARTIST_TELEGRAM_CHAT_IDS; somebody there has to press Start, or add the bot to the group"
        )
    return ""
