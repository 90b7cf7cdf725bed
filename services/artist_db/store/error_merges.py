"""Error groups that turned out to be one: what they hold goes to the group that stays.

Whoever changes a group that is known by its fingerprint first holds `together` or `alone`: a fingerprint
means the same group until the end of the transaction.
"""

from collections.abc import Sequence

from services.artist_db.domain.error_merges import Party, speaker
from services.artist_db.domain.error_reports import NEW, settled
from services.artist_db.domain.error_steps import Kind
from services.artist_db.domain.errors import KEPT_VERSIONS
from services.chassis.database import Connection

# Seeded, so that no request id has the same.
_MERGING = "hashtextextended(current_schema() || ' error merges', 6)"

RESOLVED = "coalesce((SELECT target FROM error_aliases WHERE fingerprint = $1), $1)"
"""The fingerprint of the group that `$1` stands for, in SQL."""

_PARTIES = """
SELECT g.fingerprint, coalesce(r.status, $2) AS status, coalesce(r.id, 0) AS newest_report,
       coalesce(r.commit, '') AS commit
FROM error_groups g LEFT JOIN LATERAL (
    SELECT id, status, commit FROM error_reports
    WHERE fingerprint = g.fingerprint AND NOT merged ORDER BY id DESC LIMIT 1
) r ON true
WHERE g.fingerprint = ANY($1)
"""

# $1 the group that stays, $2 the others.
_ADD_UP = f"""
UPDATE error_groups AS g SET
    count = g.count + parts.count,
    services = ARRAY(SELECT DISTINCT unnest(g.services || parts.services) ORDER BY 1),
    first_seen = least(g.first_seen, parts.first_seen),
    last_seen = greatest(g.last_seen, parts.last_seen),
    code_as_of = greatest(g.code_as_of, parts.code_as_of),
    exception_type = coalesce(nullif(g.exception_type, ''), parts.exception_type),
    code_versions = ARRAY(
        SELECT version FROM (
            SELECT version, min(place) AS place
            FROM unnest(parts.code_versions || g.code_versions) WITH ORDINALITY AS seen (version, place)
            GROUP BY version ORDER BY min(place) DESC LIMIT {KEPT_VERSIONS}
        ) AS kept ORDER BY place
    )
FROM (
    SELECT sum(count)::bigint AS count, min(first_seen) AS first_seen, max(last_seen) AS last_seen,
           max(code_as_of) AS code_as_of, max(exception_type) AS exception_type,
           ARRAY(
               SELECT unnest(services) FROM error_groups WHERE fingerprint = ANY($2)
           ) AS services,
           ARRAY(
               SELECT version FROM error_groups CROSS JOIN unnest(code_versions) AS seen (version)
               WHERE fingerprint = ANY($2) ORDER BY last_seen
           ) AS code_versions
    FROM error_groups WHERE fingerprint = ANY($2)
) AS parts
WHERE g.fingerprint = $1
"""

# $1 the group that speaks, $2 the others: errors around its fix are those of other groups than these now.
_LEAVE_OUT = """
UPDATE error_fixes AS fix SET errors_in_hour = greatest(0, errors_in_hour - (
    SELECT coalesce(sum(count), 0) FROM error_hours AS h
    WHERE h.fingerprint = ANY($2) AND h.hour = date_trunc('hour', fix.applied_at, 'UTC')
      AND h.service = ANY (fix.services)
))
WHERE fingerprint = $1
"""

# $1 the group that stays, $2 the others.
_MOVE = (
    """
    INSERT INTO error_hours AS h (fingerprint, service, hour, count)
    SELECT $1, service, hour, sum(count) FROM error_hours WHERE fingerprint = ANY($2) GROUP BY service, hour
    ON CONFLICT (fingerprint, hour, service) DO UPDATE SET count = h.count + excluded.count
    """,
    "UPDATE error_samples SET fingerprint = $1 WHERE fingerprint = ANY($2)",
    "UPDATE error_attempts SET fingerprint = $1 WHERE fingerprint = ANY($2)",
    "UPDATE error_reports SET fingerprint = $1 WHERE fingerprint = ANY($2)",
    "UPDATE error_aliases SET target = $1 WHERE target = ANY($2)",
)
_EMPTIED = ("error_hours", "error_templates", "error_groups")


