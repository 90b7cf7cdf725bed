"""SELECTs whose conditions depend on the request."""

from typing import Any

from services.chassis.database import Connection


class Query:
    """A SELECT put together from fixed pieces of SQL; values go in as numbered parameters only.

    Left-out filters are left out of the text too: `$1 = '' OR column = $1` would cost the index.
    """

    def __init__(self, select: str) -> None:
        self._select = select
        self._conditions: list[str] = []
        self._values: list[object] = []

    def where(self, condition: str, *values: object) -> None:
        """One more condition; `{}` stands for each of the values."""
        first = len(self._values) + 1
        self._conditions.append(condition.format(*(f"${first + n}" for n in range(len(values)))))
        self._values.extend(values)

    async def page(self, connection: Connection, *, order: str, limit: int) -> list[Any]:
        """At most `limit` rows in order."""
        self._values.append(limit)
        return await self.rows(connection, f"ORDER BY {order} LIMIT ${len(self._values)}")

    async def rows(self, connection: Connection, tail: str) -> list[Any]:
        """The rows; `tail` is what follows the conditions."""
        where = f"WHERE {' AND '.join(self._conditions)}" if self._conditions else ""
        return await connection.fetch(f"{self._select} {where} {tail}", *self._values)


def storable(text: str) -> str:
    """The text as PostgreSQL can hold it: U+0000 becomes U+FFFD."""
    return text.replace("\0", "\ufffd")
