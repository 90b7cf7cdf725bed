"""A file that a server sends: whole, or wrong in a way that a test wants."""

import asyncio
import base64
import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from aiohttp import web


@dataclass(slots=True)
class ServedFile:
    """One file and how it is sent."""

    content: bytes
    content_type: str = "audio/mpeg"
    etag: str = '"v1"'
    """Empty: none is sent."""
    last_modified: str = ""
    ranges: bool = True
    """False: a Range is ignored."""
    cuts: list[int] = field(default_factory=list)
    """After so many bytes of the next answers their connections are cut."""
    announced: int | None = None
    """Content-Length; None: what is true."""
    chunked: bool = False
    """True: no length is told."""
    digest: bytes | None = None
    """SHA-256 in `Repr-Digest`."""
    redirect: str = ""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)
    stall: asyncio.Event | None = None
    """Set, the rest of the file comes; before, only its first half. None: all of it comes at once."""
    stalled: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first half is out."""
    asked: list[Mapping[str, str]] = field(default_factory=list)
    """The headers of each request."""

    def with_right_digest(self) -> "ServedFile":
        self.digest = hashlib.sha256(self.content).digest()
        return self

    async def send(self, request: web.Request) -> web.StreamResponse:
        """Answers a request for the file."""
        self.asked.append(dict(request.headers))
        if self.redirect:
            return web.Response(status=302, headers={"Location": self.redirect})
        if self.status != 200:
            return web.Response(status=self.status, headers=self.headers)
        start = self._start(request)
        if start > len(self.content) or (start and start == len(self.content)):
            return web.Response(status=416, headers={"Content-Range": f"bytes */{len(self.content)}"})
        body = self.content[start:]
        response = web.StreamResponse(status=206 if start else 200, headers=self._headers(start))
        if not self.chunked:
            response.content_length = len(body) if self.announced is None else self.announced
        else:
            response.enable_chunked_encoding()
        await response.prepare(request)
        return await self._write(request, response, body)

    async def _write(
        self, request: web.Request, response: web.StreamResponse, body: bytes
    ) -> web.StreamResponse:
        cut = self.cuts.pop(0) if self.cuts else None
        if self.stall is not None:
            await response.write(body[: len(body) // 2])
            self.stalled.set()
            await self.stall.wait()
            body = body[len(body) // 2 :]
        sent = body if cut is None else body[:cut]
        if sent:
            await response.write(sent)
        promised = response.content_length
        if cut is not None or (promised is not None and promised > len(sent)):
            assert request.transport is not None
            request.transport.close()
            return response
        await response.write_eof()
        return response

    def _start(self, request: web.Request) -> int:
        """Where the answer begins."""
        told = re.fullmatch(r"bytes=(\d+)-", request.headers.get("Range", ""))
        current = self.etag or self.last_modified
        if told is None or not self.ranges or request.headers.get("If-Range", current) != current:
            return 0
        return int(told[1])

    def _headers(self, start: int) -> dict[str, str]:
        told = {"Content-Type": self.content_type, **self.headers}
        if self.etag:
            told["ETag"] = self.etag
        if self.last_modified:
            told["Last-Modified"] = self.last_modified
        if start:
            told["Content-Range"] = f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"
        if self.digest is not None:
            told["Repr-Digest"] = f"sha-256=:{base64.b64encode(self.digest).decode()}:"
        return told
