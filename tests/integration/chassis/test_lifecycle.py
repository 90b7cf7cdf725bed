"""Services begin whole or not at all, and end in order."""

import asyncio
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest

from services.chassis import logs
from services.chassis.clients import open_channel
from services.chassis.errors import SetupError
from services.chassis.lifecycle import App, wait_for_end
from services.chassis.settings import ChassisSettings
from tests.support.captured_logs import CapturedLogs
from tests.support.echo_service import (
    DESCRIPTOR,
    SERVICE,
    Echo,
    EchoRequest,
    EchoStub,
    add_to_server,
    build,
    running_echo,
)
from tests.support.processes import free_port

SETTINGS = ChassisSettings(stop_grace_s=0, ship_errors=False)


def is_listening(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


@pytest.mark.parametrize("taken", ["port", "metrics_port"])
async def test_a_taken_port_is_told_by_its_variable(taken: str) -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        number = other.getsockname()[1]
        with pytest.raises(SetupError, match=f"127.0.0.1:{number}.*AIARTIST_ECHO_{taken.upper()} ") as told:
            await build(SETTINGS, Echo(), **{taken: number})
    assert "\n" not in str(told.value)


@pytest.mark.parametrize("shared", ["port", "metrics_port"])
async def test_two_services_cannot_share_a_port(shared: str) -> None:
    async with await build(SETTINGS, Echo()) as app:
        number = app.port if shared == "port" else app.server.metrics_port
        with pytest.raises(SetupError, match=f"AIARTIST_ECHO_{shared.upper()} "):
            await build(SETTINGS, Echo(), **{shared: number})


async def test_a_service_that_finds_one_port_taken_keeps_no_other() -> None:
    async with await build(SETTINGS, Echo()) as app:
        free = free_port()
        for ports in (
            {"port": app.port, "metrics_port": free},
            {"port": free, "metrics_port": app.server.metrics_port},
        ):
            with pytest.raises(SetupError):
                await build(SETTINGS, Echo(), **ports)
            assert not is_listening(free)


async def test_a_stopped_service_leaves_its_ports_to_the_next() -> None:
    async with await build(SETTINGS, Echo()) as app:
        ports = {"port": app.port, "metrics_port": app.server.metrics_port}
    for _ in range(2):
        async with await build(SETTINGS, Echo(), **ports) as again:
            assert (again.port, again.server.metrics_port) == tuple(ports.values())


async def test_prometheus_can_scrape_what_a_service_counts() -> None:
    async with running_echo() as running:
        await running.stub.call("Say", EchoRequest())
        async with httpx.AsyncClient() as client:
            page = (await client.get(f"http://127.0.0.1:{running.app.server.metrics_port}/metrics")).text
    assert (
        f'grpc_server_started_total{{grpc_method="Say",grpc_service="{SERVICE}",grpc_type="unary"}}' in page
    )
    assert "process_resident_memory_bytes" in page


async def test_a_service_listens_on_ipv6_too() -> None:
    settings = SETTINGS.model_copy(update={"host": "::1"})
    async with (
        await build(settings, Echo()) as app,
        open_channel(f"ipv6:[::1]:{app.port}", settings) as channel,
    ):
        assert await EchoStub(channel).call("Say", EchoRequest(text="hi"), timeout=10) == ["hi"]


class Diary:
    """Who was opened and closed, in order."""

    def __init__(self) -> None:
        self.entries: list[str] = []

    @asynccontextmanager
    async def resource(self, name: str) -> AsyncIterator[str]:
        self.entries.append(f"open {name}")
        try:
            yield name
        finally:
            self.entries.append(f"close {name}")

    async def write(self, entry: str) -> None:
        self.entries.append(entry)


async def test_a_service_closes_in_the_reverse_order_of_opening() -> None:
    diary = Diary()
    app = App("echo", SETTINGS)
    async with app.building():
        assert await app.enter(diary.resource("database")) == "database"
        await app.enter(diary.resource("channel"))
        app.on_close(lambda: diary.write("callback"))
        app.serve(Echo(), add_to_server, DESCRIPTOR, port=0, metrics_port=0)

    async def work() -> None:
        diary.entries.append("work begins")
        await app.closing.wait()
        diary.entries.append("work is handed back")

    app.spawn("worker", work())
    await app.start()
    assert diary.entries == ["open database", "open channel"]
    await asyncio.sleep(0)
    await app.close()
    assert diary.entries[2:] == [
        "work begins",
        "work is handed back",
        "callback",
        "close channel",
        "close database",
    ]
    await app.close()
    assert diary.entries.count("close database") == 1


async def test_a_service_that_cannot_be_built_closes_what_it_had_opened() -> None:
    diary = Diary()
    app = App("echo", SETTINGS)

    async def build_in_vain() -> None:
        async with app.building():
            await app.enter(diary.resource("database"))
            app.spawn("worker", diary.write("never"))
            app.serve(Echo(), add_to_server, DESCRIPTOR, port=0, metrics_port=0)
            raise SetupError("nothing here")

    with pytest.raises(SetupError, match="nothing here"):
        await build_in_vain()
    assert diary.entries == ["open database", "close database"]
    assert not is_listening(app.port)


async def test_a_service_that_was_built_but_never_started_closes_too() -> None:
    diary = Diary()
    app = await build(SETTINGS, Echo())
    app.spawn("worker", diary.write("never"))
    port = app.port
    await app.close()
    assert diary.entries == []
    assert not is_listening(port)


async def test_a_running_call_may_end_within_the_grace() -> None:
    began, release = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, context: Any) -> str:
        began.set()
        await release.wait()
        return "done"

    async with running_echo(wait, stop_grace_s=60) as running:
        call = asyncio.create_task(running.stub.call("Say", EchoRequest(), timeout=30))
        await began.wait()
        closing = asyncio.create_task(running.app.close())
        await running.app.closing.wait()
        release.set()
        assert await call == ["done"]
        await closing


