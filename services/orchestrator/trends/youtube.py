"""YouTube's most popular music videos of a country. With a key.

https://developers.google.com/youtube/v3/docs/videos/list:
`/youtube/v3/videos?part=snippet&chart=mostPopular&videoCategoryId=10&regionCode=US&maxResults=50&key=…`
answers `{"items": [{"snippet": {"title", "channelTitle"}}, …]}` in the chart's order, for one unit of the
10,000 that a key has a day. A refusal is `{"error": {"code", "message", "errors": [{"reason"}]}}`:
`quotaExceeded` with 403 until midnight Pacific time. It has no charts by genre.
"""

import re
from collections.abc import Sequence

from pydantic import SecretStr

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.trends import shape
from services.orchestrator.trends.items import Told, clean, items_of
from services.orchestrator.trends.source import BadShape, Chart, NoKey, RateLimited, Refused
from services.orchestrator.trends.web import Answer, Key, Web, refusal

COUNT = 50
KEY_VARIABLE = "YOUTUBE_API_KEY"
MUSIC = "10"
_SPENT = frozenset({"quotaExceeded", "dailyLimitExceeded"})
_TOO_FAST = frozenset({"rateLimitExceeded", "userRateLimitExceeded"})
_SPENT_S = 6 * 3_600.0
_DECORATION = re.compile(
    r"[(\[][^()\[\]]{0,40}\b(?:official|video|audio|lyrics?|visuali[sz]er|mv|hd|4k)\b[^()\[\]]{0,40}[)\]]"
    r"|\|.{0,200}$",
    re.IGNORECASE,
)
_CHANNEL = re.compile(r"\s*-\s*Topic$|VEVO$|\s+Official$", re.IGNORECASE)


class YouTube:
    """A chart of each country, of all music."""

    name = "youtube"
    needs_key = True
    every_s: int | None = None

    def __init__(self, web: Web, url: str, key: SecretStr | None) -> None:
        self._web = web
        self._url = url
        self._key = key

    async def charts(self, countries: Sequence[str], genre: str) -> Sequence[Chart]:
        return [Chart(self.name, country) for country in countries]

    async def fetch(self, country: str, genre: str) -> list[TrendItem]:
        if self._key is None:
            raise NoKey(KEY_VARIABLE)
        query = {
            "part": "snippet",
            "chart": "mostPopular",
            "videoCategoryId": MUSIC,
            "regionCode": country.upper(),
            "maxResults": str(COUNT),
            "fields": "items(snippet(title,channelTitle))",
        }
        answer = await self._web.ask(f"{self._url}/youtube/v3/videos", query, Key("key", self._key))
        if answer.status != 200:
            raise _refusal(answer)
        found = shape.parsed(answer.body)
        return items_of(_song(video) for video in shape.entries(found, "items"))


def _song(video: object) -> Told:
    """A video's title is mostly `Artist - Song (Official Video)`; else the channel says who plays."""
    title = clean(shape.text(video, "snippet", "title"), 400)
    title = " ".join(_DECORATION.sub(" ", title).split()) or title
    artist, dash, song = (part.strip() for part in title.partition(" - "))
    if dash and artist and song:
        return Told(song, artist)
    return Told(title, _CHANNEL.sub("", clean(shape.text(video, "snippet", "channelTitle"), 400)))


def _refusal(answer: Answer) -> Refused | RateLimited:
    try:
        found = shape.parsed(answer.body)
        reasons = [shape.text(error, "reason") for error in shape.entries(found, "error", "errors")]
    except BadShape:
        return refusal(answer)
    reason = clean(reasons[0], 60) if reasons else ""
    told = f"it refuses with HTTP {answer.status}" + (f": {reason}" if reason else "")
    if reason in _SPENT:
        return RateLimited(told, _SPENT_S)
    if reason in _TOO_FAST:
        return RateLimited(told, answer.retry_after_s)
    # Its message quotes the key where that is wrong.
    return refusal(answer) if answer.status == 429 else Refused(told, answer.status)
