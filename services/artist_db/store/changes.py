"""What reflections wanted of personas, and what its judgement needs of an artist's past."""

from collections.abc import Sequence
from datetime import datetime
from enum import StrEnum
from typing import Any

from aiartist.artist_db.v1.life_pb2 import PersonaChange
from services.artist_db.store import scores
from services.artist_db.store.query import Query
from services.chassis.database import Connection

SURE = 0.5
"""How sure a release's score must be to say as much as a person's decision."""
MOST_OUTCOMES = 100
"""Outcomes that evidence is looked for in, the newest."""
MOST_VERSIONS = 200
"""Persona versions that are looked back on."""

Row = Any
"""A record of `persona_changes`."""


class ChangeState(StrEnum):
    """As in `PersonaChange.State`, without its prefix."""

    NO_CHANGE = "NO_CHANGE"
    REFUSED = "REFUSED"
    PROPOSED = "PROPOSED"
    DECLINED = "DECLINED"
    APPLIED = "APPLIED"
    LAPSED = "LAPSED"


async def insert(
    connection: Connection, change: PersonaChange, state: ChangeState, outcome: str, *, version: int = 0
) -> Row:
    """Keeps a new change; `change` is what never changes of it."""
    return await connection.fetchrow(
        """
        INSERT INTO persona_changes (id, artist_id, run_id, state, outcome, version, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING *
        """,
        change.id,
        change.artist_id,
        change.run_id,
        state,
        outcome,
        version,
        change.SerializeToString(),
    )


async def settle(
    connection: Connection,
    change_id: str,
    state: ChangeState,
    outcome: str,
    *,
    version: int = 0,
    decided_by: str = "",
) -> Row:
    """A PROPOSED change gets its last state."""
    return await connection.fetchrow(
        """
        UPDATE persona_changes
        SET state = $2, outcome = $3, version = $4, decided_by = $5, updated_at = now()
        WHERE id = $1 RETURNING *
        """,
        change_id,
        state,
        outcome,
        version,
        decided_by,
    )


async def lapse_proposed(connection: Connection, artist_id: str, outcome: str) -> None:
    """No change of this artist waits for a person any more."""
    await connection.execute(
        """
        UPDATE persona_changes SET state = 'LAPSED', outcome = $2, updated_at = now()
        WHERE artist_id = $1 AND state = 'PROPOSED'
        """,
        artist_id,
        outcome,
    )


async def proposed(connection: Connection) -> int:
    """How many changes wait for a person."""
    number: int = await connection.fetchval("SELECT count(*) FROM persona_changes WHERE state = 'PROPOSED'")
    return number


async def by_id(connection: Connection, change_id: str) -> Row | None:
    """One change; None where there is none."""
    return await connection.fetchrow("SELECT * FROM persona_changes WHERE id = $1", change_id)


async def of_run(connection: Connection, run_id: str) -> Row | None:
    """What was kept of a run's reflection; None: nothing yet."""
    return await connection.fetchrow("SELECT * FROM persona_changes WHERE run_id = $1", run_id)


async def page(
    connection: Connection,
    *,
    artist_id: str,
    states: Sequence[ChangeState],
    after: tuple[datetime, str] | None,
    limit: int,
) -> list[Row]:
    """Changes, newest first, after that of this time and id."""
    query = Query("SELECT * FROM persona_changes")
    if artist_id:
        query.where("artist_id = {}", artist_id)
    if states:
        query.where("state = ANY({}::text[])", list(states))
    if after is not None:
        query.where("(created_at, id) < ({}, {})", *after)
    return await query.page(connection, order="created_at DESC, id DESC", limit=limit)


async def has_ended(connection: Connection, run_id: str, artist_id: str) -> bool:
    """True where the outcome of this artist's run was recorded."""
    found: bool = await connection.fetchval(
        "SELECT EXISTS (SELECT FROM run_outcomes WHERE run_id = $1 AND artist_id = $2)", run_id, artist_id
    )
    return found


async def evolves(connection: Connection, artist_id: str) -> str:
    """`OFF`, `PROPOSE` or `AUTO`."""
    found: str = await connection.fetchval("SELECT evolve FROM artists WHERE id = $1", artist_id)
    return found


async def applied_lately(connection: Connection, artist_id: str) -> int:
    """Changes that were made in the last 7 days, also those that were taken back."""
    found: int = await connection.fetchval(
        """
        SELECT count(*) FROM persona_changes
        WHERE artist_id = $1 AND state = 'APPLIED' AND updated_at > now() - interval '7 days'
        """,
        artist_id,
    )
    return found


async def decided_since_last(connection: Connection, artist_id: str) -> int:
    """Songs that say something about the persona as it is: a person decided, or its score is sure.

    Counted since the last change that was made or put before a person; songs that were written for a persona
    before that change do not count.
    """
    rows = await connection.fetch(
        """
        WITH last AS (
            SELECT version, CASE state WHEN 'APPLIED' THEN updated_at ELSE created_at END AS since
            FROM persona_changes
            WHERE artist_id = $1 AND state IN ('APPLIED', 'PROPOSED', 'DECLINED')
            ORDER BY created_at DESC, id DESC LIMIT 1
        )
        SELECT o.by_person, o.release_id
        FROM run_outcomes AS o LEFT JOIN briefs AS b ON b.id = o.brief_id LEFT JOIN last ON true
        WHERE o.artist_id = $1 AND o.blame IN ('APPROVED', 'REJECTED')
            AND (last.since IS NULL OR (o.ended_at > last.since AND coalesce(b.persona_version, last.version)
                >= last.version))
        ORDER BY o.ended_at DESC, o.run_id DESC LIMIT $2
        """,
        artist_id,
        MOST_OUTCOMES,
    )
    by_people = sum(row["by_person"] for row in rows)
    released = [row["release_id"] for row in rows if not row["by_person"] and row["release_id"]]
    known = await scores.of_releases(connection, released)
    sure = [release_id for release_id in released if known[release_id].sureness >= SURE]
    return int(by_people) + len(sure)


async def declined_lately(connection: Connection, artist_id: str) -> list[PersonaChange]:
    """What people declined in the last 30 days."""
    rows = await connection.fetch(
        """
        SELECT body FROM persona_changes
        WHERE artist_id = $1 AND state = 'DECLINED' AND updated_at > now() - interval '30 days'
        """,
        artist_id,
    )
    return [PersonaChange.FromString(row["body"]) for row in rows]


async def versions_lately(connection: Connection, artist_id: str) -> list[Row]:
    """Persona versions of the last 30 days and the one before them, oldest first.

    Each has `persona_pb`, and `by_reflection`: no person made it.
    """
    return await connection.fetch(
        """
        SELECT * FROM (
            SELECT v.version, v.persona_pb, EXISTS (
                SELECT FROM persona_changes AS c WHERE c.artist_id = v.artist_id AND c.version = v.version
            ) AS by_reflection
            FROM persona_versions AS v
            WHERE v.artist_id = $1 AND v.version >= coalesce((
                SELECT max(o.version) FROM persona_versions AS o
                WHERE o.artist_id = $1 AND o.created_at < now() - interval '30 days'
            ), 1)
            ORDER BY v.version DESC LIMIT $2
        ) AS newest ORDER BY version
        """,
        artist_id,
        MOST_VERSIONS,
    )


async def is_old(connection: Connection, created_at: datetime) -> bool:
    """True for a question that nobody answered in 30 days."""
    found: bool = await connection.fetchval("SELECT $1::timestamptz < now() - interval '30 days'", created_at)
    return found
