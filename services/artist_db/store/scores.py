"""Releases' scores, from marks that are kept with the numbers.

A mark (what the numbers of one release come to) is made anew whenever one of its numbers changes and does
not age, so that a question about a score never reads numbers. The usual rates are medians over the marks,
one short row a release, taken at each question: that is milliseconds for ten thousand releases, and never
stale.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from services.artist_db.domain import scores as domain
from services.artist_db.domain.scores import Mark, Score, Usual
from services.artist_db.store.query import Query
from services.chassis.database import Connection

_MARK = "m.rate, m.evidence, m.band, m.last_heard, m.plays, m.last_day"


class Scale:
    """What is usual in the label now: what a mark is held against."""

    def __init__(self, today: date, bands: dict[int, Usual], whole: Usual) -> None:
        self._today = today
        self._bands = bands
        self._whole = whole

    def score(self, row: Any) -> Score:
        """The score of a release from a record with its mark's columns; all of them null: it has none."""
        if row["last_day"] is None:
            return domain.UNKNOWN
        mark = Mark(
            row["rate"], row["evidence"], row["band"], row["last_heard"], row["plays"], row["last_day"]
        )
        return domain.score(mark, domain.usual_rate(mark.band, self._bands, self._whole), self._today)


async def scale(connection: Connection) -> Scale:
    """The label's scale by the database's clock."""
    rows = await connection.fetch(
        """
        SELECT band, count(*) AS releases,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) AS median,
            percentile_cont(0.5) WITHIN GROUP (ORDER BY rate) FILTER (WHERE rate > 0) AS median_above_zero,
            (now() AT TIME ZONE 'UTC')::date AS today
        FROM release_marks WHERE last_heard IS NOT NULL GROUP BY GROUPING SETS ((band), ())
        """
    )
    # The whole's row is there always, also of no marks.
    usual = {
        row["band"]: Usual(row["releases"], row["median"] or 0.0, row["median_above_zero"] or 0.0)
        for row in rows
    }
    whole = usual.pop(None)
    return Scale(rows[0]["today"], usual, whole)


async def of_releases(connection: Connection, release_ids: Sequence[str]) -> dict[str, Score]:
    """The score of each of these releases, also of one that has no numbers or that there is not."""
    if not release_ids:
        return {}
    label = await scale(connection)
    rows = await connection.fetch(
        f"SELECT m.release_id, {_MARK} FROM release_marks AS m WHERE m.release_id = ANY ($1::text[])",
        list(release_ids),
    )
    known = {row["release_id"]: label.score(row) for row in rows}
    return {release_id: known.get(release_id, domain.UNKNOWN) for release_id in release_ids}


async def page(
    connection: Connection, *, artist_id: str, after: tuple[Any, str] | None, limit: int
) -> list[Any]:
    """Releases, newest first, with their marks' columns, null where there is none; an empty id: all."""
    query = Query(
        f"""
        SELECT r.id, r.artist_id, r.run_id, r.title, r.created_at, {_MARK}
        FROM releases AS r LEFT JOIN release_marks AS m ON m.release_id = r.id
        """
    )
    if artist_id:
        query.where("r.artist_id = {}", artist_id)
    if after is not None:
        query.where("(r.created_at, r.id) < ({}, {})", *after)
    return await query.page(connection, order="r.created_at DESC, r.id DESC", limit=limit)


async def lock(connection: Connection, release_ids: Sequence[str]) -> None:
    """Keeps others from changing the numbers of these releases until this transaction ends.

    Always in the same order, so that two that want some of the same releases never wait for each other.
    """
    ordered = sorted(release_ids)
    await connection.execute(
        """
        INSERT INTO release_marks (release_id)
        SELECT release_id FROM unnest($1::text[]) WITH ORDINALITY AS given (release_id, place) ORDER BY place
        ON CONFLICT DO NOTHING
        """,
        ordered,
    )
    await connection.execute(
        """
        SELECT FROM release_marks WHERE release_id = ANY ($1::text[])
        ORDER BY release_id COLLATE "C" FOR UPDATE
        """,
        ordered,
    )


async def mark(connection: Connection, release_ids: Sequence[str]) -> None:
    """Makes the marks of these releases, which are locked, anew from their numbers.

    Their `plays` and `last_day`, which count all numbers, are there already.
    """
    await connection.execute(
        """
        WITH days AS (
            SELECT p.release_id, p.day, m.last_day,
                sum(p.value * CASE p.metric WHEN 'DOWNLOADS' THEN $2::float8 ELSE 1 END)
                    FILTER (WHERE p.metric IN ('STREAMS', 'VIEWS', 'DOWNLOADS')) AS heard,
                sum(p.value * CASE p.metric WHEN 'SHARES' THEN $4::float8 ELSE $3::float8 END)
                    FILTER (WHERE p.metric IN ('SAVES', 'LIKES', 'SHARES')) AS engaged
            FROM release_marks AS m
            JOIN performance AS p ON p.release_id = m.release_id AND p.day > m.last_day - $8::int
            WHERE m.release_id = ANY ($1::text[]) GROUP BY p.release_id, p.day, m.last_day
        ), weighed AS (
            SELECT release_id, day, heard, engaged,
                power(0.5::float8, (last_day - day) / $6::float8) AS weight,
                -- Null is left out by least: of a number that is first, last or alone.
                least(
                    day - lag(day) OVER (PARTITION BY release_id, heard IS NULL ORDER BY day),
                    lead(day) OVER (PARTITION BY release_id, heard IS NULL ORDER BY day) - day,
                    $5::int
                ) AS near
            FROM days
        ), whole AS (
            SELECT w.release_id, (r.created_at AT TIME ZONE 'UTC')::date AS released,
                max(day) FILTER (WHERE heard IS NOT NULL) AS last_heard,
                sum(heard * weight) AS heard, sum(engaged * weight) AS engaged,
                sum(weight) FILTER (WHERE heard IS NOT NULL) AS evidence,
                sum(weight * least(near, greatest(day - (r.created_at AT TIME ZONE 'UTC')::date + 1, 1)))
                    FILTER (WHERE heard IS NOT NULL) AS covered
            FROM weighed AS w JOIN releases AS r ON r.id = w.release_id
            GROUP BY w.release_id, r.created_at
        )
        UPDATE release_marks AS m
        SET last_heard = w.last_heard, evidence = coalesce(w.evidence, 0),
            rate = coalesce((w.heard + least(coalesce(w.engaged, 0), w.heard)) / w.covered, 0),
            band = coalesce(width_bucket(w.last_heard - w.released, $7::int[]), 0)
        FROM whole AS w WHERE m.release_id = w.release_id
        """,
        list(release_ids),
        float(domain.DOWNLOAD_PLAYS),
        float(domain.ENGAGED_PLAYS),
        float(domain.SHARED_PLAYS),
        domain.LONGEST_COVER_DAYS,
        float(domain.HALF_LIFE_DAYS),
        [domain.YOUNG_DAYS + 1, domain.GROWN_DAYS + 1],
        domain.HORIZON_DAYS,
    )
