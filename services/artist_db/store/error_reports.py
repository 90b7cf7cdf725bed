"""Reports about error groups, numbered in the order of their commits, and the fixes that they tell of."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import ErrorReport
from services.artist_db.domain.error_reports import FIX_APPLIED, NEW
from services.artist_db.store import error_steps
from services.artist_db.store.query import storable
from services.chassis.database import Connection

HISTORY = 50
HISTORY_BYTES = 2 * 2**20
PAGE_BYTES = 4 * 2**20
"""A history and a page hold no more, but for one report."""

# `{which}` and `{order}` pick the reports; what they hold in all is bounded, for messages are.
_BOUNDED = """
SELECT id, fingerprint, body, created_at FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY id {order}) AS size,
           row_number() OVER (ORDER BY id {order}) AS place
    FROM (
        SELECT id, fingerprint, body, created_at FROM error_reports
        WHERE {which} ORDER BY id {order} LIMIT {limit}
    ) AS picked
) AS sized
WHERE size <= {bytes} OR place = 1
ORDER BY id {order}
"""

# Hours are whole, and a fix is not applied on the hour: of that hour, what is counted by now was before it.
# The 24 hours before begin in the middle of an hour too; of that one, as much as lies within them.
# Of other groups: an old process that was not restarted goes on failing as before, fix or not.
_SNAPSHOT = """
WITH fix AS (
    SELECT fingerprint, CASE WHEN services = '{}' THEN '{""}' ELSE services END AS services,
           date_trunc('hour', $2::timestamptz, 'UTC') AS hour
    FROM error_groups WHERE fingerprint = $1
), of_hour AS (
    SELECT h.hour, sum(h.count) AS count FROM fix JOIN error_hours h
        ON h.hour >= fix.hour - interval '24 hours' AND h.hour <= fix.hour AND h.service = ANY (fix.services)
        AND h.fingerprint <> fix.fingerprint
    GROUP BY h.hour
)
INSERT INTO error_fixes AS known (fingerprint, applied_at, services, errors_before, errors_in_hour)
SELECT fingerprint, $2, services,
       (SELECT coalesce(round(sum(CASE
           WHEN of_hour.hour > fix.hour - interval '24 hours' THEN of_hour.count
           ELSE of_hour.count * (1 - extract(epoch FROM $2 - fix.hour) / 3600)
       END)), 0) FROM of_hour),
       (SELECT coalesce(sum(of_hour.count), 0) FROM of_hour WHERE of_hour.hour = fix.hour)
FROM fix
ON CONFLICT (fingerprint) DO UPDATE SET
    applied_at = excluded.applied_at, services = excluded.services,
    errors_before = excluded.errors_before, errors_in_hour = excluded.errors_in_hour
WHERE known.applied_at <> excluded.applied_at
"""


async def in_order(connection: Connection) -> None:
    """Whoever keeps reports or templates from here on does it after all that others kept.

    Held until the end of the transaction, which thereby comes in the order of the numbers: a reader that
    goes on after a number misses none. Last of all locks, for everybody waits for it.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' error reports', 6))"
    )


async def begin(connection: Connection, fingerprints: Sequence[str]) -> None:
    """The first report of each new group. Needs `in_order`."""
    await connection.executemany(
        "INSERT INTO error_reports (fingerprint, status, body) VALUES ($1, $2, $3)",
        [
            (fingerprint, NEW, ErrorReport(fingerprint=fingerprint, status=NEW).SerializeToString())
            for fingerprint in fingerprints
        ],
    )


async def save(connection: Connection, fingerprint: str, given: ErrorReport) -> None:
    """Keeps a report, from now on the newest of a group that is there. Takes `in_order`.

    Of a fix that is applied now, `applied_at` is now where it has none, what errors there were before it is
    kept, and its end is due where it did not hold in code that was loaded since then.
    """
    report = ErrorReport()
    report.CopyFrom(given)
    report.ClearField("created_at")
    report.ClearField("sequence")
    report.fingerprint = fingerprint
    if report.status == FIX_APPLIED and not report.HasField("applied_at"):
        report.applied_at.FromDatetime(await connection.fetchval("SELECT now()"))
    applied_at = report.applied_at.ToDatetime(UTC) if report.HasField("applied_at") else None
    if (
        report.status == FIX_APPLIED
        and applied_at is not None
        and await _is_new_fix(connection, fingerprint, applied_at)
    ):
        await connection.execute(_SNAPSHOT, fingerprint, applied_at)
        await error_steps.revert_what_came_back(connection, fingerprint, applied_at)
    await in_order(connection)
    await connection.execute(
        """
        INSERT INTO error_reports (fingerprint, status, body, severity, cause, commit, applied_at)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        fingerprint,
        report.status,
        report.SerializeToString(),
        report.severity,
        storable(report.cause),
        storable(report.commit),
        applied_at,
    )


async def _is_new_fix(connection: Connection, fingerprint: str, applied_at: datetime) -> bool:
    """False where the group's newest report tells of the same fix: one that was kept stays kept."""
    newest = await connection.fetchrow(
        """
        SELECT status, applied_at FROM error_reports
        WHERE fingerprint = $1 AND NOT merged ORDER BY id DESC LIMIT 1
        """,
        fingerprint,
    )
    return newest is None or (newest["status"], newest["applied_at"]) != (FIX_APPLIED, applied_at)


async def history(connection: Connection, fingerprint: str, *, but: int) -> list[Any]:
    """A group's reports without number `but`, newest first, as many as a message should hold."""
    return await connection.fetch(
        _BOUNDED.format(
            which="fingerprint = $1 AND id <> $2", order="DESC", limit=HISTORY, bytes=HISTORY_BYTES
        ),
        fingerprint,
        but,
    )


async def page(connection: Connection, *, after: int | None, limit: int) -> list[Any]:
    """Reports of all groups after a number, in order; None: only the newest."""
    if after is None:
        return await connection.fetch(
            "SELECT id, fingerprint, body, created_at FROM error_reports ORDER BY id DESC LIMIT 1"
        )
    return await connection.fetch(
        _BOUNDED.format(which="id > $1", order="", limit="$2", bytes=PAGE_BYTES), after, limit
    )


def message_of(row: Any) -> ErrorReport:
    """A report as it is told, from its row."""
    report = ErrorReport()
    report.ParseFromString(row["body"])
    report.fingerprint, report.sequence = row["fingerprint"], row["id"]
    report.created_at.FromDatetime(row["created_at"])
    return report