async def test_a_call_that_outlives_the_grace_is_ended() -> None:
    began, ended = asyncio.Event(), asyncio.Event()

    async def wait(request: Any, context: Any) -> str:
        began.set()
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()
        return ""

    async with running_echo(wait, stop_grace_s=0.1) as running:
        call = asyncio.create_task(running.stub.call("Say", EchoRequest(), timeout=30))
        await began.wait()
        await running.app.close()
        with pytest.raises(grpc.aio.AioRpcError):
            await call
    assert ended.is_set()


async def test_work_that_does_not_heed_the_end_is_cancelled() -> None:
    cancelled = asyncio.Event()

    async def deaf() -> None:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    app = await build(SETTINGS, Echo())
    app.spawn("worker", deaf())
    async with app:
        await asyncio.sleep(0)
    assert cancelled.is_set()


async def die() -> None:
    raise RuntimeError("out of memory of what to do")


async def test_a_background_task_that_dies_ends_the_service(captured: CapturedLogs) -> None:
    app = await build(SETTINGS, Echo())
    app.spawn("worker", die())
    async with app:
        with pytest.raises(RuntimeError, match="out of memory"):
            await asyncio.wait_for(wait_for_end([app]), 10)
    (record,) = captured.of("a background task died")
    assert (record["task"], record["service"]) == ("echo: worker", "echo")
    assert "out of memory of what to do" in record["exception"]


async def test_a_background_task_that_dies_unwatched_is_logged_and_no_more(captured: CapturedLogs) -> None:
    app = await build(SETTINGS, Echo())
    app.spawn("worker", die())
    async with app:
        await asyncio.wait([app.failed])
    assert len(captured.of("a background task died")) == 1


async def test_a_task_that_fails_while_the_service_stops_is_logged(captured: CapturedLogs) -> None:
    app = await build(SETTINGS.model_copy(update={"stop_grace_s": 10}), Echo())

    async def stumble_at_the_end() -> None:
        await app.closing.wait()
        await die()

    app.spawn("worker", stumble_at_the_end())
    async with app:
        pass
    assert len(captured.of("a background task died")) == 1
    assert app.failed.cancelled()


async def test_background_tasks_log_under_their_services_name(captured: CapturedLogs) -> None:
    async def work() -> None:
        logs.get_logger("test").info("working")

    with logs.bind_context(service="platform"):
        app = await build(SETTINGS, Echo())
        app.spawn("worker", work())
        async with app:
            await asyncio.sleep(0)
        assert logs.context() == {"service": "platform"}
    assert [record["service"] for record in captured.of("working")] == ["echo"]


async def test_a_service_tells_where_it_serves_and_that_it_stopped(captured: CapturedLogs) -> None:
    async with await build(SETTINGS, Echo()) as app:
        (serving,) = captured.of("serving")
        assert (serving["port"], serving["metrics_port"]) == (app.port, app.server.metrics_port)
        assert captured.of("stopped") == []
    assert [record["service"] for record in captured.of("stopped")] == ["echo"]
