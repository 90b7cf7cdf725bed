"""Budgets, their accounts, and what is held on them.

Whoever changes accounts locks in one order: the hold, the model call, then the accounts by scope.
Each change is one statement without a transaction around it: the label's account of today is
everybody's, and no lock of it waits for a client.
"""

import json
from dataclasses import dataclass
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2 import HoldSpendRequest, RenewHoldsRequest
from services.artist_db.domain.budgets import STRAINED_PERCENT, Limits, Scope, Shortage, Source, left
from services.artist_db.domain.songs import MAX_INT
from services.artist_db.errors import BudgetSpent
from services.chassis.database import Connection

TODAY = "to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
"""The day of UTC, as accounts name it."""

_REFUSED = "AIB01"
"""What `refuse_spend` ends a statement with."""
_RECORDED = "AIB02"
"""What `refuse_recorded` ends a statement with."""

# $1 artist, $2 run, $3 to $5 the limits of the settings: artist, day, run; `{{day}}` whose accounts.
_ACCOUNTS_OF = f"""
accounts AS MATERIALIZED (
    SELECT wanted.*,
           coalesce(own.limit_micro_usd, whole.limit_micro_usd, default_micro_usd) AS limit_micro_usd,
           CASE WHEN own.scope IS NOT NULL THEN '{Source.OWN}'
                WHEN whole.scope IS NOT NULL THEN '{Source.SCOPE}'
                ELSE '{Source.SETTINGS}' END AS source,
           coalesce(spent_micro_usd, 0) AS spent_micro_usd,
           coalesce(held_micro_usd, 0) AS held_micro_usd
    FROM (
        VALUES ('{Scope.ARTIST}', $1::text, {{day}}, $3::bigint),
               ('{Scope.DAY}', '', {{day}}, $4),
               ('{Scope.RUN}', $2, 'all', $5)
    ) AS wanted (scope, subject, period, default_micro_usd)
    LEFT JOIN budgets AS own ON (own.scope, own.subject) = (wanted.scope, wanted.subject)
    LEFT JOIN budgets AS whole ON (whole.scope, whole.subject) = (wanted.scope, '')
    LEFT JOIN spend_accounts AS account
        ON (account.scope, account.subject, account.period) = (wanted.scope, wanted.subject, wanted.period)
    WHERE wanted.scope = '{Scope.DAY}' OR wanted.subject <> ''
)
"""
_ACCOUNTS = _ACCOUNTS_OF.format(day=TODAY)

# $6 call, $7 attempt, $8 amount, $9 holder, $10 lease in ms, $11 the last attempt whose record is in the way.
_IS_RECORDED = "EXISTS (SELECT FROM model_calls WHERE call_id = $6 AND attempt BETWEEN $7 AND $11)"

# What does not fit what this statement sees is refused without a write. What fitted, and does not any
# more once the accounts are locked, ends the statement.
#
# A hold that was made and settled while this statement ran leaves no row to run into, only its record:
# `refuse_recorded` looks for it once the row is this statement's.
_HOLD = f"""
WITH {_ACCOUNTS}, known AS MATERIALIZED (
    SELECT EXISTS (SELECT FROM spend_holds WHERE call_id = $6 AND attempt = $7) AS held,
           {_IS_RECORDED} AS recorded
), hold AS (
    INSERT INTO spend_holds (call_id, attempt, amount_micro_usd, artist_id, run_id, day, holder, lease_until)
    SELECT $6, $7, $8, $1, $2, {TODAY}, $9, now() + $10 * interval '1 millisecond'
    FROM known
    WHERE NOT held AND NOT recorded AND NOT EXISTS (
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
SELECT scope, subject, limit_micro_usd, spent_micro_usd + held_micro_usd AS used_micro_usd, held, recorded,
       EXISTS (SELECT FROM hold) AS made, (SELECT refuse_recorded($6, $7, $11) FROM hold),
       (SELECT refuse_spend(shortage) FROM passed)
FROM accounts, known
"""

