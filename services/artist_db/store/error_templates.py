"""Templates of log lines, numbered in the order in which they were kept."""

from collections.abc import Mapping, Sequence
from typing import Any

from services.artist_db.domain.errors import GroupChange
from services.artist_db.store.query import storable
from services.chassis.database import Connection

PAGE_BYTES = 8 * 2**20
"""A page holds no more, but for one template."""

_PAGE = f"""
SELECT sequence, fingerprint, template FROM (
    SELECT sequence, fingerprint, template,
           sum(octet_length(template)) OVER (ORDER BY sequence) AS size,
           row_number() OVER (ORDER BY sequence) AS place
    FROM (
        SELECT sequence, fingerprint, template FROM error_templates WHERE sequence > $1
        ORDER BY sequence LIMIT $2
    ) AS next
) AS sized
WHERE size <= {PAGE_BYTES} OR place = 1
ORDER BY sequence
"""


async def changed(connection: Connection, templates: Mapping[str, str]) -> set[str]:
    """The groups among these whose template is another one than what is kept, or of which none is."""
    if not templates:
        return set()
    rows = await connection.fetch(
        "SELECT fingerprint, template FROM error_templates WHERE fingerprint = ANY($1)", list(templates)
    )
    kept = {row["fingerprint"]: row["template"] for row in rows}
    return {fingerprint for fingerprint, template in templates.items() if kept.get(fingerprint) != template}


async def keep(connection: Connection, changes: Sequence[GroupChange]) -> None:
    """Keeps templates, with the titles that come with them. Needs `error_reports.in_order`."""
    for change in changes:
        await connection.execute(
            """
            INSERT INTO error_templates AS t (fingerprint, template, sequence)
            VALUES ($1, $2, nextval('error_templates_sequence'))
            ON CONFLICT (fingerprint) DO UPDATE SET template = excluded.template, sequence = excluded.sequence
            """,
            change.fingerprint,
            storable(change.template),
        )
        if change.title:
            await connection.execute(
                "UPDATE error_groups SET title = $2 WHERE fingerprint = $1 AND title <> $2",
                change.fingerprint,
                storable(change.title),
            )


async def page(connection: Connection, *, after: int, limit: int) -> list[Any]:
    """`sequence`, `fingerprint` and `template` of those after a number, in order."""
    return await connection.fetch(_PAGE, after, limit)
