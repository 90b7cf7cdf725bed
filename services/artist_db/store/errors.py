"""Error groups, their samples and reports."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2 import ErrorReport
from services.artist_db.domain.errors import KEPT_SAMPLES, GroupChange
from services.artist_db.store.query import Query, storable
from services.chassis.database import Connection
from services.chassis.errors import NotFound

Row = Any
"""A record of `_GROUP`; `status` is None where there is no report."""
Keys = tuple[datetime, str]
"""`last_seen` and `fingerprint` of the last row of a page."""

_GROUP = """
SELECT g.fingerprint, g.title, g.culprit, g.count, g.services, g.first_seen, g.last_seen,
       r.status, r.body AS report, r.created_at AS reported_at
FROM error_groups g LEFT JOIN LATERAL (
    SELECT status, body, created_at FROM error_reports
    WHERE fingerprint = g.fingerprint ORDER BY id DESC LIMIT 1
) r ON true
"""

# A clock that runs ahead must not keep a group on top of the list: nothing is seen after now.
# Rows go in by fingerprint, so that two batches lock the groups that they share in one order.
_ADD = """
INSERT INTO error_groups AS g (fingerprint, title, culprit, count, services, first_seen, last_seen)
SELECT fingerprint, title, culprit, count, services,
       least(coalesce(first_seen, now()), now()), least(coalesce(last_seen, now()), now())
FROM jsonb_to_recordset($1) AS change (
    fingerprint text, title text, culprit text, count bigint, services text[],
    first_seen timestamptz, last_seen timestamptz
)
ORDER BY fingerprint
ON CONFLICT (fingerprint) DO UPDATE SET
    count = g.count + excluded.count,
    services = ARRAY(SELECT DISTINCT unnest(g.services || excluded.services) ORDER BY 1),
    first_seen = least(g.first_seen, excluded.first_seen),
    last_seen = greatest(g.last_seen, excluded.last_seen)
-- xmax is 0 in a row that was inserted, and this transaction's number in one that was updated.
RETURNING fingerprint, xmax = 0 AS is_new
"""

_DROP_OLD_SAMPLES = f"""
DELETE FROM error_samples USING (
    SELECT id, row_number() OVER (PARTITION BY fingerprint ORDER BY seen_at DESC, id DESC) AS place
    FROM error_samples WHERE fingerprint = ANY($1)
) AS ranked
WHERE error_samples.id = ranked.id AND ranked.place > {KEPT_SAMPLES}
"""


async def add(connection: Connection, changes: Sequence[GroupChange]) -> list[str]:
    """Adds a batch to its groups; the fingerprints of those that are new, in order.

    Each fingerprint at most once in `changes`. The caller's transaction makes it all or nothing.
    """
    rows = await connection.fetch(_ADD, [_record(change) for change in changes])
    await connection.executemany(
        """
        INSERT INTO error_samples (fingerprint, seen_at, body)
        VALUES ($1, least(coalesce($2, now()), now()), $3)
        """,
        [
            (change.fingerprint, sample.time, sample.message.SerializeToString())
            for change in changes
            for sample in change.samples
        ],
    )
    await connection.execute(_DROP_OLD_SAMPLES, [change.fingerprint for change in changes])
    return sorted(row["fingerprint"] for row in rows if row["is_new"])


async def group(connection: Connection, fingerprint: str) -> Row | None:
    """One group with its newest report; None where there is none."""
    return await connection.fetchrow(f"{_GROUP} WHERE g.fingerprint = $1", fingerprint)


async def samples(connection: Connection, fingerprint: str) -> list[Row]:
    """`body` and `seen_at` of the group's samples, newest first."""
    return await connection.fetch(
        "SELECT body, seen_at FROM error_samples WHERE fingerprint = $1 ORDER BY seen_at DESC, id DESC",
        fingerprint,
    )


async def page(connection: Connection, *, service: str, after: Keys | None, limit: int) -> list[Row]:
    """Groups, last seen first; an empty service is no filter."""
    query = Query(_GROUP)
    if service:
        query.where("{} = ANY(g.services)", service)
    if after is not None:
        query.where("(g.last_seen, g.fingerprint) < ({}, {})", *after)
    return await query.page(connection, order="g.last_seen DESC, g.fingerprint DESC", limit=limit)


async def save_report(connection: Connection, report: ErrorReport) -> None:
    """Keeps a report, from now on its group's newest. NotFound for the group."""
    try:
        await connection.execute(
            "INSERT INTO error_reports (fingerprint, status, body) VALUES ($1, $2, $3)",
            report.fingerprint,
            report.status,
            report.SerializeToString(),
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("error group", report.fingerprint) from error


def _record(change: GroupChange) -> dict[str, object]:
    return {
        "fingerprint": change.fingerprint,
        "title": storable(change.title),
        "culprit": storable(change.culprit),
        "count": change.count,
        "services": [storable(service) for service in change.services],
        "first_seen": change.first_seen and change.first_seen.isoformat(),
        "last_seen": change.last_seen and change.last_seen.isoformat(),
    }
