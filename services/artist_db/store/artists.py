"""Artists and their persona versions."""

from typing import Any

import asyncpg
from google.protobuf.json_format import MessageToDict

from aiartist.artist_db.v1.artist_db_pb2 import Cadence
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.lifecycle import Evolve, Rule, State
from services.artist_db.domain.persona import name_key
from services.artist_db.domain.silence import Silence
from services.artist_db.store import moves
from services.artist_db.store.query import Query
from services.chassis.database import Connection
from services.chassis.errors import AlreadyExists
from services.chassis.ids import new_id

Row = Any
"""A record of `_ARTIST`: all that an Artist message needs."""

_ARTIST = """
SELECT a.id, a.persona_version, a.cadence_interval_s, a.cadence_cron, a.autopilot_enabled, a.on_silence,
       a.evolve, a.state, a.state_reason, a.state_since, a.etag, a.created_at, a.updated_at, a.name_key,
       v.persona_pb
FROM artists a JOIN persona_versions v ON v.artist_id = a.id AND v.version = a.persona_version
"""
_BY_ID = f"{_ARTIST} WHERE a.id = $1"
# By the key first, which has the index; then the exact spelling.
_BY_NAME = f"{_ARTIST} WHERE a.name_key = $1 AND a.name = $2"


async def by_id(connection: Connection, artist_id: str) -> Row | None:
    """One artist with its current persona; None where there is none."""
    return await connection.fetchrow(_BY_ID, artist_id)


async def by_name(connection: Connection, name: str) -> Row | None:
    """One artist by its exact name; None where there is none."""
    return await connection.fetchrow(_BY_NAME, name_key(name), name)


async def lock(connection: Connection, artist_id: str) -> Row | None:
    """One artist, unchanged by others until the transaction ends; None where there is none."""
    # On its own: a join that waits for the lock would look for the new version in its old snapshot.
    await connection.execute("SELECT FROM artists WHERE id = $1 FOR NO KEY UPDATE", artist_id)
    return await by_id(connection, artist_id)


async def page(
    connection: Connection,
    *,
    states: list[State],
    with_cadence: bool,
    after: str | None,
    limit: int,
) -> list[Row]:
    """Artists by name; `after` is the last `name_key` of the page before."""
    query = Query(_ARTIST)
    if states:
        query.where("a.state = ANY({})", states)
    if with_cadence:
        query.where("(a.cadence_interval_s IS NOT NULL OR a.cadence_cron IS NOT NULL)")
    if after is not None:
        query.where("a.name_key > {}", after)
    return await query.page(connection, order="a.name_key", limit=limit)


async def insert(
    connection: Connection,
    artist_id: str,
    persona: Persona,
    cadence: Cadence,
    *,
    autopilot: bool,
    on_silence: Silence,
    evolve: Evolve = Evolve.PROPOSE,
    state: State = State.ACTIVE,
    rule: Rule = Rule.PERSON,
    reason: str = "",
    moved_by: str,
) -> Row:
    """Takes an artist on with persona version 1 and its first move. AlreadyExists where the name is taken."""
    move_id = new_id("mov")
    try:
        await connection.execute(
            """
            INSERT INTO artists (id, name, name_key, persona_version, cadence_interval_s, cadence_cron,
                                 autopilot_enabled, on_silence, evolve, state, state_reason, state_since,
                                 judged_from, last_move)
            VALUES ($1, $2, $3, 1, $4, $5, $6, $7, $8, $9, $10, now(), now(), $11)
            """,
            artist_id,
            persona.name,
            name_key(persona.name),
            *_cadence(cadence),
            autopilot,
            on_silence,
            evolve,
            state,
            reason,
            move_id,
        )
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("artist", persona.name) from error
    await _insert_version(connection, artist_id, 1, persona, "created")
    await moves.begin(connection, artist_id, move_id, state, rule, reason, moved_by)
    return await by_id(connection, artist_id)


async def add_version(
    connection: Connection, artist_id: str, version: int, persona: Persona, reason: str
) -> None:
    """Makes `version`, the next one, and the artist's current persona. AlreadyExists where the name is taken.

    The caller holds the artist's lock and calls `touch`.
    """
    await _insert_version(connection, artist_id, version, persona, reason)
    try:
        await connection.execute(
            "UPDATE artists SET persona_version = $2, name = $3, name_key = $4 WHERE id = $1",
            artist_id,
            version,
            persona.name,
            name_key(persona.name),
        )
    except asyncpg.UniqueViolationError as error:
        raise AlreadyExists("artist", persona.name) from error


async def set_cadence(connection: Connection, artist_id: str, cadence: Cadence) -> None:
    """Replaces the cadence; the caller calls `touch`."""
    await connection.execute(
        "UPDATE artists SET cadence_interval_s = $2, cadence_cron = $3 WHERE id = $1",
        artist_id,
        *_cadence(cadence),
    )


async def set_autopilot(connection: Connection, artist_id: str, enabled: bool) -> None:
    """Turns autopilot on or off; the caller calls `touch`."""
    await connection.execute("UPDATE artists SET autopilot_enabled = $2 WHERE id = $1", artist_id, enabled)


async def set_silence(connection: Connection, artist_id: str, on_silence: Silence) -> None:
    """Sets what becomes of questions that nobody answers; the caller calls `touch`."""
    await connection.execute("UPDATE artists SET on_silence = $2 WHERE id = $1", artist_id, on_silence)


async def set_evolve(connection: Connection, artist_id: str, evolve: Evolve) -> None:
    """Sets what becomes of changes that reflections want; the caller calls `touch`."""
    await connection.execute("UPDATE artists SET evolve = $2 WHERE id = $1", artist_id, evolve)


async def touch(connection: Connection, artist_id: str) -> Row:
    """Notes that the artist was changed: a new etag and time. The artist as it is now."""
    await connection.execute(
        "UPDATE artists SET etag = etag + 1, updated_at = now() WHERE id = $1", artist_id
    )
    return await by_id(connection, artist_id)


async def versions(connection: Connection, artist_id: str, *, before: int | None, limit: int) -> list[Row]:
    """Persona versions, newest first, those under `before`."""
    query = Query("SELECT artist_id, version, persona_pb, reason, created_at FROM persona_versions")
    query.where("artist_id = {}", artist_id)
    if before is not None:
        query.where("version < {}", before)
    return await query.page(connection, order="version DESC", limit=limit)


async def version(connection: Connection, artist_id: str, number: int) -> bytes | None:
    """The serialised persona of one version; None where there is none."""
    found: bytes | None = await connection.fetchval(
        "SELECT persona_pb FROM persona_versions WHERE artist_id = $1 AND version = $2", artist_id, number
    )
    return found


async def _insert_version(
    connection: Connection, artist_id: str, number: int, persona: Persona, reason: str
) -> None:
    await connection.execute(
        """
        INSERT INTO persona_versions (artist_id, version, persona, persona_pb, reason)
        VALUES ($1, $2, $3, $4, $5)
        """,
        artist_id,
        number,
        MessageToDict(persona, preserving_proto_field_name=True),
        persona.SerializeToString(deterministic=True),
        reason,
    )


def _cadence(cadence: Cadence) -> tuple[int | None, str | None]:
    return (
        cadence.interval_s if cadence.HasField("interval_s") else None,
        cadence.cron if cadence.HasField("cron") else None,
    )
