"""`aiartist trends` against the real artist_db."""

import json
from collections.abc import AsyncIterator, Iterator
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.artist_db.v1 import trend_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel
from tests.support.captured_logs import captured_logs
from tests.support.command import invoke
from tests.support.label import persona
from tests.support.postgres import TestServer, fresh_database


class World:
    """artist_db, and the command's environment."""

    def __init__(self, stub: ArtistDbServiceStub, env: dict[str, str]) -> None:
        self.stub = stub
        self.env = env

    async def chart(
        self, source: str, *titles: str, country: str = "", genre: str = "", error: str = ""
    ) -> None:
        """A chart that was fetched, or failed."""
        place: Any = {"source": source, "country": country, "genre": genre}
        claim = pb.ClaimTrendFetchRequest(wanted=[pb.TrendSource(**place)], holder="test", lease_ms=60_000)
        await self.stub.ClaimTrendFetch(claim)
        items = [pb.TrendItem(rank=n, title=t, artist_name="Mira Sol") for n, t in enumerate(titles, 1)]
        await self.stub.FinishTrendFetch(
            pb.FinishTrendFetchRequest(
                holder="test", snapshot=pb.TrendSnapshot(**place, items=items), error=error, again_s=3_600
            )
        )

    async def artist(self, name: str, alignment: float) -> None:
        request = artist_db_pb2.CreateArtistRequest(persona=persona(name, trend_alignment=alignment))
        await self.stub.CreateArtist(request)


@pytest.fixture(scope="module")
def database_url(postgres: TestServer) -> Iterator[str]:
    """One for all tests of this file, which retire its artists: a fresh one each costs most of their time."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    settings = Settings(
        port=0, metrics_port=0, database_url=SecretStr(database_url), ship_errors=False, stop_grace_s=1
    )
    sql = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
    await sql.execute("TRUNCATE trend_charts, trend_snapshots")
    await sql.execute("UPDATE artists SET state = 'RETIRED', name_key = id")
    await sql.close()
    # The command and the service share this process's standard output.
    with captured_logs():
        async with (
            await build(settings) as app,
            open_channel(f"127.0.0.1:{app.port}", settings) as channel,
        ):
            yield World(ArtistDbServiceStub(channel), {"AIARTIST_ARTIST_DB_ADDR": f"127.0.0.1:{app.port}"})


async def test_where_no_artist_follows_charts_it_says_how_one_does(world: World) -> None:
    await world.artist("Nova Vale", 0)
    done = await invoke("trends", "status", env=world.env)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("no artist follows charts, so none is fetched")
    assert "trend_alignment" in done.stdout


async def test_the_status_has_a_line_for_each_chart_and_says_who_follows(world: World) -> None:
    await world.artist("Nova Vale", 0.25)
    await world.artist("Mira Sol", 0.5)
    await world.chart("deezer", "Glass Harbour", "Second Winter", genre="synthwave")
    await world.chart("apple_music", country="us", error="it refuses with HTTP 403")
    done = await invoke("trends", "status", env=world.env)
    assert (done.code, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[2].split()[:3] == ["apple_music", "us", "all"]
    assert "down" in lines[2]
    deezer = lines[3].split()
    assert (deezer[0], deezer[2], deezer[3]) == ("deezer", "synthwave", "2")
    assert "ok" in deezer
    assert "in 59m" in lines[3] or "in 1h" in lines[3]
    assert lines[4:] == [
        "apple_music us, all genres: the last try failed: it refuses with HTTP 403",
        "followed by Mira Sol (0.5), Nova Vale (0.25)",
    ]


async def test_the_status_says_that_nobody_fetches_what_is_due(world: World, database_url: str) -> None:
    await world.artist("Nova Vale", 0.25)
    none = await invoke("trends", "status", env=world.env)
    assert "they are fetched within a minute, unless AIARTIST_TRENDS_SOURCES is `off`" in none.stdout
    await world.chart("deezer", "Glass Harbour")
    assert "nobody fetches" not in (await invoke("trends", "status", env=world.env)).stdout
    sql = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
    await sql.execute("UPDATE trend_charts SET due_at = now() - interval '10 minutes'")
    await sql.close()
    late = await invoke("trends", "status", env=world.env)
    assert "charts are due that nobody fetches" in late.stdout
    assert "within a minute, unless AIARTIST_TRENDS_SOURCES is `off`" in late.stdout


async def test_the_status_tells_scripts_the_same(world: World) -> None:
    await world.artist("Nova Vale", 0.25)
    await world.chart("deezer", "Glass Harbour")
    done = await invoke("trends", "status", "--json", env=world.env)
    told = json.loads(done.stdout)
    assert [one["source"] for one in told["sources"]] == ["deezer"]
    assert [one["name"] for one in told["followers"]] == ["Nova Vale"]


async def test_charts_are_shown_as_plain_text_and_cut_to_what_is_asked(world: World) -> None:
    await world.chart("deezer", "\u200b[red]Glass[/red] Harbour", "Second Winter", "Third")
    await world.chart("apple_music", "Low Tide", country="us")
    done = await invoke("trends", "show", "--limit", "2", "--source", "deezer", env=world.env)
    assert (done.code, done.stderr) == (0, "")
    assert done.stdout.startswith("deezer, all genres: since ")
    assert "\N{REPLACEMENT CHARACTER}[red]Glass[/red] Harbour" in done.stdout
    assert "Second Winter" in done.stdout
    assert "Third" not in done.stdout
    assert "Low Tide" not in done.stdout
    of_country = await invoke("trends", "show", "--country", "US", env=world.env)
    assert "Low Tide" in of_country.stdout
    assert "Winter" not in of_country.stdout
    wrong = await invoke("trends", "show", "--genre", "polka", env=world.env)
    assert wrong.code == 2
    assert "must be one of" in wrong.stderr


async def test_a_refresh_says_how_many_charts_it_made_due(world: World) -> None:
    none = await invoke("trends", "refresh", env=world.env)
    assert none.stdout == "no chart to fetch; see why: aiartist trends status\n"
    assert (await invoke("trends", "show", env=world.env)).stdout.startswith("no charts")
    await world.chart("deezer", "Glass Harbour")
    done = await invoke("trends", "refresh", "--source", "deezer", env=world.env)
    assert done.stdout == (
        "1 chart is fetched within a minute, unless AIARTIST_TRENDS_SOURCES is `off`; "
        "see: aiartist trends status\n"
    )
    told = await invoke("trends", "refresh", "--source", "youtube", "--json", env=world.env)
    assert json.loads(told.stdout) == {"due": 0}
