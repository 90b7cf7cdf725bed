"""Pexels' video API on a real socket: searches and files, and every way in which they may go wrong."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from aiohttp import web

KEY = "pexels-key-of-a-test"


@dataclass(frozen=True, slots=True)
class Answer:
    """What the next search is answered with instead of clips."""

    status: int = 200
    body: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class Clip:
    """A clip of the library."""

    id: int
    slug: str
    duration: int = 30
    width: int = 1920
    height: int = 1080
    edges: tuple[int, ...] = (2160, 1080, 540)
    """The shorter sides of its files."""
    author: str = "Ada Lens"


class FakePexels:
    """The server. `script` holds the next searches' answers, `spoiled` what is sent of a clip's file."""

    def __init__(self, content: bytes) -> None:
        self.content = content
        """Every file's bytes."""
        self.clips: list[Clip] = []
        self.script: list[Answer] = []
        self.spoiled: dict[int, bytes | None] = {}
        """By clip; None: the connection is cut in the middle, every time."""
        self.searches: list[dict[str, str]] = []
        self.fetched: list[tuple[int, int]] = []
        """Clip and shorter side, for each request of a file."""
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def serving(cls, content: bytes) -> AsyncIterator["FakePexels"]:
        """On a free port of loopback."""
        fake = cls(content)
        application = web.Application()
        application.router.add_get("/videos/search", fake._search)
        application.router.add_get("/files/{id}/{edge}.mp4", fake._file)
        runner = web.AppRunner(application, access_log=None)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        host, port = runner.addresses[0][:2]
        fake.url = f"http://{host}:{port}"
        try:
            yield fake
        finally:
            await runner.cleanup()

    async def _search(self, request: web.Request) -> web.Response:
        self.searches.append(dict(request.query))
        if self.script:
            answer = self.script.pop(0)
            return web.Response(status=answer.status, body=answer.body, headers=answer.headers)
        if request.headers.get("Authorization") != KEY:
            return web.json_response({"status": 401, "code": "Unauthorized"}, status=401)
        videos = [self._told(clip) for clip in self.clips]
        page = {"page": 1, "per_page": int(request.query["per_page"]), "videos": videos}
        return web.json_response(
            page, headers={"X-Ratelimit-Limit": "25000", "X-Ratelimit-Remaining": "24990"}
        )

    def _told(self, clip: Clip) -> dict[str, Any]:
        return {
            "id": clip.id,
            "width": clip.width,
            "height": clip.height,
            "duration": clip.duration,
            "url": f"https://www.pexels.com/video/{clip.slug}-{clip.id}/",
            "user": {"id": 9, "name": clip.author, "url": "https://www.pexels.com/@ada"},
            "video_files": [
                {
                    "id": clip.id * 10 + n,
                    "quality": "hd",
                    "file_type": "video/mp4",
                    "width": round(edge * clip.width / min(clip.width, clip.height)),
                    "height": round(edge * clip.height / min(clip.width, clip.height)),
                    "fps": 25.0,
                    "link": f"{self.url}/files/{clip.id}/{edge}.mp4",
                }
                for n, edge in enumerate(clip.edges)
            ],
        }

    async def _file(self, request: web.Request) -> web.StreamResponse:
        clip_id = int(request.match_info["id"])
        self.fetched.append((clip_id, int(request.match_info["edge"])))
        content = self.spoiled.get(clip_id, self.content)
        if content is not None:
            # As if it were what the name says, whatever it is.
            return web.Response(body=content, content_type="video/mp4")
        response = web.StreamResponse(headers={"Content-Length": str(len(self.content))})
        await response.prepare(request)
        await response.write(self.content[: len(self.content) // 2])
        assert request.transport is not None
        await asyncio.sleep(0)
        request.transport.abort()
        return response
