"""What people are to be told: rows until notifier has them."""

from collections.abc import Sequence
from enum import StrEnum
from typing import Any

from services.chassis.database import Connection

Row = Any
"""A record of `news`."""


class Topic(StrEnum):
    """As in `News.Topic`, without its prefix."""

    PERSONA = "PERSONA"
    LIFE = "LIFE"
    CANDIDATE = "CANDIDATE"
    EXPERIMENT = "EXPERIMENT"


async def add(
    connection: Connection,
    topic: Topic,
    title: str,
    body: str,
    *,
    artist_id: str = "",
    run_id: str = "",
    subject_id: str = "",
    warning: bool = False,
) -> None:
    """Keeps something to be told, in the transaction of what it tells."""
    await connection.execute(
        """
        INSERT INTO news (topic, warning, title, body, artist_id, run_id, subject_id)
        VALUES ($1, $2, $3, $4, $5, $6, $7)
        """,
        topic,
        warning,
        title,
        body,
        artist_id,
        run_id,
        subject_id,
    )


async def oldest(connection: Connection, limit: int) -> Sequence[Row]:
    """What nobody has been told yet, oldest first."""
    return await connection.fetch("SELECT * FROM news ORDER BY id LIMIT $1", limit)


async def forget(connection: Connection, ids: Sequence[int]) -> int:
    """Notifier has these; how many were still here."""
    gone = await connection.fetch("DELETE FROM news WHERE id = ANY ($1::bigint[]) RETURNING id", list(ids))
    return len(gone)
