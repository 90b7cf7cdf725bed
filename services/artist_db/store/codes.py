"""Which codes were given out, and the counters that they come from."""

from services.artist_db.domain.codes import Kind, Prefixes, Series, series_of
from services.artist_db.errors import CodesSpent
from services.chassis.database import Connection


async def year(connection: Connection) -> int:
    """The year in UTC by the database's clock."""
    found: int = await connection.fetchval("SELECT extract(year FROM now() AT TIME ZONE 'UTC')::int")
    return found


async def allocate(
    connection: Connection, release_id: str, prefixes: Prefixes, *, year: int
) -> dict[Kind, str]:
    """A release's codes: those that it has, and a new one of each kind that it lacks and the label can give.

    Needs a transaction: with it a new number and its counter stand or fall together, and what stands is
    never given out again. CodesSpent where a series has no number left.
    """
    # Two calls for one release: the second waits and finds the first one's.
    await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('codes ' || $1, 0))", release_id)
    rows = await connection.fetch("SELECT kind, code FROM codes WHERE release_id = $1", release_id)
    codes = {Kind(row["kind"]): row["code"] for row in rows}
    for kind in Kind:
        series = series_of(kind, prefixes, year)
        if kind not in codes and series is not None:
            codes[kind] = await _next(connection, release_id, series)
    return codes


async def _next(connection: Connection, release_id: str, series: Series) -> str:
    while True:
        number = await connection.fetchval(
            """
            INSERT INTO code_counters AS counter (kind, prefix, year, last) VALUES ($1, $2, $3, 1)
            ON CONFLICT (kind, prefix, year) DO UPDATE SET last = counter.last + 1 WHERE counter.last < $4
            RETURNING last
            """,
            series.kind,
            series.prefix,
            series.year,
            series.last,
        )
        if number is None:
            raise CodesSpent(series)
        # Taken already where another prefix of the label begins as this one does: then the next number.
        code: str | None = await connection.fetchval(
            """
            INSERT INTO codes (code, kind, release_id) VALUES ($1, $2, $3)
            ON CONFLICT (code) DO NOTHING RETURNING code
            """,
            series.code(number),
            series.kind,
            release_id,
        )
        if code is not None:
            return code
