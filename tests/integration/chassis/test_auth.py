"""Who may call what, and how many calls at once."""

import asyncio
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import SecretStr

from services.chassis import logs
from services.chassis.clients import open_channel
from services.chassis.errors import remote_error
from services.chassis.metrics import REGISTRY
from services.chassis.settings import ChassisSettings
from tests.support.captured_logs import CapturedLogs
from tests.support.echo_service import KINDS, SERVICE, TOKENS, EchoRequest, EchoStub, running_echo

VIEWER, OPERATOR, LABEL = "viewer-token-0001", "operator-token-01", "service-token-001"
METHODS = [*KINDS, "GetEcho"]
REQUEST = EchoRequest(text="hello")


async def outcome(stub: EchoStub, method: str, token: str | None = None) -> str:
    """The status and the reason's end, or OK."""
    metadata = () if token is None else (("authorization", f"Bearer {token}"),)
    try:
        await stub.call(method, REQUEST, metadata=metadata)
    except grpc.aio.AioRpcError as error:
        told = remote_error(error)
        return f"{told.remote_code.name} {told.remote_reason.removeprefix('ERROR_REASON_')}"
    return "OK"


async def test_without_tokens_everybody_on_this_machine_may_do_everything() -> None:
    async with running_echo() as running:
        assert [await outcome(running.stub, method) for method in METHODS] == ["OK"] * 5


@pytest.mark.parametrize(
    ("token", "reads", "changes"),
    [
        (None, "UNAUTHENTICATED UNAUTHENTICATED", "UNAUTHENTICATED UNAUTHENTICATED"),
        ("unknown-token-0000", "UNAUTHENTICATED UNAUTHENTICATED", "UNAUTHENTICATED UNAUTHENTICATED"),
        ("", "UNAUTHENTICATED UNAUTHENTICATED", "UNAUTHENTICATED UNAUTHENTICATED"),
        (VIEWER[:-1], "UNAUTHENTICATED UNAUTHENTICATED", "UNAUTHENTICATED UNAUTHENTICATED"),
        (VIEWER, "OK", "PERMISSION_DENIED ROLE_TOO_LOW"),
        (OPERATOR, "OK", "OK"),
        (LABEL, "OK", "OK"),
    ],
)
async def test_a_token_may_do_what_its_role_may(token: str | None, reads: str, changes: str) -> None:
    async with running_echo(tokens=TOKENS) as running:
        told = {method: await outcome(running.stub, method, token) for method in METHODS}
    assert told == {**dict.fromkeys(KINDS, changes), "GetEcho": reads}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (f"Bearer {OPERATOR}", "OK"),
        (f"bearer  {OPERATOR} ", "OK"),
        (OPERATOR, "UNAUTHENTICATED"),
        (f"Basic {OPERATOR}", "UNAUTHENTICATED"),
        ("Bearer", "UNAUTHENTICATED"),
    ],
)
async def test_only_a_bearer_token_is_one(value: str, expected: str) -> None:
    async with running_echo(tokens=TOKENS) as running:
        try:
            await running.stub.call("GetEcho", REQUEST, metadata=(("authorization", value),))
            told = "OK"
        except grpc.aio.AioRpcError as error:
            told = error.code().name
    assert told == expected


async def test_a_refused_call_is_counted_and_logged_without_its_token(captured: CapturedLogs) -> None:
    labels = {
        "grpc_type": "unary",
        "grpc_service": SERVICE,
        "grpc_method": "Say",
        "grpc_code": "UNAUTHENTICATED",
    }
    before = REGISTRY.get_sample_value("grpc_server_handled_total", labels) or 0.0
    async with running_echo(tokens=TOKENS) as running:
        await outcome(running.stub, "Say", "unknown-token-0000")
    assert REGISTRY.get_sample_value("grpc_server_handled_total", labels) == before + 1
    assert [record["code"] for record in captured.of("call")] == ["UNAUTHENTICATED"]
    assert "unknown-token" not in captured.text


async def test_the_caller_is_known_by_name_in_the_log(captured: CapturedLogs) -> None:
    async def log(request: Any, context: Any) -> str:
        logs.get_logger("test").info("in the handler")
        return ""

    async with running_echo(log, tokens=TOKENS) as running:
        await outcome(running.stub, "Say", OPERATOR)
    assert [record["caller"] for record in captured.of("in the handler")] == ["olga"]


