"""Model calls, their answers and what they cost."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2 import ModelCall
from services.artist_db.domain.budgets import Scope
from services.artist_db.domain.model_calls import OK
from services.artist_db.store.budgets import TODAY
from services.artist_db.store.query import Query, storable
from services.chassis.database import Connection

Row = Any
"""A record of `_COLUMNS`."""
Keys = tuple[datetime, int]
"""`created_at` and `id` of the last row of a page."""

_COLUMNS = (
    "id, call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens, completion_tokens, "
    "cost_micro_usd, latency_ms, prompt_hash, request_digest, detail, created_at"
)


# Of what is held for an attempt, its cost is spent and the rest is free again. An attempt that nothing
# is held for is booked only where it cost something: those of free models touch no account.
#
# `count(*) FROM settled` makes sure that the hold is locked before the call: see store/budgets.py.
_STATEMENT = f"""
WITH settled AS (
    DELETE FROM spend_holds WHERE call_id = $1 AND attempt = $2
    RETURNING artist_id, run_id, day, amount_micro_usd
), place AS MATERIALIZED (
    SELECT {{place}} AS place FROM (SELECT count(*) FROM settled) AS first
), recorded AS (
    INSERT INTO model_calls (call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens,
                             completion_tokens, cost_micro_usd, latency_ms, prompt_hash, request_digest,
                             answer, detail, image, asked_attempt)
    SELECT $1, {{number}}, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, {{asked}}
    FROM place WHERE {{is_new}}
    RETURNING artist_id, run_id, cost_micro_usd
), booking AS (
    SELECT artist_id, run_id, day, amount_micro_usd AS free_micro_usd,
           coalesce((SELECT cost_micro_usd FROM recorded), 0) AS spent_micro_usd
    FROM settled
    UNION ALL
    SELECT artist_id, run_id, {TODAY}, 0, cost_micro_usd
    FROM recorded WHERE cost_micro_usd > 0 AND NOT EXISTS (SELECT FROM settled)
), booked AS (
    INSERT INTO spend_accounts AS account (scope, subject, period, spent_micro_usd, held_micro_usd)
    SELECT scope, subject, period, spent_micro_usd, -free_micro_usd
    FROM booking CROSS JOIN LATERAL (
        VALUES ('{Scope.ARTIST}', artist_id, day), ('{Scope.DAY}', '', day), ('{Scope.RUN}', run_id, 'all')
    ) AS named (scope, subject, period)
    WHERE scope = '{Scope.DAY}' OR subject <> ''
    ORDER BY scope
    ON CONFLICT (scope, subject, period) DO UPDATE
        SET spent_micro_usd = account.spent_micro_usd + excluded.spent_micro_usd,
            held_micro_usd = account.held_micro_usd + excluded.held_micro_usd
)
SELECT {{number}} AS attempt,
       EXISTS (SELECT FROM model_calls WHERE call_id = $1 AND outcome = '{OK}') AS was_answered,
       {{day}} AS day
FROM place
"""
_AS_ASKED = {"place": "$2::integer", "number": "place", "asked": "NULL", "is_new": "true"}
_BESIDE = {
    "place": "place_of_record($1, $2, $4, $7, $8, $9, $10, $11, $14, $16)",
    "number": "(place).number",
    "asked": "$2",
    "is_new": "(place).is_new",
}
"""Under another number, where the record's own has another record, and not at all where it is kept."""
# Of a free call nobody asks on which day it is booked.
_FREE = [_STATEMENT.format(**how, day="NULL") for how in (_AS_ASKED, _BESIDE)]
_PAID = [_STATEMENT.format(**how, day="(SELECT day FROM settled)") for how in (_AS_ASKED, _BESIDE)]


@dataclass(frozen=True, slots=True)
class Kept:
    """What came of a record."""

    first: Row | None
    """The call's first recorded answer, as of `answer_or_last`, where that is another one."""
    day: str | None
    """Of the accounts on which it was held; None: it was not, or was settled before."""


async def record(connection: Connection, call: ModelCall) -> Kept:
    """Keeps one attempt of a call and settles what is held for it, once.

    Under the next free number where its own has another record.
    """
    kept = await _keep(
        connection,
        _PAID if call.cost_micro_usd else _FREE,
        call.call_id,
        call.attempt,
        call.role,
        call.model,
        call.artist_id,
        call.run_id,
        call.outcome,
        call.prompt_tokens,
        call.completion_tokens,
        call.cost_micro_usd,
        call.latency_ms,
        call.prompt_hash,
        call.request_digest,
        call.answer.encode(),
        storable(call.detail),
        call.image or None,
    )
    first = await answer_or_last(connection, call.call_id) if kept["was_answered"] else None
    if first is not None and first["attempt"] == kept["attempt"]:
        first = None
    return Kept(first, kept["day"])


async def _keep(connection: Connection, statements: Sequence[str], *values: object) -> Row:
    """Under which number it is kept, whether the call was answered before, and where it was held."""
    statement, beside = statements
    while True:
        try:
            return await connection.fetchrow(statement, *values)
        except asyncpg.UniqueViolationError as error:
            # By the table: where it is split (deploy/postgres), each part has a constraint of its own name.
            if not str(error.table_name).startswith("model_calls"):
                raise
            # Nothing was done. The free number too may be taken by another record at the same time.
            statement = beside


async def answer_or_last(connection: Connection, call_id: str) -> Row | None:
    """The first successful attempt of a call, else its last one, with `answer`; None: there is none."""
    return await connection.fetchrow(
        f"""
        SELECT {_COLUMNS}, answer, image FROM model_calls
        WHERE call_id = $1
        ORDER BY outcome = '{OK}' DESC, CASE WHEN outcome = '{OK}' THEN attempt ELSE -attempt END LIMIT 1
        """,
        call_id,
    )


async def page(connection: Connection, *, run_id: str, after: Keys | None, limit: int) -> list[Row]:
    """Model calls without answers, newest first; an empty run is no filter."""
    query = Query(f"SELECT {_COLUMNS} FROM model_calls")
    if run_id:
        query.where("run_id = {}", run_id)
    if after is not None:
        query.where("(created_at, id) < ({}, {})", *after)
    return await query.page(connection, order="created_at DESC, id DESC", limit=limit)


async def spend(connection: Connection, *, artist_id: str, run_id: str, since: datetime | None) -> list[Row]:
    """What calls cost, by role and model, the dearest first; empty ids are no filter."""
    query = Query(
        """
        SELECT role, model, count(*) AS calls, sum(prompt_tokens)::bigint AS prompt_tokens,
               sum(completion_tokens)::bigint AS completion_tokens,
               sum(cost_micro_usd)::bigint AS cost_micro_usd,
               array_remove(array_agg(DISTINCT prompt_hash), '') AS prompt_hashes
        FROM model_calls
        """
    )
    if artist_id:
        query.where("artist_id = {}", artist_id)
    if run_id:
        query.where("run_id = {}", run_id)
    if since is not None:
        query.where("created_at >= {}", since)
    return await query.rows(connection, "GROUP BY role, model ORDER BY cost_micro_usd DESC, role, model")
