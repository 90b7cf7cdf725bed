"""Traces over real sockets: what a call leaves at the collector, and what a bad collector costs."""

import asyncio
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import grpc
import pytest
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc
from pydantic import SecretStr

from services.chassis import logs, tracing, tracing_export
from services.chassis.clients import open_channel
from services.chassis.errors import NotFound, SetupError
from services.chassis.exporting import exporting
from services.chassis.metrics import REGISTRY
from services.chassis.settings import ChassisSettings
from tests.support.captured_logs import CapturedLogs
from tests.support.certificates import make_certificate
from tests.support.echo_service import KINDS, SERVICE, TOKENS, EchoRequest, EchoStub, running_echo
from tests.support.fake_collector import FakeCollector, KeptSpan, traced
from tests.support.processes import free_port

ALL_KINDS = pytest.mark.parametrize("method", KINDS)
REQUEST = EchoRequest(request_id="r-1", run_id="run_1", artist_id="art_1", text="hello")
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
UNSAMPLED = PARENT[:-2] + "00"


def only(spans: list[KeptSpan]) -> KeptSpan:
    (span,) = spans
    return span


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("aiartist_trace_spans_total", {"outcome": outcome}) or 0.0


@ALL_KINDS
async def test_a_call_is_a_span_named_as_conventions_say(method: str) -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call(method, REQUEST)
    span = only(collector.spans)
    assert (span.service, span.name, span.kind) == ("echo", f"{SERVICE}/{method}", "SERVER")
    expected = {"rpc.system": "grpc", "rpc.service": SERVICE, "rpc.method": method, "rpc.grpc.status_code": 0}
    assert expected.items() <= span.attributes.items()
    assert (span.parent_id, span.failed) == ("", False)
    assert span.ended_ns >= span.began_ns
    assert span.resource["service.namespace"] == "aiartist"


@pytest.mark.parametrize("method", ["Say", "Repeat"])
async def test_the_ids_of_a_request_are_on_its_span(method: str) -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call(method, REQUEST)
    ids = {"aiartist.request_id": "r-1", "aiartist.run_id": "run_1", "aiartist.artist_id": "art_1"}
    assert ids.items() <= only(collector.spans).attributes.items()


@ALL_KINDS
async def test_a_call_is_a_part_of_its_callers_trace(method: str) -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call(method, REQUEST, metadata=(("traceparent", PARENT),))
    span = only(collector.spans)
    assert f"00-{span.trace_id}-{span.parent_id}-01" == PARENT


@ALL_KINDS
async def test_what_a_caller_does_not_keep_is_not_kept_here(method: str) -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call(method, REQUEST, metadata=(("traceparent", UNSAMPLED),))
    assert collector.spans == []


@pytest.mark.parametrize("garbage", ["", "00-0-0-01", "x" * 500, PARENT + "-more"])
async def test_a_parent_that_is_none_begins_a_trace(garbage: str) -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call("Say", REQUEST, metadata=(("traceparent", garbage),))
    assert only(collector.spans).parent_id == ""


@pytest.mark.parametrize("method", ["Say", "Repeat"])
@pytest.mark.parametrize("token", [None, SecretStr("operator-token-01")])
async def test_a_call_to_another_service_carries_the_trace_and_its_state(
    method: str, token: SecretStr | None
) -> None:
    heard: list[dict[str, str]] = []

    async def hear(request: Any, context: Any) -> str:
        heard.append({key: str(value) for key, value in context.invocation_metadata()})
        return "heard"

    async with traced(), running_echo(hear) as there:

        async def pass_on(request: Any, context: Any) -> str:
            settings = ChassisSettings(token=token)
            async with open_channel(f"127.0.0.1:{there.app.port}", settings) as channel:
                return (await EchoStub(channel).call(method, REQUEST))[0]

        async with running_echo(pass_on) as here:
            metadata = (("traceparent", PARENT), ("tracestate", "vendor=abc"))
            await here.stub.call("Say", REQUEST, metadata=metadata)
    assert heard[0]["traceparent"].startswith(PARENT[:36])
    assert heard[0]["traceparent"] != PARENT, "it names the span of the service that calls"
    assert heard[0]["tracestate"] == "vendor=abc"
    assert ("authorization" in heard[0]) is (token is not None)


