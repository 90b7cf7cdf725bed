"""Operators are told of models that fail: once a cool-down, not once a call."""

from collections.abc import Callable
from typing import Any

import grpc
import pytest

from aiartist.notifier.v1 import notifier_pb2
from tests.support.fake_upstream import Say, Status

Start = Callable[..., Any]


async def test_a_fallback_is_told_once_a_cool_down(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="3600")
    orchestrator.upstream.usual = {"first": Status(503, "please pay sk-abcdefghijklmnop")}
    for i in range(5):
        await orchestrator.ask(f"r-{i}")
    await orchestrator.notifier.until_told(1)
    (told,) = orchestrator.notifier.told.values()
    assert told.title == "Model first failed: server_error"
    assert told.severity == notifier_pb2.SEVERITY_WARNING
    assert told.topic == notifier_pb2.TOPIC_FALLBACK
    assert "HTTP 503" in told.body
    assert "sk-abc" not in told.body


async def test_also_where_the_model_is_up_and_its_answers_are_bad(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="3600")
    orchestrator.upstream.usual = {"first": Say("")}
    for i in range(5):
        await orchestrator.ask(f"r-{i}")
    await orchestrator.notifier.until_told(1)
    assert orchestrator.notifier.titles == ["Model first failed: empty_answer"]


async def test_a_refused_key_asks_for_somebody(start: Start) -> None:
    orchestrator = await start()
    orchestrator.upstream.usual = {"first": Status(401)}
    await orchestrator.ask()
    await orchestrator.notifier.until_told(1)
    (told,) = orchestrator.notifier.told.values()
    assert told.severity == notifier_pb2.SEVERITY_ERROR


async def test_an_exhausted_list_is_told_once(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="3600")
    orchestrator.upstream.usual = {"first": Status(500), "second": Status(500)}
    for i in range(3):
        with pytest.raises(grpc.aio.AioRpcError):
            await orchestrator.ask(f"r-{i}")
    await orchestrator.notifier.until_told(3)
    assert orchestrator.notifier.titles == [
        "Model first failed: server_error",
        "Model second failed: server_error",
        "No model answers for the role songwriter",
    ]
    assert len(orchestrator.notifier.told_about(notifier_pb2.TOPIC_FALLBACK)) == 3


async def test_what_notifier_could_not_take_is_told_when_it_is_back(
    start: Start, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.notices.FIRST_BACKOFF_S", 0.001)
    orchestrator = await start()
    orchestrator.notifier.failures = 12
    orchestrator.upstream.usual = {"first": Status(500)}
    assert (await orchestrator.ask()).model == "openai/second"
    await orchestrator.notifier.until_told(1)


async def test_a_healthy_list_has_nothing_to_tell(start: Start) -> None:
    orchestrator = await start()
    await orchestrator.ask("r-1")
    orchestrator.upstream.next("first", Status(500))
    await orchestrator.ask("r-2")
    await orchestrator.notifier.until_told(1)
    assert len(orchestrator.notifier.told) == 1


async def test_a_refused_key_is_told_also_while_the_model_s_other_failures_are_quiet(start: Start) -> None:
    orchestrator = await start(DEFAULTS__COOLDOWN_S="3600")
    orchestrator.upstream.next("first", Say(""), Status(401))
    for i in range(2):
        await orchestrator.ask(f"r-{i}")
    await orchestrator.notifier.until_told(2)
    assert orchestrator.notifier.titles == [
        "Model first failed: empty_answer",
        "Model first failed: bad_key",
    ]
