"""Every source of charts against a server that answers as the real one does, and as it should not."""

from collections.abc import AsyncIterator, Mapping

import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.settings import Settings
from services.orchestrator.trends.source import (
    BadShape,
    Chart,
    NoKey,
    RateLimited,
    Refused,
    Source,
    SourceError,
    Unreachable,
)
from services.orchestrator.trends.sources import sources_of
from services.orchestrator.trends.web import Web
from tests.support import fake_charts_bodies as bodies
from tests.support.captured_logs import captured_logs
from tests.support.fake_charts import BROKEN, LAST_FM_KEY, YOUTUBE_KEY, Answer, FakeCharts

NAMES = ("apple_music", "deezer", "last_fm", "youtube")
COUNTRY = {"apple_music": "us", "deezer": "", "last_fm": "us", "youtube": "us"}
EXPECTED = {
    "a fault": Refused,
    "a web page": Refused,
    "a web page with 200": BadShape,
    "too many calls": RateLimited,
    "no answer": Unreachable,
    "half an answer": Unreachable,
    "garbled JSON": BadShape,
    "nothing": BadShape,
    "another shape": BadShape,
    "a list": BadShape,
    "no songs": BadShape,
    "songs that are none": BadShape,
    "an enormous body": BadShape,
    "deep nesting": BadShape,
    "another place": Unreachable,
    "a ring": Unreachable,
}

TOLD = {
    "a web page with 200": "it is a web page",
    "too many calls": "HTTP 429",
    "no answer": "did not answer within 0.3 s",
    "half an answer": "breaks off",
    "nothing": "it is empty",
    "no songs": "the chart holds no song",
    "an enormous body": "over 1 MiB",
    "another place": "elsewhere",
}


@pytest.fixture
async def charts() -> AsyncIterator[FakeCharts]:
    async with FakeCharts.serving() as serving:
        yield serving


@pytest.fixture
async def web() -> AsyncIterator[Web]:
    web = Web(0.3)
    yield web
    await web.close()


@pytest.fixture
def sources(charts: FakeCharts, web: Web) -> Mapping[str, Source]:
    return made(charts, web, LAST_FM_KEY, YOUTUBE_KEY)


def made(charts: FakeCharts, web: Web, last_fm: str | None, youtube: str | None) -> dict[str, Source]:
    settings = Settings(
        trends_sources=NAMES,
        lastfm_api_key=SecretStr(last_fm) if last_fm else None,
        youtube_api_key=SecretStr(youtube) if youtube else None,
        **charts.urls(),  # type: ignore[arg-type]
    )
    return {source.name: source for source in sources_of(settings, web)}


def told(items: list[TrendItem]) -> list[tuple[int, str, str]]:
    return [(item.rank, item.title, item.artist_name) for item in items]


@pytest.mark.parametrize("name", NAMES)
async def test_a_chart_is_read_as_its_source_tells_it(sources: Mapping[str, Source], name: str) -> None:
    items = await sources[name].fetch(COUNTRY[name], "")
    assert told(items) == [(n, title, who) for n, (title, who) in enumerate(bodies.SONGS, start=1)]
    assert {item.genre for item in items} == ({"Electronic"} if name == "apple_music" else {""})


async def test_sources_are_asked_for_the_chart_that_is_meant(
    charts: FakeCharts, sources: Mapping[str, Source]
) -> None:
    await sources["apple_music"].fetch("de", "")
    await sources["deezer"].fetch("", "trap")
    await sources["last_fm"].fetch("gb", "")
    await sources["last_fm"].fetch("", "drum_and_bass")
    await sources["youtube"].fetch("de", "")

    apple_music, deezer, country, tag, youtube = charts.asked
    assert apple_music.path == "/api/v2/de/music/most-played/50/songs.json"
    assert (deezer.path, deezer.query["limit"]) == ("/chart/116/tracks", "50")
    assert (country.query["method"], country.query["country"]) == ("geo.gettoptracks", "United Kingdom")
    assert (tag.query["method"], tag.query["tag"]) == ("tag.gettoptracks", "drum and bass")
    assert (youtube.query["regionCode"], youtube.query["videoCategoryId"]) == ("DE", "10")


async def test_each_source_offers_what_it_has_for_a_genre(sources: Mapping[str, Source]) -> None:
    offered = {name: await source.charts(["us", "zz"], "techno") for name, source in sources.items()}
    assert offered == {
        "apple_music": [Chart("apple_music", "us"), Chart("apple_music", "zz")],
        "deezer": [Chart("deezer", "", "techno"), Chart("deezer")],
        "last_fm": [Chart("last_fm", "", "techno"), Chart("last_fm", "us")],
        "youtube": [Chart("youtube", "us"), Chart("youtube", "zz")],
    }
    assert await sources["deezer"].charts(["us"], "lofi") == [Chart("deezer")]


