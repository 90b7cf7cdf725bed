"""The table `deliveries`: what becomes of each message in each chat."""

from collections.abc import Iterable, Sequence

import asyncpg

from services.chassis.database import Connection

HINT_CHANNEL = "notifier_posts"
"""Where PostgreSQL says that there is something to send."""


async def hint(connection: Connection) -> None:
    """Wakes who sends, when this transaction commits."""
    await connection.execute("SELECT pg_notify($1, '')", HINT_CHANNEL)


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


async def address_again(connection: Connection, message_id: str, chat_ids: Iterable[int]) -> None:
    """The message goes once more to these chats, after what waits there now; once, where it waits already."""
    await connection.execute(
        """
        INSERT INTO deliveries AS delivery (message_id, chat_id, position)
        SELECT $1, chat_id, (SELECT max(position) FROM messages) FROM unnest($2::bigint[]) AS chat (chat_id)
        ON CONFLICT (message_id, chat_id) DO UPDATE
            SET state = 'waiting', next_attempt_at = clock_timestamp(), position = excluded.position
            WHERE delivery.state NOT IN ('waiting', 'written')
        """,
        message_id, list(chat_ids),
    )  # fmt: skip
    await hint(connection)


async def address_all_undelivered(connection: Connection, chat_ids: Iterable[int]) -> None:
    """What no chat has yet goes to these chats, whatever the settings were before; nothing goes to others."""
    chats = list(chat_ids)
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
    await connection.execute(
        """
        INSERT INTO deliveries (message_id, chat_id, position)
        SELECT id, chat_id, position FROM messages, unnest($1::bigint[]) AS chat (chat_id)
        WHERE delivered_at IS NULL AND NOT EXISTS (
            SELECT FROM deliveries d WHERE d.message_id = messages.id AND d.state IN ('sent', 'in_digest')
        )
        ON CONFLICT DO NOTHING
        """,
        chats,
    )
    await connection.execute(
        """
        UPDATE messages SET delivered_at = clock_timestamp()
        WHERE delivered_at IS NULL AND EXISTS (SELECT FROM deliveries WHERE message_id = messages.id)
            AND NOT EXISTS (
                SELECT FROM deliveries WHERE message_id = messages.id AND state IN ('waiting', 'written')
            )
        """
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


async def fail(connection: Connection, chat_id: int, message_id: str, error: str) -> None:
    """The chat will never get the message."""
    await connection.execute(
        "UPDATE deliveries SET state = 'failed', last_error = $3 WHERE chat_id = $1 AND message_id = $2",
        chat_id, message_id, error,
    )  # fmt: skip
    await settle_message(connection, [message_id])


async def attempts_of(connection: Connection, chat_id: int, message_id: str) -> int:
    """How often a message could not be put into words."""
    found = await connection.fetchval(
        "SELECT attempts FROM deliveries WHERE chat_id = $1 AND message_id = $2", chat_id, message_id
    )
    return int(found or 0)


async def of_messages(connection: Connection, message_ids: Sequence[str]) -> list[asyncpg.Record]:
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
