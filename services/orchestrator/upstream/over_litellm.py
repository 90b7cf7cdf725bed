"""Calls of models over litellm, with everything of its own that retries, reports or prints turned off."""

import asyncio
import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

import httpx

from services.chassis.errors import SetupError
from services.chassis.logs import get_logger
from services.orchestrator.catalog import JsonMode, Model
from services.orchestrator.domain import Completion, Outcome, UpstreamError, Usage
from services.orchestrator.upstream.call import Call
from services.orchestrator.upstream.common import (
    completion,
    messages_for,
    outcome_of,
    response_format,
    scrubbed,
)
from services.orchestrator.upstream.direct import LOOPBACK

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
        if importlib.util.find_spec("litellm") is None:
            raise SetupError(
                "litellm is not installed; install the extra: pip install 'aiartist[orchestrator]'"
            )
        self._loaded: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self._clients: dict[str, Any] = {}
        self._priceless: set[str] = set()
        # The import takes seconds. A daemon thread: closing the service does not wait for it.
        threading.Thread(target=self._import, name="import litellm", daemon=True).start()

    async def watch_import(self) -> None:
        """Returns when litellm is imported; raises what its import raised."""
        await asyncio.shield(self._loaded)
        _log.info("litellm is ready")

    async def ready(self, model: Model) -> None:
        """Returns when litellm is imported."""
        await asyncio.shield(self._loaded)

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""
        litellm = await asyncio.shield(self._loaded)
        try:
            async with asyncio.timeout(model.timeout_s):
                response = await litellm.acompletion(**self._arguments(litellm, model, call))
        except TimeoutError as error:
            raise UpstreamError("timeout", f"no answer within {model.timeout_s:g} s") from error
        except Exception as error:
            # litellm raises whatever a provider's own client raises.
            raise UpstreamError(_outcome(litellm, error), scrubbed(str(error), model)) from error
        usage = self._usage(litellm, model, response)
        if not response.choices:
            raise UpstreamError("empty_answer", "the answer has no choices", usage)
        choice = response.choices[0]
        return completion(choice.message.content, choice.finish_reason, usage)

    async def close(self) -> None:
        """Closes the connections to providers."""
        for client in self._clients.values():
            await client.close()
        self._clients.clear()
        if self._loaded.done() and not self._loaded.cancelled() and not self._loaded.exception():
            await self._loaded.result().close_litellm_async_clients()

    def _import(self) -> None:
        loop = self._loaded.get_loop()
        try:
            litellm = _quiet_litellm()
        except BaseException as error:  # noqa: BLE001 - goes to whoever waits for it
            failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
            _tell(loop, self._loaded, lambda: self._loaded.set_exception(failure))
        else:
            _tell(loop, self._loaded, lambda: self._loaded.set_result(litellm))

    def _arguments(self, litellm: Any, model: Model, call: Call) -> dict[str, Any]:
        mode = _json_mode(litellm, model) if call.json_schema is not None else "none"
        extra = {name: value for name, value in call.params.items() if name not in _STANDARD}
        if call.grammar:
            extra["grammar"] = call.grammar
        arguments: dict[str, Any] = {
            "model": model.litellm_model,
            "messages": messages_for(call, mode),
            "max_tokens": call.max_tokens,
            "timeout": httpx.Timeout(model.timeout_s, connect=model.connect_timeout_s),
            "extra_headers": {"Idempotency-Key": call.idempotency_key},
            "max_retries": 0,
            "num_retries": 0,
            "drop_params": True,
            "no-log": True,
            **{name: value for name, value in call.params.items() if name in _STANDARD},
            **response_format(call, mode),
        }
        if extra:
            arguments["extra_body"] = extra
        if model.api_base:
            arguments["api_base"] = model.api_base
        if model.api_key is not None or model.api_base:
            arguments["api_key"] = _key(model)
        if model.litellm_model.startswith("openai/"):
            arguments["client"] = self._openai_client(model)
        return arguments

    def _usage(self, litellm: Any, model: Model, response: Any) -> Usage:
        counted = getattr(response, "usage", None)
        return Usage(
            prompt_tokens=int(getattr(counted, "prompt_tokens", 0) or 0),
            completion_tokens=int(getattr(counted, "completion_tokens", 0) or 0),
            cost_micro_usd=self._cost_micro_usd(litellm, model, response),
        )

    def _cost_micro_usd(self, litellm: Any, model: Model, response: Any) -> int:
        if model.free:
            return 0
        try:
            cost_usd = litellm.completion_cost(completion_response=response, model=model.litellm_model)
        except Exception as error:  # noqa: BLE001 - litellm raises a plain one for a model without a price
            if model.name not in self._priceless:
                self._priceless.add(model.name)
                detail = scrubbed(str(error), model)
                _log.warning("no price is known; its calls count as free", model=model.name, detail=detail)
            return 0
        return round((cost_usd or 0.0) * 1_000_000)

    def _openai_client(self, model: Model) -> Any:
        """One client for each server, ours to close. One on loopback is never asked through a proxy."""
        client = self._clients.get(model.name)
        if client is None:
            host = httpx.URL(model.api_base).host if model.api_base else ""
            client = self._clients[model.name] = importlib.import_module("openai").AsyncOpenAI(
                api_key=_key(model),
                base_url=model.api_base or None,
                max_retries=0,
                http_client=httpx.AsyncClient(trust_env=host not in LOOPBACK),
            )
        return client


def _key(model: Model) -> str:
    return model.api_key.get_secret_value() if model.api_key is not None else "none"


def _tell(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", settle: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else settle())
    except RuntimeError:
        _log.debug("litellm came after the service had ended")


def _quiet_litellm() -> Any:
    # Read by litellm's import: the prices that come with it instead of the network's, and no .env file.
    os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "True"
    os.environ["LITELLM_MODE"] = "PRODUCTION"
    litellm: Any = importlib.import_module("litellm")
    litellm.telemetry = False
    litellm.suppress_debug_info = True
    litellm.turn_off_message_logging = True
    litellm.drop_params = True
    litellm.num_retries = 0
    for callbacks in ("callbacks", "success_callback", "failure_callback", "_async_success_callback"):
        setattr(litellm, callbacks, [])
    for name in ("LiteLLM", "LiteLLM Router", "LiteLLM Proxy"):
        logger = logging.getLogger(name)
        logger.handlers.clear()
        logger.setLevel(logging.CRITICAL)
    # A call that goes nowhere: in its first one litellm imports the rest of itself, seconds of it.
    messages = [{"role": "user", "content": "none"}]
    litellm.completion(model="openai/none", messages=messages, mock_response="none")
    return litellm


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
