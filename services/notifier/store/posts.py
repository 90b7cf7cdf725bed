"""The table `posts`: each call of the Bot API that sends or changes a message."""

import asyncpg

from services.chassis.database import Connection
from services.notifier.store import deliveries
from services.notifier.telegram.post import Post, Stored

# First of all what may have been sent: the search for it relies on knowing every other message. What is
# urgent and not due yet lets the rest pass; what is not urgent keeps its order.
_WAITING = """
SELECT post.*, coalesce(target.telegram_id, 0) AS target_id, post.not_before <= clock_timestamp() AS due
FROM posts AS post LEFT JOIN posts AS target ON target.id = post.edits
WHERE post.chat_id = $1 AND post.state = 'waiting' AND coalesce(target.state, '') <> 'waiting'
    AND NOT (post.urgent AND post.not_before > clock_timestamp())
ORDER BY (post.tried_at IS NOT NULL AND post.edits IS NULL AND post.not_before <= clock_timestamp()) DESC,
    post.urgent DESC, post.id
LIMIT 1
"""

_TRY = """
UPDATE posts SET attempts = attempts + 1, tried_at = clock_timestamp(),
    floor = coalesce(floor, (SELECT last_message_id FROM chats WHERE chat_id = $2))
WHERE id = $1 AND state = 'waiting'
    AND NOT EXISTS (
        SELECT FROM approvals WHERE approvals.message_id = posts.message_id AND closed_at IS NOT NULL
    )
RETURNING id
"""


async def add(
    connection: Connection,
    chat_id: int,
    post: Post,
    *,
    message_id: str | None = None,
    urgent: bool = False,
    edits: int | None = None,
) -> int:
    """Puts a post into the chat's queue and wakes who sends; its id."""
    post_id: int = await connection.fetchval(
        """
        INSERT INTO posts (chat_id, message_id, edits, urgent, body) VALUES ($1, $2, $3, $4, $5)
        RETURNING id
        """,
        chat_id, message_id, edits, urgent, post.to_json(),
    )  # fmt: skip
    await deliveries.hint(connection)
    return post_id


async def next_post(connection: Connection, chat_id: int) -> Stored | None:
    """What the chat gets next."""
    row = await connection.fetchrow(_WAITING, chat_id)
    return _stored(row) if row is not None else None


