"""A rolling update as a cluster does it, on real processes behind a real name server: no call fails.

Each pod is a process with an address of its own. A new one is ready before an old one leaves the name
and gets SIGTERM, one after the other, while clients call without a pause.
"""

import asyncio
import re
import signal
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import grpc
import httpx
import pytest

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from services.chassis.clients import open_channel
from services.chassis.settings import ChassisSettings
from tests.k8s.name_server import NameServer
from tests.support.label import persona
from tests.support.processes import Process, clean_environment, free_port, process

pytestmark = pytest.mark.k8s

CALLERS = 4
_HANDLED = re.compile(r'grpc_server_handled_total\{.*grpc_code="OK".*\} (\S+)')

Call = Callable[[int], Awaitable[object]]


@dataclass(slots=True)
class Pods:
    """The processes of one service: the same port, an address each."""

    service: str
    stack: AsyncExitStack
    names: NameServer
    environment: dict[str, str]
    folder: Path
    hosts: Iterator[str]
    running: list[tuple[str, Process]] = field(default_factory=list)

    async def add(self) -> None:
        """One more; in the name as soon as it is ready."""
        host = next(self.hosts)
        port = self.environment[f"AIARTIST_{self.service.upper()}_PORT"]
        environment = {
            **self.environment,
            "AIARTIST_HOST": host,
            f"AIARTIST_{self.service.upper()}_ADDR": f"{host}:{port}",
        }
        log = self.folder / f"{self.service}-{host}.log"
        started = await self.stack.enter_async_context(process(self.service, environment, log))
        await started.ready(self.service)
        self.running.append((host, started))
        self._tell()

    async def take_away_the_oldest(self) -> None:
        """Out of the name, SIGTERM, and it must end by itself and well."""
        _, oldest = self.running.pop(0)
        self._tell()
        assert await oldest.stop(within_s=60) == 0, oldest.log.read_text()[-2000:]

    def _tell(self) -> None:
        self.names.addresses[self.service] = [host for host, _ in self.running]

    async def handled(self) -> dict[str, float]:
        """Calls that each running process answered well, health checks apart."""
        port = self.environment[f"AIARTIST_{self.service.upper()}_METRICS_PORT"]
        async with httpx.AsyncClient() as client:
            texts = {
                host: (await client.get(f"http://{host}:{port}/metrics")).text for host, _ in self.running
            }
        return {
            host: sum(
                float(n) for line in text.splitlines() if "Health" not in line for n in _HANDLED.findall(line)
            )
            for host, text in texts.items()
        }


@dataclass(slots=True)
class Load:
    """Callers that never pause, and what came of their calls."""

    done: int = 0
    failures: Counter[str] = field(default_factory=Counter)

    @asynccontextmanager
    async def going_on(self, call: Call) -> AsyncIterator["Load"]:
        ending = asyncio.Event()
        numbers = count()
        tasks = [asyncio.create_task(self._call(call, numbers, ending)) for _ in range(CALLERS)]
        try:
            yield self
        finally:
            ending.set()
            await asyncio.gather(*tasks)

    async def _call(self, call: Call, numbers: Iterator[int], ending: asyncio.Event) -> None:
        while not ending.is_set():
            try:
                await call(next(numbers))
                self.done += 1
            except grpc.aio.AioRpcError as error:
                self.failures[f"{error.code().name}: {error.details()}"] += 1

    async def more(self, calls: int) -> None:
        """Waits until so many more were answered or failed."""
        until = self.done + self.failures.total() + calls
        while self.done + self.failures.total() < until:
            await asyncio.sleep(0.01)


@pytest.mark.timeout(280)
@pytest.mark.parametrize(
    ("service", "replicas", "replaced"),
    # With one replica every address that a client knew is gone at each step.
    [("artist_db", 1, 3), ("scheduler", 2, 2)],
)
async def test_no_call_fails_while_every_process_is_replaced(
    service: str, replicas: int, replaced: int, tmp_path: Path, database_url: str
) -> None:
    port, hosts = free_port(), (f"127.0.3.{number}" for number in range(1, 250))
    environment = clean_environment(
        **{f"AIARTIST_{service.upper()}_PORT": str(port)},
        **{f"AIARTIST_{service.upper()}_METRICS_PORT": str(free_port())},
        AIARTIST_DATABASE_URL=database_url,
        AIARTIST_DATA_DIR=str(tmp_path),
        AIARTIST_SHIP_ERRORS="false",
        AIARTIST_LOG_FORMAT="json",
        # Answers of this name server are never kept, so that a moment is enough.
        AIARTIST_DRAIN_DELAY_S="0.5",
    )
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(NameServer())
        pods = Pods(service, stack, names, environment, tmp_path, hosts)
        for _ in range(replicas):
            await pods.add()
        channel = await stack.enter_async_context(
            open_channel(names.target(service, port), ChassisSettings())
        )
        call = CALLS[service](channel)
        load = Load()
        async with load.going_on(call):
            await load.more(200)
            assert load.failures == {}
            assert all(handled > 0 for handled in (await pods.handled()).values())
            for _ in range(replaced):
                await pods.add()
                await pods.take_away_the_oldest()
                await load.more(50)
            with suppress(TimeoutError):
                async with asyncio.timeout(30):
                    while not all(handled > 0 for handled in (await pods.handled()).values()):
                        await load.more(50)
            assert all(handled > 0 for handled in (await pods.handled()).values())
        assert load.failures == {}


def _label(channel: grpc.aio.Channel) -> Call:
    """Reads and writes of artist_db, each write under an id of its own."""
    stub = artist_db_pb2_grpc.ArtistDbServiceStub(channel)

    async def call(number: int) -> None:
        created = await stub.CreateArtist(
            artist_db_pb2.CreateArtistRequest(
                request_id=f"rolling {number}", persona=persona(f"Rolling {number}")
            ),
            timeout=30,
        )
        await stub.GetArtist(artist_db_pb2.GetArtistRequest(artist_id=created.artist.id), timeout=30)

    return call


def _runs(channel: grpc.aio.Channel) -> Call:
    """What people look at most."""
    stub = scheduler_pb2_grpc.SchedulerServiceStub(channel)

    async def call(number: int) -> None:
        await stub.ListRuns(scheduler_pb2.ListRunsRequest(page_size=1 + number % 50), timeout=30)

    return call


CALLS: dict[str, Callable[[grpc.aio.Channel], Call]] = {"artist_db": _label, "scheduler": _runs}


async def test_a_process_that_is_killed_costs_no_call_that_may_be_tried_again(
    tmp_path: Path, database_url: str
) -> None:
    service, port = "artist_db", free_port()
    environment = clean_environment(
        AIARTIST_ARTIST_DB_PORT=str(port),
        AIARTIST_ARTIST_DB_METRICS_PORT=str(free_port()),
        AIARTIST_DATABASE_URL=database_url,
        AIARTIST_SHIP_ERRORS="false",
    )
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(NameServer())
        hosts = (f"127.0.4.{number}" for number in range(1, 250))
        pods = Pods(service, stack, names, environment, tmp_path, hosts)
        for _ in range(2):
            await pods.add()
        channel = await stack.enter_async_context(
            open_channel(names.target(service, port), ChassisSettings())
        )
        load = Load()
        async with load.going_on(_label(channel)):
            await load.more(100)
            # As a node that is gone: the name still has its address.
            pods.running[0][1].running.send_signal(signal.SIGKILL)
            await load.more(200)
        assert load.failures == {}
