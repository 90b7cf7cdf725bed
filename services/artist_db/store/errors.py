"""Error groups: their occurrences, samples and hours.

Locks are taken in this order: merging, groups by fingerprint, steps, the order of reports.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from services.artist_db.domain.error_merges import Plan, mentioned, planned
from services.artist_db.domain.error_reports import NEW
from services.artist_db.domain.errors import KEPT_DAYS, KEPT_SAMPLES, KEPT_VERSIONS, GroupChange
from services.artist_db.store import error_merges, error_reports, error_steps, error_templates
from services.artist_db.store.error_merges import RESOLVED
from services.artist_db.store.query import Query, storable
from services.chassis.database import Connection

SHOWN_HOURS = 72
_SWEPT = 500
"""Old hours that are deleted at once: more than come at once, so that none stay."""

Row = Any
"""A record of `_GROUP`; `status` is None where there is no report."""
Keys = tuple[datetime, str]
"""`last_seen` and `fingerprint` of the last row of a page."""

_GROUP = """
SELECT g.fingerprint, g.title, g.culprit, g.count, g.services, g.first_seen, g.last_seen,
       g.code_versions, g.code_as_of, g.exception_type,
       r.id AS report_id, r.status, r.body AS report, r.created_at AS reported_at
FROM error_groups g LEFT JOIN LATERAL (
    SELECT id, status, body, created_at, severity, cause FROM error_reports
    WHERE fingerprint = g.fingerprint AND NOT merged ORDER BY id DESC LIMIT 1
) r ON true
"""

# A clock that runs ahead must not keep a group on top of the list: nothing is seen after now.
# Rows go in by fingerprint, so that two batches lock the groups that they share in one order.
_ADD = f"""
INSERT INTO error_groups AS g (fingerprint, title, culprit, count, services, first_seen, last_seen,
                               code_versions, code_as_of, exception_type)
SELECT fingerprint, title, culprit, count, services,
       least(coalesce(first_seen, now()), now()), least(coalesce(last_seen, now()), now()),
       code_versions, CASE WHEN code_as_of IS NOT NULL THEN least(code_as_of, now()) END, exception_type
FROM jsonb_to_recordset($1) AS change (
    fingerprint text, title text, culprit text, count bigint, services text[],
    first_seen timestamptz, last_seen timestamptz, code_versions text[], code_as_of timestamptz,
    exception_type text
)
ORDER BY fingerprint
ON CONFLICT (fingerprint) DO UPDATE SET
    count = g.count + excluded.count,
    services = CASE WHEN g.services @> excluded.services THEN g.services
                    ELSE ARRAY(SELECT DISTINCT unnest(g.services || excluded.services) ORDER BY 1) END,
    first_seen = least(g.first_seen, excluded.first_seen),
    last_seen = greatest(g.last_seen, excluded.last_seen),
    code_as_of = greatest(g.code_as_of, excluded.code_as_of),
    exception_type = CASE WHEN g.exception_type = '' THEN excluded.exception_type ELSE g.exception_type END,
    code_versions = CASE WHEN g.code_versions @> excluded.code_versions THEN g.code_versions ELSE ARRAY(
        SELECT version FROM (
            SELECT version, min(place) AS place
            FROM unnest(g.code_versions || excluded.code_versions) WITH ORDINALITY AS seen (version, place)
            GROUP BY version ORDER BY min(place) DESC LIMIT {KEPT_VERSIONS}
        ) AS kept ORDER BY place
    ) END
