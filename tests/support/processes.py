"""The platform as users run it: `aiartist serve` in processes of its own, to be watched and killed."""

import asyncio
import os
import signal
import socket
import sys
import time
import urllib.error
import urllib.request
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

REPO = Path(__file__).resolve().parents[2]
SERVICES = ("scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer")


_FIRST_PORT, _PORTS_A_WORKER = 11_000, 2_500
"""Below the ports that the system gives to outgoing connections, so that none of those is in the way."""
_ports: Iterator[int] | None = None


def free_port() -> int:
    """A port that nobody listens on now, and that no other call gets, here or in another test process."""
    global _ports
    if _ports is None:
        worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw")) % 8
        first = _FIRST_PORT + worker * _PORTS_A_WORKER
        # Not always the same ones: those of the run before may still be closing.
        start = os.getpid() * 37 % _PORTS_A_WORKER
        _ports = cycle(first + (start + step) % _PORTS_A_WORKER for step in range(_PORTS_A_WORKER))
    for port in _ports:
        with socket.socket() as probe, suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return port
    raise AssertionError("unreachable: a cycle does not end")


def clean_environment(**more: str) -> dict[str, str]:
    """This process's environment without the platform's variables, and with these.

    No videos unless they are asked for: every frame of a whole song takes minutes.
    """
    kept = {
        k: v for k, v in os.environ.items() if not k.startswith("AIARTIST_") and not k.endswith("_API_KEY")
    }
    usual = {"PYTHONPATH": f"{REPO}:{REPO / 'gen'}", "AIARTIST_RELEASE_VIDEO": "off"}
    return {**kept, **usual, **more}


def ports_environment() -> dict[str, str]:
    """A free port for everything that listens, and the addresses that follow from them."""
    found = {}
    for service in SERVICES:
        port = str(free_port())
        found[f"AIARTIST_{service.upper()}_PORT"] = port
        found[f"AIARTIST_{service.upper()}_METRICS_PORT"] = str(free_port())
        found[f"AIARTIST_{service.upper()}_ADDR"] = f"127.0.0.1:{port}"
    return found


class Process:
    """One `aiartist serve` process, of this tree or of another version's."""

    def __init__(self, target: str, environment: Mapping[str, str], log: Path, tree: Path = REPO) -> None:
        self.target = target
        self.environment = {**environment, "PYTHONPATH": f"{tree}:{tree / 'gen'}"}
        self.log = log
        self._tree = tree
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "cli", "serve", "--target", self.target,
                env=self.environment, cwd=self._tree,
                stdin=asyncio.subprocess.DEVNULL, stdout=log, stderr=log,
            )  # fmt: skip

    @property
    def running(self) -> asyncio.subprocess.Process:
        assert self._process is not None, "start() comes before"
        return self._process

    async def kill(self) -> None:
        """SIGKILL, as a machine that loses power."""
        if self._process is not None and self._process.returncode is None:
            self._process.kill()
            await self._process.wait()

    async def stop(self, within_s: float = 60) -> int:
        """SIGTERM, as an operator; the exit status."""
        if self.running.returncode is None:
            self.running.send_signal(signal.SIGTERM)
        return await asyncio.wait_for(self.running.wait(), within_s)

    async def ready(self, service: str, within_s: float = 60) -> None:
        """Waits until the service says that it is ready."""
        until = time.monotonic() + within_s
        address = self.environment[f"AIARTIST_{service.upper()}_ADDR"]
        async with grpc.aio.insecure_channel(address) as channel:
            stub = health_pb2_grpc.HealthStub(channel)
            while True:
                if self.running.returncode is not None:
                    raise AssertionError(f"{self.target} ended early:\n{self.log.read_text()[-4000:]}")
                try:
                    answer = await stub.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=1)
                    if answer.status == health_pb2.HealthCheckResponse.SERVING:
                        return
                except grpc.aio.AioRpcError:
                    pass
                if time.monotonic() > until:
                    raise AssertionError(f"{service} is not ready:\n{self.log.read_text()[-4000:]}")
                await asyncio.sleep(0.1)

    async def metric(self, service: str, name: str) -> float:
        """One sample without labels of the service's metrics."""
        port = self.environment[f"AIARTIST_{service.upper()}_METRICS_PORT"]
        text = await asyncio.to_thread(_scrape, f"http://127.0.0.1:{port}/metrics")
        return next(
            (float(line.split()[1]) for line in text.splitlines() if line.startswith(f"{name} ")), 0.0
        )


def _scrape(url: str) -> str:
    with urllib.request.urlopen(url, timeout=5) as answer:
        return str(answer.read().decode())


@asynccontextmanager
async def process(
    target: str, environment: Mapping[str, str], log: Path, tree: Path = REPO
) -> AsyncIterator[Process]:
    """A started process that is ended with the test, whatever happens."""
    running = Process(target, environment, log, tree)
    await running.start()
    try:
        yield running
    finally:
        await running.kill()
        _stop_postgres(environment.get("AIARTIST_DATA_DIR"))


def _stop_postgres(data_dir: str | None) -> None:
    """Ends the PostgreSQL that a killed platform left behind for the next one."""
    pid_file = Path(data_dir or "") / "postgres" / "postmaster.pid"
    if data_dir is None or not pid_file.exists():
        return
    with suppress(ProcessLookupError, ValueError, IndexError):
        os.kill(int(pid_file.read_text().split()[0]), signal.SIGQUIT)
