"""Moves the time of a whole label: all that ever happened becomes older, and `now()` stays what it is."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg

SCHEMAS = ("scheduler", "artist_db")
UNMOVED = {
    "scheduler": {"run_stages", "run_events", "run_progress", "run_closings", "migrations", "idempotency"},
    "artist_db": {
        "briefs", "takes", "films", "persona_versions", "model_calls", "news", "migrations", "idempotency",
        "error_groups", "error_samples", "error_reports", "codes",
    },
}  # fmt: skip
"""Tables whose times decide nothing that a test of lives looks at, and that grow fast."""

_COLUMNS = """
SELECT c.table_schema, c.table_name, array_agg(c.column_name::text ORDER BY c.column_name) AS columns
FROM information_schema.columns c
JOIN information_schema.tables t USING (table_schema, table_name)
WHERE c.table_schema = ANY ($1) AND t.table_type = 'BASE TABLE'
  AND c.data_type = 'timestamp with time zone' AND c.is_generated = 'NEVER'
  AND c.table_name NOT LIKE 'pgqueuer%'
GROUP BY 1, 2 ORDER BY 1, 2
"""


class MovedTime:
    """A connection of its own that makes the past older, while nobody else changes the database."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]", tables: Sequence[Any]) -> None:
        self._connection = connection
        self._statements = [
            f"UPDATE {row['table_schema']}.{row['table_name']} SET "
            + ", ".join(f'"{column}" = "{column}" - $1::interval' for column in row["columns"])
            for row in tables
            if row["table_name"] not in UNMOVED[row["table_schema"]]
        ]

    @classmethod
    async def open(cls, database_url: str) -> "MovedTime":
        connection = await asyncpg.connect(database_url)
        return cls(connection, await connection.fetch(_COLUMNS, list(SCHEMAS)))

    async def close(self) -> None:
        await self._connection.close()

    async def pass_by(self, time: timedelta) -> None:
        """So much time passes, for everybody, at once."""
        async with self._connection.transaction():
            # Some tables refuse every change; nothing is changed here but the clock.
            await self._connection.execute("SET LOCAL session_replication_role = replica")
            for statement in self._statements:
                await self._connection.execute(statement, time)

    async def tidy_up(self) -> None:
        """Rows that moved leave dead ones behind."""
        await self._connection.execute("VACUUM scheduler.runs, artist_db.run_outcomes, artist_db.artists")
