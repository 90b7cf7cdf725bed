"""The double that others test with answers as the service does."""

from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.errors import remote_error
from tests.integration.artist_db.money import DAY, renewal, set_limit
from tests.integration.artist_db.samples import hold, model_call
from tests.support.fake_artist_db import FakeArtistDb

FAILED: dict[str, Any] = {"outcome": "timeout", "answer": "", "cost_micro_usd": 0}
LIMIT_MICRO_USD = 10_000


@pytest.fixture(params=["service", "double"])
async def either(
    request: pytest.FixtureRequest, stub: ArtistDbServiceStub
) -> AsyncIterator[ArtistDbServiceStub]:
    """One of the two, with a limit for all that is spent."""
    if request.param == "service":
        await set_limit(stub, DAY, LIMIT_MICRO_USD)
        yield stub
        return
    async with FakeArtistDb.serving() as double, grpc.aio.insecure_channel(double.address) as channel:
        double.limit_micro_usd = LIMIT_MICRO_USD
        yield ArtistDbServiceStub(channel)


async def ask(stub: ArtistDbServiceStub, request: Any) -> Any:
    """In words: what is answered, or what is refused and why."""
    try:
        if isinstance(request, pb.HoldSpendRequest):
            held = await stub.HoldSpend(request)
            return ("granted" if held.granted else "not granted", held.attempt, held.answer.answer)
        if isinstance(request, pb.RenewHoldsRequest):
            return (await stub.RenewHolds(request)).holds
        told = await stub.RecordModelCall(pb.RecordModelCallRequest(call=request))
        return (told.answer.attempt, told.answer.answer, told.answer.image)
    except grpc.aio.AioRpcError as failure:
        error = remote_error(failure)
        if error.violations:
            return [violation.field for violation in error.violations]
        return (error.remote_reason, error.metadata["left_usd"], error.metadata["needed_usd"])


async def test_fields_are_checked(either: ArtistDbServiceStub) -> None:
    assert await ask(either, pb.HoldSpendRequest()) == ["call_id", "amount_micro_usd", "holder", "lease_ms"]
    assert await ask(either, model_call(role="", outcome="No!", answer="")) == ["call.role", "call.outcome"]
    assert await ask(either, renewal(*["one"] * 1_001, lease_ms=1)) == ["lease_ms", "attempts"]


async def test_a_repeat_takes_the_amount_of_now(either: ArtistDbServiceStub) -> None:
    spent = "ERROR_REASON_BUDGET_SPENT"
    assert await ask(either, hold(amount_micro_usd=10)) == ("granted", 1, "")
    assert await ask(either, hold(amount_micro_usd=10_001)) == (spent, "0.01", "0.010001")
    assert await ask(either, hold("other", amount_micro_usd=9_991)) == (spent, "0.00999", "0.009991")
    assert await ask(either, hold(amount_micro_usd=10_000)) == ("granted", 1, "")
    assert await ask(either, hold("other", amount_micro_usd=1)) == (spent, "0.00", "0.000001")
    assert await ask(either, hold(amount_micro_usd=9_000)) == ("granted", 1, "")
    assert await ask(either, hold("other", amount_micro_usd=1_000)) == ("granted", 1, "")
    assert await ask(either, hold(amount_micro_usd=1, holder="b")) == ("not granted", 1, "")


async def test_a_call_is_told_that_its_budget_is_nearly_spent(either: ArtistDbServiceStub) -> None:
    told = []
    for call in (
        model_call("one", cost_micro_usd=7_999),
        model_call("two", cost_micro_usd=1),
        model_call("free", cost_micro_usd=0),
        model_call("three", cost_micro_usd=2_000),
        # Told again: the first answer may have been lost.
        model_call("three", cost_micro_usd=2_000),
    ):
        answer = await either.RecordModelCall(pb.RecordModelCallRequest(call=call))
        told.append(
            [(b.limit_micro_usd, b.spent_micro_usd, b.left_micro_usd, bool(b.day)) for b in answer.strained]
        )
    assert told == [
        [],
        [(10_000, 8_000, 2_000, True)],
        [],
        [(10_000, 10_000, 0, True)],
        [(10_000, 10_000, 0, True)],
    ]


async def test_only_the_attempts_that_are_named_are_renewed(either: ArtistDbServiceStub) -> None:
    for request in (hold("one"), hold("two"), hold("done"), hold("theirs", holder="b"), model_call("done")):
        await ask(either, request)

    assert await ask(either, renewal("one", "one", "done", "theirs", "never")) == 1
    assert await ask(either, renewal()) == 0


async def test_a_second_record_is_kept_and_the_first_answer_is_handed_out(
    either: ArtistDbServiceStub,
) -> None:
    second = model_call(answer="second", cost_micro_usd=8_000)
    assert await ask(either, hold(attempt=0)) == ("granted", 1, "")
    assert await ask(either, model_call(**FAILED)) == (0, "", b"")
    assert await ask(either, model_call(answer="first", image=b"png")) == (0, "", b"")
    for _ in range(2):
        assert await ask(either, second) == (2, "first", b"png")
    assert await ask(either, model_call(answer="first", image=b"png")) == (0, "", b"")
    assert await ask(either, hold(attempt=0)) == ("not granted", 0, "first")
    assert await ask(either, hold(attempt=3)) == ("not granted", 3, "")
    assert await ask(either, hold(attempt=4, amount_micro_usd=501)) == (
        "ERROR_REASON_BUDGET_SPENT",
        "0.0005",
        "0.000501",
    )
