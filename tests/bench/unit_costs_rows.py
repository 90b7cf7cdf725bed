"""Bytes of a row: a real label is cloned thousands of times, bodies and all, with ids of their own."""

from dataclasses import dataclass

import asyncpg

SCHEMAS = ("artist_db", "notifier", "scheduler")
_NEVER = ("migrations",)

# An id becomes another one of the same form, the same in every table. What else must be unique gets a number.
_CLONED = """
CREATE FUNCTION pg_temp.cloned(value text, copy bigint, alone boolean) RETURNS text
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE
        WHEN value ~ '^[a-z]{3}_[0-9a-z]{26}'
            THEN left(value, 4) || left(md5(value || copy) || md5(copy || value), 26) || substr(value, 31)
        WHEN alone AND value ~ '^[0-9a-f]{32}$' THEN md5(value || copy)
        WHEN alone THEN value || ' ' || copy
        ELSE value
    END
$$
"""

_COLUMNS = """
SELECT a.attname AS name, format_type(a.atttypid, a.atttypmod) AS type, a.attidentity <> '' AS counted,
    EXISTS (
        SELECT FROM pg_index i
        WHERE i.indrelid = a.attrelid AND i.indisunique AND i.indkey::text = a.attnum::text
    ) AS alone
FROM pg_attribute a WHERE a.attrelid = $1::regclass AND a.attnum > 0 AND NOT a.attisdropped
ORDER BY a.attnum
"""


@dataclass(frozen=True, slots=True)
class Table:
    """How large one is."""

    rows: int
    bytes: int
    """With TOAST and indexes."""
    index_bytes: int


async def clone_label(dsn: str, copies: int) -> None:
    """Every row of every table, so many times more; the copies are ever older.

    A row without an id or a number of its own, such as a counter or the account of a day, stays one.
    """
    connection = await asyncpg.connect(dsn)
    try:
        # Rows come in the order of tables, not of their references.
        await connection.execute("SET session_replication_role = replica")
        await connection.execute(_CLONED)
        for table in await _tables(connection):
            await connection.execute(await _clone(connection, table), copies, timeout=1800)
            await connection.execute(f"VACUUM ANALYZE {table}", timeout=600)
    finally:
        await connection.close()


async def table_sizes(dsn: str) -> dict[str, Table]:
    """Every table by `schema.name`."""
    connection = await asyncpg.connect(dsn)
    try:
        found = {}
        for table in await _tables(connection):
            row = await connection.fetchrow(
                f"""
                SELECT (SELECT count(*) FROM {table}) AS rows, pg_total_relation_size('{table}') AS bytes,
                    pg_indexes_size('{table}') AS index_bytes
                """,
                timeout=600,
            )
            found[table] = Table(row["rows"], row["bytes"], row["index_bytes"])
        return found
    finally:
        await connection.close()


async def _tables(connection: "asyncpg.Connection[asyncpg.Record]") -> list[str]:
    rows = await connection.fetch(
        """
        SELECT schemaname || '.' || tablename AS name FROM pg_tables
        WHERE schemaname = ANY ($1) AND NOT tablename = ANY ($2) AND tablename NOT LIKE 'pgqueuer_sch%'
        ORDER BY 1
        """,
        SCHEMAS,
        _NEVER,
    )
    return [row["name"] for row in rows]


async def _clone(connection: "asyncpg.Connection[asyncpg.Record]", table: str) -> str:
    names, values = [], []
    columns = await connection.fetch(_COLUMNS, table)
    for column in columns:
        name, kind = column["name"], column["type"]
        if kind == "text":
            value = f"pg_temp.cloned({name}, copy, {str(column['alone']).lower()})"
        elif column["counted"]:
            value = f"{name} + copy * 1000000"
        elif kind == "timestamp with time zone":
            value = f"{name} - copy * interval '10 minutes'"
        elif column["alone"] and kind == "bigint" and name in {"id", "update_id"}:
            value = f"{name} + copy * 1000000"
        else:
            value = name
        names.append(name)
        values.append(value)
    overriding = "OVERRIDING SYSTEM VALUE" if any(column["counted"] for column in columns) else ""
    return f"""
        INSERT INTO {table} ({", ".join(names)}) {overriding}
        SELECT {", ".join(values)} FROM {table} CROSS JOIN generate_series(1, $1::bigint) AS copy
        ON CONFLICT DO NOTHING
    """
