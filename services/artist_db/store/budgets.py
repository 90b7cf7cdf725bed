"""Budgets, their accounts, and what is held on them.

Whoever changes accounts locks in one order: the hold, the model call, then the accounts by scope.
Each change is one statement without a transaction around it: the label's account of today is
everybody's, and no lock of it waits for a client.
"""

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2 import HoldSpendRequest
from services.artist_db.domain.budgets import Limits, Scope, Shortage, Source, left
from services.artist_db.errors import BudgetSpent
from services.chassis.database import Connection

TODAY = "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
"""The day of UTC, as accounts name it."""

_REFUSED = "AIB01"
"""What `refuse_spend` ends a statement with."""

# $1 artist, $2 run, $3 to $5 the limits of the settings: artist, day, run.
_ACCOUNTS = f"""
accounts AS MATERIALIZED (
    SELECT wanted.*,
           coalesce(own.limit_micro_usd, whole.limit_micro_usd, default_micro_usd) AS limit_micro_usd,
           CASE WHEN own.scope IS NOT NULL THEN '{Source.OWN}'
                WHEN whole.scope IS NOT NULL THEN '{Source.SCOPE}'
                ELSE '{Source.SETTINGS}' END AS source,
           coalesce(spent_micro_usd, 0) AS spent_micro_usd,
           coalesce(held_micro_usd, 0) AS held_micro_usd
    FROM (
        VALUES ('{Scope.ARTIST}', $1::text, {TODAY}, $3::bigint),
               ('{Scope.DAY}', '', {TODAY}, $4),
               ('{Scope.RUN}', $2, 'all', $5)
    ) AS wanted (scope, subject, period, default_micro_usd)
    LEFT JOIN budgets AS own ON (own.scope, own.subject) = (wanted.scope, wanted.subject)
    LEFT JOIN budgets AS whole ON (whole.scope, whole.subject) = (wanted.scope, '')
    LEFT JOIN spend_accounts AS account
        ON (account.scope, account.subject, account.period) = (wanted.scope, wanted.subject, wanted.period)
    WHERE wanted.scope = '{Scope.DAY}' OR wanted.subject <> ''
)
"""

# What does not fit what this statement sees is refused without a write. What fitted, and does not any
# more once the accounts are locked, ends the statement.
_HOLD = f"""
WITH {_ACCOUNTS}, known AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM spend_holds WHERE call_id = $6 AND attempt = $7)
        OR EXISTS (SELECT FROM model_calls WHERE call_id = $6 AND attempt = $7) AS known
), hold AS (
    INSERT INTO spend_holds (call_id, attempt, amount_micro_usd, artist_id, run_id, day, holder, lease_until)
    SELECT $6, $7, $8, $1, $2, {TODAY}, $9, now() + $10 * interval '1 millisecond'
    FROM known
    WHERE NOT known AND NOT EXISTS (
        SELECT FROM accounts WHERE spent_micro_usd + held_micro_usd + $8 > limit_micro_usd
    )
    ON CONFLICT (call_id, attempt) DO NOTHING
    RETURNING call_id
), held AS (
    INSERT INTO spend_accounts AS account (scope, subject, period, spent_micro_usd, held_micro_usd)
    SELECT scope, subject, period, 0, $8 FROM accounts WHERE EXISTS (SELECT FROM hold) ORDER BY scope
    ON CONFLICT (scope, subject, period)
        DO UPDATE SET held_micro_usd = account.held_micro_usd + excluded.held_micro_usd
    RETURNING scope, spent_micro_usd + held_micro_usd AS used_micro_usd
), passed AS (
    SELECT jsonb_build_object(
        'scope', scope, 'subject', subject, 'limit', limit_micro_usd, 'used', used_micro_usd - $8
    ) AS shortage
    FROM held JOIN accounts USING (scope)
    WHERE used_micro_usd > limit_micro_usd
    ORDER BY limit_micro_usd - used_micro_usd LIMIT 1
)
SELECT scope, subject, limit_micro_usd, spent_micro_usd + held_micro_usd AS used_micro_usd, known,
       EXISTS (SELECT FROM hold) AS made, (SELECT refuse_spend(shortage) FROM passed)
FROM accounts, known
"""

Row = Any
"""An account: scope, subject, limit_micro_usd, source, spent_micro_usd, held_micro_usd, day."""


@dataclass(frozen=True, slots=True)
class Limit:
    """A limit that somebody set, or the settings'; in millionths of a US dollar."""

    micro_usd: int
    source: Source


