"""What the scheduler's statements cost: the statements as they were sent, and the planner's word on them."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

from services.chassis.database import Connection, Database


class RecordingDatabase(Database):
    """Keeps every statement with its values."""

    def __init__(self, pool: "asyncpg.Pool[asyncpg.Record]") -> None:
        super().__init__(pool)
        self.statements: list[tuple[str, tuple[Any, ...]]] = []

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Connection]:
        async with super().acquire() as connection:
            with connection.query_logger(self._note):
                yield connection

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[Connection]:
        async with self.acquire() as connection, connection.transaction():
            yield connection

    def _note(self, query: Any) -> None:
        self.statements.append((query.query, query.args))


def nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from nodes(inner)


async def plan_of(
    database: RecordingDatabase, part: str, options: str = "FORMAT JSON"
) -> list[dict[str, Any]]:
    """The plan's nodes of the one statement with this in it, as the service just sent it."""
    ((query, args),) = [sent for sent in database.statements if part in sent[0]]
    async with database.pool.acquire() as connection:
        (explained,) = await connection.fetchval(f"EXPLAIN ({options}) {query}", *args)
    return list(nodes(explained["Plan"]))


def indexes(plan: list[dict[str, Any]]) -> set[str]:
    return {node["Index Name"] for node in plan if "Index Name" in node}


def read_whole(plan: list[dict[str, Any]]) -> set[str]:
    """Tables that are read from the first row to the last."""
    return {node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"}
