"""What a model's call leaves in a trace, and that nothing of the trace goes to a provider."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import pytest

from aiartist.common.v1 import persona_pb2
from tests.integration.orchestrator.conftest import order
from tests.support.fake_collector import FakeCollector, KeptSpan, traced
from tests.support.fake_upstream import Hang, Say, Status

GENERATE = "aiartist.orchestrator.v1.OrchestratorService/Generate"
COMPOSE = "aiartist.orchestrator.v1.OrchestratorService/ComposeSong"
PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
PERSONA = persona_pb2.Persona(name="Nova Vale", genre="synthwave", style="Plain.", target_duration_ms=60_000)
DIRECT = pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])


@pytest.fixture(autouse=True)
async def collector() -> AsyncIterator[FakeCollector]:
    """Before the orchestrator, which is traced."""
    async with traced() as opened:
        yield opened


async def spans_of(collector: FakeCollector, last: str = GENERATE) -> dict[str, KeptSpan]:
    await collector.named(last)
    return {span.name: span for span in collector.spans}


@DIRECT
async def test_a_call_is_a_span_with_its_model_and_tokens(
    start: Callable[..., Any], collector: FakeCollector, direct: bool
) -> None:
    orchestrator = await start(direct=direct)
    orchestrator.upstream.next("first", Say("good words"))
    answer = await orchestrator.ask("r-1", "a question that nobody else may read")
    spans = await spans_of(collector)
    call = spans["chat first"]
    assert (call.service, call.kind, call.parent_id) == ("orchestrator", "CLIENT", spans[GENERATE].span_id)
    assert call.attributes == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "first",
        "gen_ai.usage.input_tokens": answer.prompt_tokens,
        "gen_ai.usage.output_tokens": answer.completion_tokens,
        "aiartist.model": "first",
        "aiartist.role": "songwriter",
        "aiartist.attempt": 1,
        "aiartist.request_id": "r-1",
        "aiartist.outcome": "ok",
        "aiartist.cost_micro_usd": answer.cost_micro_usd,
    }
    assert not call.failed
    assert "nobody else may read" not in str(collector.spans)
    assert "good words" not in str(collector.spans)


@DIRECT
async def test_nothing_of_the_trace_goes_to_the_provider(
    start: Callable[..., Any], collector: FakeCollector, direct: bool
) -> None:
    orchestrator = await start(direct=direct)
    await orchestrator.ask("r-1")
    spans = await spans_of(collector)
    (asked,) = orchestrator.upstream.asked
    assert not {"traceparent", "tracestate", "baggage"} & set(asked.headers)
    told = f"{asked.headers} {asked.body}"
    assert spans[GENERATE].trace_id not in told
    assert spans["chat first"].span_id not in told


async def test_a_model_that_fails_and_the_one_that_answers_are_a_span_each(
    start: Callable[..., Any], collector: FakeCollector
) -> None:
    orchestrator = await start()
    orchestrator.upstream.next("first", Status(500, "it broke over: hello"))
    await orchestrator.ask("r-1", "hello")
    spans = await spans_of(collector)
    failed, answered = spans["chat first"], spans["chat second"]
    assert (failed.failed, failed.attributes["error.type"], failed.message) == (True, "server_error", "")
    assert not answered.failed
    assert failed.parent_id == answered.parent_id == spans[GENERATE].span_id


async def test_a_call_that_nobody_waits_for_any_more_ends_as_cancelled(
    start: Callable[..., Any], collector: FakeCollector
) -> None:
    orchestrator = await start()
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    asking = asyncio.ensure_future(orchestrator.ask("r-1"))
    await hang.started.wait()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    call = (await spans_of(collector, "chat first"))["chat first"]
    assert (call.attributes["aiartist.cancelled"], call.failed) == (True, False)


async def test_a_song_and_its_calls_are_parts_of_the_trace_of_whoever_orders_it(
    start: Callable[..., Any], collector: FakeCollector
) -> None:
    orchestrator = await start()
    orchestrator.artist_db.take_on(PERSONA)
    metadata = (("traceparent", PARENT),)
    stream = orchestrator.stub.ComposeSong(order("s-1"), metadata=metadata)
    assert [update async for update in stream][-1].HasField("song")
    spans = await spans_of(collector, COMPOSE)
    assert {f"00-{span.trace_id}" for span in collector.spans} == {PARENT[:35]}
    assert spans["chat first"].parent_id == spans[COMPOSE].span_id
