"""The Bot API, through python-telegram-bot: few calls, and every failure as one of `Trouble`."""

import asyncio
import json
import logging
import os
import re
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self, cast

# Retry times as timedelta, which every future version has; read when the library is imported.
os.environ.setdefault("PTB_TIMEDELTA", "true")

import httpx
from telegram import (
    Bot,
    BotCommand,
    ForceReply,
    InlineKeyboardButton,
    InlineKeyboardMarkup,
    InputFile,
    LinkPreviewOptions,
    Message,
    ReplyParameters,
)
from telegram.constants import ParseMode
from telegram.error import (
    BadRequest,
    ChatMigrated,
    Forbidden,
    InvalidToken,
    NetworkError,
    RetryAfter,
    TelegramError,
)
from telegram.error import Conflict as TelegramConflict
from telegram.request import HTTPXRequest, RequestData

from services.chassis.logs import mask_text
from services.notifier.telegram.post import Keyboard, Post, Shape
from services.notifier.telegram.trouble import (
    ChatClosed,
    Conflict,
    Gone,
    Later,
    NotModified,
    Refused,
    Trouble,
    Unreachable,
    Unsure,
    WrongToken,
)

ALLOWED_UPDATES = ("message", "callback_query")
ANSWER_MOST = 200
"""Characters of the answer to a press."""
_FILES_TAKE = 3
_NOT_SENT = (httpx.ConnectError, httpx.ConnectTimeout, httpx.PoolTimeout, httpx.UnsupportedProtocol)
_GONE = ("message to edit not found", "message can't be edited", "message_id_invalid", "message is not found")
_OTHER_KIND = ("there is no text in the message", "there is no caption in the message")
# A group may take text and no files.
_NO_MEDIA = re.compile(
    r"not enough rights to send (photos|audios|music|documents|media)"
    r"|chat_send_(photos|audios|docs|media)_forbidden"
)
_CLOSED = (
    "chat not found",
    "chat_write_forbidden",
    "not enough rights",
    "group chat was",
    "user is deactivated",
    "bot was kicked",
    "have no rights to send",
    "topic_closed",
    "peer_id_invalid",
)


class BotApi:
    """A bot and its token."""

    def __init__(self, bot: Bot, polls: HTTPXRequest, timeout_s: float) -> None:
        self._bot = bot
        self._polls = polls
        self._timeout_s = timeout_s

    @classmethod
    @asynccontextmanager
    async def open(cls, token: str, api_base: str, *, timeout_s: float) -> AsyncIterator[Self]:
        """Opens its connections when they are needed, and closes them at the end."""
        # The one writes addresses, with the token in them, and the other calls an unexpected answer an error
        # of ours; what matters of both is told by who calls.
        logging.getLogger("httpx").setLevel(logging.WARNING)
        logging.getLogger("telegram").setLevel(logging.CRITICAL)
        request, polls = (_connections(timeout_s) for _ in range(2))
        bot = Bot(
            token,
            base_url=f"{api_base}/bot",
            base_file_url=f"{api_base}/file/bot",
            request=request,
            get_updates_request=polls,
        )
        try:
            yield cls(bot, polls, timeout_s)
        finally:
            await request.shutdown()
            await polls.shutdown()

    async def send(
        self, chat_id: int, post: Post, *, file: bytes = b"", thumbnail: bytes = b"", answers: int = 0
    ) -> int:
        """Sends a new message; what Telegram calls it."""
        common: dict[str, Any] = {
            "parse_mode": ParseMode.HTML,
            "disable_notification": post.silent,
            "reply_markup": ForceReply(selective=True) if post.asks_reply else _markup(post.keyboard),
        }
        if mentioned := answers or post.mention:
            common["reply_parameters"] = ReplyParameters(mentioned, allow_sending_without_reply=True)
        async with self._call(files=bool(file)):
            sent: Message
            match post.shape:
                case Shape.TEXT:
                    sent = await self._bot.send_message(
                        chat_id,
                        post.html,
                        link_preview_options=LinkPreviewOptions(is_disabled=True),
                        **common,
                    )
                case Shape.PHOTO:
                    photo = InputFile(file, filename="cover.jpg")
                    sent = await self._bot.send_photo(chat_id, photo, caption=post.html, **common)
                case Shape.AUDIO:
                    sent = await self._bot.send_audio(
                        chat_id,
                        InputFile(file, filename=f"{_file_name(post.title)}.mp3"),
                        caption=post.html,
                        title=post.title,
                        performer=post.performer,
                        duration=post.duration_s,
                        thumbnail=InputFile(thumbnail, filename="thumbnail.jpg") if thumbnail else None,
                        **common,
                    )
            return sent.message_id
        raise AssertionError("unreachable: the call returns or raises")

    async def edit(self, chat_id: int, telegram_id: int, post: Post) -> None:
        """Gives a message the post's text, or caption, and its buttons."""
        markup = _markup(post.keyboard)
        async with self._call():
            if post.shape is Shape.TEXT:
                await self._bot.edit_message_text(
                    post.html,
                    chat_id,
                    telegram_id,
                    parse_mode=ParseMode.HTML,
                    reply_markup=markup,
                    link_preview_options=LinkPreviewOptions(is_disabled=True),
                )
            else:
                await self._bot.edit_message_caption(
                    chat_id, telegram_id, caption=post.html, parse_mode=ParseMode.HTML, reply_markup=markup
                )

    async def edit_keyboard(self, chat_id: int, telegram_id: int, keyboard: Keyboard) -> None:
        """Gives a message other buttons."""
        async with self._call():
            await self._bot.edit_message_reply_markup(chat_id, telegram_id, reply_markup=_markup(keyboard))

    async def answer(self, query_id: str, text: str, *, alert: bool) -> None:
        """Answers a press: a line over the chat, or a box that has to be closed."""
        async with self._call():
            await self._bot.answer_callback_query(query_id, text[:ANSWER_MOST] or None, show_alert=alert)

    async def updates(self, offset: int | None, *, wait_s: int) -> list[dict[str, Any]]:
        """What is new from `offset` on, waited for up to `wait_s`; Telegram forgets all before it."""
        asked = {"timeout": str(wait_s), "allowed_updates": json.dumps(ALLOWED_UPDATES)}
        if offset is not None:
            asked["offset"] = str(offset)
        # Not the library's own method: it makes objects of all updates or of none, and one that it does not
        # understand would be in the way of those after it for ever.
        form = cast(RequestData, _Form(asked))
        async with self._call(more_s=wait_s):
            found = await self._polls.post(
                f"{self._bot.base_url}/getUpdates", form, read_timeout=wait_s + self._timeout_s
            )
            if not isinstance(found, list):
                raise Unsure("getUpdates answered with something that is no list")
            return [update for update in found if isinstance(update, dict)]
        raise AssertionError("unreachable: the call returns or raises")

    async def set_commands(self, commands: Sequence[tuple[str, str]]) -> None:
        """What clients offer when somebody types a slash."""
        async with self._call():
            await self._bot.set_my_commands([BotCommand(name, text) for name, text in commands])

    async def set_webhook(self, url: str, secret: str) -> None:
        """From now on Telegram calls `url`."""
        async with self._call():
            await self._bot.set_webhook(url, allowed_updates=ALLOWED_UPDATES, secret_token=secret)

    async def webhook_url(self) -> str:
        """Where Telegram calls now; empty: nowhere."""
        async with self._call():
            return (await self._bot.get_webhook_info()).url
        raise AssertionError("unreachable: the call returns or raises")

    async def delete(self, chat_id: int, telegram_id: int) -> None:
        """Takes a message of the bot's away."""
        async with self._call():
            await self._bot.delete_message(chat_id, telegram_id)

    async def delete_webhook(self) -> None:
        """From now on Telegram waits to be asked; what it has is kept."""
        async with self._call():
            await self._bot.delete_webhook(drop_pending_updates=False)

    async def who_am_i(self) -> str:
        """The bot's user name."""
        async with self._call():
            return (await self._bot.get_me()).username or ""
        raise AssertionError("unreachable: the call returns or raises")

    @asynccontextmanager
    async def _call(self, *, files: bool = False, more_s: float = 0.0) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._timeout_s * (_FILES_TAKE if files else 1) + more_s):
                yield
        except TimeoutError as error:
            raise Unsure("no answer in time") from error
        except TelegramError as error:
            raise _sorted(error) from error


