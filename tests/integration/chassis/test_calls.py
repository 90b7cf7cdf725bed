"""All four kinds of calls go through every layer: metrics, log, context, errors, deadlines."""

import asyncio
import itertools
import time
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis import logs
from services.chassis.clients import deadline_s
from services.chassis.errors import FieldViolation, InvalidInput, RemoteError, WrongState, remote_error
from services.chassis.metrics import REGISTRY
from tests.support.captured_logs import CapturedLogs
from tests.support.echo_service import KINDS, SERVICE, EchoRequest, RunningEcho, running_echo

ALL_KINDS = pytest.mark.parametrize("method", KINDS)
REQUEST = EchoRequest(request_id="r-1", run_id="run_1", artist_id="art_1", text="hello")


def handled(method: str, code: str) -> float:
    labels = {"grpc_type": KINDS[method], "grpc_service": SERVICE, "grpc_method": method, "grpc_code": code}
    return REGISTRY.get_sample_value("grpc_server_handled_total", labels) or 0.0


def measured(method: str, what: str) -> float:
    labels = {"grpc_type": KINDS[method], "grpc_service": SERVICE, "grpc_method": method}
    return REGISTRY.get_sample_value(what, labels) or 0.0


async def until(condition: Callable[[], bool]) -> None:
    """Waits for what happens on the server after the client has its answer."""
    async with asyncio.timeout(10):
        while not condition():
            await asyncio.sleep(0)


async def failed(running: RunningEcho, method: str, **options: Any) -> RemoteError:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await running.stub.call(method, REQUEST, **options)
    return remote_error(caught.value)


@ALL_KINDS
async def test_a_call_is_counted_measured_and_logged(method: str, captured: CapturedLogs) -> None:
    names = ("grpc_server_started_total", "grpc_server_handling_seconds_count")
    before = [handled(method, "OK"), *(measured(method, name) for name in names)]
    async with running_echo() as running:
        assert set(await running.stub.call(method, REQUEST)) == {"hello"}
        await until(lambda: handled(method, "OK") > before[0])
    assert [handled(method, "OK"), *(measured(method, n) for n in names)] == [n + 1 for n in before]
    (record,) = captured.of("call")
    assert (record["code"], record["rpc"], record["service"]) == ("OK", method, "echo")
    assert record["elapsed_ms"] >= 0
    assert record["peer"].startswith("ipv4:127.0.0.1:")


def test_every_series_of_a_service_begins_at_zero_before_its_first_call() -> None:
    for code in ("OK", "UNKNOWN", "DATA_LOSS"):
        labels = {"grpc_type": "unary", "grpc_service": SERVICE, "grpc_method": "GetEcho", "grpc_code": code}

        async def serve() -> None:
            async with running_echo():
                pass

        asyncio.run(serve())
        assert REGISTRY.get_sample_value("grpc_server_handled_total", labels) is not None


async def test_reads_that_went_well_leave_no_record(captured: CapturedLogs) -> None:
    async with running_echo() as running:
        await running.stub.call("GetEcho", REQUEST)
        await running.stub.call("Say", REQUEST)
        await until(lambda: bool(captured.of("call")))
    assert [record["rpc"] for record in captured.of("call")] == ["Say"]


async def test_reads_that_failed_are_logged(captured: CapturedLogs) -> None:
    async def refuse(request: Any, context: Any) -> str:
        raise WrongState("run", "run_1", state="FAILED", expected="QUEUED")

    async with running_echo(refuse) as running:
        await failed(running, "GetEcho")
        await until(lambda: bool(captured.of("call")))
    (record,) = captured.of("call")
    assert (record["code"], record["error"]) == (
        "FAILED_PRECONDITION",
        "run 'run_1' is FAILED; this needs QUEUED",
    )


@pytest.mark.parametrize("method", ["Say", "Repeat"])
async def test_the_requests_ids_are_bound_for_whatever_the_handler_logs(
    method: str, captured: CapturedLogs
) -> None:
    async def log(request: Any, context: Any) -> str:
        await asyncio.sleep(0)
        logs.get_logger("test").info("in the handler")
        return ""

    async with running_echo(log) as running:
        await running.stub.call(method, REQUEST)
    for record in captured.of("in the handler"):
        bound = {name: record.get(name) for name in ("service", "rpc", "request_id", "run_id", "artist_id")}
        assert bound == {
            "service": "echo",
            "rpc": method,
            "request_id": "r-1",
            "run_id": "run_1",
            "artist_id": "art_1",
        }


@ALL_KINDS
async def test_each_call_has_a_context_of_its_own(method: str) -> None:
    async def tell(request: Any, context: Any) -> str:
        await asyncio.sleep(0)
        return f"{logs.context()['rpc']} {logs.context().get('run_id', '')}"

    async with running_echo(tell) as running:
        requests = [EchoRequest(run_id=f"run_{n}") for n in range(5)]
        answers = await asyncio.gather(*(running.stub.call(method, request) for request in requests))
    # Where the client streams there is no one request whose ids could be bound.
    bound = [f"run_{n}" if method in ("Say", "Repeat") else "" for n in range(5)]
    assert [set(texts) for texts in answers] == [{f"{method} {run_id}"} for run_id in bound]


