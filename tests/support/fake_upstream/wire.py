"""HTTP/1.1 and OpenAI's messages: calls as they come in, answers as bytes."""

import asyncio
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

CREATED = 1_700_000_000
_WORDS_A_PIECE = 3
_MARK = "\u0001"


@dataclass(frozen=True, slots=True)
class Asked:
    """One call as it came in."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: Mapping[str, Any]

    @property
    def key(self) -> str:
        return self.headers.get("idempotency-key", "")

    @property
    def model(self) -> str:
        return str(self.body.get("model", ""))

    @property
    def streamed(self) -> bool:
        """Whether the answer is wanted as server-sent events."""
        return bool(self.body.get("stream"))

    @property
    def is_picture(self) -> bool:
        return self.path.endswith("/images/generations")


async def read_call(reader: asyncio.StreamReader) -> Asked | None:
    """The next call of this connection; None where the caller has closed it."""
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError as error:
        if not error.partial:
            return None
        raise
    first, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
    _, path, _ = first.split(" ", 2)
    headers = {}
    for line in lines:
        name, _, value = line.partition(":")
        headers[name.lower()] = value.strip()
    length = int(headers.get("content-length", "0"))
    body = await reader.readexactly(length) if length else b""
    return Asked(path, headers, json.loads(body) if body else {})


def whole(
    status: int,
    body: str,
    headers: Mapping[str, str] | None = None,
    *,
    promised: int = 0,
    content_type: str = "application/json",
) -> bytes:
    """A response; `promised` more bytes are announced than are there."""
    content = body.encode()
    return _head(status, len(content) + promised, content_type, headers or {}) + content


@dataclass(frozen=True, slots=True)
class Parts:
    """A chat completion as bytes in the order in which they are sent, to be stopped in between."""

    opening: bytes
    """The head, and what comes before the text."""
    texts: Sequence[str]
    """The text in pieces of a few words."""
    pieces: Sequence[bytes]
    """The same pieces on the wire."""
    closing: bytes
    """What comes after the text."""

    @property
    def all(self) -> bytes:
        return b"".join((self.opening, *self.pieces, self.closing))


def answer_parts(
    asked: Asked, number: int, text: str, finish_reason: str, usage: tuple[int, int] | None
) -> Parts:
    """The answer, as events or as one JSON body, whichever was asked for; `usage` in tokens in and out."""
    texts = pieces_of(text)
    if asked.streamed:
        return _streamed(asked, number, texts, finish_reason, usage)
    choice = {"index": 0, "message": {"role": "assistant", "content": _MARK}, "finish_reason": finish_reason}
    told = {**_common(asked, number, "chat.completion"), "choices": [choice]}
    if usage is not None:
        told["usage"] = _usage(usage)
    before, after = json.dumps(told).split(json.dumps(_MARK)[1:-1])
    pieces = [json.dumps(piece)[1:-1].encode() for piece in texts]
    length = len(before) + sum(map(len, pieces)) + len(after)
    return Parts(_head(200, length, "application/json", {}) + before.encode(), texts, pieces, after.encode())


def pieces_of(text: str) -> list[str]:
    """The text in pieces of a few words; together they are the text."""
    words = re.findall(r"\s*\S+\s*", text) or ([text] if text else [])
    return ["".join(words[n : n + _WORDS_A_PIECE]) for n in range(0, len(words), _WORDS_A_PIECE)]


def _streamed(
    asked: Asked, number: int, texts: Sequence[str], finish_reason: str, usage: tuple[int, int] | None
) -> Parts:
    common = _common(asked, number, "chat.completion.chunk")
    wants_usage = usage is not None and bool((asked.body.get("stream_options") or {}).get("include_usage"))
    null_usage = {"usage": None} if wants_usage else {}

    def chunk(delta: Mapping[str, str], finish: str | None = None) -> bytes:
        choice = {"index": 0, "delta": delta, "finish_reason": finish}
        return _event(json.dumps({**common, "choices": [choice], **null_usage}))

    head = (
        b"HTTP/1.1 200 Told\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
        b"cache-control: no-cache\r\ntransfer-encoding: chunked\r\n\r\n"
    )
    closing = chunk({}, finish_reason)
    if wants_usage and usage is not None:
        closing += _event(json.dumps({**common, "choices": [], "usage": _usage(usage)}))
    return Parts(
        opening=head + chunk({"role": "assistant", "content": ""}),
        texts=texts,
        pieces=[chunk({"content": piece}) for piece in texts],
        closing=closing + _event("[DONE]") + b"0\r\n\r\n",
    )


def _event(data: str) -> bytes:
    content = f"data: {data}\n\n".encode()
    return b"%x\r\n%b\r\n" % (len(content), content)


def _head(status: int, length: int, content_type: str, headers: Mapping[str, str]) -> bytes:
    lines = [f"HTTP/1.1 {status} Told", f"content-type: {content_type}", f"content-length: {length}"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def _common(asked: Asked, number: int, kind: str) -> dict[str, Any]:
    return {"id": f"chatcmpl-{number}", "object": kind, "created": CREATED, "model": asked.model}


def _usage(tokens: tuple[int, int]) -> dict[str, int]:
    prompt, completion = tokens
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
