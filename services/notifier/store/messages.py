"""The table `messages`."""

from collections.abc import Sequence

import asyncpg

from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest
from services.chassis.database import Connection
from services.chassis.ids import new_id
from services.chassis.paging import Page
from services.notifier.domain import Draft, Headline, Kind, Message, Severity, Topic

HINT_CHANNEL = "notifier_messages"
"""Where PostgreSQL says that there is something to deliver."""

_COLUMNS = """id, position, kind, severity, title, body, run_id, artist_id, approval,
    created_at, delivered_at, failed_attempts, topic, error_fingerprint, subject_kind, subject_id"""

_INSERT = """
INSERT INTO messages (id, kind, severity, title, body, run_id, artist_id, approval, topic, error_fingerprint,
    subject_kind, subject_id)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
"""

# Rows that another replica is at are skipped, so that none is said twice at the same time.
_CLAIM = f"""
SELECT {_COLUMNS} FROM messages
WHERE delivered_at IS NULL AND next_attempt_at <= clock_timestamp()
ORDER BY position
LIMIT 1
FOR UPDATE SKIP LOCKED
"""

_DELIVERED = """
UPDATE messages SET delivered_at = clock_timestamp(), last_error = NULL WHERE id = $1
RETURNING extract(epoch FROM delivered_at - created_at)::float8
"""

_POSTPONE = """
UPDATE messages
SET failed_attempts = failed_attempts + 1,
    next_attempt_at = clock_timestamp() + make_interval(secs => $2),
    last_error = $3
WHERE id = $1
"""

_LIST = f"SELECT {_COLUMNS} FROM messages WHERE position < $1 ORDER BY position DESC LIMIT $2"
_LIST_OF_RUN = f"""
SELECT {_COLUMNS} FROM messages WHERE run_id = $3 AND run_id <> '' AND position < $1
ORDER BY position DESC LIMIT $2
"""
_NEWEST = 2**63 - 1
_SUBJECT_KINDS = (Topic.PERSONA, Topic.LIFE, Topic.CANDIDATE, Topic.EXPERIMENT)
"""Topics that stand in `subject_kind`: the version that did not know them reads `topic`."""


async def insert(connection: Connection, draft: Draft) -> str:
    """Stores a message and tells the workers when this transaction commits; the message's id."""
    message_id = new_id("msg")
    approval = draft.approval.SerializeToString() if draft.approval is not None else None
    has_kind = draft.topic in _SUBJECT_KINDS
    await connection.execute(
        _INSERT,
        message_id,
        draft.kind.value,
        draft.severity.value,
        draft.title,
        draft.body,
        draft.run_id,
        draft.artist_id,
        approval,
        (Topic.OTHER if has_kind else draft.topic).value,
        draft.error_fingerprint,
        draft.topic.value if has_kind else "",
        draft.subject_id,
    )
    await connection.execute("SELECT pg_notify($1, $2)", HINT_CHANNEL, message_id)
    return message_id


async def claim_next(connection: Connection) -> Message | None:
    """The oldest message that is due and that nobody else is at, locked until this transaction ends."""
    row = await connection.fetchrow(_CLAIM)
    return _message(row) if row is not None else None


async def get_many(connection: Connection, message_ids: Sequence[str]) -> list[Message]:
    """The messages, the first stored first."""
    rows = await connection.fetch(
        f"SELECT {_COLUMNS} FROM messages WHERE id = ANY ($1) ORDER BY position", list(message_ids)
    )
    return [_message(row) for row in rows]


async def headlines(connection: Connection, message_ids: Sequence[str]) -> list[Headline]:
    """What the messages are in a line each, the first stored first."""
    rows = await connection.fetch(
        """
        SELECT kind, severity, title, topic, subject_kind FROM messages WHERE id = ANY ($1)
        ORDER BY position
        """,
        list(message_ids),
    )
    return [Headline(Kind(row["kind"]), Severity(row["severity"]), row["title"], _topic(row)) for row in rows]


async def mark_delivered(connection: Connection, message_id: str) -> float:
    """Notes that the channel took it; how long it had waited, in seconds."""
    return float(await connection.fetchval(_DELIVERED, message_id))


async def postpone(connection: Connection, message_id: str, *, delay_s: float, error: str) -> None:
    """Notes a failure; the message is due again in `delay_s`."""
    await connection.execute(_POSTPONE, message_id, delay_s, error)


async def say_again(connection: Connection, message_id: str) -> None:
    """The message waits to be said once more."""
    await connection.execute(
        "UPDATE messages SET delivered_at = NULL, next_attempt_at = clock_timestamp() WHERE id = $1",
        message_id,
    )
    await connection.execute("SELECT pg_notify($1, $2)", HINT_CHANNEL, message_id)


async def list_messages(connection: Connection, page: Page, *, run_id: str) -> tuple[list[Message], str]:
    """One page, newest first, and the next page's token; an empty `run_id`: about anything."""
    before = int(page.after[0]) if page.after is not None else _NEWEST
    rows: Sequence[asyncpg.Record] = (
        await connection.fetch(_LIST_OF_RUN, before, page.size + 1, run_id)
        if run_id
        else await connection.fetch(_LIST, before, page.size + 1)
    )
    kept, token = page.cut(rows, key=lambda row: (str(row["position"]),))
    return [_message(row) for row in kept], token


def _message(row: asyncpg.Record) -> Message:
    approval = row["approval"]
    draft = Draft(
        Kind(row["kind"]),
        Severity(row["severity"]),
        row["title"],
        row["body"],
        row["run_id"],
        row["artist_id"],
        RequestApprovalRequest.FromString(approval) if approval is not None else None,
        _topic(row),
        row["error_fingerprint"],
        row["subject_id"],
    )
    return Message(row["id"], draft, row["created_at"], row["delivered_at"], row["failed_attempts"])


def _topic(row: asyncpg.Record) -> Topic:
    return Topic(row["subject_kind"] or row["topic"])
