"""Apple Music's most played songs of a country, from its feed generator. Without a key.

https://rss.marketingtools.apple.com (before: rss.applemarketingtools.com):
`/api/v2/{country}/music/most-played/{count}/songs.json` answers
`{"feed": {"results": [{"artistName", "name", "genres": [{"name"}], …}, …]}}` in the chart's order. It has no
charts by genre.
"""

from collections.abc import Sequence

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.trends import shape
from services.orchestrator.trends.items import Told, items_of
from services.orchestrator.trends.source import Chart, Refused
from services.orchestrator.trends.web import Web

COUNT = 50
_NO_GENRE = "Music"
"""The name of all genres together, which every song also bears."""


class AppleMusic:
    """A chart of each country, of all genres."""

    name = "apple_music"
    needs_key = False
    every_s: int | None = None

    def __init__(self, web: Web, url: str) -> None:
        self._web = web
        self._url = url

    async def charts(self, countries: Sequence[str], genre: str) -> Sequence[Chart]:
        return [Chart(self.name, country) for country in countries]

    async def fetch(self, country: str, genre: str) -> list[TrendItem]:
        address = f"{self._url}/api/v2/{country}/music/most-played/{COUNT}/songs.json"
        try:
            feed = await self._web.get(address, {})
        except Refused as refused:
            if refused.status == 404:
                raise Refused(f"it has no chart of the country {country!r}", 404) from None
            raise
        return items_of(
            Told(shape.text(song, "name"), shape.text(song, "artistName"), _genre(song))
            for song in shape.entries(feed, "feed", "results")
        )


def _genre(song: object) -> str:
    found = shape.at(song, "genres")
    names = [shape.text(genre, "name") for genre in found[:10]] if isinstance(found, list) else []
    return next((name for name in names if name and name != _NO_GENRE), "")
