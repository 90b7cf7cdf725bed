"""Generate: paid once, recorded always."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import grpc
import pytest
from google.protobuf.struct_pb2 import Struct

from aiartist.orchestrator.v1 import orchestrator_pb2 as pb
from services.chassis.errors import remote_error
from services.orchestrator.gateway.ledger import call_id
from tests.support.fake_upstream import Hang, Say, Status

SCHEMA = {
    "type": "object",
    "required": ["mood", "tempo"],
    "properties": {"mood": {"type": "string"}, "tempo": {"type": "integer"}},
}


def schema() -> Struct:
    struct = Struct()
    struct.update(SCHEMA)
    return struct


async def test_a_repeat_returns_the_recorded_answer_and_asks_nobody(orchestrator: Any) -> None:
    first = await orchestrator.ask("r-1")
    again = await orchestrator.ask("r-1")
    assert again.replayed
    assert (again.text, again.model) == (first.text, first.model)
    assert len(orchestrator.upstream.asked) == 1


async def test_the_same_id_for_another_question_is_refused(orchestrator: Any) -> None:
    await orchestrator.ask("r-1", "hello")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask("r-1", "something else")
    assert remote_error(failed.value).remote_reason == "ERROR_REASON_REQUEST_ID_REUSED"
    assert len(orchestrator.upstream.asked) == 1


async def test_simultaneous_duplicates_share_one_call(orchestrator: Any) -> None:
    hang = Hang(Say("one answer"))
    orchestrator.upstream.next("first", hang)
    callers = [asyncio.create_task(orchestrator.ask("r-1")) for _ in range(5)]
    await hang.started.wait()
    hang.release.set()
    assert {answer.text for answer in await asyncio.gather(*callers)} == {"one answer"}
    assert len(orchestrator.upstream.asked) == 1


async def test_a_call_is_recorded_with_all_that_is_known_of_it(orchestrator: Any) -> None:
    orchestrator.upstream.next("first", Say("one two three"))
    answer = await orchestrator.ask("r-1", "say three words", artist_id="art_9", run_id="run_9")
    (call,) = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert (call.role, call.model, call.outcome, call.answer) == (
        "songwriter",
        "openai/first",
        "ok",
        "one two three",
    )
    assert (call.artist_id, call.run_id) == ("art_9", "run_9")
    assert (
        (call.prompt_tokens, call.completion_tokens)
        == (3, 3)
        == (answer.prompt_tokens, answer.completion_tokens)
    )
    assert len(call.request_digest) == 64


async def test_the_provider_gets_the_parameters_and_a_key_to_tell_repeats_by(orchestrator: Any) -> None:
    await orchestrator.ask("r-1", max_tokens=77, temperature=0.3)
    (asked,) = orchestrator.upstream.asked
    assert asked.body["max_tokens"] == 77
    assert asked.body["temperature"] == pytest.approx(0.3)
    assert asked.key == f"{call_id('r-1')}-1"


@pytest.mark.parametrize("direct", [True, False], ids=["direct", "litellm"])
async def test_json_that_breaks_its_schema_is_mended_once(start: Callable[..., Any], direct: bool) -> None:
    orchestrator = await start(direct=direct)
    orchestrator.upstream.next(
        "first", Say('{"mood": "sad"}'), Say('```json\n{"mood": "sad", "tempo": 90}\n```')
    )
    answer = await orchestrator.ask("r-1", json_schema=schema())
    assert json.loads(answer.text) == {"mood": "sad", "tempo": 90}
    assert [attempt.outcome for attempt in answer.attempts] == ["bad_json", "ok"]
    mending = orchestrator.upstream.asked[1].body["messages"]
    assert (
        "'tempo' is a required property" in mending[-1]["content"].partition("must meet this JSON schema")[0]
    )
    assert len({asked.key for asked in orchestrator.upstream.asked}) == 2


async def test_json_that_stays_broken_goes_to_the_next_model(orchestrator: Any) -> None:
    orchestrator.upstream.next("first", Say('{"mood": '), Say("sorry"))
    answer = await orchestrator.ask("r-1", json_schema=schema())
    assert [attempt.outcome for attempt in answer.attempts] == ["bad_json", "bad_json", "ok"]
    assert set(json.loads(answer.text)) == {"mood", "tempo"}


async def test_an_answer_is_recorded_before_it_is_returned_also_when_artist_db_stumbles(
    orchestrator: Any,
) -> None:
    orchestrator.artist_db.failures["RecordModelCall"] = 5
    await orchestrator.ask("r-1")
    assert [call.outcome for call in orchestrator.artist_db.attempts_of(call_id("r-1"))] == ["ok"]


async def test_an_answer_that_cannot_be_recorded_fails_the_call(
    orchestrator: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.orchestrator.gateway.ledger.FIRST_BACKOFF_S", 0.001)
    orchestrator.artist_db.failures["RecordModelCall"] = 10_000
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask("r-1")
    assert remote_error(failed.value).remote_code is grpc.StatusCode.UNAVAILABLE
    assert not orchestrator.artist_db.calls


@pytest.mark.parametrize(("free", "rpc"), [("false", "HoldSpend"), ("true", "GetModelAnswer")])
async def test_no_model_is_asked_while_nobody_can_tell_whether_it_was_asked_before(
    start: Callable[..., Any], free: str, rpc: str
) -> None:
    orchestrator = await start(MODELS__FIRST__FREE=free)
    orchestrator.artist_db.failures[rpc] = 10_000
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask("r-1")
    assert remote_error(failed.value).remote_reason == "ERROR_REASON_DEPENDENCY_UNAVAILABLE"
    assert orchestrator.upstream.asked == []


async def test_the_call_of_a_caller_who_goes_away_is_cancelled_upstream(orchestrator: Any) -> None:
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    caller = asyncio.create_task(orchestrator.ask("r-1"))
    await hang.started.wait()
    caller.cancel()
    await hang.gone.wait()


async def test_an_answer_is_recorded_also_when_its_caller_went_away_meanwhile(orchestrator: Any) -> None:
    caller: asyncio.Task[Any]
    recording, recorded = asyncio.Event(), asyncio.Event()
    orchestrator.artist_db.failures["RecordModelCall"] = 2

    def on_record(request: Any) -> None:
        recorded.set()

    orchestrator.artist_db.before["RecordModelCall"] = on_record
    fake_enter = orchestrator.artist_db._enter

    def enter(rpc: str, request: Any) -> None:
        if rpc == "RecordModelCall":
            recording.set()
        fake_enter(rpc, request)

    orchestrator.artist_db._enter = enter
    caller = asyncio.create_task(orchestrator.ask("r-1"))
    await recording.wait()
    caller.cancel()
    await recorded.wait()
    assert (await orchestrator.ask("r-1")).replayed
    assert len(orchestrator.upstream.asked) == 1


@pytest.mark.parametrize(
    ("request_", "fields"),
    [
        (pb.GenerateRequest(), ["request_id", "role", "messages"]),
        (
            pb.GenerateRequest(
                request_id="r", role="songwriter", messages=[pb.ChatMessage(role="poet", content=" ")],
                max_tokens=99_999, temperature=3,
            ),
            ["messages[0].role", "messages[0].content", "max_tokens", "temperature"],
        ),
        (
            pb.GenerateRequest(
                request_id="r", role="plumber", messages=[pb.ChatMessage(role="user", content="x")]
            ),
            ["role"],
        ),
    ],
)  # fmt: skip
async def test_bad_input_names_every_field(
    orchestrator: Any, request_: pb.GenerateRequest, fields: list[str]
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.stub.Generate(request_)
    error = remote_error(failed.value)
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in error.violations] == fields


async def test_the_models_and_the_roles_are_listed_those_left_out_too(start: Callable[..., Any]) -> None:
    models = """
    [models.hosted]
    litellm_model = "openai/hosted"
    api_key_env = "OPENAI_API_KEY"
    plan = "large"
    [models.own]
    litellm_model = "openai/own"
    api_base = "{url}"
    plan = "small"
    direct = true
    [roles.songwriter]
    models = ["hosted", "own"]
    """
    orchestrator = await start(models)
    listed = await orchestrator.stub.ListModels(pb.ListModelsRequest())
    assert [(m.name, m.available, m.unavailable_reason) for m in listed.models] == [
        ("hosted", False, "OPENAI_API_KEY is not set"),
        ("own", True, ""),
    ]
    assert [(role.name, list(role.models)) for role in listed.roles] == [("songwriter", ["hosted", "own"])]
    assert (await orchestrator.ask()).model == "openai/own"


@pytest.mark.parametrize("free", ["false", "true"])
async def test_a_recorded_answer_comes_back_also_when_no_model_can_be_asked(
    start: Callable[..., Any], free: str
) -> None:
    orchestrator = await start(MODELS__FIRST__FREE=free, DEFAULTS__COOLDOWN_S="3600")
    first = await orchestrator.ask("r-1")
    orchestrator.upstream.usual = {"first": Status(500), "second": Status(500)}
    with pytest.raises(grpc.aio.AioRpcError):
        await orchestrator.ask("r-2")
    again = await orchestrator.ask("r-1")
    assert (again.text, again.replayed) == (first.text, True)


async def test_a_call_that_was_given_up_leaves_its_number_to_nobody(orchestrator: Any) -> None:
    hang = Hang()
    orchestrator.upstream.next("first", hang)
    caller = asyncio.create_task(orchestrator.ask("r-1"))
    await hang.started.wait()
    caller.cancel()
    await hang.gone.wait()
    assert (await orchestrator.ask("r-1")).text
    recorded = orchestrator.artist_db.attempts_of(call_id("r-1"))
    assert [(call.attempt, call.outcome) for call in recorded] == [(1, "cancelled"), (2, "ok")]


@pytest.mark.parametrize(
    ("field", "value"), [("prompt_hash", "abc\ndef"), ("artist_id", "x" * 201), ("run_id", "a\x07b")]
)
async def test_what_could_not_be_recorded_is_refused_before_anything_is_paid(
    orchestrator: Any, field: str, value: str
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.ask("r-1", **{field: value})
    assert [v.field for v in remote_error(failed.value).violations] == [field]
    assert orchestrator.upstream.asked == []


async def test_so_many_mistakes_that_they_fit_into_no_header_are_told_in_part(orchestrator: Any) -> None:
    request = pb.GenerateRequest(request_id="r", role="songwriter")
    for _ in range(2_000):
        request.messages.add(role="nobody")
    with pytest.raises(grpc.aio.AioRpcError) as failed:
        await orchestrator.stub.Generate(request, timeout=10)
    error = remote_error(failed.value)
    assert error.remote_code is grpc.StatusCode.INVALID_ARGUMENT
    assert len(error.violations) == 20
    assert "and 3,980 more" in error.message or "and 3980 more" in error.message