@ALL_KINDS
async def test_an_app_error_reaches_the_client_whole(method: str) -> None:
    async def refuse(request: Any, context: Any) -> str:
        raise InvalidInput([FieldViolation("persona.name", "is required"), FieldViolation("b[1]", "is odd")])

    before = handled(method, "INVALID_ARGUMENT")
    async with running_echo(refuse) as running:
        error = await failed(running, method)
        await until(lambda: handled(method, "INVALID_ARGUMENT") > before)
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert error.remote_reason == reasons.ErrorReason.Name(reasons.ERROR_REASON_INVALID_INPUT)
    assert error.message == "persona.name: is required; b[1]: is odd"
    assert [(v.field, v.description) for v in error.violations] == [
        ("persona.name", "is required"),
        ("b[1]", "is odd"),
    ]
    assert handled(method, "INVALID_ARGUMENT") == before + 1


@ALL_KINDS
async def test_a_bugs_text_stays_in_the_log(method: str, captured: CapturedLogs) -> None:
    async def stumble(request: Any, context: Any) -> str:
        raise RuntimeError("the secret plan")

    before = handled(method, "INTERNAL")
    async with running_echo(stumble) as running:
        error = await failed(running, method)
        await until(lambda: handled(method, "INTERNAL") > before)
    assert error.remote_code is grpc.StatusCode.INTERNAL
    assert "secret plan" not in str(error.status())
    (record,) = captured.of("unexpected error")
    assert record["error_id"] == error.metadata["error_id"]
    assert record["error_id"] in error.message
    assert "the secret plan" in record["exception"]
    assert record["rpc"] == method


@ALL_KINDS
async def test_a_handler_may_abort_by_itself(method: str, captured: CapturedLogs) -> None:
    async def abort(request: Any, context: Any) -> str:
        await context.abort(grpc.StatusCode.OUT_OF_RANGE, "past the end")
        raise AssertionError

    before = handled(method, "OUT_OF_RANGE")
    async with running_echo(abort) as running:
        error = await failed(running, method)
        await until(lambda: handled(method, "OUT_OF_RANGE") > before)
    assert (error.remote_code, error.message) == (grpc.StatusCode.OUT_OF_RANGE, "past the end")
    assert captured.of("unexpected error") == []


@ALL_KINDS
async def test_a_handler_may_set_a_status_and_still_answer(method: str) -> None:
    async def warn(request: Any, context: Any) -> str:
        context.set_code(grpc.StatusCode.DATA_LOSS)
        return "half"

    before = handled(method, "DATA_LOSS")
    async with running_echo(warn) as running:
        assert (await failed(running, method)).remote_code is grpc.StatusCode.DATA_LOSS
        await until(lambda: handled(method, "DATA_LOSS") > before)


def waits_in(began: asyncio.Event, ended: asyncio.Event) -> Callable[[Any, Any], Awaitable[str]]:
    async def wait(request: Any, context: Any) -> str:
        began.set()
        try:
            return await asyncio.get_running_loop().create_future()
        finally:
            ended.set()

    return wait


@ALL_KINDS
async def test_a_call_that_its_client_cancels_is_ended_and_counted(
    method: str, captured: CapturedLogs
) -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    before = handled(method, "CANCELLED")
    async with running_echo(waits_in(began, ended)) as running:
        call = asyncio.create_task(running.stub.call(method, REQUEST))
        await began.wait()
        call.cancel()
        await asyncio.wait_for(ended.wait(), 10)
        await until(lambda: handled(method, "CANCELLED") > before)
    assert [(r["code"], r["rpc"]) for r in captured.of("call")] == [("CANCELLED", method)]
    assert captured.of("unexpected error") == []


@pytest.mark.parametrize("method", ["Repeat", "Chat"])
async def test_a_stream_that_its_client_leaves_is_closed_and_logged_as_what_it_was(
    method: str, captured: CapturedLogs
) -> None:
    before = handled(method, "CANCELLED")
    async with running_echo() as running:
        running.echo.answers = itertools.count()
        multicallable = getattr(running.stub, method)
        call = multicallable(REQUEST if method == "Repeat" else iter([REQUEST]))
        await call.read()
        call.cancel()
        await asyncio.wait_for(running.echo.stream_ended.wait(), 10)
        await until(lambda: bool(captured.of("call")))
    (record,) = captured.of("call")
    assert (record["code"], record["rpc"], record["service"]) == ("CANCELLED", method, "echo")
    assert handled(method, "CANCELLED") == before + 1


@ALL_KINDS
async def test_a_call_whose_time_is_over_is_ended_on_the_server_too(method: str) -> None:
    began, ended = asyncio.Event(), asyncio.Event()
    async with running_echo(waits_in(began, ended)) as running:
        error = await failed(running, method, timeout=0.2)
        await asyncio.wait_for(ended.wait(), 10)
    assert error.remote_code is grpc.StatusCode.DEADLINE_EXCEEDED


@ALL_KINDS
async def test_a_call_passes_on_what_is_left_of_its_time(method: str) -> None:
    async def tell(request: Any, context: Any) -> str:
        return str(deadline_s(500))

    async with running_echo(tell) as running:
        began = time.monotonic()
        left = float((await running.stub.call(method, REQUEST, timeout=100))[0])
        # On the wire a time is rounded up, to a second here.
        assert 100 - (time.monotonic() - began) - 1 <= left <= 101
        assert float((await running.stub.call(method, REQUEST, timeout=1_000))[0]) == 500
        assert float((await running.stub.call(method, REQUEST))[0]) == 500


def test_without_an_incoming_call_a_call_may_take_what_it_asks_for() -> None:
    assert deadline_s(7) == 7


async def test_an_unknown_method_is_unimplemented() -> None:
    async with running_echo() as running:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await running.channel.unary_unary(f"/{SERVICE}/Nothing")(b"")
    assert caught.value.code() is grpc.StatusCode.UNIMPLEMENTED
