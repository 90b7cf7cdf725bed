"""How many there are of everything, for metrics: at a price that does not grow with what there is."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.chassis.database import Connection

RECENT_GROUPS = 10_000
"""Error groups that are counted: those that were seen last."""
COUNTED_STEPS = 10_000
"""Steps of one kind that are counted, at most."""
GATHERED = 500
"""From so many rows on, tallies are summed up."""

# A row that another reader sums up now is skipped: the sum is right whoever does it.
_SUM_UP = """
WITH gone AS (
    DELETE FROM tallies WHERE ctid = ANY (ARRAY(SELECT ctid FROM tallies FOR UPDATE SKIP LOCKED))
    RETURNING what, state, change
)
INSERT INTO tallies SELECT what, state, sum(change) FROM gone GROUP BY what, state HAVING sum(change) <> 0
"""

_ERROR_GROUPS = f"""
SELECT coalesce(r.status, $1) AS status, s.service, count(*) AS number
FROM (
    SELECT fingerprint, services FROM error_groups ORDER BY last_seen DESC, fingerprint DESC
    LIMIT {RECENT_GROUPS}
) AS g
LEFT JOIN LATERAL (
    SELECT status FROM error_reports
    WHERE fingerprint = g.fingerprint AND NOT merged ORDER BY id DESC LIMIT 1
) AS r ON true
CROSS JOIN LATERAL (
    SELECT DISTINCT CASE WHEN name = ANY ($2::text[]) THEN name ELSE $3 END AS service
    FROM unnest(g.services) AS named (name)
) AS s
GROUP BY 1, 2
"""


@dataclass(frozen=True, slots=True)
class Tally:
    """How many of `what` (artists, releases) are in a state."""

    what: str
    state: str
    number: int


async def tallies(connection: Connection) -> list[Tally]:
    """Artists and releases by state; what there is none of may be missing."""
    rows = await connection.fetch(
        """
        SELECT what, state, sum(change)::bigint AS number, count(*) AS rows FROM tallies GROUP BY what, state
        """
    )
    if sum(row["rows"] for row in rows) >= GATHERED:
        await connection.execute(_SUM_UP)
    return [Tally(row["what"], row["state"], row["number"]) for row in rows]


async def error_groups(
    connection: Connection, *, new: str, services: Sequence[str], other: str
) -> dict[tuple[str, str], int]:
    """How many error groups there are by status and service, of the `RECENT_GROUPS` that were seen last.

    `new`: the status without a report. A service that is not among `services` is `other`. A group that
    occurs in several services counts in each.
    """
    rows = await connection.fetch(_ERROR_GROUPS, new, list(services), other)
    return {(row["status"], row["service"]): row["number"] for row in rows}


async def error_steps(connection: Connection, kinds: Sequence[str]) -> dict[str, int]:
    """How many steps of each kind are to be done or under way, at most `COUNTED_STEPS` of each."""
    rows = await connection.fetch(
        f"""
        SELECT asked.kind, counted.number FROM unnest($1::text[]) AS asked (kind) CROSS JOIN LATERAL (
            SELECT count(*) AS number
            FROM (SELECT FROM error_steps WHERE kind = asked.kind LIMIT {COUNTED_STEPS}) AS these
        ) AS counted
        """,
        kinds,
    )
    return {row["kind"]: row["number"] for row in rows}
