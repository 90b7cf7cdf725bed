"""Who may call a model: its limit of calls at once, and its breaker."""

import asyncio

import pytest

from services.chassis.breaker import BreakerOpen, State
from services.orchestrator.domain import Completion, UpstreamError, Usage
from services.orchestrator.gateway.gate import Gate
from services.orchestrator.models.catalog import Model

DONE = Completion("fine", Usage())
HUNG = UpstreamError("timeout", "no answer")


def gate(concurrency: int = 1) -> Gate:
    return Gate(Model("m", "openai/m", concurrency=concurrency))


async def entering(of: Gate) -> "asyncio.Task[object]":
    task: asyncio.Task[object] = asyncio.create_task(of.enter())
    await asyncio.sleep(0)
    return task


async def test_more_calls_than_places_wait_for_one() -> None:
    narrow = gate(2)
    permits = [await narrow.enter(), await narrow.enter()]
    third = await entering(narrow)
    assert not third.done()
    narrow.leave(permits[0], DONE)
    await third


async def test_those_who_wait_are_sent_on_when_the_model_fails() -> None:
    narrow = gate()
    permit = await narrow.enter()
    waiting = [await entering(narrow) for _ in range(3)]
    assert narrow.leave(permit, HUNG)
    ends = await asyncio.gather(*waiting, return_exceptions=True)
    assert [type(end) for end in ends] == [BreakerOpen] * 3


async def test_one_who_gives_up_waiting_does_not_take_the_place_along() -> None:
    narrow = gate()
    permit = await narrow.enter()
    first, second = await entering(narrow), await entering(narrow)
    narrow.leave(permit, DONE)
    # It is the first one's turn, and it goes away before it can take it.
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    await asyncio.wait_for(second, 5)


async def test_one_who_gives_up_early_is_passed_over() -> None:
    narrow = gate()
    permit = await narrow.enter()
    first, second = await entering(narrow), await entering(narrow)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    narrow.leave(permit, DONE)
    await asyncio.wait_for(second, 5)


@pytest.mark.parametrize("outcome", ["content_filter", "empty_answer", "cut_off", "bad_json", "bad_request"])
async def test_a_bad_answer_is_a_sign_of_life(outcome: str) -> None:
    narrow = gate()
    assert not narrow.leave(await narrow.enter(), UpstreamError(outcome, "why"))  # type: ignore[arg-type]
    assert narrow.breaker.state is State.CLOSED


@pytest.mark.parametrize("outcome", ["bad_key", "unknown_model"])
async def test_what_somebody_must_mend_benches_the_model(outcome: str) -> None:
    narrow = Gate(Model("m", "openai/m", failures=5, cooldown_s=30, bench_s=900))
    assert narrow.leave(await narrow.enter(), UpstreamError(outcome, "why"))  # type: ignore[arg-type]
    assert narrow.breaker.retry_in_s > 800
