"""Health: not serving at birth, alive and ready apart, and watches that end with the service."""

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc

from services.chassis import lifecycle
from services.chassis.clients import open_channel
from services.chassis.health import LIVENESS, READINESS
from services.chassis.lifecycle import App
from services.chassis.settings import ChassisSettings
from tests.support.captured_logs import CapturedLogs
from tests.support.echo_service import DESCRIPTOR, SERVICE, Echo, add_to_server, build

SERVING = health_pb2.HealthCheckResponse.SERVING
NOT_SERVING = health_pb2.HealthCheckResponse.NOT_SERVING
UNKNOWN = health_pb2.HealthCheckResponse.SERVICE_UNKNOWN
NAMES = ("", LIVENESS, READINESS, SERVICE)
SETTINGS = ChassisSettings(stop_grace_s=0, ship_errors=False)


@pytest.fixture(autouse=True)
def probes_are_asked_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "PROBE_INTERVAL_S", 0.01)


class HealthClient:
    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = health_pb2_grpc.HealthStub(channel)

    async def check(self, service: str) -> int:
        request = health_pb2.HealthCheckRequest(service=service)
        return int((await self._stub.Check(request, timeout=10)).status)

    async def all(self) -> dict[str, int]:
        return {name: await self.check(name) for name in NAMES}

    async def watch(self, service: str) -> AsyncIterator[int]:
        async for answer in self._stub.Watch(health_pb2.HealthCheckRequest(service=service)):
            yield int(answer.status)


class Switch:
    """A probe that fails while it is off."""

    def __init__(self) -> None:
        self.on = True

    async def __call__(self) -> None:
        if not self.on:
            raise ConnectionError("the database is away")


async def app_with_probe(probe: Switch) -> App:
    app = App("echo", SETTINGS)
    async with app.building():
        app.ready_when("database", probe)
        app.serve(Echo(), add_to_server, DESCRIPTOR, port=0, metrics_port=0)
    return app


async def test_a_server_that_is_not_ready_yet_says_so() -> None:
    app = await build(SETTINGS, Echo())
    await app.server.start()
    async with open_channel(f"127.0.0.1:{app.port}", SETTINGS) as channel:
        assert await HealthClient(channel).all() == dict.fromkeys(NAMES, NOT_SERVING)
    await app.close()


async def test_a_started_service_is_alive_and_ready() -> None:
    async with (
        await build(SETTINGS, Echo()) as app,
        open_channel(f"127.0.0.1:{app.port}", SETTINGS) as channel,
    ):
        assert await HealthClient(channel).all() == dict.fromkeys(NAMES, SERVING)


async def test_a_service_whose_database_is_away_is_alive_and_not_ready_until_it_is_back(
    captured: CapturedLogs,
) -> None:
    probe = Switch()
    async with (
        await app_with_probe(probe) as app,
        open_channel(f"127.0.0.1:{app.port}", SETTINGS) as channel,
    ):
        client = HealthClient(channel)
        statuses = client.watch(READINESS)
        assert await anext(statuses) == SERVING
        probe.on = False
        assert await asyncio.wait_for(anext(statuses), 10) == NOT_SERVING
        assert await client.all() == {**dict.fromkeys(NAMES, NOT_SERVING), LIVENESS: SERVING}
        probe.on = True
        assert await asyncio.wait_for(anext(statuses), 10) == SERVING
        assert await client.all() == dict.fromkeys(NAMES, SERVING)
    told = [(r["event"], r.get("waiting_for")) for r in captured.records if "ready" in r["event"]]
    assert told == [("not ready", ["database"]), ("ready again", None)]


async def test_a_service_that_begins_without_its_database_is_not_ready(captured: CapturedLogs) -> None:
    probe = Switch()
    probe.on = False
    async with (
        await app_with_probe(probe) as app,
        open_channel(f"127.0.0.1:{app.port}", SETTINGS) as channel,
    ):
        assert await HealthClient(channel).check(READINESS) == NOT_SERVING
    assert len(captured.of("not ready")) == 1


async def test_a_probe_that_hangs_counts_as_failed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lifecycle, "PROBE_TIMEOUT_S", 0.01)
    app = App("echo", SETTINGS)
    async with app.building():
        app.ready_when("database", asyncio.Event().wait)
        app.serve(Echo(), add_to_server, DESCRIPTOR, port=0, metrics_port=0)
    async with app:
        assert not app.server.health.ready


async def test_a_name_that_nobody_knows_is_not_found_but_may_be_watched() -> None:
    async with (
        await build(SETTINGS, Echo()) as app,
        open_channel(f"127.0.0.1:{app.port}", SETTINGS) as channel,
    ):
        client = HealthClient(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await client.check("nobody")
        assert refused.value.code() is grpc.StatusCode.NOT_FOUND
        assert await anext(client.watch("nobody")) == UNKNOWN


@pytest.mark.parametrize("name", [READINESS, LIVENESS, "nobody"])
async def test_a_watch_hears_the_end_and_does_not_keep_the_service_from_stopping(name: str) -> None:
    settings = SETTINGS.model_copy(update={"stop_grace_s": 300})
    app = await build(settings, Echo())
    await app.start()
    async with open_channel(f"127.0.0.1:{app.port}", settings) as channel:
        statuses = HealthClient(channel).watch(name)
        first = await anext(statuses)
        closing = asyncio.create_task(app.close())
        rest = [status async for status in statuses]
        await asyncio.wait_for(closing, 60)
    assert (first, rest) == {
        READINESS: (SERVING, [NOT_SERVING]),
        LIVENESS: (SERVING, []),
        "nobody": (UNKNOWN, []),
    }[name]


async def test_load_balancers_get_time_to_notice_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = SETTINGS.model_copy(update={"drain_delay_s": 30.0})
    pauses: list[float] = []
    told: list[int] = []
    app = await build(settings, Echo())
    await app.start()
    async with open_channel(f"127.0.0.1:{app.port}", settings) as channel:
        client = HealthClient(channel)

        async def look_around(seconds: float) -> None:
            pauses.append(seconds)
            told.extend([await client.check(READINESS), await client.check(LIVENESS)])
            assert not app.closing.is_set()

        with monkeypatch.context() as patched:
            patched.setattr(lifecycle.asyncio, "sleep", look_around)
            await app.close()
    assert (pauses, told) == ([30.0], [NOT_SERVING, SERVING])
