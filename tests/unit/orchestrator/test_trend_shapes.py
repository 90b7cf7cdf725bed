"""Whatever JSON a source is answered with, it makes a chart of it or says that it is none."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.trends.apple_music import AppleMusic
from services.orchestrator.trends.deezer import Deezer
from services.orchestrator.trends.items import MAX_GENRE, MAX_NAME, MOST_ITEMS
from services.orchestrator.trends.last_fm import LastFm
from services.orchestrator.trends.source import Source, SourceError
from services.orchestrator.trends.web import Answer, Web
from services.orchestrator.trends.youtube import YouTube

_NAMES = st.sampled_from(
    [
        *("feed", "results", "name", "artistName", "genres", "data", "title", "position", "artist"),
        *("tracks", "track", "@attr", "rank", "error", "code", "message", "errors", "reason"),
        *("items", "snippet", "channelTitle"),
    ]
)
_VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_NAMES, inner, max_size=6),
    max_leaves=8,
)
_SONGS = st.lists(st.dictionaries(_NAMES, _VALUES, max_size=5), max_size=4)
_WHOLE = _SONGS.map(
    lambda songs: {"feed": {"results": songs}, "data": songs, "tracks": {"track": songs}, "items": songs}
)


class _Scripted(Web):
    """Answers with what it was given."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(1)
        self._answer = Answer(status, body, None)

    async def ask(self, url: str, query: Mapping[str, str], key: object = None) -> Answer:
        return self._answer


async def _tried(source: Source) -> list[TrendItem] | str:
    """The chart, or why there is none."""
    try:
        return await source.fetch("us", "")
    except SourceError as error:
        return str(error)


async def _all_tried(web: Web) -> list[list[TrendItem] | str]:
    key = SecretStr("key")
    sources: list[Source] = [
        AppleMusic(web, "x"),
        Deezer(web, "x"),
        LastFm(web, "x", key),
        YouTube(web, "x", key),
    ]
    return [await _tried(source) for source in sources]


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(answer=_WHOLE | _VALUES, status=st.sampled_from([200, 200, 200, 403, 500]))
def test_any_json_is_a_chart_or_a_reason(answer: Any, status: int) -> None:
    for tried in asyncio.run(_all_tried(_Scripted(status, json.dumps(answer).encode()))):
        if isinstance(tried, str):
            assert tried.isprintable()
            assert 1 <= len(tried) <= 500
            continue
        assert [item.rank for item in tried] == list(range(1, len(tried) + 1))
        assert 1 <= len(tried) <= MOST_ITEMS
        for item in tried:
            assert 1 <= len(item.title) <= MAX_NAME
            assert len(item.artist_name) <= MAX_NAME
            assert len(item.genre) <= MAX_GENRE
            assert "\0" not in item.title + item.artist_name + item.genre
