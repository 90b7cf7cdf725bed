"""Films, and whose a stock clip is."""

from collections.abc import Sequence
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2 import StoredFilm
from services.chassis.database import Connection
from services.chassis.errors import AlreadyExists, NotFound

Row = Any
"""A record with `id`, `body` and `created_at`."""


async def save_film(connection: Connection, film: StoredFilm) -> Row:
    """Keeps a film, or gives the one that is kept under this id for the same request.

    NotFound for the take; AlreadyExists where the id holds another film or the take has one: its id then is
    the one that the error names.
    """
    try:
        row = await connection.fetchrow(
            """
            INSERT INTO films (id, take_id, request_digest, body)
            VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING
            RETURNING id, body, created_at
            """,
            film.id,
            film.take_id,
            film.request_digest,
            film.SerializeToString(),
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("take", film.take_id) from error
    if row is not None:
        return row
    kept: Row = await connection.fetchrow(
        """
        SELECT id, body, created_at, request_digest FROM films
        WHERE id = $1 OR take_id = $2 ORDER BY id = $1 DESC LIMIT 1
        """,
        film.id,
        film.take_id,
    )
    if kept["id"] != film.id or kept["request_digest"] != film.request_digest:
        raise AlreadyExists("film", kept["id"])
    return kept


async def film_of_take(connection: Connection, take_id: str) -> Row | None:
    """A take's film; None where it has none."""
    return await connection.fetchrow("SELECT id, body, created_at FROM films WHERE take_id = $1", take_id)


async def claim_clips(
    connection: Connection, *, artist_id: str, source: str, clip_ids: Sequence[str], wanted: int
) -> list[str]:
    """The first `wanted` of the clips that are nobody's or this artist's; they are the artist's now.

    NotFound for the artist. Claims of one source go one after another.
    """
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' stock clips ' || $1, 0))", source
    )
    try:
        rows = await connection.fetch(
            """
            WITH asked AS (
                SELECT clip_id, min(place) AS place
                FROM unnest($3::text[]) WITH ORDINALITY AS given (clip_id, place) GROUP BY clip_id
            ), granted AS (
                SELECT asked.clip_id, asked.place
                FROM asked
                LEFT JOIN stock_clips AS known ON known.source = $2 AND known.clip_id = asked.clip_id
                WHERE known.artist_id IS NULL OR known.artist_id = $1
                ORDER BY asked.place LIMIT $4
            ), taken AS (
                INSERT INTO stock_clips (source, clip_id, artist_id)
                SELECT $2, clip_id, $1 FROM granted ON CONFLICT DO NOTHING
            )
            SELECT clip_id FROM granted ORDER BY place
            """,
            artist_id,
            source,
            clip_ids,
            wanted,
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("artist", artist_id) from error
    return [row["clip_id"] for row in rows]
