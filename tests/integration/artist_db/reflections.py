"""Runs that are over, and what a reflection on one may want."""

import json
from typing import Any

import asyncpg

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import life_pb2 as life
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.persona_fields import value_of

STATE = life.PersonaChange


async def ended(
    connection: "asyncpg.Connection[asyncpg.Record]",
    artist_id: str,
    *names: str,
    blame: str = "APPROVED",
    by_person: bool = True,
) -> None:
    """Runs `run_<name>` of an artist that are over now; people decided unless told otherwise."""
    await connection.executemany(
        """
        INSERT INTO run_outcomes (run_id, artist_id, state, blame, by_person, cost_micro_usd, brief_id,
                                  release_id, ending, ended_at, body)
        VALUES ($1, $2, 'RELEASED', $3, $4, 0, '', '', 1, clock_timestamp(), '')
        """,
        [(f"run_{name}", artist_id, blame, by_person) for name in names],
    )


async def evolves(connection: "asyncpg.Connection[asyncpg.Record]", artist_id: str, how: str) -> None:
    """Sets what becomes of changes."""
    await connection.execute("UPDATE artists SET evolve = $2 WHERE id = $1", artist_id, how)


async def later(connection: "asyncpg.Connection[asyncpg.Record]", days: float) -> None:
    """Lets so many days pass: all that happened is so much longer ago."""
    tables = {
        "persona_versions": ("created_at",),
        "persona_changes": ("created_at", "updated_at"),
        "run_outcomes": ("ended_at",),
    }
    await connection.execute("ALTER TABLE persona_versions DISABLE TRIGGER USER")
    for table, columns in tables.items():
        moved = ", ".join(f"{column} = {column} - $1 * interval '1 day'" for column in columns)
        await connection.execute(f"UPDATE {table} SET {moved}", days)
    await connection.execute("ALTER TABLE persona_versions ENABLE TRIGGER USER")


def step(persona: Persona, field: str, new: Any, **over: str) -> life.FieldChange:
    """A step of a field from the value that it has."""
    return life.FieldChange(field=field, to=json.dumps(new), **{"from": value_of(persona, field), **over})


async def propose(
    stub: ArtistDbServiceStub, artist: pb.Artist, name: str, change: life.FieldChange | None = None
) -> life.PersonaChange:
    """What becomes of a reflection on `run_<name>`."""
    request = life.ProposeChangeRequest(
        run_id=f"run_{name}",
        artist_id=artist.id,
        persona_version=artist.persona_version,
        change=change,
        reason="cold songs were liked",
        evidence=["this song ended RELEASED"],
        model="openai/large",
    )
    return (await stub.ProposeChange(request)).change


async def current(stub: ArtistDbServiceStub, artist: pb.Artist) -> pb.Artist:
    """The artist as it is now."""
    return (await stub.GetArtist(pb.GetArtistRequest(artist_id=artist.id))).artist


async def decide(
    stub: ArtistDbServiceStub, change: life.PersonaChange, *, accept: bool = True, request_id: str = ""
) -> life.PersonaChange:
    """A person's answer."""
    request = life.DecideChangeRequest(
        request_id=request_id, change_id=change.id, accept=accept, decided_by="cli:vera"
    )
    return (await stub.DecideChange(request)).change


async def told(stub: ArtistDbServiceStub) -> list[life.News]:
    """What people are to be told of personas."""
    news = (await stub.ListNews(life.ListNewsRequest())).news
    return [entry for entry in news if entry.topic == life.News.TOPIC_PERSONA]
