"""A model that fails is left alone for a while, and tried once a cool-down."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import remote_error
from services.chassis.metrics import REGISTRY
from tests.support.fake_upstream import Hang, Say, Status

LONG = "3600"
Start = Callable[..., Any]


def breaker_metric(name: str, **labels: str) -> float | None:
    return REGISTRY.get_sample_value(f"aiartist_orchestrator_{name}", labels)


async def outcomes(orchestrator: Any, request_id: str) -> list[tuple[str, bool]]:
    answer = await orchestrator.ask(request_id)
    return [(attempt.outcome, attempt.skipped) for attempt in answer.attempts]


@pytest.mark.parametrize(
    "behaviour", [Status(500), Status(429), Status(401), Status(404)], ids=["500", "429", "401", "404"]
)
async def test_a_dead_first_model_is_called_once_a_cool_down(start: Start, behaviour: Any) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S=LONG)
    orchestrator.upstream.usual = {"first": behaviour}
    await orchestrator.ask("r-0")
    assert [await outcomes(orchestrator, f"r-{i}") for i in range(1, 6)] == [
        [("breaker_open", True), ("ok", False)]
    ] * 5
    assert len(orchestrator.upstream.asked_of("first")) == 1


async def test_simultaneous_calls_wait_for_no_dead_model_either(start: Start) -> None:
    orchestrator = await start(
        DEFAULTS__COOLDOWN_S=LONG, MODELS__FIRST__CONCURRENCY="1", MODELS__FIRST__TIMEOUT_S="0.2"
    )
    orchestrator.upstream.usual = {"first": Hang()}
    answers = await asyncio.gather(*(orchestrator.ask(f"r-{i}") for i in range(10)))
    assert [answer.model for answer in answers] == ["openai/second"] * 10
    # One had the only place; the others were waiting for it and were sent on.
    assert len(orchestrator.upstream.asked_of("first")) == 1


async def test_after_the_cool_down_one_probe_goes_out_and_its_success_closes_the_breaker(
    start: Start,
) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="0.001")
    hang = Hang(Say("back"))
    orchestrator.upstream.next("first", Status(500), hang)
    await orchestrator.ask("r-1")
    probe = asyncio.create_task(orchestrator.ask("r-2"))
    await hang.started.wait()
    model = await orchestrator.model()
    assert (model.breaker.state, model.breaker.outcome) == (pb.Breaker.STATE_HALF_OPEN, "server_error")
    assert await outcomes(orchestrator, "r-3") == [("breaker_open", True), ("ok", False)]
    hang.release.set()
    assert (await probe).text == "back"
    model = await orchestrator.model()
    assert (model.breaker.state, model.breaker.failures, model.breaker.probes) == (
        pb.Breaker.STATE_CLOSED,
        0,
        1,
    )
    assert (await orchestrator.ask("r-4")).model == "openai/first"


async def test_a_probe_whose_caller_goes_away_is_not_the_last_one(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="0.001")
    hang = Hang()
    orchestrator.upstream.next("first", Status(500), hang)
    await orchestrator.ask("r-1")
    probe = asyncio.create_task(orchestrator.ask("r-2"))
    await hang.started.wait()
    probe.cancel()
    await hang.gone.wait()
    async with asyncio.timeout(10):
        while (await orchestrator.ask(f"again-{len(orchestrator.upstream.asked)}")).model != "openai/first":
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])
async def test_the_provider_s_retry_after_goes_before_the_cool_down(start: Start, direct: bool) -> None:
    orchestrator = await start(direct=direct, DEFAULTS__COOLDOWN_S="0.001")
    orchestrator.upstream.next("first", Status(429, headers={"retry-after": "1800"}))
    await orchestrator.ask("r-1")
    breaker = (await orchestrator.model()).breaker
    assert (breaker.state, breaker.outcome) == (pb.Breaker.STATE_OPEN, "rate_limited")
    wait_s = breaker.retry_at.ToNanoseconds() / 1e9 - breaker.opened_at.ToNanoseconds() / 1e9
    assert wait_s == pytest.approx(1800, abs=60)
    assert await outcomes(orchestrator, "r-2") == [("breaker_open", True), ("ok", False)]


async def test_several_failures_where_so_many_are_wanted(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S=LONG, DEFAULTS__FAILURES="3")
    orchestrator.upstream.usual = {"first": Status(500)}
    for i in range(5):
        await orchestrator.ask(f"r-{i}")
    assert len(orchestrator.upstream.asked_of("first")) == 3


async def test_a_bad_answer_opens_nothing(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S=LONG)
    orchestrator.upstream.usual = {"first": Say("")}
    for i in range(3):
        assert await outcomes(orchestrator, f"r-{i}") == [("empty_answer", False), ("ok", False)]


async def test_an_exhausted_list_says_when_to_come_back_and_is_not_asked_again_by_the_channel(
    start: Start,
) -> None:
    orchestrator = await start(MODELS__FIRST__COOLDOWN_S="50", MODELS__SECOND__COOLDOWN_S="20")
    orchestrator.upstream.usual = {"first": Status(500), "second": Status(500)}
    for _ in range(3):
        with pytest.raises(grpc.aio.AioRpcError) as failed:
            await orchestrator.ask()
        assert remote_error(failed.value).metadata["retry_after_s"] == "20"
        assert ("grpc-retry-pushback-ms", "-1") in tuple(failed.value.trailing_metadata() or ())
    assert len(orchestrator.upstream.asked) == 2


async def test_the_state_is_a_metric(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S=LONG)
    opened = breaker_metric("breaker_opened_total", model="first", outcome="server_error") or 0
    assert breaker_metric("breaker_state", model="first", state="closed") == 1
    orchestrator.upstream.usual = {"first": Status(500)}
    await orchestrator.ask()
    assert breaker_metric("breaker_state", model="first", state="closed") == 0
    assert breaker_metric("breaker_state", model="first", state="open") == 1
    assert breaker_metric("breaker_opened_total", model="first", outcome="server_error") == opened + 1


async def test_a_recorded_answer_uses_up_no_probe(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="0.001")
    await orchestrator.ask("r-1")
    orchestrator.upstream.next("first", Status(500))
    await orchestrator.ask("r-2")
    for _ in range(3):
        assert (await orchestrator.ask("r-1")).replayed
    assert (await orchestrator.model()).breaker.probes == 0
