"""The tables `posts`, `deliveries` and `chats`: what goes out, chat by chat."""

from collections.abc import Iterable, Sequence
from datetime import datetime

import asyncpg

from services.chassis.database import Connection
from services.notifier.telegram.post import Post, Stored

HINT_CHANNEL = "notifier_posts"
"""Where PostgreSQL says that there is something to send."""

_WAITING = """
SELECT post.*, coalesce(target.telegram_id, 0) AS target_id
FROM posts AS post LEFT JOIN posts AS target ON target.id = post.edits
WHERE post.chat_id = $1 AND post.state = 'waiting' AND coalesce(target.state, '') <> 'waiting'
ORDER BY post.urgent DESC, post.id LIMIT 1
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
    await hint(connection)
    return post_id


async def hint(connection: Connection) -> None:
    """Wakes who sends, when this transaction commits."""
    await connection.execute("SELECT pg_notify($1, '')", HINT_CHANNEL)


async def next_post(connection: Connection, chat_id: int) -> Stored | None:
    """What the chat gets next."""
    row = await connection.fetchrow(_WAITING, chat_id)
    return _stored(row) if row is not None else None


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
        await settle_message(connection, [post.message_id])


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


async def last_private_id(connection: Connection) -> int:
    """The greatest message id known in any private chat; 0: none."""
    found = await connection.fetchval("SELECT max(last_message_id) FROM chats WHERE chat_id > 0")
    return int(found or 0)


async def saw_message(connection: Connection, chat_id: int, message_id: int) -> None:
    """Notes a message id that was seen in a chat."""
    await connection.execute(
        """
        INSERT INTO chats AS chat (chat_id, last_message_id) VALUES ($1, $2)
        ON CONFLICT (chat_id) DO UPDATE
            SET last_message_id = greatest(chat.last_message_id, excluded.last_message_id)
        """,
        chat_id, message_id,
    )  # fmt: skip


async def hold_chat(connection: Connection, chat_id: int, delay_s: float, trouble: str) -> int:
    """Sends nothing to the chat for a while; how often that was so in a row."""
    failures: int = await connection.fetchval(
        """
        INSERT INTO chats AS chat (chat_id, not_before, failures, trouble)
        VALUES ($1, clock_timestamp() + make_interval(secs => $2), 1, $3)
        ON CONFLICT (chat_id) DO UPDATE SET not_before = excluded.not_before,
            failures = chat.failures + 1, trouble = excluded.trouble
        RETURNING failures
        """,
        chat_id, delay_s, trouble,
    )  # fmt: skip
    return failures


async def pace_chat(connection: Connection, chat_id: int, delay_s: float) -> None:
    """Sends nothing to the chat for a moment, though nothing is wrong."""
    await connection.execute(
        "UPDATE chats SET not_before = clock_timestamp() + make_interval(secs => $2) WHERE chat_id = $1",
        chat_id,
        delay_s,
    )


async def failures_of(connection: Connection, chat_id: int) -> int:
    """How often in a row the chat took nothing."""
    return int(await connection.fetchval("SELECT failures FROM chats WHERE chat_id = $1", chat_id) or 0)


async def wait_of(connection: Connection, chat_id: int) -> float:
    """Seconds until something may be sent to the chat; 0 or less: now."""
    found = await connection.fetchval(
        "SELECT extract(epoch FROM not_before - clock_timestamp())::float8 FROM chats WHERE chat_id = $1",
        chat_id,
    )
    return float(found or 0.0)


async def chats_with_work(connection: Connection, recipients: Sequence[int]) -> list[int]:
    """Chats for which something waits: posts, and messages that are to be put into words."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT chat_id FROM posts WHERE state = 'waiting'
        UNION
        SELECT chat_id FROM unnest($1::bigint[]) AS chat (chat_id)
        WHERE EXISTS (SELECT FROM deliveries d WHERE d.chat_id = chat.chat_id AND d.state = 'waiting')
        """,
        list(recipients),
    )
    return [row["chat_id"] for row in rows]


async def address(connection: Connection, message_id: str, chat_ids: Iterable[int]) -> None:
    """The message goes to these chats."""
    await connection.execute(
        """
        INSERT INTO deliveries (message_id, chat_id, position)
        SELECT id, chat_id, position FROM messages, unnest($2::bigint[]) AS chat (chat_id) WHERE id = $1
        """,
        message_id, list(chat_ids),
    )  # fmt: skip
    await hint(connection)


async def address_again(connection: Connection, message_id: str) -> None:
    """The message goes once more to every chat that it goes to, after what waits there now."""
    await connection.execute(
        """
        UPDATE deliveries SET state = 'waiting', next_attempt_at = clock_timestamp(),
            position = greatest(position, (SELECT max(position) FROM messages))
        WHERE message_id = $1 AND state <> 'waiting'
        """,
        message_id,
    )
    await hint(connection)


async def address_all_undelivered(connection: Connection, chat_ids: Iterable[int]) -> None:
    """What nobody has yet goes to these chats and to no others, whatever the settings were before."""
    chats = list(chat_ids)
    await connection.execute(
        """
        INSERT INTO deliveries (message_id, chat_id, position)
        SELECT id, chat_id, position FROM messages, unnest($1::bigint[]) AS chat (chat_id)
        WHERE delivered_at IS NULL
        ON CONFLICT DO NOTHING
        """,
        chats,
    )
    await connection.execute(
        """
        WITH stray AS (
            UPDATE deliveries
            SET state = 'dropped', last_error = 'the settings do not name this chat any more'
            WHERE state IN ('waiting', 'written') AND chat_id <> ALL ($1)
            RETURNING message_id, chat_id
        )
        UPDATE posts SET state = 'dropped' FROM stray
        WHERE posts.message_id = stray.message_id AND posts.chat_id = stray.chat_id
            AND posts.state = 'waiting'
        """,
        chats,
    )


async def waiting_messages(connection: Connection, chat_id: int, most: int) -> list[str]:
    """Messages that wait to be put into words for a chat, the first stored first; those that failed before
    only when their time has come."""
    rows = await connection.fetch(
        """
        SELECT message_id, next_attempt_at <= clock_timestamp() AS due FROM deliveries
        WHERE chat_id = $1 AND state = 'waiting' ORDER BY position LIMIT $2
        """,
        chat_id, most,
    )  # fmt: skip
    return [row["message_id"] for row in rows] if rows and rows[0]["due"] else []


async def mark_written(
    connection: Connection, chat_id: int, message_ids: Sequence[str], *, in_digest: bool
) -> None:
    """The messages have their posts, or are named in a digest."""
    await connection.execute(
        "UPDATE deliveries SET state = $3, last_error = '' WHERE chat_id = $1 AND message_id = ANY ($2)",
        chat_id, list(message_ids), "in_digest" if in_digest else "written",
    )  # fmt: skip


async def postpone(
    connection: Connection, chat_id: int, message_id: str, *, delay_s: float, error: str
) -> None:
    """A message could not be put into words yet."""
    await connection.execute(
        """
        UPDATE deliveries SET attempts = attempts + 1, last_error = $4,
            next_attempt_at = clock_timestamp() + make_interval(secs => $3)
        WHERE chat_id = $1 AND message_id = $2
        """,
        chat_id, message_id, delay_s, error,
    )  # fmt: skip


async def attempts_of(connection: Connection, chat_id: int, message_id: str) -> int:
    """How often a message could not be put into words."""
    found = await connection.fetchval(
        "SELECT attempts FROM deliveries WHERE chat_id = $1 AND message_id = $2", chat_id, message_id
    )
    return int(found or 0)


async def deliveries_of(connection: Connection, message_ids: Sequence[str]) -> list[asyncpg.Record]:
    """message_id, chat_id, state, attempts and last_error of each delivery of the messages."""
    return await connection.fetch(
        """
        SELECT message_id, chat_id, state,
            attempts + coalesce((SELECT max(attempts) FROM posts p
                WHERE p.message_id = d.message_id AND p.chat_id = d.chat_id), 0) AS attempts,
            coalesce(nullif(last_error, ''), (SELECT max(last_error) FROM posts p
                WHERE p.message_id = d.message_id AND p.chat_id = d.chat_id), '') AS last_error
        FROM deliveries d WHERE message_id = ANY ($1) ORDER BY message_id, chat_id
        """,
        list(message_ids),
    )


async def settle_message(connection: Connection, message_ids: Sequence[str]) -> None:
    """Notes messages as delivered whose every delivery is over."""
    await connection.execute(
        """
        UPDATE messages SET delivered_at = clock_timestamp()
        WHERE id = ANY ($1) AND delivered_at IS NULL AND NOT EXISTS (
            SELECT FROM deliveries WHERE message_id = messages.id AND state IN ('waiting', 'written')
        )
        """,
        list(message_ids),
    )


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
    await settle_message(connection, [post.message_id])


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
    )


async def now(connection: Connection) -> datetime:
    """The time by which everything here happens."""
    moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return moment