async def together(connection: Connection) -> None:
    """Keeps groups from being merged until the end of the transaction; others may hold this too."""
    await connection.execute(f"SELECT pg_advisory_xact_lock_shared({_MERGING})")


async def alone(connection: Connection) -> None:
    """As `together`, and nobody else changes a group meanwhile."""
    await connection.execute(f"SELECT pg_advisory_xact_lock({_MERGING})")


async def aliases(connection: Connection, fingerprints: Sequence[str]) -> dict[str, str]:
    """Those of these fingerprints that stand for another group, and for which."""
    rows = await connection.fetch(
        "SELECT fingerprint, target FROM error_aliases WHERE fingerprint = ANY($1)", fingerprints
    )
    return {row["fingerprint"]: row["target"] for row in rows}


async def resolved(connection: Connection, fingerprint: str) -> str:
    """The fingerprint of the group that this one stands for: mostly itself."""
    found: str = await connection.fetchval(f"SELECT {RESOLVED}", fingerprint)
    return found


async def merge(connection: Connection, target: str, parts: Sequence[str]) -> bool:
    """Merges groups into `target`, which is there; False where none of the parts is a group yet.

    Needs `alone`. A part that is not known becomes an alias nevertheless: its occurrences may still come.
    """
    rows = await connection.fetch(_PARTIES, [target, *parts], NEW)
    parties = [
        Party(
            row["fingerprint"],
            row["status"],
            row["newest_report"],
            row["fingerprint"] == target,
            settled=settled(row["status"], row["commit"]),
        )
        for row in rows
    ]
    known = [party.fingerprint for party in parties if not party.stays]
    if known:
        speaks = speaker(parties)
        await _let_speak(connection, speaks, [party.fingerprint for party in parties])
        await connection.execute(_ADD_UP, target, known)
        await _move_step(connection, target, known, speaks)
        for statement in _MOVE:
            await connection.execute(statement, target, known)
        for table in _EMPTIED:
            await connection.execute(f"DELETE FROM {table} WHERE fingerprint = ANY($1)", known)
    await connection.execute(
        "INSERT INTO error_aliases (fingerprint, target) SELECT unnest($2::text[]), $1", target, parts
    )
    return bool(known)


async def _let_speak(connection: Connection, speaks: Party, parties: Sequence[str]) -> None:
    silent = [fingerprint for fingerprint in parties if fingerprint != speaks.fingerprint]
    await connection.execute(
        "UPDATE error_reports SET merged = true WHERE fingerprint = ANY($1) AND NOT merged", silent
    )
    # What was tried for another part says nothing about how often this one was.
    await connection.execute(
        "UPDATE error_attempts SET counted = false WHERE fingerprint = ANY($1) AND counted", silent
    )
    await connection.execute("DELETE FROM error_fixes WHERE fingerprint = ANY($1)", silent)
    await connection.execute(_LEAVE_OUT, speaks.fingerprint, silent)


async def _move_step(connection: Connection, target: str, parts: Sequence[str], speaks: Party) -> None:
    """The step of the group that speaks stays; without one, an analysis that any of them waits for."""
    everyone = [target, *parts]
    others = [fingerprint for fingerprint in everyone if fingerprint != speaks.fingerprint]
    waiting = await connection.fetch(
        "DELETE FROM error_steps WHERE fingerprint = ANY($1) RETURNING kind", others
    )
    for table in ("error_steps", "error_fixes"):
        await connection.execute(
            f"UPDATE {table} SET fingerprint = $1 WHERE fingerprint = $2", target, speaks.fingerprint
        )
    if not speaks.settled and any(row["kind"] == Kind.ANALYZE for row in waiting):
        await connection.execute(
            "INSERT INTO error_steps (fingerprint, kind) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            target,
            Kind.ANALYZE,
        )
