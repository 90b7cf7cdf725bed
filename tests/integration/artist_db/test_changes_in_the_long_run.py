"""Months of reflections, people and time in random order: what holds at every moment of them."""

import json
import random
from contextlib import suppress

import asyncpg
import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import life_pb2 as life
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.persona_fields import FIELDS, value_of
from tests.integration.artist_db.reflections import (
    STATE,
    current,
    decide,
    ended,
    evolves,
    later,
    propose,
    step,
)
from tests.integration.artist_db.samples import artist, persona

STEPS = 60
KEPT = ("name", "genre", "language", "voice.timbre", "visual.palette", "preserve_core_identity", "themes")
"""`themes` by the artist's own list."""


class Months:
    """One artist, and what happens to it."""

    def __init__(
        self, stub: ArtistDbServiceStub, sql: "asyncpg.Connection[asyncpg.Record]", made: pb.Artist, seed: int
    ) -> None:
        self.stub = stub
        self.sql = sql
        self.made = made
        self.dice = random.Random(seed)
        self.runs = 0

    async def songs(self) -> None:
        names = [str(self.runs + number) for number in range(5)]
        self.runs += 5
        await ended(self.sql, self.made.id, *names, blame=self.dice.choice(["APPROVED", "REJECTED"]))

    async def reflection(self) -> None:
        if not self.runs:
            return
        now = await current(self.stub, self.made)
        field = self.dice.choice([*FIELDS, "moods", "bio", "tempo", "trend_alignment"])
        await propose(
            self.stub, now, str(self.runs - 1), step(now.persona, field, self._value(now.persona, field))
        )

    def _value(self, now: Persona, field: str) -> object:
        """As often as not a small step."""
        old = json.loads(value_of(now, field))
        if isinstance(old, list):
            words = [f"word {self.dice.randrange(12)}" for _ in range(self.dice.randrange(5))]
            return list(dict.fromkeys([*old[: self.dice.randrange(4)], *words]))
        if isinstance(old, dict):
            return {end: bpm + self.dice.randint(-12, 12) for end, bpm in old.items()}
        if isinstance(old, str):
            return f"{old} {self.dice.choice(['and', 'or', '{{', 'not', 'www.x.example'])} more"[
                -300:
            ].strip()
        return old + self.dice.choice([-0.2, 0.05, 0.1, 10_000, -20_000])

    async def answer(self) -> None:
        waiting = life.ListChangesRequest(states=[STATE.STATE_PROPOSED])
        for change in (await self.stub.ListChanges(waiting)).changes:
            # What is outdated, or over the week's cap, can't be agreed to.
            with suppress(grpc.aio.AioRpcError):
                await decide(self.stub, change, accept=self.dice.random() < 0.8)

    async def restore(self) -> None:
        now = await current(self.stub, self.made)
        request = pb.RestorePersonaVersionRequest(
            artist_id=now.id, etag=now.etag, version=self.dice.randint(1, now.persona_version)
        )
        await self.stub.RestorePersonaVersion(request)

    async def settings(self) -> None:
        await evolves(self.sql, self.made.id, self.dice.choice(["AUTO", "AUTO", "PROPOSE", "OFF"]))

    async def days(self) -> None:
        await later(self.sql, self.dice.choice([0.5, 2, 5]))

    async def happens(self) -> None:
        what = [
            self.songs,
            self.songs,
            self.reflection,
            self.reflection,
            self.reflection,
            self.answer,
            self.days,
        ]
        await self.dice.choice([*what, self.settings, self.restore])()


@pytest.fixture
async def started(stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]") -> pb.Artist:
    made = await artist(stub, "Somebody Else")
    request = pb.UpdateArtistRequest(
        artist_id=made.id, etag=made.etag, persona=persona(preserve_core_identity=["themes"])
    )
    return (await stub.UpdateArtist(request)).artist


@pytest.mark.parametrize("seed", [1, 2])
async def test_the_cap_and_who_the_artist_is_hold_over_months_of_anything(
    stub: ArtistDbServiceStub,
    connection: "asyncpg.Connection[asyncpg.Record]",
    started: pb.Artist,
    seed: int,
) -> None:
    await evolves(connection, started.id, "AUTO")
    months = Months(stub, connection, started, seed)
    identity = [value_of(started.persona, field) for field in KEPT]
    applied = 0
    for _ in range(STEPS):
        await months.happens()
        this_week = await connection.fetchval(
            """
            SELECT count(*) FROM persona_changes
            WHERE state = 'APPLIED' AND updated_at > now() - interval '7 days'
            """
        )
        assert this_week <= 2
        applied = max(applied, this_week)
        now = (await current(stub, started)).persona
        if now.name == started.persona.name and "themes" in now.preserve_core_identity:
            assert [value_of(now, field) for field in KEPT] == identity
    made_by = await connection.fetch("SELECT version FROM persona_changes WHERE state = 'APPLIED'")
    kept = {
        row["version"]: Persona.FromString(row["persona_pb"])
        for row in await connection.fetch("SELECT version, persona_pb FROM persona_versions")
    }
    for row in made_by:
        before, after = kept[row["version"] - 1], kept[row["version"]]
        assert sum(value_of(before, field) != value_of(after, field) for field in FIELDS) == 1
        assert [value_of(before, field) for field in KEPT[:-1]] == [
            value_of(after, field) for field in KEPT[:-1]
        ]
    assert applied > 0, "something changed at all"
