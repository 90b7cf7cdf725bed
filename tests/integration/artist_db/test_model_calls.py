"""Model calls: recorded once, answered from the record, added up."""

import asyncio

import asyncpg

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.brief_pb2 import ModelUse
from services.artist_db.domain.model_calls import MAX_IMAGE_BYTES
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import INVALID, NOT_FOUND, model_call, refused, sha256, violations


async def record(stub: ArtistDbServiceStub, *calls: pb.ModelCall) -> None:
    for call in calls:
        await stub.RecordModelCall(pb.RecordModelCallRequest(call=call))


async def answer(stub: ArtistDbServiceStub, call_id: str = "call-1") -> pb.ModelCall:
    return (await stub.GetModelAnswer(pb.GetModelAnswerRequest(call_id=call_id))).call


async def spend(stub: ArtistDbServiceStub, **filters: object) -> pb.GetSpendResponse:
    return await stub.GetSpend(pb.GetSpendRequest(**filters))


async def test_an_answer_comes_back_with_its_whole_call(stub: ArtistDbServiceStub) -> None:
    given = model_call(answer="naïve\0rain", detail="fine")

    await record(stub, given)
    kept = await answer(stub)

    assert kept.created_at.seconds > 0
    kept.ClearField("created_at")
    assert kept == given


async def test_the_answer_is_that_of_the_first_successful_attempt(stub: ArtistDbServiceStub) -> None:
    await record(
        stub,
        model_call(attempt=3, answer="third"),
        model_call(attempt=2, answer="second"),
        model_call(attempt=1, outcome="timeout", answer=""),
    )

    assert (await answer(stub)).answer == "second"


async def test_a_call_without_a_success_has_no_answer_and_tells_how_many_attempts_it_had(
    stub: ArtistDbServiceStub,
) -> None:
    await record(
        stub,
        model_call(attempt=1, outcome="timeout", answer=""),
        model_call(attempt=2, outcome="bad_json", answer=""),
    )

    tried = await refused(stub.GetModelAnswer(pb.GetModelAnswerRequest(call_id="call-1")), NOT_FOUND)
    never = await refused(stub.GetModelAnswer(pb.GetModelAnswerRequest(call_id="call-2")), NOT_FOUND)

    assert tried.metadata == {"kind": "model answer", "id": "call-1", "attempts": "2"}
    assert never.metadata == {"kind": "model answer", "id": "call-2", "attempts": "0"}


async def test_equal_records_at_once_are_counted_once(stub: ArtistDbServiceStub, database_url: str) -> None:
    request = pb.RecordModelCallRequest(call=model_call())

    async with held(database_url, "LOCK TABLE model_calls IN SHARE MODE", until=8):
        calls = [stub.RecordModelCall(request) for _ in range(8)]
    await asyncio.gather(*calls)

    assert [use.calls for use in (await spend(stub)).uses] == [1]


async def test_a_picture_comes_back_with_its_call_and_not_in_lists(stub: ArtistDbServiceStub) -> None:
    most = b"\x89PNG\0" + bytes(MAX_IMAGE_BYTES - 5)

    await record(stub, model_call(image=most, answer="", cost_micro_usd=0))
    listed = (await stub.ListModelCalls(pb.ListModelCallsRequest())).calls

    assert (await answer(stub)).image == most
    assert [call.image for call in listed] == [b""]


async def test_a_picture_that_is_too_large_or_of_a_failed_call_is_refused(stub: ArtistDbServiceStub) -> None:
    large = pb.RecordModelCallRequest(call=model_call(image=bytes(MAX_IMAGE_BYTES + 1)))
    failed = pb.RecordModelCallRequest(call=model_call(outcome="timeout", answer="", image=b"x"))

    assert violations(await refused(stub.RecordModelCall(large), INVALID)) == {
        "call.image": "must have at most 12,582,912 bytes, has 12,582,913"
    }
    assert violations(await refused(stub.RecordModelCall(failed), INVALID)) == {
        "call.image": "must be empty where the outcome is not `ok`"
    }


async def test_what_people_are_told_may_hold_any_character(stub: ArtistDbServiceStub) -> None:
    await record(stub, model_call(outcome="bad_json", answer="", detail="got \0 at 7"))

    [call] = (await stub.ListModelCalls(pb.ListModelCallsRequest())).calls

    assert call.detail == "got \ufffd at 7"


async def test_calls_are_listed_newest_first_by_run_and_without_answers(stub: ArtistDbServiceStub) -> None:
    await record(stub, model_call("one"), model_call("two", run_id="run_2"), model_call("three", run_id=""))

    async def ids(**filters: str) -> list[str]:
        calls = (await stub.ListModelCalls(pb.ListModelCallsRequest(**filters))).calls
        assert not any(call.answer for call in calls)
        return [call.call_id for call in calls]

    assert await ids() == ["three", "two", "one"]
    assert await ids(run_id="run_2") == ["two"]
    assert await ids(run_id="run_9") == []