async def hold(connection: Connection, request: HoldSpendRequest, attempt: int, limits: Limits) -> bool:
    """Holds what an attempt may cost; whether its caller may make it.

    An attempt that this holder holds, or that another one let go, is held for this one from now on.
    False where another one holds it, and where it is recorded. BudgetSpent where it does not fit.
    """
    amount = request.amount_micro_usd
    try:
        accounts = await connection.fetch(
            _HOLD,
            request.artist_id,
            request.run_id,
            limits.artist,
            limits.day,
            limits.run,
            request.call_id,
            attempt,
            amount,
            request.holder,
            request.lease_ms,
        )
    except asyncpg.PostgresError as error:
        if error.sqlstate != _REFUSED:
            raise
        found = json.loads(error.detail or "")
        raise BudgetSpent(_shortage(**found, needed=amount)) from None
    if accounts[0]["made"]:
        return True
    short = [
        _shortage(row["scope"], row["subject"], row["limit_micro_usd"], row["used_micro_usd"], amount)
        for row in accounts
        if row["used_micro_usd"] + amount > row["limit_micro_usd"]
    ]
    if short and not accounts[0]["known"]:
        raise BudgetSpent(min(short, key=lambda shortage: shortage.left))
    return await _hold_on(connection, request, attempt)


async def renew(connection: Connection, holder: str, lease_ms: int) -> int:
    """Prolongs the leases of all that one holds; how many."""
    # What is locked is being settled, or taken over, or renewed by another call: nothing to wait for.
    rows = await connection.fetch(
        """
        UPDATE spend_holds SET lease_until = now() + $2 * interval '1 millisecond'
        WHERE state = 'held' AND (call_id, attempt) IN (
            SELECT call_id, attempt FROM spend_holds
            WHERE holder = $1 AND state = 'held' FOR UPDATE SKIP LOCKED
        )
        RETURNING attempt
        """,
        holder,
        lease_ms,
    )
    return len(rows)


async def set_limit(connection: Connection, scope: Scope, subject: str, micro_usd: int | None) -> None:
    """Sets a limit, in millionths of a US dollar; None removes it."""
    if micro_usd is None:
        await connection.execute("DELETE FROM budgets WHERE scope = $1 AND subject = $2", scope, subject)
        return
    await connection.execute(
        """
        INSERT INTO budgets (scope, subject, limit_micro_usd) VALUES ($1, $2, $3)
        ON CONFLICT (scope, subject)
            DO UPDATE SET limit_micro_usd = excluded.limit_micro_usd, updated_at = now()
        """,
        scope,
        subject,
        micro_usd,
    )


async def limit_of_scope(connection: Connection, scope: Scope, limits: Limits) -> Limit:
    """The limit of all of a scope that have none of their own."""
    micro_usd = await connection.fetchval(
        "SELECT limit_micro_usd FROM budgets WHERE scope = $1 AND subject = ''", scope
    )
    if micro_usd is None:
        return Limit(limits.of(scope), Source.SETTINGS)
    return Limit(micro_usd, Source.SCOPE)


async def accounts(connection: Connection, *, artist_id: str, run_id: str, limits: Limits) -> list[Row]:
    """The day's account, then the artist's and the run's; an empty id has none."""
    return await connection.fetch(
        f"""
        WITH {_ACCOUNTS}
        SELECT scope, subject, limit_micro_usd, source, spent_micro_usd, held_micro_usd,
               CASE WHEN period = 'all' THEN '' ELSE period END AS day
        FROM accounts
        ORDER BY array_position('{{{Scope.DAY},{Scope.ARTIST},{Scope.RUN}}}', scope)
        """,
        artist_id,
        run_id,
        limits.artist,
        limits.day,
        limits.run,
    )


async def _hold_on(connection: Connection, request: HoldSpendRequest, attempt: int) -> bool:
    """Renews this holder's hold, or takes over one whose lease is over; False where there is neither."""
    mine = await connection.fetchval(
        """
        UPDATE spend_holds SET holder = $3, lease_until = now() + $4 * interval '1 millisecond'
        WHERE call_id = $1 AND attempt = $2 AND state = 'held' AND (holder = $3 OR lease_until <= now())
        RETURNING true
        """,
        request.call_id,
        attempt,
        request.holder,
        request.lease_ms,
    )
    return mine is not None


def _shortage(scope: str, subject: str, limit: int, used: int, needed: int) -> Shortage:
    return Shortage(Scope(scope), subject, limit, left(limit, used), needed)
