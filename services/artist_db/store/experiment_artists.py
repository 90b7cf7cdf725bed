"""Artists that a promoted arm changes: all of them together, in statements that do not grow in number."""

import json
from collections.abc import Sequence
from typing import Any

from google.protobuf.json_format import MessageToDict

from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.database import Connection

Row = Any


async def lock(connection: Connection, artist_ids: Sequence[str]) -> list[str]:
    """The artists that an experiment is for, unchanged by others until the transaction ends, by id."""
    # On its own: a join that waits for a lock would look for the new version in its old snapshot.
    rows = await connection.fetch(
        """
        SELECT id FROM artists
        WHERE state <> 'RETIRED' AND ($1::text[] = '{}' OR id = ANY ($1::text[]))
        ORDER BY id FOR NO KEY UPDATE
        """,
        list(artist_ids),
    )
    return [row["id"] for row in rows]


async def personas(connection: Connection, artist_ids: Sequence[str]) -> list[Row]:
    """Their current personas as `artist_id`, `version` and `persona_pb`."""
    return await connection.fetch(
        """
        SELECT v.artist_id, v.version, v.persona_pb
        FROM artists a JOIN persona_versions v ON v.artist_id = a.id AND v.version = a.persona_version
        WHERE a.id = ANY ($1::text[])
        """,
        list(artist_ids),
    )


async def add_versions(
    connection: Connection, versions: Sequence[tuple[str, int, Persona]], reason: str
) -> None:
    """Makes these, each the next one of its artist, their current personas, and notes the change.

    Names stay as they are. The caller holds the artists' locks.
    """
    artist_ids = [artist_id for artist_id, _, _ in versions]
    numbers = [number for _, number, _ in versions]
    await connection.execute(
        """
        INSERT INTO persona_versions (artist_id, version, persona, persona_pb, reason)
        SELECT n.artist_id, n.version, n.persona::jsonb, n.persona_pb, $5
        FROM unnest($1::text[], $2::int[], $3::text[], $4::bytea[])
            AS n (artist_id, version, persona, persona_pb)
        """,
        artist_ids,
        numbers,
        [json.dumps(MessageToDict(persona, preserving_proto_field_name=True)) for _, _, persona in versions],
        [persona.SerializeToString(deterministic=True) for _, _, persona in versions],
        reason,
    )
    await connection.execute(
        """
        UPDATE artists AS a SET persona_version = n.version, etag = a.etag + 1, updated_at = now()
        FROM unnest($1::text[], $2::int[]) AS n (artist_id, version) WHERE a.id = n.artist_id
        """,
        artist_ids,
        numbers,
    )