async def test_health_is_for_everybody() -> None:
    async with running_echo(tokens=TOKENS) as running:
        health = health_pb2_grpc.HealthStub(running.channel)
        answer = await health.Check(health_pb2.HealthCheckRequest(service="readiness"), timeout=10)
        assert answer.status == health_pb2.HealthCheckResponse.SERVING


async def reflected_services(channel: grpc.aio.Channel, **options: Any) -> set[str]:
    stub = reflection_pb2_grpc.ServerReflectionStub(channel)
    call = stub.ServerReflectionInfo(
        iter([reflection_pb2.ServerReflectionRequest(list_services="")]), timeout=10, **options
    )
    async for answer in call:
        return {service.name for service in answer.list_services_response.service}
    raise AssertionError


async def test_reflection_lists_the_service_and_describes_it() -> None:
    async with running_echo() as running:
        assert SERVICE in await reflected_services(running.channel)
        stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
        request = reflection_pb2.ServerReflectionRequest(file_containing_symbol=SERVICE)
        async for answer in stub.ServerReflectionInfo(iter([request]), timeout=10):
            assert len(answer.file_descriptor_response.file_descriptor_proto) >= 1


async def test_reflection_wants_a_token_where_there_are_tokens() -> None:
    async with running_echo(tokens=TOKENS) as running:
        with pytest.raises(grpc.aio.AioRpcError) as refused:
            await reflected_services(running.channel)
        assert refused.value.code() is grpc.StatusCode.UNAUTHENTICATED
        found = await reflected_services(running.channel, metadata=(("authorization", f"Bearer {VIEWER}"),))
    assert found == {SERVICE, "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"}


@pytest.mark.parametrize("method", ["Say", "Repeat", "GetEcho"])
async def test_a_client_sends_its_own_token(method: str) -> None:
    async with running_echo(tokens=TOKENS, client=ChassisSettings(token=SecretStr(OPERATOR))) as running:
        assert await outcome(running.stub, method) == "OK"


async def test_a_clients_token_comes_beside_the_calls_own_metadata() -> None:
    async def tell(request: Any, context: Any) -> str:
        return "; ".join(f"{key}={value}" for key, value in context.invocation_metadata())

    client = ChassisSettings(token=SecretStr(OPERATOR))
    async with running_echo(tell, tokens=TOKENS, client=client) as running:
        (told,) = await running.stub.call("Say", REQUEST, metadata=(("x-more", "1"),))
    assert {"x-more=1", f"authorization=Bearer {OPERATOR}"} <= set(told.split("; "))


async def test_one_call_too_many_is_refused_at_once() -> None:
    inside, release = asyncio.Semaphore(0), asyncio.Event()

    async def wait(request: Any, context: Any) -> str:
        inside.release()
        await release.wait()
        return "done"

    async with running_echo(wait, max_concurrent_rpcs=2) as running:
        waiting = [asyncio.create_task(running.stub.call(m, REQUEST)) for m in ("Say", "Repeat")]
        for _ in waiting:
            await inside.acquire()
        for method in METHODS:
            assert await outcome(running.stub, method) == "RESOURCE_EXHAUSTED OVERLOADED"
        health = health_pb2_grpc.HealthStub(running.channel)
        assert (await health.Check(health_pb2.HealthCheckRequest(), timeout=10)).status
        release.set()
        assert [set(texts) for texts in await asyncio.gather(*waiting)] == [{"done"}] * 2
        # A place that was given back is there for the next one.
        assert await outcome(running.stub, "Say") == "OK"


async def test_refused_and_failed_calls_give_their_place_back(captured: CapturedLogs) -> None:
    async def stumble(request: Any, context: Any) -> str:
        raise ValueError

    async with running_echo(stumble, max_concurrent_rpcs=1, tokens=TOKENS) as running:
        for _ in range(3):
            for method in METHODS:
                assert await outcome(running.stub, method) == "UNAUTHENTICATED UNAUTHENTICATED"
                assert await outcome(running.stub, method, OPERATOR) == "INTERNAL INTERNAL"
    assert captured.of("unexpected error")


async def test_a_client_without_a_token_adds_nothing_to_a_call() -> None:
    async def tell(request: Any, context: Any) -> str:
        return str(any(key == "authorization" for key, _ in context.invocation_metadata()))

    async with running_echo(tell) as running:
        assert await running.stub.call("Say", REQUEST) == ["False"]
        async with open_channel(f"127.0.0.1:{running.app.port}", ChassisSettings()) as channel:
            assert await EchoStub(channel).call("Say", REQUEST) == ["False"]
