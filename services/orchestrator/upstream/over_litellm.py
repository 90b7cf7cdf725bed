"""Calls of models over litellm, with everything of its own that retries, reports or prints turned off."""

import asyncio
import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import cache
from typing import Any

import httpx

from services.chassis.logs import get_logger
from services.orchestrator.domain import Completion, Outcome, UpstreamError, Usage
from services.orchestrator.models.catalog import JsonMode, Model
from services.orchestrator.models.prices import Known
from services.orchestrator.upstream.call import Call, ImageCall, is_streamed
from services.orchestrator.upstream.common import (
    completion,
    messages_for,
    outcome_of,
    response_format,
    retry_after_s,
    scrubbed,
    usage_of,
)
from services.orchestrator.upstream.direct import LOOPBACK
from services.orchestrator.upstream.patience import Patience
from services.orchestrator.upstream.pictures import picture
from services.orchestrator.upstream.quiet_litellm import begin_import
from services.orchestrator.upstream.streams import Pieces

_log = get_logger("litellm")

_STANDARD = frozenset(
    (
        "temperature",
        "top_p",
        "seed",
        "stop",
        "frequency_penalty",
        "presence_penalty",
        "logit_bias",
        "reasoning_effort",
        "verbosity",
    )
)
"""Parameters that litellm translates; any other goes into the body as it is."""


class LitellmUpstream:
    """Models of any provider that litellm knows."""

    def __init__(self) -> None:
        self._loaded = begin_import()
        self._clients: dict[str, Any] = {}
        self._known: dict[str, Known] = {}

    async def watch_import(self) -> None:
        """Returns when litellm is imported; raises what its import raised."""
        await asyncio.shield(self._loaded)
        _log.info("litellm is ready")

    async def ready(self, model: Model) -> None:
        """Returns when litellm is imported."""
        await asyncio.shield(self._loaded)

    def known(self, model: Model) -> Known:
        """What litellm's table of models says; nothing before it is imported."""
        if model.name not in self._known and self._loaded.done():
            self._known[model.name] = _known(self._loaded.result(), model)
        return self._known.get(model.name) or Known()

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""
        litellm = await asyncio.shield(self._loaded)
        arguments = self._chat_arguments(litellm, model, call)
        if is_streamed(model, call):
            return await self._streamed(litellm, model, call, arguments)
        async with Patience(model), _explained(litellm):
            response = await litellm.acompletion(**arguments)
        usage = _usage(litellm, model, response)
        if not response.choices:
            raise UpstreamError("empty_answer", "the answer has no choices", usage)
        choice = response.choices[0]
        return completion(choice.message.content, choice.finish_reason, usage)

    async def draw(self, model: Model, call: ImageCall) -> Completion:
        """The model's picture; UpstreamError where there is no usable one."""
        litellm = await asyncio.shield(self._loaded)
        arguments = {
            **self._common_arguments(model, call),
            "prompt": call.prompt,
            "n": 1,
            "size": f"{call.width}x{call.height}",
            "timeout": model.timeout_s,
            **call.params,
        }
        async with Patience(model), _explained(litellm):
            response = await litellm.aimage_generation(**arguments)
        usage = Usage(cost_micro_usd=_cost_micro_usd(litellm, model, response))
        first = (response.data or [None])[0]
        return picture(getattr(first, "b64_json", None), usage)

    async def close(self) -> None:
        """Closes the connections to providers."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        if self._loaded.done() and not self._loaded.cancelled() and not self._loaded.exception():
            await self._loaded.result().close_litellm_async_clients()

    async def _streamed(
        self, litellm: Any, model: Model, call: Call, arguments: dict[str, Any]
    ) -> Completion:
        patience = Patience(model, first_token=True)
        pieces = Pieces(call, patience)
        async with patience, _explained(litellm, pieces):
            stream = await litellm.acompletion(
                **arguments, stream=True, stream_options={"include_usage": True}
            )
            try:
                async for chunk in stream:
                    _add(pieces, litellm, model, chunk)
            finally:
                # Whoever stops listening stops the call.
                await stream.aclose()
        # Its chunks say `stop` also where the stream broke off; this does not.
        pieces.finish_reason = getattr(stream, "received_finish_reason", None)
        return pieces.whole()

    def _common_arguments(self, model: Model, call: Call | ImageCall) -> dict[str, Any]:
        arguments: dict[str, Any] = {
            "model": model.litellm_model,
            "extra_headers": {"Idempotency-Key": call.idempotency_key},
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": True,
            "no-log": True,
        }
        if model.api_base:
            arguments["api_base"] = model.api_base
        if model.api_key is not None or model.api_base:
            arguments["api_key"] = _key(model)
        if model.litellm_model.startswith("openai/"):
            arguments["client"] = self._openai_client(model)
        return arguments

    def _chat_arguments(self, litellm: Any, model: Model, call: Call) -> dict[str, Any]:
        mode = _json_mode(litellm, model) if call.json_schema is not None else "none"
        extra = {name: value for name, value in call.params.items() if name not in _STANDARD}
        if call.grammar:
            extra["grammar"] = call.grammar
        arguments: dict[str, Any] = {
            **self._common_arguments(model, call),
            "messages": messages_for(call, mode),
            "max_tokens": call.max_tokens,
            "timeout": httpx.Timeout(model.timeout_s, connect=model.connect_timeout_s),
            **{name: value for name, value in call.params.items() if name in _STANDARD},
            **response_format(call, mode),
        }
        if extra:
            arguments["extra_body"] = extra
        return arguments

    def _openai_client(self, model: Model) -> Any:
        """One client for each server, ours to close. One on loopback is never asked through a proxy."""
        client = self._clients.get(model.name)
        if client is None:
            host = httpx.URL(model.api_base).host if model.api_base else ""
            client = self._clients[model.name] = _client_that_never_retries()(
                api_key=_key(model),
                base_url=model.api_base or None,
                http_client=httpx.AsyncClient(trust_env=host not in LOOPBACK),
            )
        return client


@cache
def _client_that_never_retries() -> Any:
    """OpenAI's client, deaf to what litellm sets: two retries for every picture, whatever it is told."""
    openai: Any = importlib.import_module("openai")
    never = property(lambda _: 0, lambda _client, _wanted: None)
    return type("OnceOpenAI", (openai.AsyncOpenAI,), {"max_retries": never})


