"""The table `approvals`: questions, from being asked to being closed."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import asyncpg

from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.chassis.database import Connection


@dataclass(frozen=True, slots=True)
class TakeOnOffer:
    """A take that can be picked."""

    number: int
    take_id: str
    content_digest: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a question ended. Without a `verdict` nobody decided, and `reason` says why it is over."""

    verdict: str
    decided_by: str
    decided_at: datetime | None
    reason: str
    content_digest: str = ""
    """What was decided about, where it is known: one of several takes."""


@dataclass(frozen=True, slots=True)
class Approval:
    """A question."""

    message_id: str
    run_id: str
    artist_id: str
    title: str
    artist_name: str
    take_number: int
    content_digest: str
    takes: tuple[TakeOnOffer, ...]
    asked_at: datetime
    closed_at: datetime | None
    ended: Verdict


async def insert(
    connection: Connection, message_id: str, request: RequestApprovalRequest, *, remind_after_s: int
) -> None:
    """A new question; it is the run's only open one from now on."""
    await connection.execute(
        """
        INSERT INTO approvals (message_id, run_id, artist_id, title, artist_name, take_number, content_digest,
            remind_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7,
            CASE WHEN $8::float8 > 0 THEN clock_timestamp() + make_interval(secs => $8::float8) END)
        """,
        message_id, request.run_id, request.artist_id, request.title, request.artist_name,
        request.take_number or 1, request.content_digest, remind_after_s,
    )  # fmt: skip


async def adopt(connection: Connection, run_id: str) -> None:
    """Keeps the run's newest question, where a version that kept no questions asked it."""
    row = await connection.fetchrow(
        """
        SELECT id, approval FROM messages
        WHERE run_id = $1 AND run_id <> '' AND kind = 'approval' ORDER BY position DESC LIMIT 1
        """,
        run_id,
    )
    if row is not None and await get(connection, row["id"]) is None:
        request = RequestApprovalRequest.FromString(row["approval"])
        await insert(connection, row["id"], request, remind_after_s=0)


async def get(connection: Connection, message_id: str, *, lock: bool = False) -> Approval | None:
    """None where the message is no question."""
    row = await connection.fetchrow(
        f"SELECT * FROM approvals WHERE message_id = $1{' FOR UPDATE' if lock else ''}", message_id
    )
    return _approval(row) if row is not None else None


async def undecided_of_run(connection: Connection, run_id: str, content_digest: str = "") -> list[Approval]:
    """The run's open questions, locked, the oldest first.

    With a digest: those about that content, also where they were closed without a decision.
    """
    rows = await connection.fetch(
        """
        SELECT * FROM approvals
        WHERE run_id = $1 AND CASE WHEN $2 = '' THEN closed_at IS NULL
            ELSE content_digest = $2 AND (closed_at IS NULL OR verdict = '') END
        ORDER BY asked_at, message_id FOR UPDATE
        """,
        run_id, content_digest,
    )  # fmt: skip
    return [_approval(row) for row in rows]


async def open_of_run(connection: Connection, run_id: str) -> Approval | None:
    """The run's open question, without a lock; None where none is."""
    row = await connection.fetchrow(
        """
        SELECT * FROM approvals WHERE run_id = $1 AND closed_at IS NULL
        ORDER BY asked_at DESC, message_id DESC LIMIT 1
        """,
        run_id,
    )
    return _approval(row) if row is not None else None


async def shown_takes(connection: Connection, run_id: str, but_message: str) -> set[str]:
    """Ids of takes that an earlier question of the run had with it."""
    rows = await connection.fetch(
        """
        SELECT DISTINCT take->>'take_id' AS take_id FROM approvals, jsonb_array_elements(takes) AS take
        WHERE run_id = $1 AND message_id <> $2
        """,
        run_id, but_message,
    )  # fmt: skip
    return {row["take_id"] for row in rows}


async def offer(connection: Connection, message_id: str, takes: Sequence[TakeOnOffer]) -> None:
    """Notes which takes the question shows."""
    await connection.execute(
        "UPDATE approvals SET takes = $2 WHERE message_id = $1",
        message_id,
        [
            {"number": take.number, "take_id": take.take_id, "content_digest": take.content_digest}
            for take in takes
        ],
    )


async def close(connection: Connection, message_id: str, ended: Verdict) -> None:
    """The question is over."""
    await connection.execute(
        """
        UPDATE approvals SET closed_at = clock_timestamp(), remind_at = NULL, verdict = $2, decided_by = $3,
            decided_at = $4, reason = $5
        WHERE message_id = $1
        """,
        message_id, ended.verdict, ended.decided_by, ended.decided_at, ended.reason,
    )  # fmt: skip


async def lock_run(connection: Connection, run_id: str) -> None:
    """Questions of the run come and end one after the other until this transaction ends."""
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended('notifier run ' || $1, 0))", run_id
    )


