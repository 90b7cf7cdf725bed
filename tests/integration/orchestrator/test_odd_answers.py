"""Answers that no documentation has: the next model is asked all the same, and nothing stays held."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.orchestrator.gateway.ledger import call_id
from tests.integration.orchestrator.conftest import question
from tests.support.fake_upstream import Raw, Say, Status

Start = Callable[..., Any]
BOTH = pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])


def answer(content: Any = "fine", usage: Any = None, finish_reason: Any = "stop") -> str:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": content},
        "finish_reason": finish_reason,
    }
    told = {"id": "x", "object": "chat.completion", "created": 1, "model": "m", "choices": [choice]}
    return json.dumps(told | ({"usage": usage} if usage is not None else {}))


def events(*chunks: Any, end: str = "\n\n", done: bool = True) -> str:
    lines = [chunk if isinstance(chunk, str) else f"data: {json.dumps(chunk)}" for chunk in chunks]
    return end.join([*lines, "data: [DONE]"] if done else lines) + end


def chunk(content: Any = None, finish_reason: Any = None, index: int = 0, **more: Any) -> dict[str, Any]:
    choice = {"index": index, "delta": {"content": content}, "finish_reason": finish_reason}
    return {
        "id": "x",
        "object": "chat.completion.chunk",
        "created": 1,
        "model": "m",
        "choices": [choice],
    } | more


@BOTH
@pytest.mark.parametrize(
    "body",
    [
        answer(content=5),
        answer(usage={"prompt_tokens": "many", "completion_tokens": 1}),
        '{"choices": []}',
        '{"choices": null}',
        '{"error": {"message": "Incorrect API key provided: sk-proj-abcdefghijklmnop"}}',
        "[" * 100_000,
        '{"choices": [{"message": {"role": "assistant", "content": null, "tool_calls": []}}]}',
    ],
    ids=["a number", "usage in words", "no choice", "null", "an error with 200", "deep", "tool calls"],
)
async def test_an_answer_of_another_form_goes_to_the_next_model(
    start: Start, body: str, direct: bool
) -> None:
    orchestrator = await start(direct=direct)
    orchestrator.upstream.next("first", Raw(body))
    orchestrator.upstream.next("second", Say("good"))
    got = await orchestrator.ask("r-1")
    if got.model == "openai/first":
        # litellm reads more than we do; what it made of it must be an answer.
        assert not direct
        assert got.text
        return
    assert got.text == "good"
    recorded = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert [call.outcome for call in recorded][-1] == "ok"
    assert "sk-proj" not in str(recorded)
    assert orchestrator.artist_db.held_micro_usd == 0


@BOTH
@pytest.mark.parametrize(
    "usage",
    [
        {"prompt_tokens": -5, "completion_tokens": 2**40},
        {"prompt_tokens": None},
        {},
        {"prompt_tokens": 1e300},
    ],
    ids=["out of range", "null", "empty", "huge"],
)
async def test_tokens_that_can_be_none_are_not_counted(start: Start, usage: Any, direct: bool) -> None:
    orchestrator = await start(direct=direct)
    orchestrator.upstream.next("first", Raw(answer(usage=usage)))
    got = await orchestrator.ask("r-1")
    assert got.text == "fine" or got.model == "openai/second"
    assert orchestrator.artist_db.held_micro_usd == 0


async def test_text_in_parts_is_put_together(orchestrator: Any) -> None:
    parts = [{"type": "text", "text": "We "}, {"type": "image"}, {"type": "text", "text": "drove"}]
    orchestrator.upstream.next("first", Raw(answer(content=parts)))
    assert (await orchestrator.ask("r-1")).text == "We drove"


async def test_half_a_character_is_replaced_and_two_halves_are_one(orchestrator: Any) -> None:
    orchestrator.upstream.next("first", Raw(answer(content="smile \ud83d!")))
    assert (await orchestrator.ask("r-1")).text == "smile \ufffd!"
    orchestrator.upstream.next("first", Raw(answer(content="smile \ud83d\ude00!")))
    assert (await orchestrator.ask("r-2")).text == "smile \U0001f600!"


@pytest.mark.parametrize(
    "body",
    [
        events(chunk("We "), chunk("drove"), chunk(None, "stop")),
        events(chunk("We "), chunk("drove"), chunk(None, "stop"), end="\r\n\r\n"),
        events(chunk("We "), chunk("drove"), chunk(None, "stop"), end="\r\r"),
        events(": ping", chunk("We "), "event: message", chunk("drove"), chunk("", "stop")),
        events(chunk("We "), chunk("drove", "stop"), done=False),
        events(chunk("We drove", "stop"), {"choices": [], "usage": {"prompt_tokens": 1}}),
        "\ufeff" + events(chunk("We drove", "stop")),
        events(chunk("We "), chunk("drove", "stop")).replace("data: ", "data:"),
        events("data: {\ndata: " + json.dumps(chunk("We drove", "stop"))[1:]),
    ],
    ids=["LF", "CRLF", "CR", "comments", "no DONE", "usage last", "BOM", "no space", "two lines"],
)
async def test_a_stream_may_look_as_the_standard_allows(orchestrator: Any, body: str) -> None:
    orchestrator.upstream.next("first", Raw(body, content_type="text/event-stream"))
    asked = pb.GenerateStreamRequest(question=question("r-1", "hello"))
    updates = [update async for update in orchestrator.stub.GenerateStream(asked, timeout=30)]
    assert (updates[-1].answer.text, updates[-1].answer.model) == ("We drove", "openai/first")
    assert "".join(update.text for update in updates) == "We drove"


@pytest.mark.parametrize(
    "body",
    [
        "data: " + "x" * 1_500_000 + "\n\n",
        events(chunk("\ud83d"), {"error": {"message": "no \ud83d"}}),
        events(chunk([1])),
        events("data: " + "[" * 100_000),
    ],
    ids=["a giant line", "half a character in an error", "a list", "deep"],
)
async def test_a_stream_that_can_not_be_read_goes_to_the_next_model(orchestrator: Any, body: str) -> None:
    orchestrator.upstream.next("first", Raw(body, content_type="text/event-stream"))
    asked = pb.GenerateStreamRequest(question=question("r-1", "hello"))
    updates = [update async for update in orchestrator.stub.GenerateStream(asked, timeout=30)]
    assert updates[-1].answer.model == "openai/second"
    assert orchestrator.artist_db.held_micro_usd == 0


async def test_a_redirect_is_not_followed(orchestrator: Any) -> None:
    elsewhere = f"{orchestrator.upstream.url}/chat/completions"
    orchestrator.upstream.next("first", Status(307, headers={"location": elsewhere}))
    got = await orchestrator.ask("r-1")
    assert got.model == "openai/second"
    assert len(orchestrator.upstream.asked_of("first")) == 1


async def test_a_secret_in_a_provider_s_words_reaches_nobody(orchestrator: Any) -> None:
    body = '{"error": "Incorrect API key provided: sk-proj-abcdefghijklmnop, password=hunter2"}'
    orchestrator.upstream.next("first", Raw(body))
    got = await orchestrator.ask("r-1")
    await orchestrator.notifier.until_told(1)
    told = str(got) + str(orchestrator.artist_db.calls) + str(orchestrator.notifier.told)
    assert "is not a chat completion" in told
    assert "sk-proj" not in told
    assert "hunter2" not in told