-- xmax is 0 in a row that was inserted, and this transaction's number in one that was updated.
RETURNING fingerprint, xmax = 0 AS is_new
"""

_ADD_HOURS = f"""
INSERT INTO error_hours AS h (fingerprint, service, hour, count)
SELECT fingerprint, service, date_trunc('hour', least(coalesce(time, now()), now()), 'UTC'), sum(count)
FROM jsonb_to_recordset($1) AS added (fingerprint text, service text, time timestamptz, count bigint)
WHERE coalesce(time, now()) > now() - interval '{KEPT_DAYS} days'
GROUP BY 1, 2, 3 ORDER BY 1, 2, 3
ON CONFLICT (fingerprint, hour, service) DO UPDATE SET count = h.count + excluded.count
RETURNING xmax = 0 AS is_new
"""

_SWEEP = f"""
DELETE FROM error_hours WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM error_hours WHERE hour < now() - interval '{KEPT_DAYS} days'
    ORDER BY hour LIMIT {_SWEPT} FOR UPDATE SKIP LOCKED
))
"""

_DROP_OLD_SAMPLES = f"""
DELETE FROM error_samples USING (
    SELECT id, row_number() OVER (PARTITION BY fingerprint ORDER BY seen_at DESC, id DESC) AS place
    FROM error_samples WHERE fingerprint = ANY($1)
) AS ranked
WHERE error_samples.id = ranked.id AND ranked.place > {KEPT_SAMPLES}
"""


@dataclass(frozen=True, slots=True)
class Filters:
    """What groups are listed; empty and None: all."""

    service: str = ""
    statuses: tuple[str, ...] = ()
    text: str = ""
    seen_after: datetime | None = None
    seen_before: datetime | None = None
    severity: str = ""


@dataclass(frozen=True, slots=True)
class Recorded:
    """`new`: fingerprints of groups that were not there, in order, but for those that take over others.

    `untitled`: fingerprints, as the batch names them, of groups that were not there and have no title.
    """

    new: list[str]
    untitled: list[str]


async def add(connection: Connection, changes: Sequence[GroupChange]) -> Recorded:
    """Adds a batch to its groups, with what follows from it: merges, steps, reports of new groups.

    Each fingerprint at most once in `changes`. The caller's transaction makes it all or nothing.
    """
    plan = await _settled_plan(connection, changes)
    names = {change.fingerprint for change in plan.changes}.union(*plan.merges.values())
    before = await _locked(connection, sorted(names))
    rows = await connection.fetch(_ADD, [_record(change) for change in plan.changes])
    came = {row["fingerprint"] for row in rows if row["is_new"]}
    titles = {change.fingerprint for change in plan.changes if change.title}
    untitled = [name for name in mentioned(changes) if plan.targets.get(name, name) in came - titles]
    if untitled:
        return Recorded([], untitled)
    took_over = {
        target for target, parts in plan.merges.items() if await error_merges.merge(connection, target, parts)
    }
    for target in took_over:
        before[target] = [v for name in (target, *plan.merges[target]) for v in before.get(name, ())]
    await _add_hours(connection, plan.changes)
    await _add_samples(connection, plan.changes, merged=took_over)
    new = sorted(came - took_over)
    await error_steps.stir(connection, plan.changes, versions=before, new=new)
    await _tell(connection, plan.changes, new)
    return Recorded(new, [])


async def group(connection: Connection, fingerprint: str) -> Row | None:
    """The group that a fingerprint stands for, with its newest report; None where there is none."""
    return await connection.fetchrow(f"{_GROUP} WHERE g.fingerprint = {RESOLVED}", fingerprint)


async def lock(connection: Connection, fingerprint: str) -> Row | None:
    """As `group`, for a change: nobody else changes or merges it until the end of the transaction."""
    await error_merges.together(connection)
    await connection.execute(
        f"SELECT FROM error_groups WHERE fingerprint = {RESOLVED} FOR NO KEY UPDATE", fingerprint
    )
    return await group(connection, fingerprint)


async def samples(connection: Connection, fingerprint: str) -> list[Row]:
    """`body` and `seen_at` of the group's samples, newest first."""
    return await connection.fetch(
        "SELECT body, seen_at FROM error_samples WHERE fingerprint = $1 ORDER BY seen_at DESC, id DESC",
        fingerprint,
    )


async def hours(connection: Connection, fingerprint: str) -> list[Row]:
    """`hour`, `service` and `count` of the group's last hours, oldest first."""
    return await connection.fetch(
        f"""
        SELECT hour, service, count FROM error_hours
        WHERE fingerprint = $1 AND hour > now() - interval '{SHOWN_HOURS} hours' ORDER BY hour, service
        """,
        fingerprint,
    )


