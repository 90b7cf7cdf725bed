"""The time by which everything here happens."""

from datetime import datetime

from services.chassis.database import Connection


async def now(connection: Connection) -> datetime:
    """The time by which everything here happens."""
    moment: datetime = await connection.fetchval("SELECT clock_timestamp()")
    return moment
