"""Charts and their snapshots."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from aiartist.artist_db.v1 import trend_pb2 as pb
from services.artist_db.domain.trends import (
    FORGOTTEN_DAYS,
    KEPT_A_CHART,
    KEPT_DAYS,
    WANTED_S,
    Chart,
    digest_of_items,
)
from services.artist_db.store.query import Query
from services.chassis.database import Connection
from services.chassis.ids import new_id

Row = Any
"""A record of `trend_charts` or `trend_snapshots`."""

_WANTED = f"wanted_at > now() - interval '{WANTED_S} seconds'"
_SWEPT = 500

# In the order of the key, so that two who say the same don't wait for each other in a ring. What was said a
# moment ago is not written again.
_WANT = """
INSERT INTO trend_charts AS known (source, country, genre)
SELECT source, country, genre
FROM unnest($1::text[], $2::text[], $3::text[]) AS wanted (source, country, genre)
ORDER BY source, country, genre
ON CONFLICT (source, country, genre) DO UPDATE SET wanted_at = now()
WHERE known.wanted_at < now() - interval '1 minute'
"""
_FORGET = f"""
DELETE FROM trend_charts WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM trend_charts
    WHERE wanted_at < now() - interval '{FORGOTTEN_DAYS} days'
      AND (lease_until IS NULL OR lease_until <= now())
    FOR UPDATE SKIP LOCKED
))
"""
_CLAIM = """
UPDATE trend_charts SET holder = $4, lease_until = now() + $5 * interval '1 millisecond'
WHERE (source, country, genre) = (
    SELECT source, country, genre
    FROM trend_charts
    JOIN unnest($1::text[], $2::text[], $3::text[]) AS wanted (source, country, genre)
        USING (source, country, genre)
    WHERE due_at <= now() AND (lease_until IS NULL OR lease_until <= now())
    ORDER BY due_at, source, country, genre LIMIT 1
    FOR UPDATE OF trend_charts SKIP LOCKED
)
RETURNING source, country, genre
"""
_SOURCES = f"""
SELECT c.*, {_WANTED} AS wanted, coalesce(newest.item_count, 0) AS item_count
FROM trend_charts AS c
LEFT JOIN LATERAL (
    SELECT item_count FROM trend_snapshots AS s
    WHERE (s.source, s.country, s.genre) = (c.source, c.country, c.genre)
    ORDER BY fetched_at DESC, id DESC LIMIT 1
) AS newest ON true
"""


async def want(connection: Connection, charts: Sequence[Chart]) -> None:
    """Artists want these; those that nobody wanted for long are forgotten."""
    await connection.execute(_WANT, *_columns(charts))
    await connection.execute(_FORGET)


async def claim(
    connection: Connection, charts: Sequence[Chart], *, holder: str, lease_ms: int
) -> Chart | None:
    """The one of these charts that is due longest, for this holder alone; None where none is due."""
    row = await connection.fetchrow(_CLAIM, *_columns(charts), holder, lease_ms)
    return None if row is None else Chart(row["source"], row["country"], row["genre"])


async def locked(connection: Connection, chart: Chart) -> Row | None:
    """A chart, for a change."""
    return await connection.fetchrow(
        "SELECT * FROM trend_charts WHERE source = $1 AND country = $2 AND genre = $3 FOR UPDATE",
        chart.source,
        chart.country,
        chart.genre,
    )


async def succeeded(connection: Connection, chart: Chart, *, again_s: int) -> None:
    """The chart was fetched; nobody holds it."""
    await connection.execute(
        """
        UPDATE trend_charts
        SET holder = '', lease_until = NULL, ok_at = now(), error = '', failures = 0,
            due_at = now() + $4 * interval '1 second'
        WHERE source = $1 AND country = $2 AND genre = $3
        """,
        chart.source,
        chart.country,
        chart.genre,
        again_s,
    )


async def failed(connection: Connection, chart: Chart, error: str, *, again_s: int) -> None:
    """The chart could not be had; nobody holds it."""
    await connection.execute(
        """
        UPDATE trend_charts
        SET holder = '', lease_until = NULL, failed_at = now(), error = $4, failures = failures + 1,
            due_at = now() + $5 * interval '1 second'
        WHERE source = $1 AND country = $2 AND genre = $3
        """,
        chart.source,
        chart.country,
        chart.genre,
        error,
        again_s,
    )


async def keep(connection: Connection, chart: Chart, items: Sequence[pb.TrendItem]) -> bool:
    """Keeps what a chart holds now; False where it held the same before, which is only seen again."""
    digest = digest_of_items(items)
    newest = await connection.fetchrow(
        """
        SELECT id, digest FROM trend_snapshots WHERE source = $1 AND country = $2 AND genre = $3
        ORDER BY fetched_at DESC, id DESC LIMIT 1
        """,
        chart.source,
        chart.country,
        chart.genre,
    )
    if newest is not None and newest["digest"] == digest:
        await connection.execute("UPDATE trend_snapshots SET seen_at = now() WHERE id = $1", newest["id"])
        return False
    await connection.execute(
        """
        INSERT INTO trend_snapshots (id, source, country, genre, digest, item_count, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        new_id("trd"),
        chart.source,
        chart.country,
        chart.genre,
        digest,
        len(items),
        pb.TrendSnapshot(items=items).SerializeToString(),
    )
    return True


