"""Artists' moves from state to state, and where each artist stands."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.artist_db.domain.lifecycle import Rule, State
from services.artist_db.domain.lives import Life
from services.artist_db.store.query import Query
from services.chassis.database import Connection
from services.chassis.ids import new_id

Row = Any
"""A record of `_MOVE`."""
Keys = tuple[datetime, str]
"""`moved_at` and `id` of the last row of a page."""

OPERATOR = "operator"
"""Who moved an artist, where the call does not say."""

# An artist's last move, as long as no version that keeps none has moved the artist since.
_IS_LAST = "a.last_move = m.id AND a.state = m.to_state AND a.state_reason = m.reason"
_MOVE = f"""
SELECT m.id, m.artist_id, m.from_state, m.to_state, m.rule, m.reason, m.moved_by, m.moved_at, m.undone_by,
       coalesce({_IS_LAST}, false) AS is_last
FROM moves m JOIN artists a ON a.id = m.artist_id
"""

_STANDING = f"""
SELECT a.name, a.state, a.state_since, coalesce(a.judged_from, a.created_at) AS judged_from, a.state_reason,
       a.created_at, a.updated_at, a.last_run_at, a.last_move, m.rule, m.to_state, m.moved_at, m.warned_at,
       coalesce({_IS_LAST}, false) AS is_last, clock_timestamp() AS now
FROM artists a LEFT JOIN moves m ON m.id = a.last_move WHERE a.id = $1
"""

_CATCH_UP = """
WITH moved AS (
    INSERT INTO moves (id, artist_id, from_state, to_state, rule, reason, moved_by, moved_at)
    VALUES ($2, $1, $3, $4, $5, $6, $7, $8)
)
UPDATE artists SET last_move = $2, state_since = $8, judged_from = greatest(judged_from, $8) WHERE id = $1
"""

_KEEP = """
WITH moved AS (
    INSERT INTO moves (id, artist_id, from_state, to_state, rule, reason, moved_by, moved_at)
    VALUES ($2, $1, $3, $4, $5, $6, $7, clock_timestamp()) RETURNING moved_at
)
UPDATE artists SET state = $4, state_reason = $6, last_move = $2, state_since = moved.moved_at,
                   judged_from = CASE WHEN $7 = '' THEN judged_from ELSE moved.moved_at END,
                   etag = etag + 1, updated_at = now()
FROM moved WHERE id = $1
"""


@dataclass(frozen=True, slots=True)
class Standing:
    """An artist whose row is locked, as of `now` by the database's clock."""

    artist_id: str
    name: str
    life: Life
    last_move: str
    now: datetime


async def locked(connection: Connection, artist_id: str) -> Standing | None:
    """Where an artist stands, unchanged by others until the transaction ends; None: there is none."""
    # On its own: a join that waits for the lock would look for the new version in its old snapshot.
    await connection.execute("SELECT FROM artists WHERE id = $1 FOR NO KEY UPDATE", artist_id)
    row: Row = await connection.fetchrow(_STANDING, artist_id)
    if row is None:
        return None
    if not row["is_last"]:
        await _catch_up(connection, artist_id, row)
        row = await connection.fetchrow(_STANDING, artist_id)
    life = Life(
        state=State(row["state"]),
        since=row["state_since"],
        judged_from=row["judged_from"],
        rule=row["rule"],
        reason=row["state_reason"],
        created_at=row["created_at"],
        last_run_at=row["last_run_at"],
        warned_at=row["warned_at"],
    )
    return Standing(artist_id, row["name"], life, row["last_move"], row["now"])


async def _catch_up(connection: Connection, artist_id: str, row: Row) -> None:
    """Writes down how an artist came to its state that a version without moves gave it: a person did that.

    Those versions note the time of any change. Of an artist that is as it began, nothing was changed.
    """
    as_it_began = row["last_move"] is None and row["state"] == State.ACTIVE and not row["state_reason"]
    moved_at = row["created_at"] if as_it_began else row["updated_at"]
    if row["moved_at"] is not None:
        moved_at = max(moved_at, row["moved_at"])
    await connection.execute(
        _CATCH_UP,
        artist_id,
        new_id("mov"),
        row["to_state"],
        row["state"],
        Rule.PERSON,
        row["state_reason"],
        OPERATOR,
        moved_at,
    )


async def begin(
    connection: Connection, artist_id: str, move_id: str, state: State, rule: Rule, reason: str, moved_by: str
) -> None:
    """Keeps the first move of an artist that is taken on in this transaction, with `move_id` as its last."""
    await connection.execute(
        """
        INSERT INTO moves (id, artist_id, to_state, rule, reason, moved_by, moved_at)
        VALUES ($1, $2, $3, $4, $5, $6, now())
        """,
        move_id,
        artist_id,
        state,
        rule,
        reason,
        moved_by,
    )


async def move(
    connection: Connection, standing: Standing, target: State, rule: Rule, reason: str, moved_by: str = ""
) -> Row:
    """Moves a locked artist, with a new etag. Where a person does, rules judge it anew from now on."""
    move_id = new_id("mov")
    await connection.execute(
        _KEEP, standing.artist_id, move_id, standing.life.state, target, rule, reason, moved_by
    )
    return await one(connection, move_id)


async def undone(connection: Connection, move_id: str, by: str) -> None:
    """Notes which move undid one."""
    await connection.execute("UPDATE moves SET undone_by = $2 WHERE id = $1", move_id, by)


async def warned(connection: Connection, move_id: str) -> None:
    """Notes that people were told what a pause ends in."""
    await connection.execute("UPDATE moves SET warned_at = clock_timestamp() WHERE id = $1", move_id)


async def one(connection: Connection, move_id: str) -> Row | None:
    """One move; None where there is none."""
    return await connection.fetchrow(f"{_MOVE} WHERE m.id = $1", move_id)


async def page(connection: Connection, *, artist_id: str, after: Keys | None, limit: int) -> list[Row]:
    """Moves, newest first; an empty artist is no filter."""
    query = Query(_MOVE)
    if artist_id:
        query.where("m.artist_id = {}", artist_id)
    if after is not None:
        query.where("(m.moved_at, m.id) < ({}, {})", *after)
    return await query.page(connection, order="m.moved_at DESC, m.id DESC", limit=limit)
