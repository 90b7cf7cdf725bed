"""Answers as they come."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from tests.integration.orchestrator.conftest import question
from tests.integration.orchestrator.test_generate import schema
from tests.support.fake_upstream import CutOff, Hang, Raw, Say, Stall, Status, Trickle

Start = Callable[..., Any]
WORDS = "We drove along the harbour road until the lights went out behind us one by one"
BOTH = pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])


def stream(orchestrator: Any, request_id: str = "r-1", **more: Any) -> Any:
    asked = pb.GenerateStreamRequest(question=question(request_id, "hello", **more))
    return orchestrator.stub.GenerateStream(asked, timeout=30)


async def all_of(call: Any) -> list[pb.GenerateStreamResponse]:
    return [update async for update in call]


def text_of(updates: list[pb.GenerateStreamResponse]) -> str:
    return "".join(update.text for update in updates)


@BOTH
async def test_the_text_comes_as_the_model_says_it_and_the_whole_answer_last(
    start: Start, direct: bool
) -> None:
    orchestrator = await start(direct=direct)
    trickle = Trickle(WORDS, usage=(10, 20))
    orchestrator.upstream.next("first", trickle)
    call = aiter(stream(orchestrator))
    trickle.more.release()
    first = await anext(call)
    assert first.text
    assert WORDS.startswith(first.text)
    assert trickle.sent != WORDS
    for _ in range(100):
        trickle.more.release()
    rest = await all_of(call)
    assert first.text + text_of(rest) == WORDS == rest[-1].answer.text
    assert [update.WhichOneof("update") for update in rest].count("answer") == 1
    assert (rest[-1].answer.prompt_tokens, rest[-1].answer.completion_tokens) == (10, 20)


@BOTH
async def test_a_client_that_goes_away_stops_the_upstream_call(start: Start, direct: bool) -> None:
    orchestrator = await start(direct=direct)
    trickle = Trickle(WORDS)
    orchestrator.upstream.next("first", trickle)
    call = stream(orchestrator)
    trickle.more.release()
    await call.read()
    call.cancel()
    await asyncio.wait_for(trickle.gone.wait(), 20)


async def test_another_listener_keeps_the_call_going_and_hears_all_of_it(orchestrator: Any) -> None:
    trickle = Trickle(WORDS)
    orchestrator.upstream.next("first", trickle)
    one = stream(orchestrator)
    trickle.more.release()
    await one.read()
    two = aiter(stream(orchestrator))
    heard = await anext(two)
    one.cancel()
    for _ in range(100):
        trickle.more.release()
    assert heard.text + text_of(await all_of(two)) == WORDS
    assert len(orchestrator.upstream.asked) == 1


@BOTH
async def test_a_stream_that_breaks_off_is_begun_anew_by_the_next_model(start: Start, direct: bool) -> None:
    orchestrator = await start(direct=direct)
    orchestrator.upstream.next("first", CutOff(WORDS, after=2))
    orchestrator.upstream.next("second", Say("Good morning"))
    updates = await all_of(stream(orchestrator))
    kinds = [update.WhichOneof("update") for update in updates]
    again = kinds.index("restart")
    assert updates[again].restart == pb.Restart(model="openai/first", outcome="cut_off")
    assert WORDS.startswith(text_of(updates[:again]))
    assert text_of(updates[:again])
    assert text_of(updates[again:]) == "Good morning" == updates[-1].answer.text
    assert [a.outcome for a in updates[-1].answer.attempts] == ["cut_off", "ok"]


async def test_a_stream_without_an_end_is_no_answer(orchestrator: Any) -> None:
    chunk = {"choices": [{"index": 0, "delta": {"content": "We drove"}, "finish_reason": None}]}
    orchestrator.upstream.next(
        "first", Raw(f"data: {json.dumps(chunk)}\n\n", content_type="text/event-stream")
    )
    orchestrator.upstream.next("second", Say("Good morning"))
    updates = await all_of(stream(orchestrator))
    assert [a.outcome for a in updates[-1].answer.attempts] == ["cut_off", "ok"]


@pytest.mark.parametrize("body", ["data: {]\n\n", "data: [1]\n\n", 'data: {"error": {"message": "no"}}\n\n'])
async def test_a_stream_of_garbage_is_no_answer(orchestrator: Any, body: str) -> None:
    orchestrator.upstream.next("first", Raw(body, content_type="text/event-stream"))
    updates = await all_of(stream(orchestrator))
    assert [a.outcome for a in updates[-1].answer.attempts] == ["unreachable", "ok"]


async def test_a_server_that_does_not_stream_is_heard_all_at_once(orchestrator: Any) -> None:
    answer = {"choices": [{"message": {"content": WORDS}, "finish_reason": "stop"}]}
    orchestrator.upstream.next("first", Raw(json.dumps(answer)))
    updates = await all_of(stream(orchestrator))
    assert text_of(updates) == WORDS == updates[-1].answer.text


async def test_json_is_told_only_when_it_is_whole_and_valid(orchestrator: Any) -> None:
    orchestrator.upstream.next("first", Say('{"mood": '), Say('{"mood": "sad", "tempo": 90}'))
    updates = await all_of(stream(orchestrator, json_schema=schema()))
    assert [update.WhichOneof("update") for update in updates if not update.HasField("restart")] == ["answer"]
    assert json.loads(updates[-1].answer.text) == {"mood": "sad", "tempo": 90}


async def test_a_recorded_answer_comes_at_once_and_whole(orchestrator: Any) -> None:
    first = await orchestrator.ask("r-1")
    (only,) = await all_of(stream(orchestrator, "r-1"))
    assert (only.answer.text, only.answer.replayed) == (first.text, True)
    assert len(orchestrator.upstream.asked) == 1


@BOTH
async def test_a_model_that_does_not_begin_is_given_up_long_before_its_whole_time_is_over(
    start: Start, direct: bool
) -> None:
    orchestrator = await start(direct=direct, timeout_s=3_000, MODELS__FIRST__FIRST_TOKEN_TIMEOUT_S="0.3")
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    answer = await orchestrator.ask()
    assert [attempt.outcome for attempt in answer.attempts] == ["timeout", "ok"]
    assert answer.attempts[0].detail == "no token within 0.3 s"
    await hang.gone.wait()


@BOTH
async def test_a_model_that_has_begun_may_take_its_time(start: Start, direct: bool) -> None:
    orchestrator = await start(direct=direct, MODELS__FIRST__FIRST_TOKEN_TIMEOUT_S="2")
    stall = Stall(WORDS)
    orchestrator.upstream.next("first", stall)
    asking = asyncio.create_task(orchestrator.ask())
    await stall.started.wait()
    await asyncio.sleep(2.5)  # longer than the first token may take: what is under test is a clock
    stall.release.set()
    assert (await asking).text == WORDS


async def test_a_stream_has_the_same_errors_as_a_single_answer(orchestrator: Any) -> None:
    orchestrator.upstream.usual = {"first": Status(500), "second": Status(500)}
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await all_of(stream(orchestrator))
    assert failed.value.code() is grpc.StatusCode.UNAVAILABLE
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await all_of(orchestrator.stub.GenerateStream(pb.GenerateStreamRequest()))
    assert failed.value.code() is grpc.StatusCode.INVALID_ARGUMENT
