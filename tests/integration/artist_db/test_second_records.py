"""Records of an attempt that another one was recorded under: both were paid, so both are kept."""

import asyncio
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.money import Connection, granted, holds, settle, used
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import model_call
from tests.support.captured_logs import captured_logs


async def record(stub: ArtistDbServiceStub, call: pb.ModelCall) -> pb.ModelCall | None:
    """The answer to hand out in place of this one; None: this one."""
    told = await stub.RecordModelCall(pb.RecordModelCallRequest(call=call), timeout=30)
    return told.answer if told.HasField("answer") else None


async def kept(stub: ArtistDbServiceStub) -> dict[int, tuple[str, int]]:
    """Number -> outcome and cost."""
    calls = (await stub.ListModelCalls(pb.ListModelCallsRequest())).calls
    return {call.attempt: (call.outcome, call.cost_micro_usd) for call in calls}


def failed(**changes: Any) -> pb.ModelCall:
    return model_call(outcome="timeout", answer="", **{"cost_micro_usd": 0, **changes})


@pytest.mark.parametrize(
    "change",
    [
        {"model": "other"},
        {"outcome": "cut_off", "answer": ""},
        {"answer": "Other"},
        {"image": b"png"},
        {"prompt_tokens": 1},
        {"completion_tokens": 1},
        {"cost_micro_usd": 7},
        {"latency_ms": 1},
    ],
    ids=lambda change: next(iter(change)),
)
async def test_a_record_that_differs_is_kept_under_the_next_number_and_spent(
    stub: ArtistDbServiceStub, connection: Connection, change: dict[str, Any]
) -> None:
    await granted(stub)
    await record(stub, model_call())
    other = model_call(**change)

    first = await record(stub, other)
    again = await record(stub, other)

    rows = await connection.fetch("SELECT attempt, model, answer, image FROM model_calls ORDER BY attempt")
    assert [(row["attempt"], row["model"]) for row in rows] == [(1, "openai/gpt-5"), (2, other.model)]
    assert (rows[1]["answer"].decode(), rows[1]["image"] or b"") == (other.answer, other.image)
    assert await used(stub) == [(1_500 + other.cost_micro_usd, 0)] * 3
    assert first is not None
    assert (first.attempt, first.answer) == (1, "Neon rain")
    assert again == first


async def test_the_same_record_again_changes_nothing_and_gives_no_other_answer(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub)

    assert [await record(stub, model_call()) for _ in range(3)] == [None] * 3
    assert await kept(stub) == {1: ("ok", 1_500)}
    assert await used(stub) == [(1_500, 0)] * 3
    assert await holds(connection) == []


async def test_a_third_record_is_kept_after_the_second(stub: ArtistDbServiceStub) -> None:
    calls = [model_call(cost_micro_usd=cost) for cost in (1, 20, 300)]

    for call in (*calls, *calls):
        await record(stub, call)

    assert await kept(stub) == {1: ("ok", 1), 2: ("ok", 20), 3: ("ok", 300)}
    assert await used(stub) == [(321, 0)] * 3


async def test_a_number_that_such_a_record_took_is_no_record_of_that_attempt(
    stub: ArtistDbServiceStub,
) -> None:
    """Attempt 2 looks as the second record of attempt 1 does, and was paid all the same."""
    await record(stub, failed(cost_micro_usd=4))
    await granted(stub, attempt=2)
    await record(stub, failed(cost_micro_usd=50))

    for _ in range(2):
        await record(stub, failed(attempt=2, cost_micro_usd=50))

    assert await kept(stub) == {n: ("timeout", cost) for n, cost in ((1, 4), (2, 50), (3, 50))}
    assert await used(stub) == [(104, 0)] * 3


async def test_the_second_record_is_spent_on_the_accounts_that_it_names(stub: ArtistDbServiceStub) -> None:
    await record(stub, model_call(cost_micro_usd=1))
    await record(stub, model_call(cost_micro_usd=20, artist_id="art_2", run_id=""))

    assert await used(stub) == [(21, 0), (1, 0), (1, 0)]
    assert await used(stub, "art_2", "run_1") == [(21, 0), (20, 0), (1, 0)]


async def test_the_answer_to_hand_out_is_the_first_recorded_one_with_its_picture(
    stub: ArtistDbServiceStub,
) -> None:
    nothing_yet = await record(stub, failed())
    own = await record(stub, model_call(attempt=2, answer="one", image=b"png"))
    of_a_later_attempt = await record(stub, model_call(attempt=3, answer="two"))
    of_a_second_record = await record(stub, model_call(attempt=2, answer="three"))
    of_a_failure = await record(stub, failed(attempt=5))
    repeated = await record(stub, model_call(attempt=2, answer="one", image=b"png"))

    assert (nothing_yet, own, repeated) == (None, None, None)
    for told in (of_a_later_attempt, of_a_second_record, of_a_failure):
        assert told is not None
        assert (told.attempt, told.answer, told.image) == (2, "one", b"png")
        assert told.created_at.seconds > 0
    assert set(await kept(stub)) == {1, 2, 3, 4, 5}


async def test_a_second_record_of_a_failed_attempt_is_the_answer(stub: ArtistDbServiceStub) -> None:
    await record(stub, failed())

    assert await record(stub, model_call(answer="late")) is None
    found = await stub.GetModelAnswer(pb.GetModelAnswerRequest(call_id="call-1"))
    assert (found.call.attempt, found.call.answer) == (2, "late")


@pytest.mark.parametrize("is_held", [True, False], ids=["held", "not held"])
async def test_two_records_at_once_are_both_kept_and_one_answer_is_handed_out(
    stub: ArtistDbServiceStub, connection: Connection, database_url: str, is_held: bool
) -> None:
    if is_held:
        await granted(stub)
    calls = [model_call(answer=text, cost_micro_usd=cost) for text, cost in (("a", 10), ("b", 200))]

    async with held(database_url, "LOCK TABLE model_calls IN SHARE MODE", until=2):
        records = [asyncio.ensure_future(record(stub, call)) for call in calls]
    told = await asyncio.gather(*records)

    assert set((await kept(stub)).values()) == {("ok", 10), ("ok", 200)}
    assert set(await kept(stub)) == {1, 2}
    assert await used(stub) == [(210, 0)] * 3
    assert await holds(connection) == []
    handed_out = [other.answer if other else call.answer for call, other in zip(calls, told, strict=True)]
    assert len(set(handed_out)) == 1


async def test_many_records_at_once_each_repeated_are_each_kept_once(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub)
    calls = [model_call(answer=f"answer {n}", cost_micro_usd=2**n) for n in range(10)]

    with captured_logs(level="warning") as logs:
        await asyncio.gather(
            *(record(stub, call) for call in calls * 4),
            *(record(stub, failed(attempt=2, cost_micro_usd=2**n)) for n in range(10, 13) for _ in range(4)),
            *(settle(stub, "beside", attempt=n, cost_micro_usd=2**13) for n in (1, 2)),
        )

    assert logs.records == []
    rows = await connection.fetch("SELECT attempt, cost_micro_usd FROM model_calls WHERE call_id = 'call-1'")
    assert sorted(row["attempt"] for row in rows) == list(range(1, 14))
    assert sorted(row["cost_micro_usd"] for row in rows) == [2**n for n in range(13)]
    assert await used(stub) == [(2**14 + 2**13 - 1, 0)] * 3
