"""Whatever the first model does, the second one answers, and why is told and recorded."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from services.chassis.errors import remote_error
from services.orchestrator.gateway.ledger import call_id
from tests.support.fake_upstream import Behaviour, Hang, Raw, Reset, Say, Status

HALF = '{"id": "x", "object": "chat.completion", "choices": [{"index": 0, "message": {"role": "assi'
MATRIX: list[tuple[str, Behaviour, str]] = [
    ("refuses the key", Status(401, "Incorrect API key provided: sk-abcdefghijklmnop"), "bad_key"),
    ("forbids", Status(403), "bad_key"),
    ("wants money", Status(402), "bad_key"),
    ("is asked too often", Status(429, headers={"retry-after": "1"}), "rate_limited"),
    ("fails", Status(500), "server_error"),
    ("is down", Status(503), "server_error"),
    ("does not know the model", Status(404), "unknown_model"),
    ("refuses the content", Status(400, "content management policy", "content_filter"), "content_filter"),
    (
        "finds it too long",
        Status(400, "This model's maximum context length is 8 tokens."),
        "context_too_small",
    ),
    ("resets the connection", Reset(), "unreachable"),
    ("breaks off", Raw(HALF, promised=500), "unreachable"),
    ("sends half a JSON", Raw(HALF), "server_error"),
    ("sends a web page", Raw("<html>hello</html>"), "server_error"),
    ("sends another JSON", Raw("{}"), "server_error"),
    ("sends nothing", Raw(""), "server_error"),
    ("answers nothing", Say(""), "empty_answer"),
    ("is cut off", Say("We drove all", "length"), "cut_off"),
    ("filters its answer", Say("", "content_filter"), "content_filter"),
]


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])
@pytest.mark.parametrize(
    ("behaviour", "outcome"), [row[1:] for row in MATRIX], ids=[row[0] for row in MATRIX]
)
async def test_the_next_model_answers_when_the_first_one(
    start: Callable[..., Any], behaviour: Behaviour, outcome: str, direct: bool
) -> None:
    orchestrator = await start(direct=direct)
    orchestrator.upstream.next("first", behaviour)
    orchestrator.upstream.next("second", Say("good"))
    answer = await orchestrator.ask("r-1")
    assert answer.text == "good"
    assert [(a.model, a.outcome) for a in answer.attempts] == [
        ("openai/first", outcome),
        ("openai/second", "ok"),
    ]
    assert "sk-abc" not in str(answer)
    recorded = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert [(call.attempt, call.outcome, call.answer) for call in recorded] == [
        (1, outcome, ""),
        (2, "ok", "good"),
    ]


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])
async def test_the_next_model_answers_when_the_first_one_hangs(
    start: Callable[..., Any], direct: bool
) -> None:
    orchestrator = await start(direct=direct, timeout_s=0.2)
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    answer = await orchestrator.ask()
    assert [attempt.outcome for attempt in answer.attempts] == ["timeout", "ok"]
    await hang.gone.wait()


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])
async def test_the_next_model_answers_when_nobody_listens(
    start: Callable[..., Any], direct: bool, unused_tcp_port: int
) -> None:
    models = f"""
    [models.first]
    litellm_model = "openai/first"
    api_base = "http://127.0.0.1:{unused_tcp_port}/v1"
    plan = "large"
    direct = {{direct}}
    [models.second]
    litellm_model = "openai/second"
    api_base = "{{url}}"
    plan = "large"
    direct = true
    [roles.songwriter]
    models = ["first", "second"]
    """
    orchestrator = await start(models, direct=direct)
    answer = await orchestrator.ask()
    assert [attempt.outcome for attempt in answer.attempts] == ["unreachable", "ok"]


async def test_a_role_whose_models_all_lack_their_keys_is_no_outage(start: Any) -> None:
    models = """
    [models.keyed]
    litellm_model = "openai/keyed"
    api_key_env = "KEYED_API_KEY"
    plan = "large"
    [roles.songwriter]
    models = ["keyed"]
    """
    orchestrator = await start(models)
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask()
    error = remote_error(failed.value)
    # Not UNAVAILABLE: no alert wakes anybody, and nobody tries again.
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.remote_reason == "ERROR_REASON_MODELS_EXHAUSTED"


async def test_when_all_fail_the_caller_is_told_why_model_by_model(orchestrator: Any) -> None:
    orchestrator.upstream.usual = {"first": Status(500), "second": Say("")}
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask()
    error = remote_error(failed.value)
    assert error.remote_code is grpc.StatusCode.UNAVAILABLE
    assert error.remote_reason == "ERROR_REASON_MODELS_EXHAUSTED"
    assert error.metadata == {
        "role": "songwriter",
        "attempts": "openai/first: server_error; openai/second: empty_answer",
        "retry_after_s": "30",
    }


async def test_a_repeat_after_all_failed_asks_again_under_new_attempt_numbers(
    start: Callable[..., Any],
) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="0.001")
    orchestrator.upstream.usual = {"first": Status(500), "second": Status(500)}
    with pytest.raises(grpc.aio.AioRpcError):
        await orchestrator.ask("r-1")
    orchestrator.upstream.usual = {}
    assert not (await orchestrator.ask("r-1")).replayed
    recorded = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert [(call.attempt, call.outcome) for call in recorded] == [
        (1, "server_error"),
        (2, "server_error"),
        (3, "ok"),
    ]
    assert (await orchestrator.ask("r-1")).replayed
