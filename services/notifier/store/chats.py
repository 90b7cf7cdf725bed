"""The table `chats`: what is known of each, and when something may be sent to it."""

from collections.abc import Sequence

from services.chassis.database import Connection


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


async def hold(connection: Connection, chat_id: int, delay_s: float, trouble: str) -> None:
    """Sends nothing to the chat for a while, and counts that."""
    await connection.execute(
        """
        INSERT INTO chats AS chat (chat_id, not_before, failures, trouble)
        VALUES ($1, clock_timestamp() + make_interval(secs => $2), 1, $3)
        ON CONFLICT (chat_id) DO UPDATE SET not_before = excluded.not_before,
            failures = chat.failures + 1, trouble = excluded.trouble
        """,
        chat_id, delay_s, trouble,
    )  # fmt: skip


async def lock(connection: Connection, chat_id: int, *, frozen_s: int) -> bool:
    """Whether this session alone serves the chat from now on, until `unlock` or its end, which comes by
    itself where it says nothing for `frozen_s`."""
    got: bool = await connection.fetchval(
        "SELECT pg_try_advisory_lock(hashtextextended('notifier chat ' || $1::text, 0))", str(chat_id)
    )
    if got:
        await connection.execute(f"SET idle_session_timeout = '{frozen_s}s'")
    return got


async def unlock(connection: Connection, chat_id: int) -> None:
    """Others may serve the chat, and the session is as it was."""
    await connection.execute("RESET idle_session_timeout")
    await connection.execute(
        "SELECT pg_advisory_unlock(hashtextextended('notifier chat ' || $1::text, 0))", str(chat_id)
    )


async def pace(connection: Connection, chat_id: int, delay_s: float) -> None:
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


async def with_work(connection: Connection, recipients: Sequence[int], *, soon_s: float) -> list[int]:
    """Chats for which something waits that may be sent within `soon_s`: posts, and messages that are to be
    put into words. The recipients come first, then who has waited longest."""
    rows = await connection.fetch(
        """
        SELECT chat_id FROM (
            SELECT chat_id, min(id) AS first FROM posts WHERE state = 'waiting' GROUP BY chat_id
            UNION ALL
            SELECT chat_id, 0 FROM unnest($1::bigint[]) AS chat (chat_id)
            WHERE EXISTS (SELECT FROM deliveries d WHERE d.chat_id = chat.chat_id AND d.state = 'waiting')
        ) AS work LEFT JOIN chats USING (chat_id)
        WHERE coalesce(not_before <= clock_timestamp() + make_interval(secs => $2), true)
        GROUP BY chat_id ORDER BY (chat_id = ANY ($1)) DESC, min(first)
        """,
        list(recipients), soon_s,
    )  # fmt: skip
    return [row["chat_id"] for row in rows]
