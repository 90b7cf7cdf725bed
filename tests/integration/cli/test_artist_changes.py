"""`aiartist artist history|restore|evolve|changes|agree|refuse` against the real artist_db."""

import json
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel
from tests.integration.artist_db.reflections import ended, propose, step
from tests.support.command import invoke

FILE = """\
name: Nova Vale
genre: synthwave
style: Night drives, told plainly.
themes: [neon, leaving]
moods: [wistful]
trend_alignment: 0.25
evolve: off
"""


class Label:
    """The service, and what the test reaches it with."""

    def __init__(
        self, stub: ArtistDbServiceStub, sql: "asyncpg.Connection[asyncpg.Record]", env: dict[str, str]
    ) -> None:
        self.stub = stub
        self.sql = sql
        self.env = env

    async def says(self, *command: str, answer: str = "") -> str:
        """What a command prints that succeeds."""
        done = await invoke("artist", *command, env=self.env, stdin=answer)
        assert done.code == 0, done.stderr
        return done.stdout

    async def artist(self) -> pb.Artist:
        return (await self.stub.GetArtist(pb.GetArtistRequest(name="Nova Vale"))).artist


@pytest.fixture
async def label(database_url: str, tmp_path: Path) -> AsyncIterator[Label]:
    settings = Settings(port=0, metrics_port=0, database_url=database_url, ship_errors=False, stop_grace_s=1)
    sql = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
    async with (
        await build(settings) as app,
        open_channel(f"127.0.0.1:{app.port}", settings) as channel,
    ):
        file = tmp_path / "nova.yaml"
        file.write_text(FILE)
        label = Label(ArtistDbServiceStub(channel), sql, {"AIARTIST_ARTIST_DB_ADDR": f"127.0.0.1:{app.port}"})
        await label.says("add", str(file))
        await ended(sql, (await label.artist()).id, *map(str, range(1, 7)))
        yield label
    await sql.close()


async def test_a_file_says_how_an_artist_evolves_and_how_far_it_follows_charts(label: Label) -> None:
    artist = await label.artist()
    assert (artist.evolve, artist.persona.trend_alignment) == (pb.EVOLVE_OFF, 0.25)
    shown = await label.says("show", "Nova Vale")
    assert "off" in shown.split("evolves")[1].splitlines()[0]
    assert "0.25 of 1" in shown

    assert "changes by its reflections" in await label.says("evolve", "Nova Vale", "auto")
    assert (await label.artist()).evolve == pb.EVOLVE_AUTO


async def test_a_change_is_shown_agreed_to_by_the_beginning_of_its_id_and_part_of_the_history(
    label: Label,
) -> None:
    await label.says("evolve", "Nova Vale", "propose")
    artist = await label.artist()
    change = await propose(label.stub, artist, "1", step(artist.persona, "moods", ["wistful", "cold"]))

    waiting = await label.says("changes", "Nova Vale", "--state", "proposed")
    assert f"{change.id}  " in waiting
    assert "Nova Vale  proposed: waits for a person\n  moods\n    - wistful\n    + wistful, cold\n" in waiting
    assert "  why: cold songs were liked\n  fact: this song ended RELEASED\n" in waiting

    agreed = await label.says("agree", change.id[4:12])
    assert "Nova Vale  applied: accepted by cli:" in agreed
    assert list((await label.artist()).persona.moods) == ["wistful", "cold"]

    await label.says("pause", "Nova Vale", "--reason", "on tour")
    history = (await label.says("history", "Nova Vale")).splitlines()
    assert "active -> paused by " in history[0]
    assert "on tour" in history[0]
    assert f"version 2 (current): reflection {change.id} on run_1: moods" in history[1]
    assert history[2:5] == ["  moods", "    - wistful", "    + wistful, cold"]
    assert json.loads(await label.says("history", "Nova Vale", "--json"))["versions"][0]["version"] == 2


async def test_a_refused_change_changes_nothing_and_is_not_there_to_agree_to(label: Label) -> None:
    await label.says("evolve", "Nova Vale", "propose")
    artist = await label.artist()
    change = await propose(label.stub, artist, "1", step(artist.persona, "moods", ["wistful", "cold"]))

    assert "declined by cli:" in await label.says("refuse", change.id)

    done = await invoke("artist", "agree", change.id, env=label.env)
    assert done.code == 1
    assert "DECLINED" in done.stderr
    assert list((await label.artist()).persona.moods) == ["wistful"]
    unknown = await invoke("artist", "agree", "chg_zzzz", env=label.env)
    assert "no change begins with chg_zzzz" in unknown.stderr


async def test_restoring_shows_what_it_undoes_and_asks(label: Label) -> None:
    await label.says("evolve", "Nova Vale", "auto")
    before = await label.artist()
    await propose(label.stub, before, "1", step(before.persona, "moods", ["wistful", "cold"]))

    no = await invoke("artist", "restore", "Nova Vale", "1", env=label.env, stdin="n\n")
    assert (no.code, no.stdout) == (1, "moods\n  - wistful, cold\n  + wistful\n")
    assert (await label.artist()).persona_version == 2

    assert "is as in version 1, now version 3" in await label.says("restore", "Nova Vale", "1", answer="y\n")
    assert (await label.artist()).persona == before.persona
