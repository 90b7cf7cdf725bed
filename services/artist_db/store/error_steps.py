"""What is to be done about error groups: who does it, until when, and how often it was tried."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import ErrorStep
from services.artist_db.domain.error_reports import FIX_APPLIED, NEW, SETTLED
from services.artist_db.domain.error_steps import Kind
from services.artist_db.domain.errors import GroupChange
from services.artist_db.store.query import storable
from services.chassis.database import Connection
from services.chassis.ids import new_id

_STATUS = f"""
coalesce((
    SELECT status FROM error_reports
    WHERE fingerprint = found.fingerprint AND NOT merged ORDER BY id DESC LIMIT 1
), '{NEW}')
"""

_SET = """
INSERT INTO error_steps AS s (fingerprint, kind, due_at, forced, requested_by, reason)
VALUES ($1, $2, now() + $3 * interval '1 millisecond', $4, $5, $6)
ON CONFLICT (fingerprint) DO UPDATE SET
    kind = excluded.kind, due_at = excluded.due_at, forced = excluded.forced,
    requested_by = excluded.requested_by, reason = excluded.reason,
    attempt_id = '', holder = '', lease_until = NULL
"""

# $1 the kinds.
_FIRST_DUE = """
SELECT first.* FROM unnest($1::text[]) AS asked (kind) CROSS JOIN LATERAL (
    SELECT fingerprint, kind, due_at, attempt_id FROM error_steps
    WHERE kind = asked.kind AND due_at <= now() AND (lease_until IS NULL OR lease_until <= now()) {only}
    ORDER BY due_at, fingerprint LIMIT 1
    FOR UPDATE SKIP LOCKED
) AS first
"""
_FIRST_OF_ALL = _FIRST_DUE.format(only="")
_FIRST_BEGUN = _FIRST_DUE.format(only="AND attempt_id <> ''")


async def stir(
    connection: Connection,
    changes: Sequence[GroupChange],
    *,
    versions: Mapping[str, Collection[str]],
    new: Sequence[str],
) -> None:
    """What occurrences make due: an analysis of new groups and of known ones in a new release of the code,
    and the end of a fix that did not hold.

    `versions`: the releases in which each known group was seen before.
    """
    elsewhere = [
        change.fingerprint
        for change in changes
        if not set(map(storable, change.code_versions)) <= set(versions.get(change.fingerprint, ()))
        and change.fingerprint in versions
    ]
    if new or elsewhere:
        await connection.execute(
            f"""
            INSERT INTO error_steps (fingerprint, kind)
            SELECT fingerprint, $2 FROM unnest($1::text[]) AS found (fingerprint)
            WHERE {_STATUS} <> ALL ($3::text[]) ORDER BY fingerprint
            ON CONFLICT (fingerprint) DO NOTHING
            """,
            [*new, *elsewhere],
            Kind.ANALYZE,
            SETTLED,
        )
    timed = [change for change in changes if change.code_as_of is not None and change.fingerprint in versions]
    if timed:
        await connection.execute(
            f"""
            INSERT INTO error_steps AS s (fingerprint, kind, reason)
            SELECT fingerprint, $3,
                   'it came back in code that was loaded at '
                       || to_char(least(code_as_of, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
            FROM unnest($1::text[], $2::timestamptz[]) AS found (fingerprint, code_as_of)
            JOIN error_fixes USING (fingerprint)
            WHERE least(code_as_of, now()) > applied_at AND {_STATUS} = $4 ORDER BY fingerprint
            ON CONFLICT (fingerprint) DO UPDATE SET
                kind = excluded.kind, due_at = excluded.due_at, forced = false, requested_by = '',
                reason = excluded.reason, attempt_id = '', holder = '', lease_until = NULL
            WHERE s.kind <> excluded.kind
            """,
            [change.fingerprint for change in timed],
            [change.code_as_of for change in timed],
            Kind.REVERT,
            FIX_APPLIED,
        )


async def step(connection: Connection, fingerprint: str) -> Any | None:
    """A group's step with `tries` and `held`; None where nothing is to be done."""
    return await connection.fetchrow(
        """
        SELECT s.*, coalesce(lease_until > now(), false) AS held, (
            SELECT count(*) FROM error_attempts AS a
            WHERE a.fingerprint = s.fingerprint AND a.kind = s.kind AND a.counted
        ) AS tries
        FROM error_steps AS s WHERE fingerprint = $1
        """,
        fingerprint,
    )


async def locked(connection: Connection, fingerprint: str) -> Any | None:
    """As `step`; nobody else changes it until the end of the transaction."""
    await connection.execute("SELECT FROM error_steps WHERE fingerprint = $1 FOR UPDATE", fingerprint)
    return await step(connection, fingerprint)


async def set_next(
    connection: Connection, fingerprint: str, next: ErrorStep | None, *, in_ms: int = 0
) -> None:
    """What is to be done about a group now, by a new attempt; None: nothing."""
    if next is None:
        await connection.execute("DELETE FROM error_steps WHERE fingerprint = $1", fingerprint)
        return
    await connection.execute(
        _SET,
        fingerprint,
        Kind.of(next.kind),
        in_ms,
        next.forced,
        storable(next.requested_by),
        storable(next.reason),
    )


async def postpone(connection: Connection, fingerprint: str, reason: str, *, in_ms: int) -> None:
    """Lets go of a step; its attempt goes on later."""
    await connection.execute(
        """
        UPDATE error_steps SET due_at = now() + $2 * interval '1 millisecond', reason = $3,
                               holder = '', lease_until = NULL
        WHERE fingerprint = $1
        """,
        fingerprint,
        in_ms,
        storable(reason),
    )


async def forget_tries(connection: Connection, fingerprint: str) -> None:
    """What was tried so far no longer counts: a person asked."""
    await connection.execute(
        "UPDATE error_attempts SET counted = false WHERE fingerprint = $1 AND counted", fingerprint
    )


async def claim(
    connection: Connection, *, holder: str, lease_ms: int, kinds: Collection[Kind], limits: Mapping[Kind, int]
) -> str | None:
    """Leases the step of these kinds that is due first; its group. None: none is due, or limits are reached.

    `limits`: attempts that may begin within any hour; kinds without one have none. One whose attempt has
    begun before goes on whatever the limits. Claims wait for each other, so that limits are exact.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' error steps', 6))"
    )
    closed = [kind for kind in kinds if kind in limits and await begun(connection, kind) >= limits[kind]]
    due = await first_due(connection, [kind for kind in kinds if kind not in closed])
    if closed:
        due += await first_due(connection, closed, begun=True)
    if not due:
        return None
    first = min(due, key=lambda row: (row["due_at"], row["fingerprint"]))
    fingerprint: str = first["fingerprint"]
    attempt_id = first["attempt_id"] or await _begin(connection, fingerprint, first["kind"])
    await connection.execute(
        """
        UPDATE error_steps SET attempt_id = $2, holder = $3,
                               lease_until = now() + $4 * interval '1 millisecond'
        WHERE fingerprint = $1
        """,
        fingerprint,
        attempt_id,
        holder,
        lease_ms,
    )
    return fingerprint


async def begun(connection: Connection, kind: Kind) -> int:
    """Attempts that began within the last hour."""
    number: int = await connection.fetchval(
        """
        SELECT count(*) FROM error_attempts
        WHERE kind = $1 AND began_at > clock_timestamp() - interval '1 hour'
        """,
        kind,
    )
    return number


async def first_due(connection: Connection, kinds: Sequence[Kind], *, begun: bool = False) -> list[Any]:
    """Of each kind the step that is due first and that nobody holds, locked; `begun`: with an attempt."""
    return await connection.fetch(_FIRST_BEGUN if begun else _FIRST_OF_ALL, kinds)


async def renew(connection: Connection, *, attempt_id: str, holder: str, lease_ms: int) -> bool:
    """Prolongs a lease; False where somebody else has it, or nobody needs it any more."""
    # By the attempt alone: its group may be merged into another one meanwhile.
    renewed = await connection.fetchval(
        """
        UPDATE error_steps SET lease_until = now() + $3 * interval '1 millisecond'
        WHERE attempt_id = $1 AND attempt_id <> '' AND holder = $2 RETURNING true
        """,
        attempt_id,
        holder,
        lease_ms,
    )
    return renewed is not None


async def around_fix(connection: Connection, fingerprint: str) -> tuple[int, int]:
    """Errors of all groups in the services of a group's fix: since it was applied, and the 24 hours before.

    By the hours in which they happened. Of the hour of the fix, those that were recorded after it.
    """
    row = await connection.fetchrow(
        """
        SELECT errors_before, greatest(0, coalesce((
            SELECT sum(count) FROM error_hours AS h
            WHERE h.hour >= date_trunc('hour', fix.applied_at, 'UTC') AND h.service = ANY (fix.services)
        ), 0) - errors_in_hour)::bigint AS since
        FROM error_fixes AS fix WHERE fingerprint = $1
        """,
        fingerprint,
    )
    return (row["since"], row["errors_before"]) if row is not None else (0, 0)


async def _begin(connection: Connection, fingerprint: str, kind: str) -> str:
    attempt_id = new_id("eat")
    # Not now(): this transaction may have waited for others since that.
    await connection.execute(
        """
        INSERT INTO error_attempts (id, fingerprint, kind, began_at) VALUES ($1, $2, $3, clock_timestamp())
        """,
        attempt_id,
        fingerprint,
        kind,
    )
    return attempt_id
