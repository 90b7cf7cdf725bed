"""What a call may cost is held before it, and settled after; nothing is called over budget."""

import asyncio
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import SetupError, remote_error
from services.orchestrator.gateway.ledger import call_id
from tests.integration.orchestrator.conftest import question
from tests.support.fake_upstream import Hang, Reset, Say, Status, Trickle

Start = Callable[..., Any]

CEILING = 250_000
PRICED = {
    "MODELS__FIRST__INPUT_USD_PER_MTOK": "1",
    "MODELS__FIRST__OUTPUT_USD_PER_MTOK": "10",
    "MODELS__SECOND__INPUT_USD_PER_MTOK": "2",
    "MODELS__SECOND__OUTPUT_USD_PER_MTOK": "20",
}


async def test_a_call_costs_its_tokens_and_the_rest_of_its_hold_is_free_again(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.upstream.next("first", Say("good", usage=(1_000, 200)))
    answer = await orchestrator.ask("r-1", max_tokens=500, artist_id="art_1", run_id="run_1")
    assert answer.cost_micro_usd == 1_000 * 1 + 200 * 10
    (hold,) = orchestrator.artist_db.holds.values()
    assert (hold.artist_id, hold.run_id, hold.attempt) == ("art_1", "run_1", 1)
    assert hold.amount_micro_usd >= 500 * 10
    assert orchestrator.artist_db.held_micro_usd == 0
    assert orchestrator.artist_db.spent_micro_usd == 3_000


async def test_every_attempt_is_held_for_by_itself_and_a_failure_frees_it(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.upstream.next("first", Status(500))
    orchestrator.upstream.next("second", Say("good", usage=(10, 10)))
    answer = await orchestrator.ask("r-1")
    budgets = orchestrator.artist_db
    assert [attempt.cost_micro_usd for attempt in answer.attempts] == [0, 10 * 2 + 10 * 20]
    assert sorted(number for _, number in budgets.holds) == [1, 2]
    assert (budgets.held_micro_usd, budgets.spent_micro_usd) == (0, 220)


async def test_an_unusable_answer_was_paid_for_all_the_same(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.upstream.next("first", Say("We drove", "length", usage=(100, 50)))
    answer = await orchestrator.ask("r-1")
    assert answer.attempts[0].outcome == "cut_off"
    assert answer.attempts[0].cost_micro_usd == 100 + 500


async def test_over_budget_nothing_is_called_and_the_caller_learns_what_is_left(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.artist_db.limit_micro_usd = 2_000
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask("r-1", max_tokens=500, artist_id="art_1")
    error = remote_error(failed.value)
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.remote_reason == "ERROR_REASON_BUDGET_SPENT"
    assert float(error.metadata["left_usd"]) == 0.002
    assert float(error.metadata["needed_usd"]) >= 0.005
    assert orchestrator.upstream.asked == []
    await orchestrator.notifier.until_told(1)
    assert orchestrator.notifier.titles == ["The budget is spent: artist art_1"]


async def test_a_fallback_that_does_not_fit_is_not_made(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.artist_db.limit_micro_usd = 7_000
    orchestrator.upstream.next("first", Status(500))
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask("r-1", max_tokens=500)
    assert remote_error(failed.value).remote_reason == "ERROR_REASON_BUDGET_SPENT"
    assert orchestrator.upstream.asked_of("second") == []


async def test_an_unknown_price_counts_as_the_ceiling(start: Start) -> None:
    orchestrator = await start()
    answer = await orchestrator.ask("r-1")
    assert answer.cost_micro_usd == CEILING
    assert [h.amount_micro_usd for h in orchestrator.artist_db.holds.values()] == [CEILING]


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])
async def test_an_answer_that_tells_no_tokens_costs_the_most(start: Start, direct: bool) -> None:
    orchestrator = await start(direct=direct, **PRICED)
    orchestrator.upstream.next("first", Say("good", usage=None))
    answer = await orchestrator.ask("r-1", max_tokens=500)
    (hold,) = orchestrator.artist_db.holds.values()
    assert answer.cost_micro_usd == hold.amount_micro_usd >= 5_000


async def test_a_free_model_needs_no_budget(start: Start) -> None:
    orchestrator = await start(MODELS__FIRST__FREE="true")
    orchestrator.artist_db.limit_micro_usd = 0
    assert (await orchestrator.ask()).cost_micro_usd == 0
    assert orchestrator.artist_db.holds == {}


async def test_no_model_is_called_while_nobody_can_tell_what_is_left(start: Start) -> None:
    orchestrator = await start()
    orchestrator.artist_db.failures["HoldSpend"] = 1_000
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask()
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    assert orchestrator.upstream.asked == []


async def test_a_caller_who_goes_away_leaves_nothing_held(start: Start) -> None:
    orchestrator = await start(**PRICED)
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    caller = asyncio.create_task(orchestrator.ask("r-1"))
    await hang.started.wait()
    caller.cancel()
    await orchestrator.artist_db.until_recorded(1)
    (attempt,) = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert (attempt.outcome, attempt.cost_micro_usd) == ("cancelled", 0)
    assert orchestrator.artist_db.held_micro_usd == 0
    assert (await orchestrator.ask("r-1")).text


async def test_what_had_come_of_a_broken_answer_is_paid(start: Start) -> None:
    orchestrator = await start(**PRICED, MODELS__FIRST__FIRST_TOKEN_TIMEOUT_S="19")
    trickle = Trickle("one two three four five six seven eight nine ten eleven twelve")
    orchestrator.upstream.next("first", trickle)
    caller = asyncio.create_task(orchestrator.ask("r-1"))
    await trickle.started.wait()
    trickle.more.release()
    while not trickle.sent:
        await asyncio.sleep(0.001)
    orchestrator.upstream.next("first", Reset())
    await orchestrator.upstream.close()
    with pytest.raises(grpc.aio.AioRpcError):
        await caller
    attempt = orchestrator.artist_db.attempts_of(call_id("r-1"))[0]
    assert attempt.outcome == "cut_off"
    assert attempt.cost_micro_usd > 0


async def test_a_call_that_another_replica_makes_is_waited_for(start: Start) -> None:
    orchestrator = await start(**PRICED)
    orchestrator.artist_db.held_by_others.add((call_id("r-1"), 1))
    waiting = asyncio.create_task(orchestrator.ask("r-1"))
    other = await start(MODELS__FIRST__FREE="true")
    # The other one, which needs no hold here, stands for the replica that makes the call.
    paid = await other.ask("r-1")
    assert (await waiting).text == paid.text
    assert len(orchestrator.upstream.asked) == 1


async def test_a_call_whose_replica_died_is_made_here_when_its_lease_is_over(start: Start) -> None:
    orchestrator = await start(**PRICED)
    key = (call_id("r-1"), 1)
    orchestrator.artist_db.held_by_others.add(key)
    waiting = asyncio.create_task(orchestrator.ask("r-1"))
    refused = asyncio.Event()
    orchestrator.artist_db.before["HoldSpend"] = lambda _: refused.set()
    await refused.wait()
    assert orchestrator.upstream.asked == []
    orchestrator.artist_db.held_by_others.discard(key)
    assert (await waiting).text


@pytest.mark.parametrize("first_token_s", ["19", "20"], ids=["streamed", "whole"])
async def test_a_price_that_litellm_knows_is_taken(start: Start, first_token_s: str) -> None:
    orchestrator = await start(
        direct=False,
        MODELS__FIRST__LITELLM_MODEL="openai/gpt-4",
        MODELS__FIRST__FIRST_TOKEN_TIMEOUT_S=first_token_s,
    )
    orchestrator.upstream.next("gpt-4", Say("good", usage=(1_000, 100)))
    answer = await orchestrator.ask("r-1", max_tokens=500)
    # 30 and 60 dollars per million tokens.
    assert answer.cost_micro_usd == 1_000 * 30 + 100 * 60
    (hold,) = orchestrator.artist_db.holds.values()
    assert 500 * 60 <= hold.amount_micro_usd < 250_000
    assert (await orchestrator.model()).price == "$30 / $60 per million tokens"


async def test_an_unknown_price_counts_also_when_the_caller_goes_away_in_the_middle(start: Start) -> None:
    orchestrator = await start()
    trickle = Trickle("one two three four five six seven eight nine ten")
    orchestrator.upstream.next("first", trickle)
    asked = pb.GenerateStreamRequest(question=question("r-1", "hello"))
    call = orchestrator.stub.GenerateStream(asked, timeout=30)
    trickle.more.release()
    await call.read()
    call.cancel()
    await orchestrator.artist_db.until_recorded(1)
    (attempt,) = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert (attempt.outcome, attempt.cost_micro_usd) == ("cancelled", CEILING)


async def test_a_caller_who_goes_away_while_money_is_held_leaves_nothing_held(start: Start) -> None:
    orchestrator = await start(**PRICED)
    holding = asyncio.Event()
    orchestrator.artist_db.before["HoldSpend"] = lambda _: holding.set()
    for i in range(20):
        holding.clear()
        caller = asyncio.create_task(orchestrator.ask(f"r-{i}"))
        await holding.wait()
        caller.cancel()
    await orchestrator.app.close()
    assert len(orchestrator.artist_db.holds) == 20
    assert orchestrator.artist_db.held_micro_usd == 0


@pytest.mark.parametrize("name", ["max_tokens", "n", "stream", "response_format", "messages"])
async def test_no_parameter_changes_what_was_held_for(start: Start, name: str) -> None:
    with pytest.raises(SetupError, match=name):
        await start(**{f"MODELS__FIRST__PARAMS__{name.upper()}": "5"})
