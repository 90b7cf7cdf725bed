"""How runs ended."""

from datetime import datetime
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import StoredTake
from aiartist.artist_db.v1.life_pb2 import RunOutcome
from services.artist_db.domain.outcomes import Blame, share_passed
from services.artist_db.store.query import Query, storable
from services.chassis.database import Connection

Row = Any
"""A record with `run_id`, `artist_id`, `ending`, `ended_at`, `release_id`, `move_id` and `body`."""
Keys = tuple[datetime, str]
"""`ended_at` and `run_id` of the last row of a page."""

_SELECT = "SELECT run_id, artist_id, ending, ended_at, release_id, move_id, body FROM run_outcomes"
_KEEP = """
WITH kept AS (
    INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, decided_at, review, cost_micro_usd,
                              brief_id, release_id, ending, ended_at, body)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
    ON CONFLICT (run_id) DO UPDATE SET
        state = excluded.state, blame = excluded.blame, by_person = excluded.by_person,
        decided_at = excluded.decided_at, review = excluded.review, cost_micro_usd = excluded.cost_micro_usd,
        brief_id = excluded.brief_id, release_id = excluded.release_id, ending = excluded.ending,
        ended_at = excluded.ended_at, move_id = '', body = excluded.body
)
UPDATE artists SET last_run_at = greatest(last_run_at, $12) WHERE id = $2
"""


async def one(connection: Connection, run_id: str) -> Row | None:
    """How a run ended, as it is kept; None: it is not."""
    return await connection.fetchrow(f"{_SELECT} WHERE run_id = $1", run_id)


async def review_of(connection: Connection, run_id: str) -> float | None:
    """The share of checks that a run's first take passed, 0 to 1; None: it has no take."""
    body = await connection.fetchval(
        "SELECT body FROM takes WHERE run_id = $1 ORDER BY created_at, id LIMIT 1", run_id
    )
    return None if body is None else share_passed(StoredTake.FromString(body).review)


async def cost_of(connection: Connection, run_id: str) -> int:
    """What a run's model calls cost, in millionths of a US dollar."""
    cost: int = await connection.fetchval(
        "SELECT coalesce(sum(cost_micro_usd), 0)::bigint FROM model_calls WHERE run_id = $1", run_id
    )
    return cost


async def keep(
    connection: Connection,
    outcome: RunOutcome,
    blame: Blame,
    *,
    ended_at: datetime,
    by_person: bool,
    decided_at: datetime | None,
) -> None:
    """Keeps an outcome in place of what is known of its run. The caller holds the artist's lock."""
    await connection.execute(
        _KEEP,
        outcome.run_id,
        outcome.artist_id,
        outcome.state,
        blame,
        by_person,
        decided_at,
        outcome.review if outcome.HasField("review") else None,
        outcome.cost_micro_usd,
        storable(outcome.brief_id),
        storable(outcome.release_id),
        outcome.ending,
        ended_at,
        outcome.SerializeToString(),
    )


async def led_to(connection: Connection, run_id: str, move_id: str) -> None:
    """Notes the move that an outcome led to."""
    await connection.execute("UPDATE run_outcomes SET move_id = $2 WHERE run_id = $1", run_id, move_id)


async def page(connection: Connection, *, artist_id: str, after: Keys | None, limit: int) -> list[Row]:
    """How runs ended, the last first; an empty artist is no filter."""
    query = Query(_SELECT)
    if artist_id:
        query.where("artist_id = {}", artist_id)
    if after is not None:
        query.where("(ended_at, run_id) < ({}, {})", *after)
    return await query.page(connection, order="ended_at DESC, run_id DESC", limit=limit)