async def test_spend_is_added_up_by_role_and_model_the_dearest_first(stub: ArtistDbServiceStub) -> None:
    other_prompt = sha256("another prompt")
    await record(
        stub,
        model_call("one", cost_micro_usd=5),
        model_call("two", cost_micro_usd=6, prompt_hash=other_prompt),
        model_call("three", cost_micro_usd=9, role="analyst", prompt_hash=""),
        model_call("four", cost_micro_usd=0, model="local"),
        model_call("four", attempt=2, cost_micro_usd=0, model="local", outcome="timeout", answer=""),
    )

    told = await spend(stub)

    assert list(told.uses) == [
        ModelUse(
            role="songwriter",
            model="openai/gpt-5",
            calls=2,
            prompt_tokens=200,
            completion_tokens=40,
            cost_micro_usd=11,
            prompt_hashes=sorted([sha256("prompt"), other_prompt]),
        ),
        ModelUse(
            role="analyst",
            model="openai/gpt-5",
            calls=1,
            prompt_tokens=100,
            completion_tokens=20,
            cost_micro_usd=9,
        ),
        ModelUse(
            role="songwriter",
            model="local",
            calls=2,
            prompt_tokens=200,
            completion_tokens=40,
            prompt_hashes=[sha256("prompt")],
        ),
    ]
    assert told.total_cost_micro_usd == 20


async def test_spend_is_told_by_artist_run_and_time(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await record(
        stub,
        model_call("one", cost_micro_usd=1),
        model_call("two", cost_micro_usd=20, run_id="run_2"),
        model_call("three", cost_micro_usd=300, artist_id="art_2", run_id="run_3"),
        model_call("old", cost_micro_usd=4_000),
    )
    await connection.execute(
        "UPDATE model_calls SET created_at = '2020-01-01T00:00:00.5Z' WHERE call_id = 'old'"
    )

    async def total(since_ms: int | None = None, **filters: str) -> int:
        request = pb.GetSpendRequest(**filters)
        if since_ms is not None:
            request.since.FromMilliseconds(since_ms)
        return (await stub.GetSpend(request)).total_cost_micro_usd

    long_ago_ms = 1_577_836_800_500
    assert await total() == 4_321
    assert await total(artist_id="art_1") == 4_021
    assert await total(run_id="run_2") == 20
    assert await total(artist_id="art_2", run_id="run_2") == 0
    assert await total(long_ago_ms) == 4_321
    assert await total(long_ago_ms + 1) == 321
    assert await total(long_ago_ms + 1, artist_id="art_1") == 21


async def test_no_spend_is_nothing(stub: ArtistDbServiceStub) -> None:
    assert await spend(stub) == pb.GetSpendResponse()


async def test_the_largest_numbers_of_the_contract_are_kept(stub: ArtistDbServiceStub) -> None:
    most = 2**32 - 1
    given = model_call(
        prompt_tokens=most, completion_tokens=most, latency_ms=most, cost_micro_usd=1_000_000_000_000
    )

    await record(stub, given, model_call("two", cost_micro_usd=1_000_000_000_000))

    assert (await answer(stub)).latency_ms == most
    assert (await spend(stub)).total_cost_micro_usd == 2_000_000_000_000


async def test_an_incomplete_call_is_refused_with_every_field(stub: ArtistDbServiceStub) -> None:
    nothing = await refused(stub.RecordModelCall(pb.RecordModelCallRequest()), INVALID)
    empty = await refused(stub.RecordModelCall(pb.RecordModelCallRequest(call=pb.ModelCall())), INVALID)

    assert violations(nothing) == {"call": "is required"}
    assert list(violations(empty)) == [
        "call.call_id",
        "call.attempt",
        "call.role",
        "call.model",
        "call.outcome",
    ]


async def test_questions_without_usable_fields_are_refused(stub: ArtistDbServiceStub) -> None:
    no_id = await refused(stub.GetModelAnswer(pb.GetModelAnswerRequest()), INVALID)
    late = pb.GetSpendRequest(artist_id="a\0", run_id="r\0")
    late.since.seconds = 10**15
    bad_spend = await refused(stub.GetSpend(late), INVALID)
    bad_list = await refused(stub.ListModelCalls(pb.ListModelCallsRequest(run_id="r\0")), INVALID)

    assert list(violations(no_id)) == ["call_id"]
    assert list(violations(bad_spend)) == ["artist_id", "run_id", "since"]
    assert list(violations(bad_list)) == ["run_id"]
