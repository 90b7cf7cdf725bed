"""Charts from their sources, over the real artist_db, into songs."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import grpc
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.artist_db.v1 import trend_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.persona_pb2 import Persona
from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from services.artist_db.app import build as build_artist_db
from services.artist_db.settings import Settings as ArtistDbSettings
from services.chassis.clients import open_channel
from services.chassis.lifecycle import App
from services.orchestrator.app import build
from services.orchestrator.settings import Settings
from services.orchestrator.trends import last_fm
from services.orchestrator.trends import trends as trends_module
from services.orchestrator.trends.digest import NOTHING
from services.orchestrator.trends.trends import Trends
from tests.integration.orchestrator.conftest import PROVIDERS, TWO_MODELS
from tests.support.captured_logs import captured_logs
from tests.support.fake_charts import BROKEN, LAST_FM_KEY, YOUTUBE_KEY, Answer, FakeCharts
from tests.support.fake_charts_bodies import HOSTILE, SONGS, deezer_error
from tests.support.fake_notifier import FakeNotifier
from tests.support.fake_upstream import FakeUpstream
from tests.support.label import persona
from tests.support.metrics import metric, until
from tests.support.postgres import TestServer, fresh_database


@dataclass
class World:
    """artist_db, the chart services, and what is made of them."""

    artist_db: App
    stub: ArtistDbServiceStub
    sql: "asyncpg.Connection[asyncpg.Record]"
    charts: FakeCharts
    channel: grpc.aio.Channel
    stack: AsyncExitStack

    def settings(self, **changes: Any) -> Settings:
        given: dict[str, Any] = {"trends_timeout_s": 5, "lastfm_api_key": None, "youtube_api_key": None}
        return Settings(**{**given, **self.charts.urls(), **changes})

    def trends(self, **changes: Any) -> Trends:
        made = Trends(self.channel, self.settings(**changes))
        self.stack.push_async_callback(made.close)
        return made

    async def artist(self, name: str = "Nova Vale", alignment: float = 0.5, **more: Any) -> str:
        request = artist_db_pb2.CreateArtistRequest(persona=persona(name, trend_alignment=alignment, **more))
        return (await self.stub.CreateArtist(request)).artist.id

    async def sources(self) -> dict[str, pb.TrendSource]:
        """By `source/country/genre`."""
        listed = await self.stub.ListTrendSources(pb.ListTrendSourcesRequest())
        return {f"{one.source}/{one.country}/{one.genre}": one for one in listed.sources}

    async def snapshots(self) -> list[pb.TrendSnapshot]:
        return list((await self.stub.ListTrendSnapshots(pb.ListTrendSnapshotsRequest())).snapshots)

    async def later(self) -> None:
        """Every chart is due now."""
        await self.sql.execute("UPDATE trend_charts SET due_at = now()")


@pytest.fixture(scope="module")
def database_url(postgres: TestServer) -> Iterator[str]:
    """One for all tests of this file, which retire its artists: a fresh one each costs most of their time."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture
async def world(database_url: str) -> AsyncIterator[World]:
    settings = ArtistDbSettings(
        database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False, stop_grace_s=1
    )
    async with (
        await build_artist_db(settings) as artist_db,
        FakeCharts.serving() as charts,
        open_channel(f"127.0.0.1:{artist_db.port}", settings) as channel,
        AsyncExitStack() as stack,
    ):
        sql = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
        stack.push_async_callback(sql.close)
        await sql.execute("TRUNCATE trend_charts, trend_snapshots")
        await sql.execute("UPDATE artists SET state = 'RETIRED', name_key = id")
        yield World(artist_db, ArtistDbServiceStub(channel), sql, charts, channel, stack)


async def test_where_no_artist_follows_charts_nobody_is_asked(world: World) -> None:
    await world.artist(alignment=0)
    paused = await world.artist("Mira Sol", 0.9)
    await world.stub.PauseArtist(artist_db_pb2.PauseArtistRequest(artist_id=paused))
    assert await world.trends().look() == 0
    assert world.charts.asked == []
    assert await world.sources() == {}


async def test_the_charts_of_the_genres_and_countries_that_artists_follow_are_fetched(world: World) -> None:
    await world.artist()
    await world.artist("Mira Sol", 0.1, genre="lofi")
    trends = world.trends(trends_countries=("us", "de"))
    assert await trends.look() == 4
    assert set(await world.sources()) == {
        "apple_music/de/",
        "apple_music/us/",
        "deezer//",
        "deezer//synthwave",
    }
    assert await trends.look() == 0, "none is due"


