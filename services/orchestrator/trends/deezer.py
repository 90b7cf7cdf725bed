"""Deezer's charts, of all genres and of its large ones. Without a key; it knows no countries.

https://developers.deezer.com/api/chart: `/chart/{genre}/tracks?limit=50` answers `{"data": [{"title",
"position", "artist": {"name"}, …}, …], "total"}`; a track's `rank` is its popularity, not its place.
A refusal comes with HTTP 200: `{"error": {"type", "message", "code"}}`, code 4 where more than 50 calls
are made in 5 s, 700 where the service is busy, 800 where there is no such thing; some have no code.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from aiartist.artist_db.v1.trend_pb2 import TrendItem
from services.orchestrator.trends import shape
from services.orchestrator.trends.items import Told, clean, items_of
from services.orchestrator.trends.source import Chart, RateLimited, Refused
from services.orchestrator.trends.web import Web

COUNT = 50
GENRES: Mapping[str, int] = {
    "pop": 132,
    "trap": 116,
    "house": 113,
    "synthwave": 106,
    "techno": 106,
    "drum_and_bass": 106,
}
"""Deezer's genre nearest to one of the platform's: 132 pop, 116 rap and hip hop, 113 dance, 106 electro."""
_ALL = 0
_QUOTA = (4, 700)
_QUOTA_S = 60.0


class Deezer:
    """A chart of each of its genres, and one of all."""

    name = "deezer"
    needs_key = False
    every_s: int | None = None

    def __init__(self, web: Web, url: str) -> None:
        self._web = web
        self._url = url

    async def charts(self, countries: Sequence[str], genre: str) -> Sequence[Chart]:
        own = [Chart(self.name, "", genre)] if genre in GENRES else []
        return [*own, Chart(self.name)]

    async def fetch(self, country: str, genre: str) -> list[TrendItem]:
        address = f"{self._url}/chart/{GENRES.get(genre, _ALL)}/tracks"
        found = await self._web.get(address, {"limit": str(COUNT)})
        if shape.at(found, "error") is not None:
            raise _refusal(found)
        return items_of(
            Told(
                shape.text(track, "title"),
                shape.text(track, "artist", "name"),
                rank=shape.number(track, "position"),
            )
            for track in shape.entries(found, "data")
        )


def _refusal(found: Any) -> Refused | RateLimited:
    code = shape.number(found, "error", "code")
    said = clean(shape.text(found, "error", "message"), 100) or "no reason"
    told = f"it refuses: {said}" + (f" (code {code})" if code is not None else "")
    if code in _QUOTA:
        return RateLimited(told, _QUOTA_S)
    return Refused(told, code or 0)