# Less stays on the accounts that it is held on. More is held as if it were new, on today's, and what was
# held before is free: on one day only the difference is left of the two.
_HOLD_AGAIN = f"""
WITH {_ACCOUNTS}, before AS MATERIALIZED (
    SELECT artist_id, run_id, day, amount_micro_usd, amount_micro_usd < $8::bigint AS is_more
    FROM spend_holds
    WHERE call_id = $6 AND attempt = $7 AND (holder = $9 OR lease_until <= now()) AND NOT {_IS_RECORDED}
    FOR UPDATE
), hold AS (
    UPDATE spend_holds AS hold
    SET holder = $9, lease_until = now() + $10 * interval '1 millisecond', amount_micro_usd = $8,
        artist_id = CASE WHEN is_more THEN $1 ELSE before.artist_id END,
        run_id = CASE WHEN is_more THEN $2 ELSE before.run_id END,
        day = CASE WHEN is_more THEN {TODAY} ELSE before.day END
    FROM before
    WHERE hold.call_id = $6 AND hold.attempt = $7
    RETURNING hold.artist_id, hold.run_id, hold.day, hold.amount_micro_usd
), changes AS MATERIALIZED (
    SELECT scope, subject, period, sum(change_micro_usd)::bigint AS change_micro_usd
    FROM (
        SELECT artist_id, run_id, day, amount_micro_usd AS change_micro_usd FROM hold
        UNION ALL
        SELECT artist_id, run_id, day, -amount_micro_usd FROM before
    ) AS moved
    CROSS JOIN LATERAL (
        VALUES ('{Scope.ARTIST}', artist_id, day), ('{Scope.DAY}', '', day), ('{Scope.RUN}', run_id, 'all')
    ) AS named (scope, subject, period)
    WHERE scope = '{Scope.DAY}' OR subject <> ''
    GROUP BY scope, subject, period
    HAVING sum(change_micro_usd) <> 0
), changed AS (
    INSERT INTO spend_accounts AS account (scope, subject, period, spent_micro_usd, held_micro_usd)
    SELECT scope, subject, period, 0, change_micro_usd FROM changes ORDER BY scope, subject, period
    ON CONFLICT (scope, subject, period)
        DO UPDATE SET held_micro_usd = account.held_micro_usd + excluded.held_micro_usd
    RETURNING scope, subject, period, spent_micro_usd + held_micro_usd AS used_micro_usd
), passed AS (
    SELECT jsonb_build_object(
        'scope', scope, 'subject', subject, 'limit', limit_micro_usd, 'used', used_micro_usd - $8
    ) AS shortage
    FROM changed JOIN changes USING (scope, subject, period) JOIN accounts USING (scope, subject, period)
    WHERE change_micro_usd > 0 AND used_micro_usd > limit_micro_usd
    ORDER BY limit_micro_usd - used_micro_usd LIMIT 1
)
SELECT EXISTS (SELECT FROM before) AS is_mine, (SELECT refuse_spend(shortage) FROM passed)
"""

_TOLD = """
SELECT scope, subject, limit_micro_usd, source, spent_micro_usd, held_micro_usd,
       CASE WHEN period = 'all' THEN '' ELSE period END AS day
FROM accounts
"""
_IN_ORDER = f"ORDER BY array_position('{{{Scope.DAY},{Scope.ARTIST},{Scope.RUN}}}', scope)"

# $6 the day of the accounts.
_STRAINED = f"""
WITH {_ACCOUNTS_OF.format(day=f"coalesce($6, {TODAY})")}
{_TOLD}
WHERE spent_micro_usd > 0 AND spent_micro_usd * 100 >= limit_micro_usd * {STRAINED_PERCENT}
{_IN_ORDER}
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

    An attempt that this holder holds, or that another one let go, is held for this one from now on, with
    the amount of now. False where another one holds it, and where it is recorded, or, where the request
    names no attempt, a later one. BudgetSpent where it does not fit; then all stays as it was.
    """
    amount = request.amount_micro_usd
    values = (
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
        request.attempt or MAX_INT,
    )
    try:
        accounts = await connection.fetch(_HOLD, *values)
        if accounts[0]["made"]:
            return True
        if accounts[0]["recorded"]:
            return False
        short = [
            _shortage(row["scope"], row["subject"], row["limit_micro_usd"], row["used_micro_usd"], amount)
            for row in accounts
            if row["used_micro_usd"] + amount > row["limit_micro_usd"]
        ]
        if short and not accounts[0]["held"]:
            raise BudgetSpent(min(short, key=lambda shortage: shortage.left))
        return bool(await connection.fetchval(_HOLD_AGAIN, *values))
    except asyncpg.PostgresError as error:
        if error.sqlstate == _RECORDED:
            return False
        if error.sqlstate != _REFUSED:
            raise
        found = json.loads(error.detail or "")
        raise BudgetSpent(_shortage(**found, needed=amount)) from None


async def renew(connection: Connection, request: RenewHoldsRequest) -> int:
    """Prolongs the leases of those attempts that the holder holds; how many."""
    # What is locked is being settled, or taken over, or renewed by another call: nothing to wait for.
    rows = await connection.fetch(
        """
        UPDATE spend_holds SET lease_until = now() + $2 * interval '1 millisecond'
        WHERE (call_id, attempt) IN (
            SELECT call_id, attempt
            FROM spend_holds JOIN unnest($3::text[], $4::integer[]) AS named (call_id, attempt)
                USING (call_id, attempt)
            WHERE holder = $1
            FOR UPDATE OF spend_holds SKIP LOCKED
        )
        RETURNING attempt
        """,
        request.holder,
        request.lease_ms,
        [named.call_id for named in request.attempts],
        [named.attempt for named in request.attempts],
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
        f"WITH {_ACCOUNTS} {_TOLD} {_IN_ORDER}",
        artist_id,
        run_id,
        limits.artist,
        limits.day,
        limits.run,
    )


async def strained(
    connection: Connection, *, artist_id: str, run_id: str, day: str | None, limits: Limits
) -> list[Row]:
    """Those accounts of which so much is spent that people should know; `day` None: today's."""
    return await connection.fetch(_STRAINED, artist_id, run_id, limits.artist, limits.day, limits.run, day)


def _shortage(scope: str, subject: str, limit: int, used: int, needed: int) -> Shortage:
    return Shortage(Scope(scope), subject, limit, left(limit, used), needed)