async def test_a_chart_that_did_not_change_is_kept_once(world: World) -> None:
    await world.artist()
    trends = world.trends(trends_sources=("apple_music",))
    before = metric("aiartist_orchestrator_trend_fetches_total", source="apple_music", outcome="ok") or 0
    for _ in range(2):
        await trends.look()
        await world.later()
    (kept,) = await world.snapshots()
    assert [(item.rank, item.title, item.artist_name) for item in kept.items] == [
        (n, title, artist) for n, (title, artist) in enumerate(SONGS, start=1)
    ]
    world.charts.songs["apple_music"] = SONGS[::-1]
    await trends.look()
    assert len(await world.snapshots()) == 2
    after = metric("aiartist_orchestrator_trend_fetches_total", source="apple_music", outcome="ok")
    assert after == before + 3


async def test_a_source_that_is_down_is_a_line_in_the_status_and_the_others_go_on(world: World) -> None:
    await world.artist()
    for tries, trouble in enumerate(BROKEN.keys() - {"no answer"}, start=1):
        world.charts.troubles["deezer"] = BROKEN[trouble]
        await world.later()
        # A new one each time: none is to be left alone for what another one said.
        assert await world.trends().look() == 3
        sources = await world.sources()
        assert (sources["apple_music/us/"].items, sources["apple_music/us/"].failures) == (len(SONGS), 0)
        down = sources["deezer//"]
        assert (down.failures, down.items) == (tries, 0)
        assert down.error
        assert down.due_at.ToSeconds() > down.failed_at.ToSeconds()


async def test_a_source_that_wants_to_be_left_alone_is_not_asked_for_its_other_charts(world: World) -> None:
    await world.artist()
    world.charts.troubles["deezer"] = Answer(body=deezer_error())
    trends = world.trends(trends_sources=("deezer",))
    assert await trends.look() == 2
    assert len(world.charts.asked) == 1
    sources = await world.sources()
    assert {one.error for one in sources.values()} == {"it refuses: Quota limit exceeded (code 4)"}
    assert all(one.due_at.ToSeconds() - one.failed_at.ToSeconds() >= 60 for one in sources.values())


async def test_of_two_replicas_one_fetches_each_chart(world: World) -> None:
    await world.artist()
    fetched = await asyncio.gather(*(world.trends().look() for _ in range(3)))
    assert sum(fetched) == len(world.charts.asked) == 3


async def test_what_a_killed_replica_held_is_fetched_by_another(world: World) -> None:
    await world.artist()
    claim = pb.ClaimTrendFetchRequest(
        wanted=[pb.TrendSource(source="apple_music", country="us")], holder="killed", lease_ms=60_000
    )
    await world.stub.ClaimTrendFetch(claim)
    trends = world.trends(trends_sources=("apple_music",))
    assert await trends.look() == 0
    await world.sql.execute("UPDATE trend_charts SET lease_until = now() - interval '1 second'")
    assert await trends.look() == 1
    assert (await world.sources())["apple_music/us/"].items == len(SONGS)


async def test_keys_stand_in_no_log_and_no_status(world: World) -> None:
    await world.artist()
    keys = {"lastfm_api_key": SecretStr(LAST_FM_KEY), "youtube_api_key": SecretStr("AIza-wrong-key-of-mine")}
    with captured_logs() as logs:
        trends = world.trends(**keys)
        await trends.look()
        for trouble in ("a fault", "half an answer", "a ring", "garbled JSON"):
            world.charts.troubles["last_fm"] = BROKEN[trouble]
            await world.later()
            await trends.look()
        world.charts.url = "http://127.0.0.1:1"
        await world.later()
        await world.trends(**keys).look()
    told = logs.text + str(await world.sources())
    assert "last_fm" in told
    assert "badRequest" in told
    assert not any(word in told for word in (LAST_FM_KEY, YOUTUBE_KEY, "AIza", "api_key=", "key="))


