"""Where releases stand, who may release when, and what was taken down."""

from collections.abc import Sequence
from datetime import datetime

from services.artist_db.errors import ReleaseCapReached
from services.artist_db.store.songs import Row
from services.chassis.database import Connection
from services.chassis.errors import NotFound


async def publish(connection: Connection, release_id: str, target: str, location: str) -> None:
    """Records a publication. The first one for a target stays, unless it was taken down. NotFound for the
    release."""
    await _need_release(connection, release_id)
    await connection.execute(
        """
        INSERT INTO publications (release_id, target, location) VALUES ($1, $2, $3)
        ON CONFLICT (release_id, target) DO UPDATE
            SET location = excluded.location, published_at = now(),
                taken_down_at = NULL, take_down_reason = ''
            WHERE publications.taken_down_at IS NOT NULL
        """,
        release_id,
        target,
        location,
    )


async def take_down(connection: Connection, release_id: str, target: str, reason: str) -> None:
    """Records that a publication is gone; the first reason stays. NotFound for release and publication."""
    await _need_release(connection, release_id)
    known = await connection.fetchval(
        """
        UPDATE publications
        SET taken_down_at = coalesce(taken_down_at, now()),
            take_down_reason = CASE WHEN taken_down_at IS NULL THEN $3 ELSE take_down_reason END
        WHERE release_id = $1 AND target = $2
        RETURNING true
        """,
        release_id,
        target,
        reason,
    )
    if known is None:
        raise NotFound("publication", f"{release_id}/{target}")


async def publications(connection: Connection, release_ids: Sequence[str]) -> list[Row]:
    """`release_id`, `target`, `location`, `published_at`, `taken_down_at` and `take_down_reason` of these
    releases, oldest first."""
    return await connection.fetch(
        """
        SELECT release_id, target, location, published_at, taken_down_at, take_down_reason
        FROM publications WHERE release_id = ANY($1) ORDER BY published_at, target
        """,
        release_ids,
    )


async def admit(
    connection: Connection, release_id: str, *, most_a_week: int, only_ask: bool
) -> datetime | None:
    """When a release was admitted, now or before; None where it was only asked whether it would be.

    Needs a transaction. NotFound for the release; ReleaseCapReached where its artist has `most_a_week`
    (0: no cap) within seven days of the database's clock. Releases that were published before there was a
    cap have no admission and do not count.
    """
    # One after another for each artist: two at once would count the same admissions.
    artist_id = await connection.fetchval(
        """
        SELECT artists.id FROM releases JOIN artists ON artists.id = releases.artist_id
        WHERE releases.id = $1 FOR NO KEY UPDATE OF artists
        """,
        release_id,
    )
    if artist_id is None:
        raise NotFound("release", release_id)
    admitted_at: datetime | None = await connection.fetchval(
        "SELECT admitted_at FROM admissions WHERE release_id = $1", release_id
    )
    if admitted_at is not None:
        return admitted_at
    if most_a_week:
        wait_until = await again_at(connection, artist_id, most_a_week)
        if wait_until is not None:
            raise ReleaseCapReached(artist_id, cap=most_a_week, again_at=wait_until)
    if only_ask:
        return None
    insert = "INSERT INTO admissions (release_id, artist_id) VALUES ($1, $2) RETURNING admitted_at"
    now: datetime = await connection.fetchval(insert, release_id, artist_id)
    return now


async def again_at(connection: Connection, artist_id: str, most_a_week: int) -> datetime | None:
    """When an artist is below the cap again; None: they are now.

    That is when the newest but `most_a_week` - 1 is seven days old: fewer than the cap are newer.
    """
    moment: datetime | None = await connection.fetchval(
        """
        SELECT admitted_at + interval '7 days' FROM admissions
        WHERE artist_id = $1 AND admitted_at > now() - interval '7 days'
        ORDER BY admitted_at DESC OFFSET $2 LIMIT 1
        """,
        artist_id,
        most_a_week - 1,
    )
    return moment


async def _need_release(connection: Connection, release_id: str) -> None:
    if not await connection.fetchval("SELECT true FROM releases WHERE id = $1", release_id):
        raise NotFound("release", release_id)
