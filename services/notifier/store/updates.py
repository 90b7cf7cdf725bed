"""The tables `updates`, `prompts` and `leases`: what comes in, and who fetches it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from services.chassis.database import Connection

HINT_CHANNEL = "notifier_updates"
"""Where PostgreSQL says that somebody did something."""

# Rows that somebody is at are skipped, and with each the rest of its lane: it is not done yet.
_CLAIM = """
SELECT update_id, body, attempts, extract(epoch FROM clock_timestamp() - received_at)::float8 AS age_s
FROM updates AS u
WHERE done_at IS NULL AND next_attempt_at <= clock_timestamp() AND NOT EXISTS (
    SELECT FROM updates AS earlier
    WHERE earlier.lane = u.lane AND earlier.done_at IS NULL AND earlier.update_id < u.update_id
)
ORDER BY update_id LIMIT 1
FOR UPDATE SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Update:
    """Something that somebody did, as Telegram tells it."""

    id: int
    body: dict[str, Any]
    attempts: int
    """Failed ones, before this."""
    age_s: float


@dataclass(frozen=True, slots=True)
class Prompt:
    """A person was asked to write a note or a reason."""

    post_id: int
    message_id: str
    verdict: str


async def keep(connection: Connection, updates: Sequence[tuple[int, str, dict[str, Any]]]) -> int:
    """Keeps updates, as id, lane and body, that are not kept yet; how many."""
    rows = await connection.fetch(
        """
        INSERT INTO updates (update_id, lane, body)
        SELECT * FROM unnest($1::bigint[], $2::text[], $3::json[])
        ON CONFLICT (update_id) DO NOTHING RETURNING update_id
        """,
        *([update[column] for update in updates] for column in range(3)),
    )  # fmt: skip
    if rows:
        await connection.execute("SELECT pg_notify($1, '')", HINT_CHANNEL)
    return len(rows)


async def claim(connection: Connection, *, frozen_s: int) -> Update | None:
    """The next update that nobody is at, locked until this transaction ends: at the latest when its session
    has said nothing for `frozen_s`."""
    await connection.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{frozen_s}s'")
    row = await connection.fetchrow(_CLAIM)
    return Update(row["update_id"], row["body"], row["attempts"], row["age_s"]) if row is not None else None


async def done(connection: Connection, update_id: int, outcome: str) -> None:
    """It is worked off."""
    await connection.execute(
        "UPDATE updates SET done_at = clock_timestamp(), outcome = $2 WHERE update_id = $1",
        update_id,
        outcome,
    )


async def postpone(connection: Connection, update_id: int, delay_s: float, outcome: str) -> None:
    """It could not be worked off; again in `delay_s`."""
    await connection.execute(
        """
        UPDATE updates SET attempts = attempts + 1, outcome = $3,
            next_attempt_at = clock_timestamp() + make_interval(secs => $2)
        WHERE update_id = $1
        """,
        update_id, delay_s, outcome,
    )  # fmt: skip


async def forget_old(connection: Connection) -> None:
    """Drops what was worked off two days ago: Telegram keeps an update for one."""
    # The time in a query of its own: an index is not searched by what may change from row to row.
    await connection.execute(
        "DELETE FROM updates WHERE done_at < (SELECT clock_timestamp()) - interval '2 days'"
    )


async def take_lease(connection: Connection, name: str, holder: str, lasts_s: float) -> bool:
    """Whether `holder` has the lease from now on, for `lasts_s`."""
    row = await connection.fetchval(
        """
        INSERT INTO leases AS lease (name, holder, until)
        VALUES ($1, $2, clock_timestamp() + make_interval(secs => $3))
        ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, until = excluded.until
            WHERE lease.holder = excluded.holder OR lease.until <= clock_timestamp()
        RETURNING name
        """,
        name, holder, lasts_s,
    )  # fmt: skip
    return row is not None


async def hold_together(connection: Connection, name: str, lasts_s: float) -> None:
    """Holds a lease that any number may hold, for `lasts_s` from now on."""
    await connection.execute(
        """
        INSERT INTO leases AS lease (name, holder, until)
        VALUES ($1, 'all', clock_timestamp() + make_interval(secs => $2))
        ON CONFLICT (name) DO UPDATE SET until = greatest(lease.until, excluded.until)
        """,
        name, lasts_s,
    )  # fmt: skip


async def lease_is_held(connection: Connection, name: str) -> bool:
    """Whether anybody has the lease now."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM leases WHERE name = $1 AND until > clock_timestamp())", name
    )
    return found


async def give_up_lease(connection: Connection, name: str, holder: str) -> None:
    """Frees the lease where `holder` has it."""
    await connection.execute("DELETE FROM leases WHERE name = $1 AND holder = $2", name, holder)


async def ask(
    connection: Connection, *, post_id: int, chat_id: int, user_id: int, message_id: str, verdict: str
) -> None:
    """Notes that a person was asked to write."""
    await connection.execute(
        "INSERT INTO prompts (post_id, chat_id, user_id, message_id, verdict) VALUES ($1, $2, $3, $4, $5)",
        post_id, chat_id, user_id, message_id, verdict,
    )  # fmt: skip


async def newest_prompt(connection: Connection, chat_id: int, user_id: int) -> Prompt | None:
    """What a person was asked last in a chat, within the last day, and has not written yet."""
    row = await connection.fetchrow(
        """
        SELECT post_id, message_id, verdict FROM prompts
        WHERE chat_id = $1 AND user_id = $2 AND answered_at IS NULL
            AND asked_at > clock_timestamp() - interval '1 day'
        ORDER BY asked_at DESC LIMIT 1
        """,
        chat_id, user_id,
    )  # fmt: skip
    return _prompt(row)


async def prompt_called(
    connection: Connection, chat_id: int, user_id: int, telegram_id: int
) -> Prompt | None:
    """What a person was asked in a chat by the message that Telegram calls so, answered or not."""
    row = await connection.fetchrow(
        """
        SELECT post_id, prompts.message_id, verdict FROM prompts JOIN posts ON posts.id = post_id
        WHERE prompts.chat_id = $1 AND user_id = $2 AND telegram_id = $3
        """,
        chat_id, user_id, telegram_id,
    )  # fmt: skip
    return _prompt(row)


async def withdraw_prompts(connection: Connection, message_id: str, user_id: int) -> None:
    """A person did something else about a question than to write what they were asked for."""
    await connection.execute(
        """
        UPDATE prompts SET answered_at = clock_timestamp()
        WHERE message_id = $1 AND user_id = $2 AND answered_at IS NULL
        """,
        message_id, user_id,
    )  # fmt: skip


async def prompt_answered(connection: Connection, post_id: int) -> None:
    """The person wrote."""
    await connection.execute("UPDATE prompts SET answered_at = clock_timestamp() WHERE post_id = $1", post_id)


def _prompt(row: Any) -> Prompt | None:
    return Prompt(row["post_id"], row["message_id"], row["verdict"]) if row is not None else None