@asynccontextmanager
async def _explained(litellm: Any, pieces: Pieces | None = None) -> AsyncIterator[None]:
    """Gives whatever goes wrong inside its name."""
    try:
        yield
    except UpstreamError:
        raise
    except Exception as error:
        # litellm raises whatever a provider's own client raises.
        detail = str(error)
        if pieces is not None and pieces.begun:
            raise pieces.broken(detail) from error
        headers = getattr(error, "litellm_response_headers", None) or getattr(
            getattr(error, "response", None), "headers", {}
        )
        raise UpstreamError(
            _outcome(litellm, error), detail, retry_after_s=retry_after_s(dict(headers or {}))
        ) from error


def _add(pieces: Pieces, litellm: Any, model: Model, chunk: Any) -> None:
    if getattr(chunk, "usage", None) is not None:
        pieces.usage = _usage(litellm, model, chunk)
    for choice in chunk.choices[:1]:
        if getattr(choice.delta, "reasoning_content", None):
            pieces.thought()
        pieces.add(choice.delta.content, None)


def _known(litellm: Any, model: Model) -> Known:
    try:
        info = litellm.get_model_info(model.litellm_model)
    except Exception as error:  # noqa: BLE001 - litellm raises a plain one for a model that is not in its table
        _log.info("litellm does not know the model", model=model.name, detail=scrubbed(str(error), model))
        return Known()
    return Known(
        input_usd=info.get("input_cost_per_token"),
        output_usd=info.get("output_cost_per_token"),
        context_tokens=info.get("max_input_tokens"),
        max_output_tokens=info.get("max_output_tokens"),
    )


def _usage(litellm: Any, model: Model, response: Any) -> Usage:
    counted = getattr(response, "usage", None)
    told = {name: getattr(counted, name, 0) for name in ("prompt_tokens", "completion_tokens")}
    return replace(usage_of(told), cost_micro_usd=_cost_micro_usd(litellm, model, response))


def _cost_micro_usd(litellm: Any, model: Model, response: Any) -> int:
    """What litellm reckons; 0 where it can't, or where the settings say what calls cost."""
    if model.free or model.input_usd_per_mtok is not None or model.usd_per_image is not None:
        return 0
    try:
        cost_usd = litellm.completion_cost(completion_response=response, model=model.litellm_model)
    except Exception as error:  # noqa: BLE001 - litellm raises a plain one for a model without a price
        _log.debug("litellm knows no price", model=model.name, detail=scrubbed(str(error), model))
        return 0
    return max(0, round((cost_usd or 0.0) * 1_000_000))


def _key(model: Model) -> str:
    return model.api_key.get_secret_value() if model.api_key is not None else "none"


def _json_mode(litellm: Any, model: Model) -> JsonMode:
    if model.json_mode is not None:
        return model.json_mode
    if litellm.supports_response_schema(model=model.litellm_model):
        return "schema"
    known = litellm.get_supported_openai_params(model=model.litellm_model) or []
    return "object" if "response_format" in known else "none"


def _outcome(litellm: Any, error: Exception) -> Outcome:
    by_kind: tuple[tuple[type[Exception], Outcome], ...] = (
        (litellm.Timeout, "timeout"),
        (litellm.ContentPolicyViolationError, "content_filter"),
        (litellm.ContextWindowExceededError, "context_too_small"),
        (litellm.RateLimitError, "rate_limited"),
        (litellm.AuthenticationError, "bad_key"),
    )
    for kind, outcome in by_kind:
        if isinstance(error, kind):
            return outcome
    if _never_answered(error):
        return "unreachable"
    return outcome_of(int(getattr(error, "status_code", 500) or 500), str(error))


def _never_answered(error: BaseException) -> bool:
    """True where the connection failed, somewhere down the chain of causes."""
    seen: set[int] = set()
    cause: BaseException | None = error
    while cause is not None and id(cause) not in seen:
        if isinstance(cause, (httpx.TransportError, ConnectionError)):
            return True
        seen.add(id(cause))
        cause = cause.__cause__ or cause.__context__
    return False