async def any_waiting(connection: Connection, chat_id: int) -> bool:
    """Whether something that is not urgent is still to be sent to the chat."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM posts WHERE chat_id = $1 AND state = 'waiting' AND NOT urgent)", chat_id
    )
    return found


async def postpone(connection: Connection, post: Stored, delay_s: float, error: str) -> None:
    """Not before `delay_s` from now, and what is urgent before it."""
    await connection.execute(
        """
        UPDATE posts SET unread = unread + 1, last_error = $3,
            not_before = clock_timestamp() + make_interval(secs => $2)
        WHERE id = $1
        """,
        post.id, delay_s, error,
    )  # fmt: skip


async def begin_try(connection: Connection, post: Stored) -> bool:
    """Notes that a try begins, before it does: what is found begun later may have been sent.

    False where nobody needs it any more.
    """
    return await connection.fetchval(_TRY, post.id, post.chat_id) is not None


async def drop(connection: Connection, post: Stored) -> None:
    """Nobody needs it any more."""
    await connection.execute(
        "UPDATE posts SET state = 'dropped' WHERE id = $1 AND state = 'waiting'", post.id
    )
    if post.message_id is not None:
        await drop_unsent(connection, post.message_id)
        await deliveries.settle_message(connection, [post.message_id])


async def end_try(connection: Connection, post: Stored, error: str, *, unsure: bool) -> None:
    """Notes a failed try."""
    await connection.execute(
        """
        UPDATE posts SET last_error = $2, tried_at = CASE WHEN $3 THEN tried_at END,
            floor = CASE WHEN $3 THEN floor END
        WHERE id = $1
        """,
        post.id, error, unsure,
    )  # fmt: skip


async def mark_sent(connection: Connection, post: Stored, telegram_id: int | None) -> None:
    """The chat has it; with its last part, the whole message is delivered."""
    await connection.execute(
        """
        WITH sent AS (
            UPDATE posts SET state = 'sent', sent_at = clock_timestamp(), tried_at = NULL, last_error = '',
                telegram_id = $2
            WHERE id = $1
        )
        INSERT INTO chats AS chat (chat_id, last_message_id) VALUES ($3, coalesce($2, 0))
        ON CONFLICT (chat_id) DO UPDATE SET
            last_message_id = greatest(chat.last_message_id, excluded.last_message_id),
            failures = 0, trouble = ''
        """,
        post.id, telegram_id, post.chat_id,
    )  # fmt: skip
    await _settle(connection, post)


async def is_called(connection: Connection, post: Stored, telegram_id: int) -> None:
    """What Telegram calls it after all."""
    await connection.execute("UPDATE posts SET telegram_id = $2 WHERE id = $1", post.id, telegram_id)


async def mark_failed(connection: Connection, post: Stored, error: str) -> None:
    """Will never be sent."""
    await connection.execute(
        "UPDATE posts SET state = 'failed', tried_at = NULL, last_error = $2 WHERE id = $1", post.id, error
    )
    if post.message_id is not None:
        await connection.execute(
            """
            UPDATE deliveries SET state = 'failed', last_error = $3 WHERE message_id = $1 AND chat_id = $2
            """,
            post.message_id, post.chat_id, error,
        )  # fmt: skip
    await _settle(connection, post)


async def replace(connection: Connection, post: Stored, body: Post, error: str) -> None:
    """Says it in another way from the next try on."""
    await connection.execute(
        "UPDATE posts SET body = $2, tried_at = NULL, floor = NULL, last_error = $3 WHERE id = $1",
        post.id, body.to_json(), error,
    )  # fmt: skip


async def drop_unsent(connection: Connection, message_id: str) -> None:
    """Nobody needs to hear what was not begun to be sent of a message."""
    await connection.execute(
        "UPDATE posts SET state = 'dropped' WHERE message_id = $1 AND state = 'waiting' AND tried_at IS NULL",
        message_id,
    )
    await connection.execute(
        """
        UPDATE deliveries AS delivery SET state = 'dropped'
        WHERE message_id = $1 AND (state = 'waiting' OR state = 'written' AND NOT EXISTS (
            SELECT FROM posts
            WHERE posts.message_id = $1 AND posts.chat_id = delivery.chat_id AND posts.state <> 'dropped'
        ))
        """,
        message_id,
    )


async def sent_parts(connection: Connection, message_id: str) -> list[Stored]:
    """The posts of a message that a chat has or may have; `target` is what Telegram calls each."""
    rows = await connection.fetch(
        """
        SELECT *, coalesce(telegram_id, 0) AS target_id FROM posts
        WHERE message_id = $1 AND edits IS NULL
            AND (state = 'sent' OR state = 'waiting' AND tried_at IS NOT NULL)
        ORDER BY id
        """,
        message_id,
    )
    return [_stored(row) for row in rows]


async def called(connection: Connection, chat_id: int, telegram_id: int) -> Stored | None:
    """The post that Telegram calls so; None where it is not one of ours, or not known to be."""
    row = await connection.fetchrow(
        "SELECT *, telegram_id AS target_id FROM posts WHERE chat_id = $1 AND telegram_id = $2",
        chat_id, telegram_id,
    )  # fmt: skip
    return _stored(row) if row is not None else None


async def may_be_in(connection: Connection, chat_id: int, message_id: str) -> Stored | None:
    """The last part of a message that may be in the chat without our knowing what Telegram calls it."""
    row = await connection.fetchrow(
        """
        SELECT *, 0 AS target_id FROM posts
        WHERE chat_id = $1 AND message_id = $2 AND edits IS NULL AND telegram_id IS NULL
            AND tried_at IS NOT NULL
        ORDER BY id DESC LIMIT 1
        """,
        chat_id, message_id,
    )  # fmt: skip
    return _stored(row) if row is not None else None


async def known_ids(connection: Connection, chat_id: int, above: int) -> set[int]:
    """What Telegram calls those messages of ours in a chat that come after `above`."""
    rows = await connection.fetch(
        "SELECT telegram_id FROM posts WHERE chat_id = $1 AND telegram_id > $2", chat_id, above
    )
    return {row["telegram_id"] for row in rows}


async def _settle(connection: Connection, post: Stored) -> None:
    """With the last part of a message its delivery is over."""
    if post.message_id is None or post.edits is not None:
        return
    await connection.execute(
        """
        UPDATE deliveries SET state = 'sent' WHERE message_id = $1 AND chat_id = $2 AND state = 'written'
            AND NOT EXISTS (
                SELECT FROM posts
                WHERE message_id = $1 AND chat_id = $2 AND state = 'waiting' AND edits IS NULL
            )
        """,
        post.message_id, post.chat_id,
    )  # fmt: skip
    await deliveries.settle_message(connection, [post.message_id])


def _stored(row: asyncpg.Record) -> Stored:
    return Stored(
        id=row["id"],
        chat_id=row["chat_id"],
        post=Post.from_json(row["body"]),
        message_id=row["message_id"],
        edits=row["edits"],
        urgent=row["urgent"],
        attempts=row["attempts"],
        unsure=row["tried_at"] is not None,
        floor=row["floor"] or 0,
        target=row["target_id"] or None,
        unread=row["unread"],
        due=row.get("due", True),
    )
