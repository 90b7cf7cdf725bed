"""Finds a message that may have been sent: the Bot API neither takes an idempotency key nor shows a chat.

A change to exactly what a message is already is refused as no change at all. So a message is found by
trying to make it what it would be, and nothing is changed by looking.
"""

import asyncio
from collections.abc import Iterable

from services.chassis.database import Connection
from services.chassis.logs import get_logger
from services.notifier.store import chats, posts
from services.notifier.telegram.api import BotApi
from services.notifier.telegram.post import Stored
from services.notifier.telegram.trouble import NotModified, Refused, Trouble

LOOK_AT = 20
"""Message ids after the last known one among which a message is looked for before it is sent again."""
LOOK_BACK = 40
"""Ids before a message that was sent again among which the first one is looked for."""
LOOK_BACK_S = 30.0

_log = get_logger("notifier.search")


async def find(connection: Connection, api: BotApi, post: Stored) -> int:
    """What Telegram calls a message that may have been sent; 0 where it is not near what was last known.

    Raises what the Bot API's failures raise.
    """
    candidates = set(range(post.floor + 1, post.floor + 1 + LOOK_AT))
    if post.chat_id > 0:
        # The bot counts its messages through all private chats, so that ours may come after another's.
        last = await chats.last_private_id(connection)
        candidates |= set(range(last + 1, last + 1 + LOOK_AT))
    candidates -= await posts.known_ids(connection, post.chat_id, post.floor)
    return await _first_of(api, post, sorted(candidates))


async def keep_the_first(connection: Connection, api: BotApi, post: Stored, sent_id: int) -> None:
    """Of a message that was sent again, and recorded so, takes the second away where the first is found.

    In a group with many people that the bot does not hear, the first may lie far after what was last known;
    the second one's id says where the search ends. As well as it goes: two are better than none.
    """
    if post.chat_id > 0 or not post.floor:
        return
    lowest = max(post.floor + 1 + LOOK_AT, sent_id - LOOK_BACK)
    candidates = set(range(lowest, sent_id)) - await posts.known_ids(connection, post.chat_id, post.floor)
    try:
        async with asyncio.timeout(LOOK_BACK_S):
            first_id = await _first_of(api, post, sorted(candidates, reverse=True))
            if not first_id:
                return
            await api.delete(post.chat_id, sent_id)
    except (Trouble, TimeoutError) as trouble:
        _log.info("whether a message stands twice was not found out", post_id=post.id, detail=str(trouble))
        return
    await posts.is_called(connection, post, first_id)
    _log.info("a message was there already; the second one is taken away", post_id=post.id)


async def _first_of(api: BotApi, post: Stored, candidates: Iterable[int]) -> int:
    for telegram_id in candidates:
        try:
            if post.post.keyboard:
                await api.edit_keyboard(post.chat_id, telegram_id, post.post.keyboard)
            else:
                await api.edit(post.chat_id, telegram_id, post.post)
        except NotModified:
            return telegram_id
        except Refused:
            continue
        # It could be changed, so it is the bot's. All others of the bot are known, but for those of before
        # this database.
        return telegram_id if post.floor else 0
    return 0
