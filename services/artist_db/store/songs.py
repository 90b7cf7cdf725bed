"""Briefs, takes and releases."""

from datetime import datetime
from typing import Any

import asyncpg

from aiartist.artist_db.v1.artist_db_pb2 import StoredBrief, StoredRelease, StoredTake
from services.artist_db.store.query import Query
from services.chassis.database import Connection
from services.chassis.errors import AlreadyExists, NotFound

Row = Any
"""A record with `id`, `body` and `created_at`."""
Keys = tuple[datetime, str]
"""`created_at` and `id` of the last row of a page."""

_NEWEST = "created_at DESC, id DESC"


async def save_brief(connection: Connection, brief: StoredBrief) -> Row:
    """Keeps a brief, or gives the one that is kept under this id for the same request.

    NotFound for the artist or its persona version; AlreadyExists where the id holds another brief
    or the artist has another brief of this title.
    """
    current = await connection.fetchval("SELECT persona_version FROM artists WHERE id = $1", brief.artist_id)
    if current is None:
        raise NotFound("artist", brief.artist_id)
    if brief.persona_version > current:
        raise NotFound("persona version", f"{brief.artist_id}/{brief.persona_version}")
    row = await connection.fetchrow(
        """
        INSERT INTO briefs (id, artist_id, run_id, persona_version, title, request_digest, body)
        VALUES ($1, $2, $3, $4, $5, $6, $7) ON CONFLICT DO NOTHING
        RETURNING id, body, created_at
        """,
        brief.id,
        brief.artist_id,
        brief.run_id,
        brief.persona_version,
        brief.brief.title,
        brief.request_digest,
        brief.SerializeToString(),
    )
    if row is not None:
        return row
    kept = await connection.fetchrow(
        "SELECT id, body, created_at, request_digest FROM briefs WHERE id = $1", brief.id
    )
    if kept is None:
        raise AlreadyExists("title", brief.brief.title)
    return _same(kept, "brief", brief.request_digest)


async def brief(connection: Connection, brief_id: str) -> Row | None:
    """One brief; None where there is none."""
    return await connection.fetchrow("SELECT id, body, created_at FROM briefs WHERE id = $1", brief_id)


async def briefs(
    connection: Connection, *, artist_id: str, run_id: str, after: Keys | None, limit: int
) -> list[Row]:
    """Briefs, newest first; an empty id is no filter."""
    query = Query("SELECT id, body, created_at FROM briefs")
    _of_artist(query, artist_id)
    return await _page(query, connection, run_id, after, limit)


async def save_take(connection: Connection, take: StoredTake) -> Row:
    """Keeps a take, or gives the one that is kept under this id for the same request.

    NotFound for the brief; AlreadyExists where the id holds another take.
    """
    try:
        row = await connection.fetchrow(
            """
            INSERT INTO takes (id, brief_id, run_id, take_number, request_digest, body)
            VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT DO NOTHING
            RETURNING id, body, created_at
            """,
            take.id,
            take.brief_id,
            take.run_id,
            take.take_number,
            take.request_digest,
            take.SerializeToString(),
        )
    except asyncpg.ForeignKeyViolationError as error:
        raise NotFound("brief", take.brief_id) from error
    if row is not None:
        return row
    kept = await connection.fetchrow(
        "SELECT id, body, created_at, request_digest FROM takes WHERE id = $1", take.id
    )
    return _same(kept, "take", take.request_digest)


async def take(connection: Connection, take_id: str) -> Row | None:
    """One take; None where there is none."""
    return await connection.fetchrow("SELECT id, body, created_at FROM takes WHERE id = $1", take_id)


async def takes(connection: Connection, *, run_id: str, after: Keys | None, limit: int) -> list[Row]:
    """Takes, newest first; an empty run is no filter."""
    return await _page(Query("SELECT id, body, created_at FROM takes"), connection, run_id, after, limit)


async def save_release(connection: Connection, release: StoredRelease) -> Row:
    """Keeps a release, or gives the one that is kept under this id for the same request.

    NotFound for the artist or the take; AlreadyExists where the id holds another release or the
    run has one: its id then is the one that the error names.
    """
    try:
        row = await connection.fetchrow(
            """
            INSERT INTO releases (id, artist_id, run_id, take_id, title, package_digest, request_digest, body)
            VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT DO NOTHING
            RETURNING id, body, created_at
            """,
            release.id,
            release.artist_id,
            release.run_id,
            release.take_id,
            release.title,
            release.package_digest,
            release.request_digest,
            release.SerializeToString(),
        )
    except asyncpg.ForeignKeyViolationError as error:
        if error.constraint_name == "releases_take":
            raise NotFound("take", release.take_id) from error
        raise NotFound("artist", release.artist_id) from error
    if row is not None:
        return row
    kept: Row = await connection.fetchrow(
        """
        SELECT id, body, created_at, request_digest FROM releases
        WHERE id = $1 OR run_id = $2 ORDER BY id = $1 DESC LIMIT 1
        """,
        release.id,
        release.run_id,
    )
    if kept["id"] != release.id:
        raise AlreadyExists("release", kept["id"])
    return _same(kept, "release", release.request_digest)


async def release(connection: Connection, release_id: str) -> Row | None:
    """One release without its publications; None where there is none."""
    return await connection.fetchrow("SELECT id, body, created_at FROM releases WHERE id = $1", release_id)


async def releases(
    connection: Connection, *, artist_id: str, run_id: str, after: Keys | None, limit: int
) -> list[Row]:
    """Releases without their publications, newest first; an empty id is no filter."""
    query = Query("SELECT id, body, created_at FROM releases")
    _of_artist(query, artist_id)
    return await _page(query, connection, run_id, after, limit)


def _same(kept: Row, kind: str, request_digest: str) -> Row:
    if kept["request_digest"] != request_digest:
        raise AlreadyExists(kind, kept["id"])
    return kept


def _of_artist(query: Query, artist_id: str) -> None:
    if artist_id:
        query.where("artist_id = {}", artist_id)


async def _page(
    query: Query, connection: Connection, run_id: str, after: Keys | None, limit: int
) -> list[Row]:
    if run_id:
        query.where("run_id = {}", run_id)
    if after is not None:
        query.where("(created_at, id) < ({}, {})", *after)
    return await query.page(connection, order=_NEWEST, limit=limit)
