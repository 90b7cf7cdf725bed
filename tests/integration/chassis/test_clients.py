"""Clients: what is tried again, who gets the calls, and how addresses may look."""

import asyncio
from pathlib import Path
from typing import Any

import grpc
import pytest

from services.chassis import server
from services.chassis.clients import MAX_MESSAGE_BYTES, open_channel
from services.chassis.settings import ChassisSettings
from tests.support.echo_service import Echo, EchoRequest, EchoStub, add_to_server, build, running_echo
from tests.support.processes import free_port

REQUEST = EchoRequest(text="hi")
TRIED_AGAIN = (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED)


class FailsAtFirst:
    """Fails so many times with a status, and then answers."""

    def __init__(self, times: int, code: grpc.StatusCode) -> None:
        self.left, self.code = times, code
        self.calls = 0

    async def __call__(self, request: Any, context: Any) -> str:
        self.calls += 1
        if self.calls <= self.left:
            await context.abort(self.code, "not now")
        return "done"


@pytest.mark.parametrize("method", ["Say", "Repeat"])
@pytest.mark.parametrize("times", [1, 3])
@pytest.mark.parametrize("code", TRIED_AGAIN, ids=lambda code: code.name)
async def test_a_service_that_is_away_for_a_moment_is_asked_again(
    code: grpc.StatusCode, method: str, times: int
) -> None:
    act = FailsAtFirst(times, code)
    async with running_echo(act) as running:
        running.echo.answers = range(1)
        assert await running.stub.call(method, REQUEST, timeout=60) == ["done"]
    assert act.calls == times + 1


async def test_a_service_that_stays_away_is_given_up() -> None:
    act = FailsAtFirst(1_000, grpc.StatusCode.UNAVAILABLE)
    async with running_echo(act) as running:
        with pytest.raises(grpc.aio.AioRpcError) as given_up:
            await running.stub.call("Say", REQUEST, timeout=60)
    assert given_up.value.code() is grpc.StatusCode.UNAVAILABLE
    assert act.calls == 4


@pytest.mark.parametrize(
    "code",
    [code for code in grpc.StatusCode if code not in (grpc.StatusCode.OK, *TRIED_AGAIN)],
    ids=lambda code: code.name,
)
async def test_no_other_status_is_tried_again(code: grpc.StatusCode) -> None:
    act = FailsAtFirst(1, code)
    async with running_echo(act) as running:
        with pytest.raises(grpc.aio.AioRpcError) as told:
            await running.stub.call("Say", REQUEST, timeout=60)
    assert (told.value.code(), act.calls) == (code, 1)


async def test_a_stream_that_breaks_in_the_middle_is_not_repeated() -> None:
    act = FailsAtFirst(0, grpc.StatusCode.UNAVAILABLE)

    async def fail_second(request: Any, context: Any) -> str:
        act.calls += 1
        if act.calls == 2:
            await context.abort(grpc.StatusCode.UNAVAILABLE, "not now")
        return "done"

    async with running_echo(fail_second) as running:
        stream = running.stub.Repeat(REQUEST, timeout=60)
        assert (await stream.read()).text == "done"
        with pytest.raises(grpc.aio.AioRpcError):
            await stream.read()
    assert act.calls == 2


class Named:
    """Tells which server it is."""

    def __init__(self, name: str) -> None:
        self._name = name

    async def __call__(self, request: Any, context: Any) -> str:
        return self._name


async def test_calls_go_round_all_addresses() -> None:
    async with running_echo(Named("one")) as one, running_echo(Named("two")) as two:
        address = f"ipv4:127.0.0.1:{one.app.port},127.0.0.1:{two.app.port}"
        async with open_channel(address, ChassisSettings()) as channel:
            stub = EchoStub(channel)
            both = set()
            async with asyncio.timeout(30):
                # The second connection may take a moment longer than the first.
                while len(both) < 2:
                    both.update(await stub.call("Say", REQUEST, timeout=10))
            told = [(await stub.call("Say", REQUEST, timeout=10))[0] for _ in range(10)]
    assert sorted(told) == ["one"] * 5 + ["two"] * 5


