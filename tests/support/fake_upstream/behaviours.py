"""What the server does with one call: answers well, badly, late or never.

Those that answer do so as one JSON body, or as server-sent events where the call has `"stream": true`.
"""

import asyncio
import base64
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, Protocol

from tests.support.fake_songwriter import write_answer
from tests.support.fake_upstream.pictures import small_png
from tests.support.fake_upstream.wire import CREATED, Asked, Parts, answer_parts, whole

if TYPE_CHECKING:
    from tests.support.fake_upstream.server import FakeUpstream

Usage = tuple[int, int] | Literal["counted"] | None
"""Tokens in and out that an answer tells; `counted`: its words; None: it tells nothing of them."""


class Behaviour(Protocol):
    """What the server does with one call."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None: ...


@dataclass(frozen=True, slots=True)
class Say:
    """A whole answer with this text."""

    text: str
    finish_reason: str = "stop"
    usage: Usage = "counted"

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        parts = _parts(upstream, asked, self.text, self.finish_reason, self.usage)
        await upstream.send(writer, parts.all)
        upstream.count(asked, self.finish_reason)


@dataclass(frozen=True, slots=True)
class WriteWell:
    """Whatever a competent songwriter would answer, or illustrator draw; the same for the same question."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        does: Behaviour = Picture() if asked.is_picture else Say(write_answer(asked.body))
        await does.act(upstream, asked, writer)


@dataclass(frozen=True, slots=True)
class Picture:
    """One picture, as base64, or only told where it is."""

    content: bytes = b""
    """Empty: a small PNG."""
    url: str = ""
    """Not empty: the answer has this instead of the picture."""
    usage: Usage = (10, 100)
    """`counted` counts the words of the prompt, and 100 for the picture."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        picture = (
            {"url": self.url}
            if self.url
            else {"b64_json": base64.b64encode(self.content or small_png()).decode()}
        )
        told: dict[str, object] = {"created": CREATED, "data": [picture]}
        usage = (_words(asked.body.get("prompt", "")), 100) if self.usage == "counted" else self.usage
        if usage is not None:
            told["usage"] = {
                "input_tokens": usage[0],
                "output_tokens": usage[1],
                "total_tokens": sum(usage),
                "input_tokens_details": {"text_tokens": usage[0], "image_tokens": 0},
            }
        await upstream.send(writer, whole(200, json.dumps(told)))
        upstream.count(asked, "stop")


@dataclass(frozen=True, slots=True)
class Status:
    """An error with this HTTP status."""

    status: int
    message: str = "no"
    code: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        error = {"message": self.message, "type": "error", "code": self.code or None}
        await upstream.send(writer, whole(self.status, json.dumps({"error": error}), self.headers))


@dataclass(frozen=True, slots=True)
class Raw:
    """Status 200 with this body, whatever it is; `promised` more bytes are announced than come."""

    body: str
    promised: int = 0
    content_type: str = "application/json"
    """`text/event-stream` for a body of events that is told by hand."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        answer = whole(200, self.body, promised=self.promised, content_type=self.content_type)
        await upstream.send(writer, answer)
        if self.promised:
            writer.close()


@dataclass(frozen=True, slots=True)
class Reset:
    """Cuts the connection without a word."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()


@dataclass(frozen=True, slots=True)
class CutOff:
    """Closes the connection in the middle of an answer, `after` so many pieces of its text."""

    text: str
    after: int = 1

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        parts = _parts(upstream, asked, self.text)
        await upstream.send(writer, parts.opening + b"".join(parts.pieces[: self.after]))
        writer.close()


@dataclass(slots=True)
class Trickle:
    """Sends the text piece by piece, each when the test calls `more.release()`; the end with the last."""

    text: str
    finish_reason: str = "stop"
    usage: Usage = "counted"
    more: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(0))
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the head is sent, before any text."""
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller went away in the middle."""
    sent: str = ""
    """The text so far."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        parts = _parts(upstream, asked, self.text, self.finish_reason, self.usage)
        await upstream.send(writer, parts.opening)
        self.started.set()
        for text, piece in zip(parts.texts, parts.pieces, strict=True):
            if not await upstream.stays(writer, self.more.acquire()):
                self.gone.set()
                return
            await upstream.send(writer, piece)
            self.sent += text
        await upstream.send(writer, parts.closing)
        upstream.count(asked, self.finish_reason)


@dataclass(slots=True)
class Stall:
    """Sends so many pieces of the text, and the rest when `release` is set."""

    text: str
    after: int = 1
    started: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the first pieces are sent."""
    release: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller went away before."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        parts = _parts(upstream, asked, self.text)
        await upstream.send(writer, parts.opening + b"".join(parts.pieces[: self.after]))
        self.started.set()
        if not await upstream.stays(writer, self.release.wait()):
            self.gone.set()
            return
        await upstream.send(writer, b"".join((*parts.pieces[self.after :], parts.closing)))
        upstream.count(asked, "stop")


@dataclass(slots=True)
class Hang:
    """Does not answer before `release` is set, and then as `then` does."""

    then: Behaviour = field(default_factory=WriteWell)
    started: asyncio.Event = field(default_factory=asyncio.Event)
    release: asyncio.Event = field(default_factory=asyncio.Event)
    gone: asyncio.Event = field(default_factory=asyncio.Event)
    """Set when the caller went away before."""

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        self.started.set()
        if not await upstream.stays(writer, self.release.wait()):
            self.gone.set()
            return
        await self.then.act(upstream, asked, writer)


@dataclass(frozen=True, slots=True)
class Slow:
    """Answers after so many seconds, as `then` does. For benchmarks; a test waits for no clock."""

    seconds: float
    then: Behaviour = field(default_factory=WriteWell)

    async def act(self, upstream: "FakeUpstream", asked: Asked, writer: asyncio.StreamWriter) -> None:
        if await upstream.stays(writer, asyncio.sleep(self.seconds)):
            await self.then.act(upstream, asked, writer)


def _parts(
    upstream: "FakeUpstream",
    asked: Asked,
    text: str,
    finish_reason: str = "stop",
    usage: Usage = "counted",
) -> Parts:
    if usage == "counted":
        messages = asked.body.get("messages", ())
        usage = sum(_words(message.get("content", "")) for message in messages), _words(text)
    return answer_parts(asked, upstream.asked_by_model.total(), text, finish_reason, usage)


def _words(text: object) -> int:
    return len(str(text).split())
