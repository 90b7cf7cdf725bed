"""The charts of Apple Music, Deezer, Last.fm and YouTube on a real socket, and how they go wrong."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from aiohttp import web

from tests.support import fake_charts_bodies as bodies
from tests.support.fake_charts_bodies import SONGS, Songs

LAST_FM_KEY = "lastfm-key-of-a-test-0123456789"
YOUTUBE_KEY = "youtube-key-of-a-test-0123456789"
_PAGE = b"<!DOCTYPE html><html><body>403 Forbidden: no bots</body></html>"


@dataclass(frozen=True, slots=True)
class Answer:
    """What is answered in place of a chart."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    half: bool = False
    """The connection breaks in the middle of the body."""
    never: bool = False
    """Nothing comes after the header."""


BROKEN: Mapping[str, Answer] = {
    "a fault": Answer(500, b"oops"),
    "a web page": Answer(403, _PAGE, {"Content-Type": "text/html"}),
    "a web page with 200": Answer(200, _PAGE, {"Content-Type": "text/html"}),
    "too many calls": Answer(429, b"slow down", {"Retry-After": "120"}),
    "no answer": Answer(never=True),
    "half an answer": Answer(body=bodies.deezer(SONGS) * 50, half=True),
    "garbled JSON": Answer(body=b'{"feed": {"results": [}'),
    "nothing": Answer(body=b""),
    "another shape": Answer(body=b'{"feed": [1, 2], "data": "x", "tracks": {"track": 3}, "items": {}}'),
    "a list": Answer(body=b"[[1, 2], null]"),
    "no songs": Answer(body=b'{"feed": {"results": []}, "data": [], "tracks": {"track": []}, "items": []}'),
    "songs that are none": Answer(
        body=b'{"feed": {"results": [1, null, {"name": 7}]}, "data": [[], {"title": {}}], '
        b'"tracks": {"track": [{"name": null, "@attr": 3}]}, "items": [{"snippet": "x"}]}'
    ),
    "an enormous body": Answer(body=b'{"data": "' + b"x" * (1024 * 1024) + b'"}'),
    "deep nesting": Answer(body=b'{"data": ' + b"[" * 200_000 + b"]" * 200_000 + b"}"),
    "another place": Answer(302, b"", {"Location": "http://192.0.2.1/"}),
    "a ring": Answer(302, b"", {"Location": "/ring"}),
}


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that came."""

    source: str
    path: str
    query: Mapping[str, str]


class FakeCharts:
    """The server. `troubles` holds by source what it answers instead of its chart."""

    def __init__(self) -> None:
        self.songs: dict[str, Songs] = {}
        """By source, where they are not the usual ones."""
        self.troubles: dict[str, Answer] = {}
        self.asked: list[Asked] = []
        self.url = ""
        self._closing = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakeCharts"]:
        """On a free port of loopback."""
        fake = cls()
        application = web.Application()
        application.router.add_get("/api/v2/{country}/music/most-played/50/songs.json", fake._apple_music)
        application.router.add_get("/chart/{genre}/tracks", fake._deezer)
        application.router.add_get("/2.0/", fake._last_fm)
        application.router.add_get("/youtube/v3/videos", fake._youtube)
        application.router.add_get("/ring", fake._ring)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        fake.url = f"http://{host}:{port}"
        try:
            yield fake
        finally:
            fake._closing.set()
            await runner.cleanup()

    def urls(self) -> dict[str, str]:
        """The settings that lead here."""
        return {
            f"trends_{source}_url": self.url for source in ("apple_music", "deezer", "last_fm", "youtube")
        }

    def paths(self, source: str) -> list[str]:
        """What was asked of a source, in order."""
        return [asked.path for asked in self.asked if asked.source == source]

    async def _apple_music(self, request: web.Request) -> web.StreamResponse:
        return await self._chart(request, "apple_music", bodies.apple_music)

    async def _deezer(self, request: web.Request) -> web.StreamResponse:
        return await self._chart(request, "deezer", bodies.deezer)

    async def _last_fm(self, request: web.Request) -> web.StreamResponse:
        if request.query.get("api_key") != LAST_FM_KEY:
            return web.Response(status=403, body=bodies.last_fm_error(10, "Invalid API key"))
        return await self._chart(request, "last_fm", bodies.last_fm)

    async def _youtube(self, request: web.Request) -> web.StreamResponse:
        key = request.query.get("key", "")
        if key != YOUTUBE_KEY:
            # Google quotes the key that is wrong.
            return web.Response(
                status=400, body=bodies.youtube_error(400, "badRequest", f"API key not valid: {key}")
            )
        return await self._chart(request, "youtube", bodies.youtube)

    async def _ring(self, request: web.Request) -> web.StreamResponse:
        return web.Response(status=302, headers={"Location": "/ring"})

    async def _chart(
        self, request: web.Request, source: str, body_of: Callable[[Songs], bytes]
    ) -> web.StreamResponse:
        self.asked.append(Asked(source, request.path, dict(request.query)))
        answer = self.troubles.get(source)
        if answer is None:
            body = body_of(self.songs.get(source, SONGS))
            return web.Response(body=body, content_type="application/json")
        if not answer.never and not answer.half:
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        response = web.StreamResponse(headers={"Content-Length": str(len(answer.body))})
        await response.prepare(request)
        if answer.never:
            await self._closing.wait()
            return response
        await response.write(answer.body[: len(answer.body) // 2])
        assert request.transport is not None
        request.transport.abort()
        return response
