"""Takes in the order of their keeping, for those who follow what is new."""

from datetime import datetime

from services.artist_db.store.query import Query
from services.artist_db.store.songs import Keys, Row
from services.chassis.database import Connection


async def takes_since(
    connection: Connection, *, since: datetime | None, after: Keys | None, limit: int
) -> list[Row]:
    """Takes kept at `since` or later, oldest first; None: all of them."""
    query = Query("SELECT id, body, created_at FROM takes")
    if after is not None:
        query.where("(created_at, id) > ({}, {})", *after)
    elif since is not None:
        query.where("created_at >= {}", since)
    return await query.page(connection, order="created_at, id", limit=limit)
