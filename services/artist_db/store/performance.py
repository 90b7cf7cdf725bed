"""What platforms counted, and which release each number is of."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from aiartist.artist_db.v1.artist_db_pb2 import StoredRelease
from services.artist_db.domain.performance import Found, Name, Number, isrc_key, title_key, upc_key
from services.artist_db.store import scores
from services.artist_db.store.query import Query
from services.chassis.database import Connection

Row = Any
"""A record of `performance`."""
Keys = tuple[date, str, str]
"""Day, platform and metric of the last row of a page."""

_NAMED_AT_ONCE = 1_000
"""Releases whose bodies are in memory together."""


@dataclass(frozen=True, slots=True)
class Effect:
    """What became of numbers."""

    added: int = 0
    changed: int = 0
    unchanged: int = 0


async def today(connection: Connection) -> date:
    """The day in UTC by the database's clock."""
    day: date = await connection.fetchval("SELECT (now() AT TIME ZONE 'UTC')::date")
    return day


async def releases_of(connection: Connection, names: Collection[Name]) -> dict[Name, Found]:
    """The releases that each name fits; names that fit none are left out. Needs a transaction."""
    await _name_new_releases(connection)
    asked = list(names)
    rows = await connection.fetch(
        """
        WITH asked AS (
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[]) WITH ORDINALITY
                AS name (kind, text, artist, place)
            WHERE text <> ''
        ), fitting AS (
            SELECT place, r.id FROM asked JOIN releases AS r ON r.id = text WHERE kind = 'release_id'
            UNION
            SELECT place, release_id FROM asked JOIN release_keys AS k ON k.isrc = text AND k.isrc <> ''
            WHERE kind = 'isrc'
            UNION
            SELECT place, release_id FROM asked JOIN release_keys AS k ON k.upc = text AND k.upc <> ''
            WHERE kind = 'upc'
            UNION
            -- Codes may also have been given out after the release was kept.
            SELECT place, r.id FROM asked JOIN codes AS c ON c.code = ANY (
                CASE asked.kind WHEN 'isrc' THEN ARRAY[text]
                    WHEN 'upc' THEN ARRAY[lpad(text, 12, '0'), lpad(text, 13, '0')] END
            ) JOIN releases AS r ON r.id = c.release_id
            WHERE asked.kind IN ('isrc', 'upc')
            UNION
            SELECT place, release_id FROM asked JOIN release_keys AS k ON k.title_key = text
            JOIN artists AS a ON a.id = k.artist_id
            WHERE kind = 'title' AND (artist = '' OR a.name_key = artist)
        )
        SELECT place, min(id) AS release_id, count(*) AS count FROM fitting GROUP BY place
        """,
        [name.kind for name in asked],
        [name.text for name in asked],
        [name.artist for name in asked],
    )
    return {asked[row["place"] - 1]: Found(row["release_id"], row["count"]) for row in rows}


async def record(
    connection: Connection, numbers: Sequence[Number], releases: Mapping[int, str], source: str
) -> Effect:
    """Keeps numbers, no two of one key, of the releases that `releases` gives by their places.

    Needs a transaction. Those of one release are kept by one transaction after the other.
    """
    if not numbers:
        return Effect()
    await scores.lock(connection, list(set(releases.values())))
    row = await connection.fetchrow(
        """
        WITH given AS (
            SELECT * FROM unnest($1::text[], $2::date[], $3::text[], $4::text[], $5::bigint[])
                AS number (release_id, day, platform, metric, value)
        ), compared AS (
            SELECT given.*, known.value AS before
            FROM given LEFT JOIN performance AS known USING (release_id, day, platform, metric)
        ), kept AS (
            INSERT INTO performance (release_id, day, platform, metric, value, source)
            SELECT release_id, day, platform, metric, value, $6 FROM compared
            WHERE before IS DISTINCT FROM value
            ON CONFLICT (release_id, day, platform, metric)
            DO UPDATE SET value = excluded.value, source = excluded.source, recorded_at = now()
        ), counted AS (
            UPDATE release_marks AS m
            SET plays = m.plays + news.plays, last_day = greatest(m.last_day, news.last_day)
            FROM (
                SELECT release_id, max(day) AS last_day, coalesce(
                    sum(value - coalesce(before, 0)) FILTER (WHERE metric IN ('STREAMS', 'VIEWS')), 0
                )::bigint AS plays
                FROM compared WHERE before IS DISTINCT FROM value GROUP BY release_id
            ) AS news WHERE m.release_id = news.release_id
        )
        SELECT array_agg(DISTINCT release_id) FILTER (WHERE before IS DISTINCT FROM value) AS news,
            count(*) FILTER (WHERE before IS NULL) AS added,
            count(*) FILTER (WHERE before <> value) AS changed,
            count(*) FILTER (WHERE before = value) AS unchanged
        FROM compared
        """,
        [releases[number.place] for number in numbers],
        [number.day for number in numbers],
        [number.platform for number in numbers],
        [number.metric for number in numbers],
        [number.value for number in numbers],
        source,
    )
    if row is None:
        return Effect()
    if row["news"]:
        await scores.mark(connection, row["news"])
    return Effect(row["added"], row["changed"], row["unchanged"])


async def page(connection: Connection, release_id: str, *, after: Keys | None, limit: int) -> list[Row]:
    """A release's numbers, newest day first."""
    query = Query("SELECT * FROM performance")
    query.where("release_id = {}", release_id)
    if after is not None:
        query.where("(day, platform, metric) < ({}, {}, {})", *after)
    return await query.page(connection, order="day DESC, platform DESC, metric DESC", limit=limit)


async def _name_new_releases(connection: Connection) -> None:
    """Notes what releases are found by that were kept since this was done last."""
    while True:
        rows = await connection.fetch(
            """
            SELECT r.id, r.artist_id, r.title, r.body FROM releases AS r
            WHERE NOT EXISTS (SELECT FROM release_keys AS k WHERE k.release_id = r.id)
            ORDER BY r.id LIMIT $1
            """,
            _NAMED_AT_ONCE,
        )
        bodies = [StoredRelease.FromString(row["body"]) for row in rows]
        await connection.execute(
            """
            INSERT INTO release_keys (release_id, artist_id, title_key, isrc, upc)
            SELECT * FROM unnest($1::text[], $2::text[], $3::text[], $4::text[], $5::text[])
            ON CONFLICT DO NOTHING
            """,
            [row["id"] for row in rows],
            [row["artist_id"] for row in rows],
            [title_key(row["title"]) for row in rows],
            [isrc_key(body.isrc) for body in bodies],
            [upc_key(body.upc) for body in bodies],
        )
        if len(rows) < _NAMED_AT_ONCE:
            return