async def page(connection: Connection, filters: Filters, *, after: Keys | None, limit: int) -> list[Row]:
    """Groups, last seen first."""
    query = Query(_GROUP)
    if filters.service:
        query.where("{} = ANY(g.services)", filters.service)
    if filters.statuses:
        query.where(f"coalesce(r.status, '{NEW}') = ANY({{}})", filters.statuses)
    if filters.severity:
        query.where("r.severity = {}", filters.severity)
    if filters.text:
        query.where(
            "position(lower({}) IN lower(concat_ws(E'\\n', g.title, g.culprit, r.cause))) > 0", filters.text
        )
    if filters.seen_after is not None:
        query.where("g.last_seen >= {}", filters.seen_after)
    if filters.seen_before is not None:
        query.where("g.first_seen < {}", filters.seen_before)
    if after is not None:
        query.where("(g.last_seen, g.fingerprint) < ({}, {})", *after)
    return await query.page(connection, order="g.last_seen DESC, g.fingerprint DESC", limit=limit)


async def _settled_plan(connection: Connection, changes: Sequence[GroupChange]) -> Plan:
    """The plan of a batch, under the lock that keeps it true."""
    names = mentioned(changes)
    # Once merged, groups stay merged: a batch that has nothing to merge now has nothing to merge later.
    if (
        any(change.absorbs for change in changes)
        and planned(changes, await error_merges.aliases(connection, names)).merges
    ):
        await error_merges.alone(connection)
    else:
        await error_merges.together(connection)
    return planned(changes, await error_merges.aliases(connection, names))


async def _locked(connection: Connection, fingerprints: Sequence[str]) -> dict[str, list[str]]:
    """Locks the groups that are there; the releases of the code in which each was seen."""
    rows = await connection.fetch(
        """
        SELECT fingerprint, code_versions FROM error_groups WHERE fingerprint = ANY($1)
        ORDER BY fingerprint FOR NO KEY UPDATE
        """,
        fingerprints,
    )
    return {row["fingerprint"]: row["code_versions"] for row in rows}


async def _add_hours(connection: Connection, changes: Sequence[GroupChange]) -> None:
    rows = await connection.fetch(
        _ADD_HOURS,
        [
            {
                "fingerprint": change.fingerprint,
                "service": storable(hour.service),
                "time": hour.time and hour.time.isoformat(),
                "count": hour.count,
            }
            for change in changes
            for hour in change.hours
        ],
    )
    if any(row["is_new"] for row in rows):
        await sweep(connection)
        await error_steps.sweep(connection)


async def sweep(connection: Connection) -> None:
    """Deletes hours that are too old to keep, as many as one transaction should."""
    await connection.execute(_SWEEP)


async def _add_samples(connection: Connection, changes: Sequence[GroupChange], *, merged: set[str]) -> None:
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
    await connection.execute(
        _DROP_OLD_SAMPLES, sorted(merged | {change.fingerprint for change in changes if change.samples})
    )


async def _tell(connection: Connection, changes: Sequence[GroupChange], new: Sequence[str]) -> None:
    """Reports of new groups, and templates that are new or changed: last, for these wait for each other."""
    templates = await error_templates.changed(
        connection, {change.fingerprint: storable(change.template) for change in changes if change.template}
    )
    if new or templates:
        await error_reports.in_order(connection)
        await error_reports.begin(connection, new)
        await error_templates.keep(
            connection, [change for change in changes if change.fingerprint in templates]
        )


def _record(change: GroupChange) -> dict[str, object]:
    return {
        "fingerprint": change.fingerprint,
        "title": storable(change.title),
        "culprit": storable(change.culprit),
        "count": change.count,
        "services": [storable(service) for service in change.services],
        "first_seen": change.first_seen and change.first_seen.isoformat(),
        "last_seen": change.last_seen and change.last_seen.isoformat(),
        "code_versions": [storable(version) for version in change.code_versions],
        "code_as_of": change.code_as_of and change.code_as_of.isoformat(),
        "exception_type": storable(change.exception_type),
    }
