"""The double of a model provider: tests of fallbacks are worth what it is."""

import asyncio
import base64
import json
from collections.abc import AsyncIterator
from io import BytesIO
from typing import Any

import httpx
import pytest
from PIL import Image

from tests.support.fake_upstream import (
    CutOff,
    FakeUpstream,
    Picture,
    Say,
    Stall,
    Trickle,
    pieces_of,
    upstream_process,
)

TEXT = 'Seven lanterns over the harbour,\n  one for each of the years "without you" — été'
QUESTION = [{"role": "user", "content": "a line please"}]


@pytest.fixture
async def upstream() -> AsyncIterator[FakeUpstream]:
    async with FakeUpstream() as running:
        yield running


@pytest.fixture
async def client(upstream: FakeUpstream) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=f"{upstream.url}/", trust_env=False, timeout=10) as running:
        yield running


def _body(**more: Any) -> dict[str, Any]:
    return {"model": "first", "messages": QUESTION, **more}


async def _ask(client: httpx.AsyncClient, **more: Any) -> Any:
    return (await client.post("chat/completions", json=_body(**more))).json()


async def _events(response: httpx.Response) -> AsyncIterator[str]:
    async for line in response.aiter_lines():
        if line:
            yield line.removeprefix("data: ")


async def _streamed(client: httpx.AsyncClient, **more: Any) -> list[str]:
    body = _body(stream=True, **more)
    async with client.stream("POST", "chat/completions", json=body) as response:
        return [event async for event in _events(response)]


def test_the_pieces_of_a_text_are_the_text() -> None:
    for text in (TEXT, "", " ", "word", "\n a b  c d "):
        assert "".join(pieces_of(text)) == text


async def test_an_answer_tells_the_usage_that_it_was_given(
    upstream: FakeUpstream, client: httpx.AsyncClient
) -> None:
    upstream.next("first", Say(TEXT), Say(TEXT, usage=(70, 30)), Say(TEXT, usage=None))
    counted, fixed, none = [await _ask(client) for _ in range(3)]
    assert counted["choices"][0]["message"]["content"] == TEXT
    assert counted["usage"]["prompt_tokens"] == 3
    assert fixed["usage"] == {"prompt_tokens": 70, "completion_tokens": 30, "total_tokens": 100}
    assert "usage" not in none
    assert upstream.answered_by_model == {"first": 3}


async def test_a_stream_is_openais_events_and_its_pieces_are_the_text(
    upstream: FakeUpstream, client: httpx.AsyncClient
) -> None:
    upstream.next("first", Say(TEXT, usage=(70, 30)), Say("next"))
    *told, done = await _streamed(client, stream_options={"include_usage": True})
    first, *pieces, last, usage = map(json.loads, told)
    assert done == "[DONE]"
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(piece["choices"][0]["delta"]["content"] for piece in pieces) == TEXT
    assert len(pieces) > 2
    assert last["choices"] == [{"index": 0, "delta": {}, "finish_reason": "stop"}]
    assert usage["choices"] == []
    assert usage["usage"]["total_tokens"] == 100
    # The connection serves the next call, and without the option there is no word of usage.
    assert not [event for event in await _streamed(client) if "usage" in event]


async def test_a_trickle_waits_for_the_test_with_every_piece(
    upstream: FakeUpstream, client: httpx.AsyncClient
) -> None:
    trickle = Trickle(TEXT)
    upstream.next("first", trickle)
    pieces = pieces_of(TEXT)
    async with client.stream("POST", "chat/completions", json=_body(stream=True)) as response:
        events = _events(response)
        await anext(events)
        assert trickle.sent == ""
        for piece in pieces[:2]:
            trickle.more.release()
            assert json.loads(await anext(events))["choices"][0]["delta"]["content"] == piece
    await asyncio.wait_for(trickle.gone.wait(), 10)
    assert trickle.sent == "".join(pieces[:2])
    assert upstream.answered.total() == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cut_off_answer_breaks_the_connection_in_its_middle(
    upstream: FakeUpstream, client: httpx.AsyncClient, stream: bool
) -> None:
    upstream.next("first", CutOff(TEXT, after=2))
    came = b""
    with pytest.raises(httpx.RemoteProtocolError):  # noqa: PT012 - what comes before the break counts
        async with client.stream("POST", "chat/completions", json=_body(stream=stream)) as response:
            async for part in response.aiter_bytes():
                came += part
    assert response.status_code == 200
    assert b"the harbour" in came
    assert b"years" not in came
    assert upstream.answered.total() == 0


@pytest.mark.parametrize("stream", [True, False])
async def test_a_stalled_answer_ends_when_it_is_released(
    upstream: FakeUpstream, client: httpx.AsyncClient, stream: bool
) -> None:
    stall = Stall(TEXT, after=1)
    upstream.next("first", stall)
    asking = asyncio.create_task(_streamed(client) if stream else _ask(client))
    await asyncio.wait_for(stall.started.wait(), 10)
    assert not asking.done()
    stall.release.set()
    answer = await asyncio.wait_for(asking, 10)
    assert answer[-1] == "[DONE]" if stream else answer["choices"][0]["message"]["content"] == TEXT
    assert upstream.answered.total() == 1


async def test_a_picture_is_a_real_one_or_an_address(
    upstream: FakeUpstream, client: httpx.AsyncClient
) -> None:
    upstream.next("painter", Picture(), Picture(url="http://127.0.0.1:9/a.png"))
    question = {"model": "painter", "prompt": "a harbour"}
    drawn, told = [(await client.post("images/generations", json=question)).json() for _ in range(2)]
    with Image.open(BytesIO(base64.b64decode(drawn["data"][0]["b64_json"]))) as picture:
        picture.load()
        assert picture.size == (64, 64)
    assert told["data"] == [{"url": "http://127.0.0.1:9/a.png"}]
    assert [asked.path for asked in upstream.asked_of("painter")] == ["/v1/images/generations"] * 2


async def test_a_process_answers_as_it_was_told_and_counts() -> None:
    arguments = ("--usual", "good=say:all well", "--usual", "bad=429:7", "--usual", "worse=reset")
    async with (
        upstream_process(arguments=arguments) as upstream,
        httpx.AsyncClient(base_url=f"{upstream.url}/", trust_env=False) as client,
    ):
        good = await client.post("chat/completions", json=_body(model="good"))
        bad = await client.post("chat/completions", json=_body(model="bad"))
        with pytest.raises(httpx.TransportError):
            await client.post("chat/completions", json=_body(model="worse"))
        assert good.json()["choices"][0]["message"]["content"] == "all well"
        assert (bad.status_code, bad.headers["retry-after"]) == (429, "7")
        stats = await upstream.stats()
    assert stats == {"asked": {"good": 1, "bad": 1, "worse": 1}, "answered": {"good": 1}}
