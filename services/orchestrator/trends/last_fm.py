"""Last.fm: the most played tracks of a country, and the top tracks of a tag. With a key.

https://www.last.fm/api: `/2.0/?method=geo.gettoptracks&country=Canada` and
`?method=tag.gettoptracks&tag=ambient`, each with `format=json`, answer
`{"tracks": {"track": [{"name", "artist": {"name"}, "@attr": {"rank"}}, …]}}`; of one track `track` is that
object alone. The rank is text, and begins at 0 or 1. A refusal is `{"error": 29, "message"}`, with HTTP 200
or another status: 29 too many calls, 10 no valid key, 26 a suspended one, 8, 11 and 16 for now. A tag's top
tracks are those of all time.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import SecretStr

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.trends import shape
from services.orchestrator.trends.countries import NAMES
from services.orchestrator.trends.items import Told, clean, items_of
from services.orchestrator.trends.source import BadShape, Chart, NoKey, RateLimited, Refused, Unreachable
from services.orchestrator.trends.web import Answer, Key, Web, refusal

COUNT = 50
KEY_VARIABLE = "LASTFM_API_KEY"
TAGS: Mapping[str, str] = {
    "synthwave": "synthwave",
    "lofi": "chillhop",
    "house": "house",
    "techno": "techno",
    "drum_and_bass": "drum and bass",
    "trap": "trap",
    "pop": "pop",
    "ambient": "ambient",
}
"""The tag of each of the platform's genres; `lo-fi` is mostly another music there."""
_TOO_MANY = 29
_FOR_NOW = (8, 11, 16)


class LastFm:
    """A chart of each country, and one of each tag."""

    name = "last_fm"
    needs_key = True
    every_s: int | None = None

    def __init__(self, web: Web, url: str, key: SecretStr | None) -> None:
        self._web = web
        self._url = url
        self._key = key

    async def charts(self, countries: Sequence[str], genre: str) -> Sequence[Chart]:
        own = [Chart(self.name, "", genre)] if genre in TAGS else []
        return [*own, *(Chart(self.name, country) for country in countries if country in NAMES)]

    async def fetch(self, country: str, genre: str) -> list[TrendItem]:
        if self._key is None:
            raise NoKey(KEY_VARIABLE)
        if genre:
            what = {"method": "tag.gettoptracks", "tag": TAGS[genre]}
        else:
            what = {"method": "geo.gettoptracks", "country": NAMES[country]}
        query = {**what, "limit": str(COUNT), "format": "json"}
        answer = await self._web.ask(f"{self._url}/2.0/", query, Key("api_key", self._key))
        found = _parsed(answer)
        tracks = shape.at(found, "tracks", "track")
        if isinstance(tracks, dict):
            tracks = [tracks]
        return items_of(
            Told(
                shape.text(track, "name"),
                shape.text(track, "artist", "name"),
                rank=shape.number(track, "@attr", "rank"),
            )
            for track in shape.entries({"tracks.track": tracks}, "tracks.track")
        )


def _parsed(answer: Answer) -> Any:
    """The JSON of an answer that is no refusal: the body says whether it is one, and the status too."""
    try:
        found = shape.parsed(answer.body)
    except BadShape:
        if answer.status != 200:
            raise refusal(answer) from None
        raise
    code = shape.number(found, "error")
    if code is not None:
        raise _refused(code, shape.text(found, "message"), answer.retry_after_s)
    if answer.status != 200:
        raise refusal(answer)
    return found


def _refused(code: int, message: str, retry_after_s: float | None) -> RateLimited | Unreachable | Refused:
    told = f"it refuses: {clean(message, 100) or 'no reason'} (code {code})"
    if code == _TOO_MANY:
        return RateLimited(told, retry_after_s)
    return Unreachable(told) if code in _FOR_NOW else Refused(told, code)