@pytest.mark.parametrize("method", ["Say", "Repeat"])
async def test_that_a_trace_is_not_kept_is_passed_on(method: str) -> None:
    async with traced() as collector, running_echo() as there:

        async def pass_on(request: Any, context: Any) -> str:
            async with open_channel(f"127.0.0.1:{there.app.port}", ChassisSettings()) as channel:
                return (await EchoStub(channel).call(method, REQUEST))[0]

        async with running_echo(pass_on) as here:
            await here.stub.call("Say", REQUEST, metadata=(("traceparent", UNSAMPLED),))
    assert collector.spans == []


async def test_spans_inside_a_call_are_its_parts() -> None:
    async def act(request: Any, context: Any) -> str:
        with tracing.span("outer", {"gen_ai.request.model": "m"}, kind="client", number=1, unknown=None):
            with tracing.span("inner") as inner:
                inner.set(found=True)
            await asyncio.create_task(_in_a_task())
        return "done"

    async def _in_a_task() -> None:
        with tracing.span("in a task"):
            pass

    async with traced() as collector, running_echo(act) as running:
        await running.stub.call("Say", REQUEST)
    by_name = {span.name: span for span in collector.spans}
    call, outer = by_name[f"{SERVICE}/Say"], by_name["outer"]
    assert {span.trace_id for span in collector.spans} == {call.trace_id}
    assert outer.parent_id == call.span_id
    assert by_name["inner"].parent_id == by_name["in a task"].parent_id == outer.span_id
    assert (outer.kind, outer.attributes) == ("CLIENT", {"gen_ai.request.model": "m", "aiartist.number": 1})
    assert by_name["inner"].attributes == {"aiartist.found": True}


async def test_a_process_of_many_services_tells_each_span_of_its_own() -> None:
    async with traced() as collector:
        for service in ("release", "notifier"):
            with tracing.root(service, "work"), tracing.span("part"):
                pass
    found = sorted((span.service, span.name) for span in collector.spans)
    assert found == [("notifier", "part"), ("notifier", "work"), ("release", "part"), ("release", "work")]
    assert len({span.resource["service.instance.id"] for span in collector.spans}) == 1


async def test_log_records_of_a_call_bear_its_trace(captured: CapturedLogs) -> None:
    async def act(request: Any, context: Any) -> str:
        logs.get_logger("test").info("in the call")
        with tracing.span("part"):
            logs.get_logger("test").info("in the part")
        logs.get_logger("test").info("after the part")
        return "done"

    async with traced() as collector, running_echo(act) as running:
        await running.stub.call("Say", REQUEST)
    ids = {span.name: (span.trace_id, span.span_id) for span in collector.spans}
    for event, name in (
        ("in the call", f"{SERVICE}/Say"),
        ("in the part", "part"),
        ("after the part", f"{SERVICE}/Say"),
        ("call", f"{SERVICE}/Say"),
    ):
        (record,) = captured.of(event)
        assert (record["trace_id"], record["span_id"]) == ids[name]


async def test_an_error_of_the_server_fails_the_span_without_secrets() -> None:
    async def act(request: Any, context: Any) -> str:
        with tracing.span("part"):
            raise ValueError("api_key=sk-verysecretvalue0123456789 is wrong")

    async with traced() as collector, running_echo(act) as running:
        with pytest.raises(grpc.aio.AioRpcError):
            await running.stub.call("Say", REQUEST)
    by_name = {span.name: span for span in collector.spans}
    call, part = by_name[f"{SERVICE}/Say"], by_name["part"]
    assert (call.failed, call.attributes["rpc.grpc.status_code"]) == (True, 13)
    assert (part.failed, part.attributes["error.type"]) == (True, "ValueError")
    assert "is wrong" in part.message
    assert "verysecret" not in str(collector.spans)


