"""The real local model, in this process, and a song by it."""

import socket
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from pydantic import SecretStr

from aiartist.common.v1 import persona_pb2
from services.chassis.errors import SetupError
from services.orchestrator.local_model import LocalModel, Settings
from services.orchestrator.song.lexicon import is_known
from services.orchestrator.song.text import words_of
from tests.integration.orchestrator.conftest import Orchestrator

MODELS = """
[models.local]
litellm_model = "openai/local"
api_base = "{local}"
plan = "small"
timeout_s = 240
json_mode = "schema"
direct = true
grammar = true
free = true
concurrency = 4
[models.local.params]
temperature = 0.7
min_p = 0.08
repeat_penalty = 1.1
repeat_last_n = 64
[roles.songwriter]
models = ["local"]
"""

pytestmark = pytest.mark.local_model


@pytest.fixture
async def local_model() -> AsyncIterator[LocalModel]:
    # One thread: a test run shares its processors with other tests.
    async with LocalModel(Settings(port=0, model_threads=1)) as running:
        yield running


async def test_the_local_model_writes_a_song_that_its_artist_could_sing(
    local_model: LocalModel, start: Callable[..., Any]
) -> None:
    orchestrator: Orchestrator = await start(MODELS.replace("{local}", local_model.url))
    persona = persona_pb2.Persona(
        name="Nova Vale", genre="lofi", style="Small rooms, said plainly.", themes=["rain on the window"],
        banned_words=["tea"], target_duration_ms=60_000,
    )  # fmt: skip
    orchestrator.artist_db.take_on(persona)
    song = await orchestrator.song(within_s=240)
    brief = song.brief
    sung = [line for section in brief.sections for line in section.lines]
    assert len(set(sung)) >= 10
    words = [word for line in sung for word in words_of(line)]
    assert sum(map(is_known, words)) > 0.9 * len(words)
    assert "tea" not in words
    assert 1 <= len(words_of(brief.title)) <= 5
    (use,) = song.model_uses
    assert use.completion_tokens > 100
    assert use.cost_micro_usd == 0


async def test_with_a_key_it_answers_only_who_knows_it() -> None:
    key = "a-key-of-our-own-1"
    question = {"messages": [{"role": "user", "content": "Hi."}], "max_tokens": 1}
    async with (
        LocalModel(Settings(port=0, model_threads=1, model_api_key=SecretStr(key))) as model,
        httpx.AsyncClient(trust_env=False, timeout=60) as client,
    ):
        place = f"{model.url}/chat/completions"
        assert (await client.post(place, json=question)).status_code == 401
        known = {"Authorization": f"Bearer {key}"}
        assert (await client.post(place, json=question, headers=known)).status_code == 200


async def test_answers_under_way_are_cut_off_when_the_model_is_closed() -> None:
    model = LocalModel(Settings(port=0))
    await model.start()
    question = {
        "messages": [{"role": "user", "content": "Count to a thousand."}],
        "stream": True,
        "ignore_eos": True,
    }
    async with (
        httpx.AsyncClient(trust_env=False, timeout=30) as client,
        client.stream("POST", f"{model.url}/chat/completions", json=question) as response,
    ):
        chunks = response.aiter_bytes()
        assert await anext(chunks)
        await model.close()
        with pytest.raises(httpx.TransportError):
            _ = [chunk async for chunk in chunks]


async def test_a_port_that_is_taken_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(SetupError, match=rf"127\.0\.0\.1:{port}.*AIARTIST_MODEL_PORT"):
            await LocalModel(Settings(port=port)).start()
