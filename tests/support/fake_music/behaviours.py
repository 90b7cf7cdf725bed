"""What a server does with one call instead of the usual."""

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from aiohttp import web

Usual = Callable[[], Awaitable[web.StreamResponse]]


class Behaviour(Protocol):
    """What the server does with one call; `usual` does what it would have done."""

    async def act(self, request: web.Request, usual: Usual) -> web.StreamResponse: ...


@dataclass(frozen=True, slots=True)
class Status:
    """Refuses with this HTTP status."""

    status: int
    message: str = "no"
    headers: Mapping[str, str] = field(default_factory=dict)

    async def act(self, request: web.Request, usual: Usual) -> web.StreamResponse:
        return web.json_response({"detail": self.message}, status=self.status, headers=self.headers)


@dataclass(frozen=True, slots=True)
class TooMany:
    """Refuses for now, until so many seconds are over."""

    retry_after_s: int

    async def act(self, request: web.Request, usual: Usual) -> web.StreamResponse:
        return await Status(429, "slow down", {"Retry-After": str(self.retry_after_s)}).act(request, usual)


@dataclass(frozen=True, slots=True)
class Garbage:
    """Status 200 with this body, whatever it is."""

    body: str = "<html>maintenance</html>"

    async def act(self, request: web.Request, usual: Usual) -> web.StreamResponse:
        return web.Response(text=self.body, content_type="application/json")


@dataclass(slots=True)
class Hang:
    """Does what is usual, but answers only when `release` is set."""

    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)

    async def act(self, request: web.Request, usual: Usual) -> web.StreamResponse:
        answer = await usual()
        self.started.set()
        await self.release.wait()
        return answer


@dataclass(frozen=True, slots=True)
class Reset:
    """Does what is usual, and cuts the connection without a word of it."""

    async def act(self, request: web.Request, usual: Usual) -> web.StreamResponse:
        await usual()
        assert request.transport is not None
        request.transport.abort()
        return web.Response()