async def test_what_the_client_did_wrong_is_told_by_the_status_alone() -> None:
    async def act(request: Any, context: Any) -> str:
        raise NotFound("run", "run_9")

    async with traced() as collector, running_echo(act) as running:
        with pytest.raises(grpc.aio.AioRpcError):
            await running.stub.call("Say", REQUEST)
    span = only(collector.spans)
    assert (span.failed, span.attributes["rpc.grpc.status_code"]) == (False, 5)


async def test_a_secret_that_a_client_sends_as_an_id_does_not_leave() -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call("Say", EchoRequest(request_id="token=hunter2hunter2"))
    assert "hunter2" not in str(collector.spans)


@ALL_KINDS
async def test_a_refused_call_is_a_span_too(method: str) -> None:
    async with traced() as collector, running_echo(tokens=TOKENS) as running:
        with pytest.raises(grpc.aio.AioRpcError):
            await running.stub.call(method, REQUEST)
    assert only(collector.spans).attributes["rpc.grpc.status_code"] == 16


async def test_health_and_reflection_are_not_traced() -> None:
    async with traced() as collector, running_echo() as running:
        await health_pb2_grpc.HealthStub(running.channel).Check(health_pb2.HealthCheckRequest())
        requests = iter([reflection_pb2.ServerReflectionRequest(list_services="")])
        stub = reflection_pb2_grpc.ServerReflectionStub(running.channel)
        assert [answer async for answer in stub.ServerReflectionInfo(requests)]
    assert collector.spans == []


@pytest.mark.parametrize("method", ["Repeat", "Chat"])
async def test_the_span_of_a_stream_that_its_client_leaves_ends(method: str) -> None:
    async def act(request: Any, context: Any) -> str:
        with tracing.span("one answer"):
            return "hi"

    async with traced() as collector, running_echo(act) as running:
        running.echo.answers = iter(int, 1)
        call = getattr(running.stub, method)(iter([REQUEST]) if method == "Chat" else REQUEST)
        async for _ in call:
            break
        call.cancel()
        span = await collector.named(f"{SERVICE}/{method}")
    assert span.attributes["rpc.grpc.status_code"] == 1
    assert not span.failed


async def test_the_span_of_a_cancelled_call_ends_with_its_parts() -> None:
    begun = asyncio.Event()

    async def act(request: Any, context: Any) -> str:
        with tracing.span("part"):
            begun.set()
            await asyncio.Event().wait()
        return "never"

    async with traced() as collector, running_echo(act) as running:
        call = running.stub.Say(REQUEST)
        await begun.wait()
        call.cancel()
        part = await collector.named("part")
        await collector.named(f"{SERVICE}/Say")
    assert (part.attributes["aiartist.cancelled"], part.failed) == (True, False)


async def test_a_part_of_a_generator_that_another_task_closes_ends_and_disturbs_nobody() -> None:
    async def numbers() -> AsyncIterator[int]:
        with tracing.span("numbers"):
            yield 1
            yield 2

    async with traced() as collector:
        with tracing.root("echo", "here"):
            generator = numbers()
            assert await anext(generator) == 1
        with tracing.root("echo", "there"):
            outside = tracing.current()

            async def close() -> None:
                await generator.aclose()
                assert tracing.current() == outside

            await asyncio.create_task(close())
            assert tracing.current() == outside
    by_name = {span.name: span for span in collector.spans}
    assert by_name["numbers"].parent_id == by_name["here"].span_id


async def test_without_an_endpoint_nothing_is_traced_or_sent() -> None:
    heard: list[str] = []

    async def act(request: Any, context: Any) -> str:
        with tracing.span("part"):
            heard.extend(key for key, _ in context.invocation_metadata())
        return "done"

    async with (
        FakeCollector() as collector,
        exporting(ChassisSettings()),
        running_echo(act) as running,
    ):
        assert not tracing.is_on()
        await running.stub.call("Say", REQUEST)
    assert collector.exports == 0
    assert "traceparent" not in heard