async def test_a_fault_in_reading_a_chart_ends_no_other_and_its_traceback_holds_no_key(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(songs: object) -> None:
        raise ZeroDivisionError

    await world.artist()
    monkeypatch.setattr(last_fm, "items_of", broken)
    # As on a terminal: with the values of every frame's variables.
    with captured_logs(format="console") as logs:
        fetched = await world.trends(
            lastfm_api_key=SecretStr(LAST_FM_KEY), trends_sources=("last_fm", "deezer")
        ).look()
    assert fetched == 4
    assert "ZeroDivisionError" in logs.text
    assert LAST_FM_KEY not in "".join(logs.text.split())
    sources = await world.sources()
    assert sources["last_fm/us/"].error == "a fault of this program; its log says more"
    assert sources["deezer//"].items == len(SONGS)


async def test_a_source_without_its_key_says_which_variable_it_wants(world: World) -> None:
    await world.artist()
    await world.trends(trends_sources=("youtube",)).look()
    assert "set YOUTUBE_API_KEY" in (await world.sources())["youtube/us/"].error


async def test_the_owners_file_is_a_chart_and_a_wrong_one_a_line_in_the_status(
    world: World, tmp_path: Path
) -> None:
    await world.artist()
    file = tmp_path / "mine.csv"
    file.write_text("rank,title,artist,genre\n1,My Own,Me,synthwave\n")
    trends = world.trends(trends_file=file, trends_sources=("deezer",))
    await trends.look()
    assert (await world.sources())["owner_csv//synthwave"].items == 1
    file.write_text("song,plays\nMy Own,3\n")
    await world.later()
    await trends.look()
    wrong = (await world.sources())["owner_csv//"].error
    assert "lacks rank, title, artist; expected CSV" in wrong


async def test_a_digest_holds_the_fresh_charts_of_the_artists_genre_first(world: World) -> None:
    await world.artist()
    trends = world.trends()
    nova = Persona(name="Nova Vale", genre="Synth Wave", trend_alignment=0.15)
    assert await trends.digest(nova) == NOTHING, "there is no chart yet"
    await trends.look()
    digest = await trends.digest(nova)
    assert digest.lines[0] == "1. Glass Harbour – Mira Sol"
    assert len(digest.lines) == 3
    assert [(use.source, use.genre) for use in digest.uses] == [("deezer", "synthwave")]
    assert set(digest.titles) == {title for title, _ in SONGS}
    assert await trends.digest(nova) == digest
    assert await trends.digest(Persona(name="x", genre="synthwave")) == NOTHING
    await world.sql.execute("UPDATE trend_snapshots SET seen_at = now() - interval '8 days'")
    assert await trends.digest(nova) == NOTHING, "they are too old"


async def test_hostile_titles_reach_a_digest_as_short_lines(world: World) -> None:
    await world.artist()
    world.charts.songs = {"deezer": HOSTILE, "apple_music": HOSTILE}
    trends = world.trends()
    await trends.look()
    digest = await trends.digest(Persona(genre="synthwave", trend_alignment=1.0))
    assert len(digest.lines) == 5
    assert all(line.isprintable() and len(line) <= 120 for line in digest.lines)


async def test_a_digest_is_nothing_where_artist_db_is_away(world: World, monkeypatch: Any) -> None:
    monkeypatch.setattr(trends_module, "DIGEST_TIMEOUT_S", 0.2)
    async with open_channel("127.0.0.1:1", world.settings()) as nowhere:
        trends = Trends(nowhere, world.settings())
        with captured_logs() as logs:
            assert await trends.digest(Persona(genre="pop", trend_alignment=1.0)) == NOTHING
            assert await trends.digest(Persona(genre="pop", trend_alignment=1.0)) == NOTHING
        assert len([one for one in logs.records if one["level"] == "warning"]) == 1
        await trends.close()


@asynccontextmanager
async def orchestrator(world: World, upstream: FakeUpstream, tmp_path: Path) -> AsyncIterator[Any]:
    """The real service; its client."""
    file = tmp_path / "models.toml"
    file.write_text(TWO_MODELS.format(url=upstream.url, direct="true", second_plan="small", timeout_s=20))
    async with FakeNotifier.serving() as notifier:
        settings = world.settings(
            port=0,
            metrics_port=0,
            artist_db_addr=f"127.0.0.1:{world.artist_db.port}",
            notifier_addr=notifier.address,
            orchestrator_models_file=file,
            stop_grace_s=0,
            other_api_keys={},
            model_overrides={},
            **{f"{provider}_api_key": None for provider in PROVIDERS},
        )
        async with (
            await build(settings) as app,
            open_channel(f"127.0.0.1:{app.port}", settings) as channel,
        ):
            yield OrchestratorServiceStub(channel)


async def test_the_service_fetches_by_itself_and_composes_while_a_source_is_down(
    world: World, upstream: FakeUpstream, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trends_module, "LOOK_EVERY_S", 0.05)
    world.charts.troubles["deezer"] = BROKEN["no answer"]
    artist_id = await world.artist()
    async with orchestrator(world, upstream, tmp_path) as stub:
        await until(lambda: world.charts.paths("deezer"))
        order = orchestrator_pb2.ComposeSongRequest(request_id="s-1", artist_id=artist_id, run_id="run_1")
        song = [update async for update in stub.ComposeSong(order, timeout=30)][-1].song
    stored = (await world.stub.GetBrief(artist_db_pb2.GetBriefRequest(brief_id=song.brief_id))).brief
    assert [(use.source, use.country) for use in stored.trends] == [("apple_music", "us")]
    assert (await world.snapshots())[0].id == stored.trends[0].snapshot_id
