"""Straight to an OpenAI-compatible server over HTTP: for servers of one's own, which need no litellm."""

import asyncio
import json
from typing import Any

import httpx

from services.orchestrator.catalog import Model
from services.orchestrator.domain import Completion, UpstreamError, Usage
from services.orchestrator.upstream.call import Call
from services.orchestrator.upstream.common import (
    completion,
    messages_for,
    outcome_of,
    response_format,
    scrubbed,
)

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})


class DirectUpstream:
    """OpenAI's chat completions, spoken with httpx."""

    def __init__(self) -> None:
        self._clients: dict[str, httpx.AsyncClient] = {}

    async def ready(self, model: Model) -> None:
        """At once."""

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""
        try:
            async with asyncio.timeout(model.timeout_s):
                response = await self._client(model).post(
                    f"{model.api_base}/chat/completions",
                    json=_body(model, call),
                    headers={"Idempotency-Key": call.idempotency_key},
                )
        except (TimeoutError, httpx.ReadTimeout) as error:
            raise UpstreamError("timeout", f"no answer within {model.timeout_s:g} s") from error
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            detail = scrubbed(str(error) or type(error).__name__, model)
            raise UpstreamError("unreachable", detail) from error
        if response.status_code != httpx.codes.OK:
            detail = scrubbed(f"HTTP {response.status_code}: {response.text[:1_000]}", model)
            raise UpstreamError(outcome_of(response.status_code, response.text), detail)
        return _completion(response.text)

    async def close(self) -> None:
        """Closes the connections."""
        for client in self._clients.values():
            await client.aclose()
        self._clients.clear()

    def _client(self, model: Model) -> httpx.AsyncClient:
        """One client for each server. One on loopback is never asked through a proxy."""
        client = self._clients.get(model.name)
        if client is None:
            headers = {}
            if model.api_key is not None:
                headers["Authorization"] = f"Bearer {model.api_key.get_secret_value()}"
            client = self._clients[model.name] = httpx.AsyncClient(
                headers=headers,
                timeout=httpx.Timeout(model.timeout_s, connect=model.connect_timeout_s, pool=None),
                limits=httpx.Limits(max_connections=model.concurrency),
                trust_env=httpx.URL(model.api_base).host not in LOOPBACK,
            )
        return client


def _body(model: Model, call: Call) -> dict[str, Any]:
    mode = model.json_mode or "none"
    body: dict[str, Any] = {
        "model": model.litellm_model.partition("/")[2],
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
        counted = answer.get("usage") or {}
        usage = Usage(int(counted.get("prompt_tokens", 0)), int(counted.get("completion_tokens", 0)))
        content, finish_reason = choice["message"].get("content"), choice.get("finish_reason")
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise UpstreamError("server_error", f"the answer is not a chat completion: {text[:100]!r}") from error
    return completion(content, finish_reason, usage)