async def sweep(connection: Connection, chart: Chart) -> None:
    """Takes away what is too old, of any chart, and what is too much of this one."""
    await connection.execute(
        f"""
        DELETE FROM trend_snapshots WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM trend_snapshots WHERE seen_at < now() - interval '{KEPT_DAYS} days'
            ORDER BY seen_at LIMIT {_SWEPT} FOR UPDATE SKIP LOCKED
        ))
        """
    )
    await connection.execute(
        f"""
        DELETE FROM trend_snapshots WHERE id = ANY (ARRAY(
            SELECT id FROM trend_snapshots WHERE source = $1 AND country = $2 AND genre = $3
            ORDER BY fetched_at DESC, id DESC OFFSET {KEPT_A_CHART}
        ))
        """,
        chart.source,
        chart.country,
        chart.genre,
    )


async def make_due(connection: Connection, source: str) -> int:
    """Makes the charts that artists want due now, of one source or of all; how many."""
    rows = await connection.fetch(
        f"""
        UPDATE trend_charts SET due_at = least(due_at, now())
        WHERE {_WANTED} AND ($1 = '' OR source = $1) RETURNING 1
        """,
        source,
    )
    return len(rows)


async def source(connection: Connection, chart: Chart) -> Row:
    """A chart that there is, with whether it is wanted and how many items it has."""
    query = Query(_SOURCES)
    query.where("(c.source, c.country, c.genre) = ({}, {}, {})", chart.source, chart.country, chart.genre)
    return (await query.rows(connection, ""))[0]


async def sources(connection: Connection, *, after: Chart | None, limit: int) -> Sequence[Row]:
    """Charts by source, country, genre."""
    query = Query(_SOURCES)
    if after is not None:
        query.where("(c.source, c.country, c.genre) > ({}, {}, {})", after.source, after.country, after.genre)
    return await query.page(connection, order="c.source, c.country, c.genre", limit=limit)


async def snapshots(
    connection: Connection,
    *,
    source: str,
    country: str,
    genre: str,
    fresh_s: int,
    after: tuple[datetime, str] | None,
    limit: int,
) -> Sequence[Row]:
    """Snapshots, newest first.

    `fresh_s` above 0: only the newest of each chart, where it was seen within so many seconds.
    """
    query = Query("SELECT s.* FROM trend_snapshots AS s")
    if source:
        query.where("s.source = {}", source)
    if country:
        query.where("s.country = {}", country)
    if genre:
        query.where("s.genre = ANY ({}::text[])", [genre, ""])
    if fresh_s:
        query.where("s.seen_at > now() - {} * interval '1 second'", fresh_s)
        query.where(
            """NOT EXISTS (
                SELECT FROM trend_snapshots AS newer
                WHERE (newer.source, newer.country, newer.genre) = (s.source, s.country, s.genre)
                  AND (newer.fetched_at, newer.id) > (s.fetched_at, s.id)
            )"""
        )
    if after is not None:
        query.where("(s.fetched_at, s.id) < ({}, {})", *after)
    return await query.page(connection, order="s.fetched_at DESC, s.id DESC", limit=limit)


def _columns(charts: Sequence[Chart]) -> tuple[list[str], list[str], list[str]]:
    return (
        [chart.source for chart in charts],
        [chart.country for chart in charts],
        [chart.genre for chart in charts],
    )
