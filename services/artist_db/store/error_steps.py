"""What is to be done about error groups: who does it, until when, and how often it was tried."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import ErrorStep
from services.artist_db.domain.error_reports import FIX_APPLIED, FIX_SUGGESTED, SETTLED
from services.artist_db.domain.error_steps import Kind
from services.artist_db.domain.errors import KEPT_DAYS, GroupChange
from services.artist_db.store.query import storable
from services.chassis.database import Connection
from services.chassis.ids import new_id

# The newest report of `found`, as `report`.
_REPORT = """
LATERAL (
    SELECT status, commit, applied_at FROM error_reports
    WHERE fingerprint = found.fingerprint AND NOT merged ORDER BY id DESC LIMIT 1
) AS report
"""

_NEW_CODE = f"""
INSERT INTO error_steps (fingerprint, kind)
SELECT found.fingerprint, '{Kind.ANALYZE}'
FROM unnest($1::text[]) AS found (fingerprint) LEFT JOIN {_REPORT} ON true
WHERE report IS NULL
   OR report.status <> ALL ($2::text[]) AND NOT (report.status = '{FIX_SUGGESTED}' AND report.commit <> '')
ORDER BY found.fingerprint
ON CONFLICT (fingerprint) DO NOTHING
"""

# `{values}` are those of a step; only a step that is not forced takes the place of another one.
_INTERRUPT = """
INSERT INTO error_steps AS s (fingerprint, kind, forced, reason)
{values}
ON CONFLICT (fingerprint) DO UPDATE SET
    kind = excluded.kind, due_at = excluded.due_at, forced = false, requested_by = '',
    reason = excluded.reason, attempt_id = '', takeovers = 0, postponements = 0, holder = '',
    lease_until = NULL