@pytest.mark.parametrize("trouble", BROKEN)
async def test_a_source_that_goes_wrong_fails_in_its_own_words(
    charts: FakeCharts, sources: Mapping[str, Source], trouble: str
) -> None:
    for name in NAMES:
        charts.troubles[name] = BROKEN[trouble]
        with pytest.raises(SourceError) as caught:
            await sources[name].fetch(COUNTRY[name], "")
        assert type(caught.value) is EXPECTED[trouble], (name, caught.value)
        text = str(caught.value)
        assert TOLD.get(trouble, "") in text
        assert text.isprintable()
        assert len(text) < 200
        assert not any(word in text for word in (LAST_FM_KEY, YOUTUBE_KEY, charts.url, "http:", "key="))
        if isinstance(caught.value, RateLimited):
            assert caught.value.retry_after_s == 120


async def test_a_server_that_is_not_there_is_unreachable(charts: FakeCharts, web: Web) -> None:
    charts.url = "http://127.0.0.1:1"
    for name, source in made(charts, web, LAST_FM_KEY, YOUTUBE_KEY).items():
        with pytest.raises(Unreachable, match="no connection") as caught:
            await source.fetch(COUNTRY[name], "")
        assert "key" not in str(caught.value)


@pytest.mark.parametrize(
    ("name", "answer", "kind", "text"),
    [
        ("deezer", Answer(body=bodies.deezer_error()), RateLimited, "Quota limit exceeded"),
        ("deezer", Answer(body=bodies.deezer_error("busy", 700)), RateLimited, "code 700"),
        ("deezer", Answer(body=bodies.deezer_error("no data", 800)), Refused, "no data"),
        ("deezer", Answer(body=bodies.deezer_error("\u202ewhat\n", None)), Refused, "refuses: what$"),
        ("last_fm", Answer(body=bodies.last_fm_error(29, "Rate limit")), RateLimited, "code 29"),
        ("last_fm", Answer(403, bodies.last_fm_error(26, "Suspended API key")), Refused, "Suspended"),
        ("last_fm", Answer(500, bodies.last_fm_error(8, "Try again")), Unreachable, "Try again"),
        ("last_fm", Answer(body=bodies.last_fm_error(6, "Invalid country")), Refused, "code 6"),
        ("youtube", Answer(403, bodies.youtube_error(403, "quotaExceeded")), RateLimited, "quotaExceeded"),
        ("youtube", Answer(403, bodies.youtube_error(403, "forbidden")), Refused, "403: forbidden"),
        ("youtube", Answer(404, bodies.youtube_error(404, "videoChartNotFound")), Refused, "404: videoChart"),
        ("apple_music", Answer(404, b"{}"), Refused, "no chart of the country 'us'"),
    ],
)
async def test_what_a_source_says_in_its_refusal_is_understood(
    charts: FakeCharts,
    sources: Mapping[str, Source],
    name: str,
    answer: Answer,
    kind: type[SourceError],
    text: str,
) -> None:
    charts.troubles[name] = answer
    with pytest.raises(kind, match=text):
        await sources[name].fetch(COUNTRY[name], "")


async def test_a_single_track_of_last_fm_is_a_chart_too(
    charts: FakeCharts, sources: Mapping[str, Source]
) -> None:
    body = b'{"tracks": {"track": {"name": "Alone", "artist": {"name": "Solo"}, "@attr": {"rank": "1"}}}}'
    charts.troubles["last_fm"] = Answer(body=body)
    assert told(await sources["last_fm"].fetch("", "techno")) == [(1, "Alone", "Solo")]


async def test_a_video_without_an_artist_in_its_title_is_its_channels(
    charts: FakeCharts, sources: Mapping[str, Source]
) -> None:
    body = (
        b'{"items": [{"snippet": {"title": "Slow Light [Official Video]", "channelTitle": "MiraSolVEVO"}},'
        b'{"snippet": {"title": "Kites | Live in Oslo 2026", "channelTitle": "Paper Kites - Topic"}}]}'
    )
    charts.troubles["youtube"] = Answer(body=body)
    assert told(await sources["youtube"].fetch("us", "")) == [
        (1, "Slow Light", "MiraSol"),
        (2, "Kites", "Paper Kites"),
    ]


async def test_a_feed_that_moved_is_followed_but_a_key_is_not_handed_on(
    charts: FakeCharts, sources: Mapping[str, Source]
) -> None:
    moved = Answer(301, b"", {"Location": "/chart/0/tracks"})
    charts.troubles |= {"last_fm": moved, "youtube": moved}
    for name in ("last_fm", "youtube"):
        with pytest.raises(Unreachable, match="elsewhere"):
            await sources[name].fetch("us", "")
    assert charts.paths("deezer") == []
    charts.troubles["apple_music"] = moved
    with pytest.raises(BadShape):
        # The other place's shape is Deezer's.
        await sources["apple_music"].fetch("us", "")
    assert charts.paths("deezer") == ["/chart/0/tracks"]


async def test_a_key_that_is_missing_or_wrong_is_said_without_it(charts: FakeCharts, web: Web) -> None:
    with captured_logs() as logs:
        for source in made(charts, web, None, None).values():
            if source.needs_key:
                with pytest.raises(NoKey, match=r"set (LASTFM|YOUTUBE)_API_KEY"):
                    await source.fetch("us", "")
        for source in made(charts, web, "a-wrong-key-of-mine", "a-wrong-key-of-mine").values():
            if source.needs_key:
                with pytest.raises(Refused) as caught:
                    await source.fetch("us", "")
                assert "wrong-key" not in str(caught.value)
    assert "wrong-key" not in logs.text
