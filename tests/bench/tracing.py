"""What traces cost a call: the chassis alone, with tracing off, on, and on where no trace is kept."""

import asyncio
import time
from collections.abc import Callable

from services.chassis import tracing
from services.chassis.clients import open_channel
from services.chassis.exporting import exporting
from services.chassis.settings import ChassisSettings
from tests.bench.harness import ServerProcess, calls_per_second, line, middle
from tests.support.echo_service import Echo, EchoRequest, EchoStub, build
from tests.support.fake_collector import FakeCollector
from tests.support.postgres import TestServer

ROUNDS = 7
SECONDS = 1.5
CALLERS = 16
BLOCKS = 200_000
REQUEST = EchoRequest(request_id="run_1/compose/1", run_id="run_1", artist_id="art_1", text="hello")


async def tracing_rate(_server: TestServer) -> None:
    line("Unary calls a second with traces, beside the same without")
    began = time.perf_counter()
    for _ in range(BLOCKS):
        with tracing.span("part", number=1):
            pass
    line(f"  a block that nobody traces {(time.perf_counter() - began) / BLOCKS * 1e9:8.0f} ns")
    collector = await ServerProcess.started(_collect)
    endpoint = f"http://127.0.0.1:{collector.port}"
    servers = {
        "off": await ServerProcess.started(_serve, "", 1.0),
        "on, none kept": await ServerProcess.started(_serve, endpoint, 0.0),
        "on, all kept": await ServerProcess.started(_serve, endpoint, 1.0),
    }
    try:
        # Each round asks all of them, one after another: what the machine does meanwhile hits all alike.
        rounds = [{name: await _rate(server) for name, server in servers.items()} for _ in range(ROUNDS + 1)][
            1:
        ]
        for name, server in servers.items():
            ratio = middle([rates[name] / rates["off"] for rates in rounds])
            rate, memory = middle([rates[name] for rates in rounds]), server.memory_bytes / 2**20
            line(f"  {name:15} {rate:8.0f} calls/s   ratio {ratio:5.2f}   {memory:5.0f} MB")
    finally:
        for server in (*servers.values(), collector):
            server.close()
    line()


async def _rate(server: ServerProcess) -> float:
    async with open_channel(f"127.0.0.1:{server.port}", ChassisSettings()) as channel:
        stub = EchoStub(channel)
        return await calls_per_second(lambda: stub.Say(REQUEST), seconds=SECONDS, callers=CALLERS)


async def _serve(tell: Callable[[int], None], stop: asyncio.Event, endpoint: str, ratio: float) -> None:
    settings = ChassisSettings(ship_errors=False, otlp_endpoint=endpoint, trace_sample_ratio=ratio)
    async with exporting(settings), await build(settings, Echo()) as app:
        tell(app.port)
        await stop.wait()


async def _collect(tell: Callable[[int], None], stop: asyncio.Event) -> None:
    async with FakeCollector(remembers=False) as collector:
        tell(collector.port)
        await stop.wait()