async def keep_closing(connection: Connection, run_id: str, content_digest: str, ended: Verdict) -> None:
    """Notes that a question is over, whether it has come already or is still to come."""
    await connection.execute(
        """
        INSERT INTO closings (run_id, content_digest, verdict, decided_by, decided_at, reason)
        VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
        """,
        run_id, content_digest, ended.verdict, ended.decided_by, ended.decided_at, ended.reason,
    )  # fmt: skip


async def was_asked(connection: Connection, run_id: str, content_digest: str) -> bool:
    """Whether the question about this content has come. Of a whole run nobody can say."""
    found: bool = await connection.fetchval(
        "SELECT $2 <> '' AND EXISTS (SELECT FROM approvals WHERE run_id = $1 AND content_digest = $2)",
        run_id, content_digest,
    )  # fmt: skip
    return found


async def closing_of(connection: Connection, run_id: str, content_digest: str) -> Verdict | None:
    """How the question about this content ended before it came; None: it did not."""
    row = await connection.fetchrow(
        """
        SELECT * FROM closings WHERE run_id = $1 AND content_digest IN ($2, '')
        ORDER BY content_digest DESC LIMIT 1
        """,
        run_id, content_digest,
    )  # fmt: skip
    if row is None:
        return None
    return Verdict(row["verdict"], row["decided_by"], row["decided_at"], row["reason"])


async def forget_closings(connection: Connection) -> None:
    """Drops what was told a month ago: its question has come long since."""
    # The time in a query of its own: an index is not searched by what may change from row to row.
    await connection.execute(
        "DELETE FROM closings WHERE told_at < (SELECT clock_timestamp()) - interval '30 days'"
    )


async def remind_of_due(
    connection: Connection, again_in_s: float, together_s: float
) -> tuple[int, list[Approval]]:
    """How many questions people are to be reminded of now, and the oldest of them.

    As soon as one is due, so are all whose time comes within `together_s`, and people are not called again
    before that has passed.
    The next time for each is `again_in_s` from now. One that somebody decides at this moment is left out.
    """
    rows = await connection.fetch(
        """
        WITH due AS (
            SELECT message_id FROM approvals
            WHERE closed_at IS NULL
                -- In a query of its own: an index is not searched by what may change from row to row.
                AND remind_at <= (SELECT clock_timestamp()) + make_interval(secs => $2)
                AND (
                    SELECT min(remind_at) FROM approvals WHERE closed_at IS NULL AND remind_at IS NOT NULL
                ) <= (SELECT clock_timestamp())
                AND NOT EXISTS (
                    SELECT FROM messages
                    WHERE kind = 'reminder'
                        AND created_at > (SELECT clock_timestamp()) - make_interval(secs => $2)
                )
            FOR UPDATE SKIP LOCKED
        ), reminded AS (
            UPDATE approvals SET reminders = reminders + 1,
                remind_at = clock_timestamp() + make_interval(secs => $1)
            WHERE message_id = ANY (ARRAY(SELECT message_id FROM due))
            RETURNING *
        )
        SELECT *, count(*) OVER () AS reminded FROM reminded ORDER BY asked_at, message_id LIMIT 20
        """,
        again_in_s, together_s,
    )  # fmt: skip
    return (rows[0]["reminded"] if rows else 0), [_approval(row) for row in rows]


async def count_open(connection: Connection) -> tuple[int, float]:
    """How many questions are open, and how many seconds the oldest has been; 0 where none is."""
    row = await connection.fetchrow(
        """
        SELECT count(*) AS open,
            coalesce(extract(epoch FROM clock_timestamp() - min(asked_at)), 0)::float8 AS age
        FROM approvals WHERE closed_at IS NULL
        """
    )
    assert row is not None, "an aggregate has a row"
    return row["open"], row["age"]


async def page_open(connection: Connection, offset: int, most: int) -> list[Approval]:
    """Open questions, the oldest first."""
    rows = await connection.fetch(
        """
        SELECT * FROM approvals WHERE closed_at IS NULL ORDER BY asked_at, message_id OFFSET $1 LIMIT $2
        """,
        offset, most,
    )  # fmt: skip
    return [_approval(row) for row in rows]


def _approval(row: asyncpg.Record) -> Approval:
    return Approval(
        message_id=row["message_id"],
        run_id=row["run_id"],
        artist_id=row["artist_id"],
        title=row["title"],
        artist_name=row["artist_name"],
        take_number=row["take_number"],
        content_digest=row["content_digest"],
        takes=tuple(TakeOnOffer(**take) for take in row["takes"]),
        asked_at=row["asked_at"],
        closed_at=row["closed_at"],
        ended=Verdict(row["verdict"], row["decided_by"], row["decided_at"], row["reason"]),
    )
