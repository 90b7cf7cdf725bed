"""Round robin over headless names: each replica gets its share, a newcomer too; who leaves loses no call."""

import asyncio
from collections import Counter
from contextlib import AsyncExitStack
from typing import Any

import pytest

from services.chassis import server
from services.chassis.clients import open_channel
from services.chassis.lifecycle import App
from services.chassis.settings import ChassisSettings
from tests.k8s.name_server import NameServer
from tests.support.echo_service import Echo, EchoRequest, EchoStub, build
from tests.support.processes import free_port

pytestmark = pytest.mark.k8s

HOSTS = ("127.0.2.1", "127.0.2.2", "127.0.2.3")
NAME = "echo"
STOPS = 20


async def replica(host: str, port: int) -> App:
    """Answers with its own address."""

    async def act(_request: Any, _context: Any) -> str:
        return host

    settings = ChassisSettings(host=host, ship_errors=False, stop_grace_s=5)
    return await build(settings, Echo(act), port=port)


async def callers(stub: EchoStub, calls: int) -> Counter[str]:
    """Who answered so many calls."""
    told = [await stub.call("GetEcho", EchoRequest(), timeout=30) for _ in range(calls)]
    return Counter(answer for (answer,) in told)


async def test_every_address_behind_a_name_gets_its_share() -> None:
    port = free_port()
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(NameServer())
        for host in HOSTS:
            await stack.enter_async_context(await replica(host, port))
        names.addresses[NAME] = list(HOSTS)
        channel = await stack.enter_async_context(open_channel(names.target(NAME, port), ChassisSettings()))
        stub = EchoStub(channel)
        while len(await callers(stub, 30)) < len(HOSTS):
            await asyncio.sleep(0.01)
        assert set((await callers(stub, 30)).values()) == {10}


async def test_a_replica_that_came_later_gets_its_share_before_anything_broke(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    options = dict(server._OPTIONS) | {"grpc.max_connection_age_ms": 500}
    monkeypatch.setattr(server, "_OPTIONS", list(options.items()))
    port = free_port()
    async with AsyncExitStack() as stack:
        names = await stack.enter_async_context(NameServer())
        await stack.enter_async_context(await replica(HOSTS[0], port))
        names.addresses[NAME] = [HOSTS[0]]
        channel = await stack.enter_async_context(open_channel(names.target(NAME, port), ChassisSettings()))
        stub = EchoStub(channel)
        assert await callers(stub, 10) == {HOSTS[0]: 10}
        await stack.enter_async_context(await replica(HOSTS[1], port))
        names.addresses[NAME].append(HOSTS[1])
        async with asyncio.timeout(60):
            while HOSTS[1] not in await callers(stub, 10):
                await asyncio.sleep(0.05)


async def test_servers_that_stop_again_and_again_under_load_lose_no_call() -> None:
    port = free_port()
    ending = asyncio.Event()
    both = f"ipv4:{HOSTS[0]}:{port},{HOSTS[1]}:{port}"

    async def call(stub: EchoStub) -> None:
        while not ending.is_set():
            assert len(await stub.call("GetEcho", EchoRequest(), timeout=30)) == 1

    async with AsyncExitStack() as servers, AsyncExitStack() as stack:
        running = [await servers.enter_async_context(await replica(host, port)) for host in HOSTS[:2]]
        stubs = [
            EchoStub(await stack.enter_async_context(open_channel(both, ChassisSettings()))) for _ in range(4)
        ]
        calls = [asyncio.create_task(call(stub)) for stub in stubs for _ in range(4)]
        for number in range(STOPS):
            # As a rolling update does: the next one stops when this one is found again.
            for stub in stubs:
                async with asyncio.timeout(60):
                    while len(await callers(stub, 4)) < 2:
                        await asyncio.sleep(0.01)
            await running[number % 2].close()
            anew = await replica(HOSTS[number % 2], port)
            running[number % 2] = await servers.enter_async_context(anew)
        ending.set()
        await asyncio.gather(*calls)