WHERE s.kind <> excluded.kind AND NOT excluded.forced
"""
_LOADED = """
'it came back in code that was loaded at '
    || to_char(least(code_as_of, now()) AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')
"""

# A fix that was kept is not taken out again: what came back then may well be another error.
_CAME_BACK = _INTERRUPT.format(
    values=f"""
    SELECT found.fingerprint,
           CASE WHEN fix IS NULL THEN '{Kind.ANALYZE}' ELSE '{Kind.REVERT}' END,
           fix IS NULL,
           CASE WHEN fix IS NULL THEN 'it came back after its fix was kept' ELSE {_LOADED} END
    FROM unnest($1::text[], $2::timestamptz[]) AS found (fingerprint, code_as_of)
    CROSS JOIN {_REPORT}
    LEFT JOIN LATERAL (
        SELECT applied_at FROM error_fixes WHERE fingerprint = found.fingerprint
    ) AS fix ON true
    WHERE report.status = '{FIX_APPLIED}'
      AND least(found.code_as_of, now()) > coalesce(fix.applied_at, report.applied_at)
    ORDER BY found.fingerprint
    """
)
_CAME_BACK_BEFORE = _INTERRUPT.format(
    values=f"""
    SELECT fingerprint, '{Kind.REVERT}', false, {_LOADED}
    FROM error_groups WHERE fingerprint = $1 AND code_as_of > $2
    """
)

_SET = """
INSERT INTO error_steps AS s (fingerprint, kind, due_at, forced, requested_by, reason)
VALUES ($1, $2, now() + $3 * interval '1 millisecond', $4, $5, $6)
ON CONFLICT (fingerprint) DO UPDATE SET
    kind = excluded.kind, due_at = excluded.due_at, forced = excluded.forced,
    requested_by = excluded.requested_by, reason = excluded.reason,
    attempt_id = '', takeovers = 0, postponements = 0, holder = '', lease_until = NULL
"""

# $1 the kinds.
_FIRST_DUE = """
SELECT first.* FROM unnest($1::text[]) AS asked (kind)
CROSS JOIN (VALUES (true), (false)) AS wanted (forced)
CROSS JOIN LATERAL (
    SELECT fingerprint, kind, forced, due_at, attempt_id,
           attempt_id <> '' AND lease_until IS NOT NULL AS left_behind
    FROM error_steps AS s
    WHERE kind = asked.kind AND forced = wanted.forced AND due_at <= now()
      AND (lease_until IS NULL OR lease_until <= now()) {only}
    ORDER BY due_at, fingerprint LIMIT 1
    FOR UPDATE SKIP LOCKED
) AS first
"""
_FIRST_OF_ALL = _FIRST_DUE.format(only="")
# $2 the kinds of which as many have begun as may: one of these that was postponed is counted already.
_FIRST_COUNTED = _FIRST_DUE.format(
    only="""
      AND attempt_id <> '' AND (
          lease_until IS NOT NULL OR kind = ANY ($2::text[]) AND EXISTS (
              SELECT FROM error_attempts AS a
              WHERE a.id = s.attempt_id AND a.began_at > clock_timestamp() - interval '1 hour'
          )
      )
    """
)

_SWEPT = 500
_SWEEP = f"""
DELETE FROM error_attempts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM error_attempts WHERE began_at < now() - interval '{KEPT_DAYS} days'
    ORDER BY began_at LIMIT {_SWEPT} FOR UPDATE SKIP LOCKED
))
"""


async def stir(
    connection: Connection,
    changes: Sequence[GroupChange],
    *,
    versions: Mapping[str, Collection[str]],
    new: Sequence[str],
) -> None:
    """What occurrences make due: an analysis of new groups and of known ones in a new release of the code,
    the end of a fix that did not hold, and an analysis of what comes back after its fix was kept.

    `versions`: the releases in which each known group was seen before.
    """
    elsewhere = [
        change.fingerprint
        for change in changes
        if not set(map(storable, change.code_versions)) <= set(versions.get(change.fingerprint, ()))
        and change.fingerprint in versions
    ]
    if new or elsewhere:
        await connection.execute(_NEW_CODE, [*new, *elsewhere], SETTLED)
    timed = [change for change in changes if change.code_as_of is not None and change.fingerprint in versions]
    if timed:
        await connection.execute(
            _CAME_BACK, [change.fingerprint for change in timed], [change.code_as_of for change in timed]
        )


async def revert_what_came_back(connection: Connection, fingerprint: str, applied_at: datetime) -> None:
    """Makes the end of a fix due where its group was seen in code that was loaded after it was applied.

    For a fix that is reported only now: what came in between was recorded as of a group without one.
    """
    await connection.execute(_CAME_BACK_BEFORE, fingerprint, applied_at)


async def keep_fix(connection: Connection, fingerprint: str) -> None:
    """A fix was watched to the end: from now on nothing takes it out by itself."""
    await connection.execute("DELETE FROM error_fixes WHERE fingerprint = $1", fingerprint)


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
                               postponements = postponements + 1, holder = '', lease_until = NULL
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
    """Leases a step of these kinds, a forced one first, then the one that is due first; its group.

    None: none is due, or limits are reached. `limits`: attempts that may begin within any hour; kinds without
    one have none. An attempt that was postponed begins again; one whose lease ended goes on whatever the
    limits. Claims wait for each other, so that limits are exact.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' error steps', 6))"
    )
    left = {kind: limits[kind] - await begun(connection, kind) for kind in kinds if kind in limits}
    due = await first_due(connection, [kind for kind in kinds if left.get(kind, 1) > 0])
    closed = [kind for kind, number in left.items() if number <= 0]
    if closed:
        due += await first_counted(connection, closed, full=[kind for kind in closed if left[kind] == 0])
    if not due:
        return None
    first = min(due, key=lambda row: (not row["forced"], row["due_at"], row["fingerprint"]))
    fingerprint: str = first["fingerprint"]
    attempt_id: str = first["attempt_id"] or new_id("eat")
    if not first["left_behind"]:
        await _begin(connection, attempt_id, fingerprint, first["kind"])
    await connection.execute(
        """
        UPDATE error_steps SET attempt_id = $2, takeovers = takeovers + $3, holder = $4,
                               lease_until = now() + $5 * interval '1 millisecond'
        WHERE fingerprint = $1
        """,
        fingerprint,
        attempt_id,
        int(first["left_behind"]),
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


async def first_due(connection: Connection, kinds: Sequence[Kind]) -> list[Any]:
    """Of each kind, forced and not, the step that is due first and that nobody holds, locked."""
    return await connection.fetch(_FIRST_OF_ALL, kinds)


async def first_counted(connection: Connection, kinds: Sequence[Kind], *, full: Sequence[Kind]) -> list[Any]:
    """As `first_due`, only with an attempt whose lease ended; of the kinds in `full` also one that was
    postponed and began within the last hour: it takes no other one's place.
    """
    return await connection.fetch(_FIRST_COUNTED, kinds, full)


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
    """Errors of all other groups in the services of a group's fix: since it was applied, and the 24 hours
    before.

    By the hours in which they happened. Of the hour of the fix, those that were recorded after it.
    """
    row = await connection.fetchrow(
        """
        SELECT errors_before, greatest(0, coalesce((
            SELECT sum(count) FROM error_hours AS h
            WHERE h.hour >= date_trunc('hour', fix.applied_at, 'UTC') AND h.service = ANY (fix.services)
              AND h.fingerprint <> fix.fingerprint
        ), 0) - errors_in_hour)::bigint AS since
        FROM error_fixes AS fix WHERE fingerprint = $1
        """,
        fingerprint,
    )
    return (row["since"], row["errors_before"]) if row is not None else (0, 0)


async def sweep(connection: Connection) -> None:
    """Deletes attempts that are too old to keep, as many as one transaction should."""
    await connection.execute(_SWEEP)


async def _begin(connection: Connection, attempt_id: str, fingerprint: str, kind: str) -> None:
    """Counts an attempt from now on; one that was postponed no longer counts where it did before."""
    # Not now(): this transaction may have waited for others since that. One may have waited so long that it
    # was swept.
    await connection.execute(
        """
        INSERT INTO error_attempts (id, fingerprint, kind, began_at) VALUES ($1, $2, $3, clock_timestamp())
        ON CONFLICT (id) DO UPDATE SET began_at = excluded.began_at
        """,
        attempt_id,
        fingerprint,
        kind,
    )