@dataclass(frozen=True, slots=True)
class _Form:
    """As much of a RequestData as a request without files is made of."""

    json_parameters: dict[str, str]
    multipart_data: None = None


def _connections(timeout_s: float) -> HTTPXRequest:
    return HTTPXRequest(
        connection_pool_size=32,
        connect_timeout=min(10.0, timeout_s),
        read_timeout=timeout_s,
        write_timeout=timeout_s,
        pool_timeout=timeout_s,
        media_write_timeout=timeout_s * _FILES_TAKE,
    )


def _sorted(error: TelegramError) -> Trouble:
    text = mask_text(str(error))
    lower = text.lower()
    if isinstance(error, RetryAfter):
        wait = error.retry_after
        return Later(float(wait) if isinstance(wait, int) else wait.total_seconds())
    if isinstance(error, ChatMigrated):
        return ChatClosed(f"the group has become another chat: its id is {error.new_chat_id} now")
    if isinstance(error, InvalidToken):
        return WrongToken(text)
    if isinstance(error, TelegramConflict):
        return Conflict(text)
    if isinstance(error, BadRequest | Forbidden) and _NO_MEDIA.search(lower):
        return Refused(text)
    if isinstance(error, Forbidden):
        return ChatClosed(text)
    if isinstance(error, BadRequest):
        if "message is not modified" in lower:
            return NotModified(text)
        if any(words in lower for words in (*_GONE, *_OTHER_KIND)):
            return Gone(text)
        if any(words in lower for words in _CLOSED):
            return ChatClosed(text)
        return Refused(text)
    if isinstance(error, NetworkError) and isinstance(error.__cause__, _NOT_SENT):
        return Unreachable(text)
    return Unsure(text)


def _markup(keyboard: Keyboard) -> InlineKeyboardMarkup | None:
    if not keyboard:
        return None
    return InlineKeyboardMarkup(
        [[InlineKeyboardButton(button.text, callback_data=button.data) for button in row] for row in keyboard]
    )


def _file_name(title: str) -> str:
    """A song's title as the name of a file."""
    return "".join(c if c.isalnum() or c in " -_" else "_" for c in title).strip()[:60] or "song"
