"""An S3 bucket on a real socket, that can be told to fail."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from xml.etree import ElementTree
from xml.sax.saxutils import escape

from aiohttp import web
from obstore.store import from_url

from services.release.targets.bucket import OPTIONS, BucketTarget

BUCKET = "label"
URL = f"s3://{BUCKET}/music"
KEY_ID, SECRET = "AKIAFAKE", "a secret that nobody logs"
_XML = "application/xml"


@dataclass(slots=True)
class Faults:
    """What goes wrong; nothing, unless it is said."""

    refuse: dict[str, tuple[int, str]] = field(default_factory=dict)
    """Method -> status and code, for every request of that method."""
    slow_downs: int = 0
    """How many uploads are told to come again later."""
    cut_after_bytes: int | None = None
    """Connections break when so many bytes were received since this was set."""
    cut_answers: bool = False
    """What is read back breaks off in the middle."""
    flip_a_byte: bool = False
    """Other bytes are kept than were sent."""
    received: int = 0


class FakeS3:
    """The bucket and how it is used."""

    def __init__(self) -> None:
        self.objects: dict[str, tuple[bytes, str]] = {}
        """Key -> bytes and content type."""
        self.faults = Faults()
        self.puts: list[str] = []
        """Keys in the order in which they were whole."""
        self.requests: list[str] = []
        self.port = 0

    @classmethod
    @asynccontextmanager
    async def serving(cls) -> AsyncIterator["FakeS3"]:
        """On a free port of loopback."""
        fake = cls()
        app = web.Application(client_max_size=1 << 30)
        app.router.add_route("*", "/{path:.*}", fake._handle)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        fake.port = runner.addresses[0][1]
        try:
            yield fake
        finally:
            await runner.cleanup()

    def target(self) -> BucketTarget:
        """The target, impatient."""
        options: dict[str, Any] = {
            **OPTIONS,
            "client_options": {**OPTIONS["client_options"], "allow_http": True},
            "retry_config": {
                "max_retries": 2,
                "retry_timeout": timedelta(seconds=20),
                "backoff": {
                    "init_backoff": timedelta(milliseconds=5),
                    "max_backoff": timedelta(milliseconds=10),
                },
            },
            "config": {
                "endpoint": f"http://127.0.0.1:{self.port}",
                "access_key_id": KEY_ID,
                "secret_access_key": SECRET,
                "region": "us-east-1",
            },
        }
        return BucketTarget(from_url(URL, **options), URL)

    def fail(self, **faults: Any) -> None:
        """From now on."""
        self.faults = Faults(**faults)

    def files(self, release_id: str) -> dict[str, bytes]:
        """What a release's keys hold, by path."""
        prefix = f"music/{release_id}/"
        return {
            key.removeprefix(prefix): data
            for key, (data, _) in self.objects.items()
            if key.startswith(prefix)
        }

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        self.requests.append(f"{request.method} {request.path_qs}")
        if request.method in self.faults.refuse:
            status, code = self.faults.refuse[request.method]
            return _refusal(status, code)
        bucket, _, key = request.match_info["path"].partition("/")
        if bucket != BUCKET:
            return _refusal(404, "NoSuchBucket")
        match request.method:
            case "PUT":
                return await self._put(request, key)
            case "POST" if "delete" in request.query:
                return await self._delete(request)
            case "GET" if "list-type" in request.query:
                return self._list(request.query["prefix"])
            case "GET":
                return await self._get(request, key)
        return _refusal(405, "MethodNotAllowed")

    async def _put(self, request: web.Request, key: str) -> web.Response:
        faults = self.faults
        data = b""
        async for piece in request.content.iter_chunked(1 << 14):
            data += piece
            faults.received += len(piece)
            if faults.cut_after_bytes is not None and faults.received > faults.cut_after_bytes:
                assert request.transport is not None
                request.transport.abort()
                raise asyncio.CancelledError
        if faults.slow_downs:
            faults.slow_downs -= 1
            return _refusal(503, "SlowDown")
        kept = bytes([data[0] ^ 1]) + data[1:] if faults.flip_a_byte else data
        self.objects[key] = (kept, request.headers.get("Content-Type", ""))
        self.puts.append(key)
        return web.Response(headers={"ETag": _etag(kept)})

    async def _get(self, request: web.Request, key: str) -> web.StreamResponse:
        if key not in self.objects:
            return _refusal(404, "NoSuchKey")
        data, kind = self.objects[key]
        headers = {
            "ETag": _etag(data),
            "Last-Modified": "Sun, 08 Mar 2026 09:00:00 GMT",
            "Content-Type": kind,
        }
        if not self.faults.cut_answers:
            return web.Response(body=data, headers=headers)
        answer = web.StreamResponse(headers={**headers, "Content-Length": str(len(data))})
        await answer.prepare(request)
        await answer.write(data[: len(data) // 2])
        assert request.transport is not None
        request.transport.abort()
        return answer

    def _list(self, prefix: str) -> web.Response:
        entries = "".join(
            f"<Contents><Key>{escape(key)}</Key><LastModified>2026-03-08T09:00:00.000Z</LastModified>"
            f"<ETag>{escape(_etag(data))}</ETag><Size>{len(data)}</Size></Contents>"
            for key, (data, _) in sorted(self.objects.items())
            if key.startswith(prefix)
        )
        text = f"<ListBucketResult><IsTruncated>false</IsTruncated>{entries}</ListBucketResult>"
        return web.Response(text=text, content_type=_XML)

    async def _delete(self, request: web.Request) -> web.Response:
        keys = [
            e.text or "" for e in ElementTree.fromstring(await request.read()).iter() if e.tag.endswith("Key")
        ]
        for key in keys:
            self.objects.pop(key, None)
        gone = "".join(f"<Deleted><Key>{escape(key)}</Key></Deleted>" for key in keys)
        return web.Response(text=f"<DeleteResult>{gone}</DeleteResult>", content_type=_XML)


def _refusal(status: int, code: str) -> web.Response:
    text = f"<Error><Code>{code}</Code><Message>told to refuse</Message></Error>"
    return web.Response(status=status, text=text, content_type=_XML)


def _etag(data: bytes) -> str:
    return f'"{hashlib.md5(data, usedforsecurity=False).hexdigest()}"'