async def test_a_ratio_of_none_keeps_none() -> None:
    async with traced(ratio=0.0) as collector, running_echo() as running:
        await running.stub.call("Say", REQUEST)
    assert collector.spans == []


async def test_sending_traces_is_not_traced_itself_and_carries_nothing_of_ours() -> None:
    async with traced() as collector, running_echo() as running:
        await running.stub.call("Say", REQUEST)
    assert len(collector.spans) == 1
    assert not {"traceparent", "authorization"} & set(collector.metadata[0])


async def test_a_collector_may_speak_tls(tmp_path: Path) -> None:
    ours = make_certificate(tmp_path, "ours")
    pair = (ours.key.read_bytes(), ours.cert.read_bytes())
    collector = FakeCollector()
    await collector.start(grpc.ssl_server_credentials([pair]))
    endpoint = f"https://localhost:{collector.port}"
    async with exporting(ChassisSettings(otlp_endpoint=endpoint, tls_ca=ours.cert)):
        with tracing.root("echo", "over TLS"):
            pass
    await collector.close()
    assert [span.name for span in collector.spans] == ["over TLS"]


async def test_a_missing_authority_is_told_by_its_setting(tmp_path: Path) -> None:
    settings = ChassisSettings(otlp_endpoint="https://localhost:1", tls_ca=tmp_path / "absent.crt")
    with pytest.raises(SetupError, match="AIARTIST_TLS_CA: cannot read"):
        async with exporting(settings):
            raise AssertionError("unreachable")


@pytest.fixture
async def bad_collector(request: pytest.FixtureRequest) -> AsyncIterator[FakeCollector]:
    """One that is away, hangs, or refuses."""
    collector = FakeCollector()
    if request.param == "away":
        collector.port = free_port()
    else:
        await collector.start()
        collector.hangs = request.param == "hangs"
        collector.refuses = grpc.StatusCode.PERMISSION_DENIED if request.param == "refuses" else None
    yield collector
    await collector.close()


@pytest.mark.parametrize("bad_collector", ["away", "hangs", "refuses"], indirect=True)
async def test_a_bad_collector_costs_spans_and_one_line_in_the_log(
    bad_collector: FakeCollector, captured: CapturedLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing_export, "CLOSE_S", 0.2)
    monkeypatch.setattr(tracing_export, "QUEUE", 600)
    before = counted("dropped")
    async with (
        exporting(ChassisSettings(otlp_endpoint=bad_collector.endpoint)),
        running_echo() as running,
    ):
        for _ in range(700):
            with tracing.root("echo", "work"):
                pass
        # Calls are answered as if nothing were.
        assert await running.stub.call("Say", REQUEST, timeout=10) == ["hello"]
    assert counted("dropped") == before + 701
    complaints = captured.of("traces can't be sent; they are dropped")
    assert len(complaints) == 1
    assert complaints[0]["collector"] == bad_collector.endpoint
    others = [r for r in captured.records if r["level"] in ("warning", "error", "critical")]
    assert others == complaints


async def test_a_collector_that_comes_late_gets_what_comes_then(
    captured: CapturedLogs, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tracing_export, "INTERVAL_S", 0.05)
    monkeypatch.setattr(tracing_export, "SEND_TIMEOUT_S", 0.2)
    collector = FakeCollector()
    collector.port = free_port()
    async with exporting(ChassisSettings(otlp_endpoint=collector.endpoint)):
        with tracing.root("echo", "too early"):
            pass
        while not captured.of("traces can't be sent; they are dropped"):
            await asyncio.sleep(0.01)
        await collector.start(port=collector.port)
        while not collector.spans:
            with tracing.root("echo", "later"):
                pass
            await asyncio.sleep(0.05)
    await collector.close()
    assert {span.name for span in collector.spans} == {"later"}
    assert len(captured.of("traces are sent again")) == 1


async def test_what_the_sdk_says_of_each_try_stays_out_of_the_log(captured: CapturedLogs) -> None:
    async with traced():
        logging.getLogger("opentelemetry.exporter.otlp.proto.grpc.exporter").error("Failed to export")
    assert captured.records == []
