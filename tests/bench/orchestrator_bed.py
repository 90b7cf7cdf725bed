"""The contenders of the orchestrator's benchmark as processes, all at one fake upstream."""

import asyncio
import json
import signal
import socket
import sys
import time
import urllib.request
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from tests.bench.orchestrator_models import LITELLM_ENVIRONMENT, models_file, proxy_file
from tests.support.processes import REPO, Process, clean_environment, free_port, ports_environment

PROXY = Path(sys.prefix) / "bench-proxy" / "bin" / "litellm"
"""`make bench-orchestrator` puts it there."""
START_TIMEOUT_S = 120.0
_LONGEST_LINE = 64 * 1024 * 1024


@dataclass(frozen=True, slots=True)
class Measured:
    """One measurement of one contender."""

    samples: Sequence[tuple[float, float, int]]
    """Of each answered call when it began and how long it took, in s, and how often a model failed in it."""
    failed: Mapping[str, int]
    """Calls without the right answer, by error."""
    elapsed_s: float
    memory_bytes: int
    """The most resident memory in the meantime."""

    @property
    def rate(self) -> float:
        return len(self.samples) / self.elapsed_s

    @property
    def latencies_ms(self) -> list[float]:
        return [took * 1_000 for _, took, _ in self.samples]


@dataclass(frozen=True, slots=True)
class Contender:
    """One way to ask models."""

    name: str
    """For people."""
    callers: asyncio.subprocess.Process
    """A process of tests.bench.orchestrator_caller."""
    way: str
    """Its name there."""
    pid: int
    """Of the process whose memory counts."""

    async def measure(self, *, callers: int, seconds: float) -> Measured:
        assert self.callers.stdin is not None
        assert self.callers.stdout is not None
        ask = {"way": self.way, "callers": callers, "seconds": seconds}
        async with _watched(self.pid) as memory:
            self.callers.stdin.write((json.dumps(ask) + "\n").encode())
            answer = await self.callers.stdout.readline()
        assert answer, f"the callers of {self.name} ended"
        told = json.loads(answer)
        return Measured(told["samples"], told["failed"], told["elapsed"], max(memory))


class Bed:
    """Starts contenders. What they print goes to files in `folder`; all of them end with the block."""

    def __init__(self, stack: AsyncExitStack, folder: Path, dsn: str, api_base: str, dead_base: str) -> None:
        self._stack = stack
        self._folder = folder
        self._api_base = api_base
        self._dead_base = dead_base
        self._environment = {
            **clean_environment(),
            **ports_environment(),
            "NO_PROXY": "127.0.0.1,localhost",
            "AIARTIST_DATABASE_URL": dsn,
            "AIARTIST_SHIP_ERRORS": "false",
            # Kept, and never reached.
            **{f"AIARTIST_BUDGET_{scope}_USD": "1000000" for scope in ("DAY", "ARTIST", "RUN")},
        }

    @classmethod
    @asynccontextmanager
    async def opened(cls, folder: Path, dsn: str, api_base: str, notifier: str) -> AsyncIterator["Bed"]:
        """With artist_db, that every orchestrator needs."""
        async with AsyncExitStack() as stack:
            # Bound and not listening: who connects is refused, and nobody else can take the port.
            dead = stack.enter_context(socket.socket())
            dead.bind(("127.0.0.1", 0))
            bed = cls(stack, folder, dsn, api_base, f"http://127.0.0.1:{dead.getsockname()[1]}/v1")
            bed._environment["AIARTIST_NOTIFIER_ADDR"] = notifier
            await bed._service("artist_db", bed._environment)
            yield bed

    @property
    def dead_base(self) -> str:
        """An `api_base` where every connection is refused."""
        return self._dead_base

    async def orchestrator(self, *, direct: bool) -> tuple[str, int]:
        """An orchestrator's address and process id."""
        how = "direct" if direct else "over-litellm"
        file = self._folder / f"models-{how}.toml"
        file.write_text(models_file(self._api_base, self._dead_base, direct=direct))
        port = free_port()
        address = f"127.0.0.1:{port}"
        environment = {
            **self._environment,
            "AIARTIST_ORCHESTRATOR_PORT": str(port),
            "AIARTIST_ORCHESTRATOR_ADDR": address,
            "AIARTIST_ORCHESTRATOR_METRICS_PORT": str(free_port()),
            "AIARTIST_ORCHESTRATOR_MODELS_FILE": str(file),
        }
        return address, await self._service("orchestrator", environment, log=f"orchestrator-{how}")

    async def proxy(self) -> tuple[str, int]:
        """The litellm proxy's address and process id."""
        file = self._folder / "proxy.json"
        file.write_text(proxy_file(self._api_base))
        port = free_port()
        environment = {**self._environment, **LITELLM_ENVIRONMENT}
        # It has packages of its own.
        del environment["PYTHONPATH"]
        process = await self._program(
            "proxy", str(PROXY), "--config", str(file), "--host", "127.0.0.1", "--port", str(port),
            environment=environment,
        )  # fmt: skip
        url = f"http://127.0.0.1:{port}"
        until = time.monotonic() + START_TIMEOUT_S
        while not await asyncio.to_thread(_answers, f"{url}/health/liveliness"):
            assert process.returncode is None, f"the litellm proxy ended:\n{self._log('proxy')}"
            assert time.monotonic() < until, f"the litellm proxy does not answer:\n{self._log('proxy')}"
            await asyncio.sleep(0.2)
        return url, process.pid

    async def callers(self, name: str, ways: Mapping[str, Mapping[str, Any]]) -> asyncio.subprocess.Process:
        """A process that asks in these ways; see tests.bench.orchestrator_caller."""
        return await self._program(
            name, sys.executable, "-m", "tests.bench.orchestrator_caller", json.dumps(ways),
            environment={**self._environment, **LITELLM_ENVIRONMENT},
        )  # fmt: skip

    async def _service(self, name: str, environment: Mapping[str, str], log: str = "") -> int:
        process = _Service(name, environment, self._folder / f"{log or name}.log")
        await process.start()
        self._stack.push_async_callback(_end, process.running)
        await process.ready(name, START_TIMEOUT_S)
        return process.running.pid

    async def _program(
        self, name: str, *command: str, environment: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *command, env=environment, cwd=REPO, limit=_LONGEST_LINE,
                stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=log,
            )  # fmt: skip
        self._stack.push_async_callback(_end, process)
        return process

    def _log(self, name: str) -> str:
        return (self._folder / f"{name}.log").read_text()[-4_000:]


class _Service(Process):
    """A service as a container runs it, without the command line around it."""

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", f"services.{self.target}",
                env=dict(self.environment), cwd=REPO,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.send_signal(signal.SIGTERM)
        try:
            await asyncio.wait_for(process.wait(), 10)
        except TimeoutError:
            process.kill()
            await process.wait()


@asynccontextmanager
async def _watched(pid: int) -> AsyncIterator[list[int]]:
    """Resident memory of a process and its children, in bytes, every quarter of a second."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    seen: list[int] = []

    def look() -> None:
        resident = 0
        for member in family:
            with suppress(psutil.NoSuchProcess):
                resident += member.memory_info().rss
        seen.append(resident)

    async def watch() -> None:
        while True:
            look()
            await asyncio.sleep(0.25)

    watching = asyncio.create_task(watch())
    try:
        yield seen
    finally:
        look()
        watching.cancel()


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
