"""The import of litellm: seconds of it, and with everything of its own that reports or prints turned off."""

import asyncio
import importlib
import importlib.util
import logging
import os
import threading
from collections.abc import Callable
from typing import Any

from services.chassis.errors import SetupError
from services.chassis.logs import get_logger

_log = get_logger("litellm")


def begin_import() -> "asyncio.Future[Any]":
    """litellm, as soon as a thread has imported it; SetupError where it is not installed."""
    if importlib.util.find_spec("litellm") is None:
        raise SetupError("litellm is not installed; install the extra: pip install 'aiartist[orchestrator]'")
    loaded: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
    # A daemon thread: closing the service does not wait for it.
    threading.Thread(target=_import, args=(loaded,), name="import litellm", daemon=True).start()
    return loaded


def quiet_litellm() -> Any:
    """Imports litellm here and now."""
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
    # Calls that go nowhere: in its first ones litellm imports the rest of itself, seconds of it.
    call = {
        "model": "openai/none",
        "messages": [{"role": "user", "content": "none"}],
        "mock_response": "none",
    }
    litellm.completion(**call)
    list(litellm.completion(**call, stream=True))
    return litellm


def _import(loaded: "asyncio.Future[Any]") -> None:
    loop = loaded.get_loop()
    try:
        litellm = quiet_litellm()
    except BaseException as error:  # noqa: BLE001 - goes to whoever waits for it
        failure = error if isinstance(error, Exception) else RuntimeError(repr(error))
        _tell(loop, loaded, lambda: loaded.set_exception(failure))
    else:
        _tell(loop, loaded, lambda: loaded.set_result(litellm))


def _tell(loop: asyncio.AbstractEventLoop, future: "asyncio.Future[Any]", settle: Callable[[], None]) -> None:
    try:
        loop.call_soon_threadsafe(lambda: None if future.done() else settle())
    except RuntimeError:
        _log.debug("litellm came after the service had ended")