async def test_where_one_of_two_addresses_is_dead_the_other_serves_all_calls() -> None:
    async with running_echo() as running:
        address = f"ipv4:127.0.0.1:{free_port()},127.0.0.1:{running.app.port}"
        async with open_channel(address, ChassisSettings()) as channel:
            stub = EchoStub(channel)
            for _ in range(10):
                assert await stub.call("Say", REQUEST, timeout=10) == ["hi"]


@pytest.mark.parametrize(
    "address", ["127.0.0.1:{}", "localhost:{}", "dns:///127.0.0.1:{}", "ipv4:127.0.0.1:{}"]
)
async def test_addresses_may_be_written_in_several_ways(address: str) -> None:
    async with (
        running_echo() as running,
        open_channel(address.format(running.app.port), ChassisSettings()) as channel,
    ):
        assert await EchoStub(channel).call("Say", REQUEST, timeout=10) == ["hi"]


async def test_an_address_may_be_a_unix_socket(tmp_path: Path) -> None:
    server = grpc.aio.server()
    add_to_server(Echo(), server)
    server.add_insecure_port(f"unix:{tmp_path / 's'}")
    await server.start()
    async with open_channel(f"unix:{tmp_path / 's'}", ChassisSettings()) as channel:
        assert await EchoStub(channel).call("Say", REQUEST, timeout=10) == ["hi"]
    await server.stop(None)


async def test_a_service_may_be_called_before_it_is_up() -> None:
    port = free_port()
    async with open_channel(f"127.0.0.1:{port}", ChassisSettings()) as channel:
        stub = EchoStub(channel)
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await stub.call("Say", REQUEST, timeout=10)
        assert refused.value.code() is grpc.StatusCode.UNAVAILABLE
        async with await build(ChassisSettings(stop_grace_s=0), Echo(), port=port):
            async with asyncio.timeout(30):
                while True:
                    try:
                        assert await stub.call("Say", REQUEST, timeout=10) == ["hi"]
                        break
                    except grpc.aio.AioRpcError as error:
                        if error.code() is not grpc.StatusCode.UNAVAILABLE:
                            raise


async def test_a_message_may_have_sixteen_megabytes() -> None:
    big = "x" * (MAX_MESSAGE_BYTES - 1_000)
    async with running_echo() as running:
        assert await running.stub.call("Say", EchoRequest(text=big), timeout=60) == [big]
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await running.stub.call("Say", EchoRequest(text=big + "x" * 2_000), timeout=60)
    assert refused.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_pings_that_come_in_a_bunch_end_no_call() -> None:
    async def slowly(request: Any, context: Any) -> str:
        # A client leaves a second between two pings; after three that come too early a server would go away.
        await asyncio.sleep(6)
        return "done"

    hasty = [
        ("grpc.keepalive_time_ms", 30),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.http2.max_pings_without_data", 0),
    ]
    async with (
        running_echo(slowly) as running,
        grpc.aio.insecure_channel(f"127.0.0.1:{running.app.port}", options=hasty) as channel,
    ):
        assert await EchoStub(channel).call("Say", REQUEST, timeout=60) == ["done"]


async def test_a_connection_that_is_renewed_breaks_no_call(monkeypatch: pytest.MonkeyPatch) -> None:
    fast = [option for option in server._OPTIONS if option[0] != "grpc.max_connection_age_ms"]
    monkeypatch.setattr(server, "_OPTIONS", [*fast, ("grpc.max_connection_age_ms", 100)])
    begun, go_on = asyncio.Event(), asyncio.Event()
    peers = set()

    async def act(request: Any, context: Any) -> str:
        peers.add(context.peer())
        if request.text == "long":
            begun.set()
            await go_on.wait()
        return str(request.text)

    async with running_echo(act) as running:
        long = asyncio.create_task(running.stub.call("Say", EchoRequest(text="long"), timeout=60))
        await begun.wait()
        async with asyncio.timeout(30):
            while len(peers) < 3:
                assert await running.stub.call("Say", REQUEST, timeout=10) == ["hi"]
        go_on.set()
        assert await long == ["long"]
