"""Straight to an OpenAI-compatible server over HTTP: for servers of one's own, which need no litellm."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

import aiohttp

from services.orchestrator.domain import Completion, UpstreamError
from services.orchestrator.models.catalog import Model
from services.orchestrator.models.prices import Known
from services.orchestrator.upstream.call import Call, ImageCall, is_streamed
from services.orchestrator.upstream.common import (
    UNREADABLE,
    completion,
    messages_for,
    outcome_of,
    response_format,
    retry_after_s,
    usage_of,
)
from services.orchestrator.upstream.patience import Patience
from services.orchestrator.upstream.pictures import picture
from services.orchestrator.upstream.streams import Pieces, add_chunk, events

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MAX_ANSWER_BYTES = 32 * 1024 * 1024
"""More than the largest picture in base 64."""
KEEP_ALIVE_S = 4.0
"""Less than the 5 s after which many servers close a connection that nobody uses."""
_NOTHING_KNOWN = Known()


class DirectUpstream:
    """OpenAI's chat completions and image generations, over HTTP/1.1."""

    def __init__(self) -> None:
        self._sessions: dict[str, aiohttp.ClientSession] = {}

    async def ready(self, model: Model) -> None:
        """At once."""

    def known(self, model: Model) -> Known:
        """Nothing: a server of one's own is known by its settings."""
        return _NOTHING_KNOWN

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""
        streamed = is_streamed(model, call)
        body = _body(model, call)
        if not streamed:
            async with Patience(model), self._post(model, "chat/completions", body, call) as response:
                return _completion(await _text(response))
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        patience = Patience(model, first_token=True)
        async with patience, self._post(model, "chat/completions", body, call) as response:
            if response.content_type != "text/event-stream":
                return _heard(_completion(await _text(response)), call)
            return await _streamed(response, Pieces(call, patience))

    async def draw(self, model: Model, call: ImageCall) -> Completion:
        """The model's picture; UpstreamError where there is no usable one."""
        body = {
            "model": _name(model),
            "prompt": call.prompt,
            "n": 1,
            "size": f"{call.width}x{call.height}",
            **call.params,
        }
        async with Patience(model), self._post(model, "images/generations", body, call) as response:
            text = await _text(response)
        try:
            answer = json.loads(text)
            encoded, usage = answer["data"][0].get("b64_json"), usage_of(answer.get("usage") or {})
            if not isinstance(encoded, str | None):
                raise TypeError("b64_json is no text")
        except UNREADABLE as error:
            raise UpstreamError("server_error", f"the answer holds no picture: {text[:100]!r}") from error
        return picture(encoded, usage)

    async def close(self) -> None:
        """Closes the connections."""
        for session in self._sessions.values():
            await session.close()
        self._sessions.clear()

    @asynccontextmanager
    async def _post(
        self, model: Model, path: str, body: dict[str, Any], call: Call | ImageCall
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """The server's answer, begun; UpstreamError where it refuses or can't be reached."""
        headers = {"Idempotency-Key": call.idempotency_key}
        try:
            async with self._session(model).post(
                f"{model.api_base}/{path}", json=body, headers=headers, allow_redirects=False
            ) as response:
                if response.status != HTTPStatus.OK:
                    raise await _refusal(response)
                yield response
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise UpstreamError("unreachable", _told(error)) from error

    def _session(self, model: Model) -> aiohttp.ClientSession:
        """One for each server. One on loopback is never asked through a proxy."""
        session = self._sessions.get(model.name)
        if session is None:
            headers = {}
            if model.api_key is not None:
                headers["Authorization"] = f"Bearer {model.api_key.get_secret_value()}"
            session = self._sessions[model.name] = aiohttp.ClientSession(
                headers=headers,
                # The rest of the time is Patience's.
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=model.connect_timeout_s),
                connector=aiohttp.TCPConnector(limit=model.concurrency, keepalive_timeout=KEEP_ALIVE_S),
                trust_env=urlsplit(model.api_base).hostname not in LOOPBACK,
            )
        return session


async def _streamed(response: aiohttp.ClientResponse, pieces: Pieces) -> Completion:
    try:
        async for chunk in events(response.content.iter_any()):
            add_chunk(pieces, chunk)
    except aiohttp.ClientError as error:
        # Nothing is missing where the end was told before the connection broke.
        if pieces.finish_reason is None:
            raise pieces.broken(_told(error)) from error
    except UNREADABLE as error:
        raise pieces.broken("the stream holds something that is no chunk of an answer") from error
    return pieces.whole()


def _heard(answer: Completion, call: Call) -> Completion:
    """A whole answer of a server that does not stream, told in one piece."""
    if call.heard is not None:
        call.heard(answer.text)
    return answer


async def _refusal(response: aiohttp.ClientResponse) -> UpstreamError:
    text = await _text(response)
    return UpstreamError(
        outcome_of(response.status, text),
        f"HTTP {response.status}: {text[:1_000]}",
        retry_after_s=retry_after_s(response.headers),
    )


async def _text(response: aiohttp.ClientResponse) -> str:
    body = bytearray()
    async for part in response.content.iter_any():
        body += part
        if len(body) > MAX_ANSWER_BYTES:
            raise UpstreamError("server_error", "the answer has over 32 MiB")
    return body.decode(errors="replace")


def _told(error: Exception) -> str:
    return str(error) or type(error).__name__


def _name(model: Model) -> str:
    return model.litellm_model.partition("/")[2]


def _body(model: Model, call: Call) -> dict[str, Any]:
    mode = model.json_mode or "none"
    body: dict[str, Any] = {
        "model": _name(model),
        "messages": messages_for(call, mode),
        "max_tokens": call.max_tokens,
        **call.params,
        **response_format(call, mode),
    }
    if call.grammar:
        body["grammar"] = call.grammar
    return body


def _completion(text: str) -> Completion:
    try:
        answer = json.loads(text)
        choice = answer["choices"][0]
        usage = usage_of(answer.get("usage") or {})
        content, finish_reason = choice["message"].get("content"), choice.get("finish_reason")
    except UNREADABLE as error:
        raise UpstreamError("server_error", f"the answer is not a chat completion: {text[:100]!r}") from error
    return completion(content, finish_reason, usage)
