"""Holds that are asked for again: what is held, for whom, and how much of it."""

from typing import Any

import pytest

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.money import (
    ARTIST,
    DAY,
    RUN,
    Connection,
    end_day,
    end_leases,
    granted,
    holds,
    set_limit,
    settle,
    used,
)
from tests.integration.artist_db.samples import BUDGET_SPENT, hold, refused

ME = "orchestrator-a"
OTHER = "orchestrator-b"


@pytest.mark.parametrize("holder", [ME, OTHER])
async def test_who_asks_again_holds_what_it_asks_for_now(
    stub: ArtistDbServiceStub, connection: Connection, holder: str
) -> None:
    await set_limit(stub, RUN, 1_007)
    await granted(stub, "beside", amount_micro_usd=7)
    told = []
    for amount in (10, 1_000, 300, 300):
        assert await granted(stub, amount_micro_usd=amount, holder=holder)
        told.append((await used(stub), (await holds(connection))[1]))
        await end_leases(connection)
        holder = ME if holder == OTHER else OTHER

    assert [sums for sums, _ in told] == [[(0, 17)] * 3, [(0, 1_007)] * 3, [(0, 307)] * 3, [(0, 307)] * 3]
    assert [row[3] for _, row in told] == [10, 1_000, 300, 300]
    await settle(stub, cost_micro_usd=200)
    assert await used(stub) == [(200, 7)] * 3


@pytest.mark.parametrize("holder", [ME, OTHER])
@pytest.mark.parametrize("scope", [DAY, ARTIST, RUN])
async def test_more_than_fits_a_budget_is_refused_and_the_old_hold_stays(
    stub: ArtistDbServiceStub, connection: Connection, scope: Any, holder: str
) -> None:
    await set_limit(stub, scope, 100)
    await granted(stub, "beside", amount_micro_usd=30)
    await granted(stub, amount_micro_usd=10)
    await end_leases(connection)

    error = await refused(stub.HoldSpend(hold(amount_micro_usd=71, holder=holder)), BUDGET_SPENT)

    assert error.metadata["limit_usd"] == "0.0001"
    assert error.metadata["left_usd"] == "0.00007", "what is held for itself is left for itself"
    assert error.metadata["needed_usd"] == "0.000071"
    assert (await holds(connection))[1] == ("call-1", 1, ME, 10)
    assert await used(stub) == [(0, 40)] * 3
    assert await connection.fetchval("SELECT bool_and(lease_until < now()) FROM spend_holds")
    assert await granted(stub, amount_micro_usd=70, holder=holder), "the last millionth can be had"


async def test_less_is_granted_where_the_limit_fell_below_what_is_held(stub: ArtistDbServiceStub) -> None:
    await granted(stub, amount_micro_usd=100)
    await set_limit(stub, DAY, 1)

    assert await granted(stub, amount_micro_usd=100)
    assert await granted(stub, amount_micro_usd=50)
    assert await used(stub) == [(0, 50)] * 3
    await refused(stub.HoldSpend(hold(amount_micro_usd=51)), BUDGET_SPENT)


async def test_who_may_not_have_the_hold_changes_nothing_of_it(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub, amount_micro_usd=10)

    assert not await granted(stub, amount_micro_usd=500, holder=OTHER)
    assert await holds(connection) == [("call-1", 1, ME, 10)]
    assert await used(stub) == [(0, 10)] * 3


async def test_after_midnight_more_is_held_on_the_new_day_and_less_stays_on_the_old(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub, "more", amount_micro_usd=100)
    await granted(stub, "less", amount_micro_usd=1_000)
    await end_day(connection)
    await set_limit(stub, DAY, 150)

    assert await granted(stub, "more", amount_micro_usd=150)
    assert await granted(stub, "less", amount_micro_usd=600)

    assert await used(stub) == [(0, 150), (0, 150), (0, 750)]
    yesterday = await connection.fetch(
        "SELECT held_micro_usd FROM spend_accounts "
        "WHERE period < to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    )
    assert [row["held_micro_usd"] for row in yesterday] == [600, 600]
    await settle(stub, "more", cost_micro_usd=120)
    await settle(stub, "less", cost_micro_usd=0)
    assert await used(stub) == [(120, 0)] * 3


async def test_after_midnight_more_is_refused_where_the_new_day_has_no_room(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub, amount_micro_usd=100)
    await end_day(connection)
    await set_limit(stub, DAY, 149)

    error = await refused(stub.HoldSpend(hold(amount_micro_usd=150)), BUDGET_SPENT)

    assert error.metadata["left_usd"] == "0.000149", "what was held yesterday is no room of today's"
    assert await used(stub) == [(0, 0), (0, 0), (0, 100)]


async def test_a_hold_is_moved_to_the_accounts_that_it_is_asked_for_now(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub, amount_micro_usd=10, run_id="")

    assert await granted(stub, amount_micro_usd=30, artist_id="art_2")

    assert await used(stub) == [(0, 30), (0, 0), (0, 30)]
    assert await used(stub, "art_2", "run_1") == [(0, 30), (0, 30), (0, 30)]


async def test_the_next_attempt_is_the_one_after_those_that_are_recorded(stub: ArtistDbServiceStub) -> None:
    first = await stub.HoldSpend(hold(attempt=0), timeout=10)
    again = await stub.HoldSpend(hold(attempt=0), timeout=10)
    theirs = await stub.HoldSpend(hold(attempt=0, holder=OTHER), timeout=10)
    await settle(stub, attempt=1, outcome="timeout", answer="", cost_micro_usd=0)
    second = await stub.HoldSpend(hold(attempt=0), timeout=10)
    their_second = await stub.HoldSpend(hold(attempt=0, holder=OTHER), timeout=10)

    answers = (first, again, theirs, second, their_second)
    assert [(told.granted, told.attempt) for told in answers] == [
        (True, 1),
        (True, 1),
        (False, 1),
        (True, 2),
        (False, 2),
    ]


async def test_the_next_attempt_is_the_one_after_all_also_where_a_number_was_left_out(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub, attempt=1)
    await settle(stub, attempt=3, outcome="timeout", answer="", cost_micro_usd=0)
    await end_leases(connection)

    told = await stub.HoldSpend(hold(attempt=0, holder=OTHER), timeout=10)

    assert (told.granted, told.attempt) == (True, 4)
    assert [row[1:3] for row in await holds(connection)] == [(1, ME), (4, OTHER)]


@pytest.mark.parametrize("recorded", [(1, 2), (2,)], ids=["after a failure", "after a number left out"])
async def test_nothing_is_held_for_the_next_attempt_of_a_call_that_was_answered(
    stub: ArtistDbServiceStub, connection: Connection, recorded: tuple[int, ...]
) -> None:
    for attempt in recorded[:-1]:
        await settle(stub, attempt=attempt, outcome="timeout", answer="", cost_micro_usd=0)
    await settle(stub, attempt=2, answer="Neon rain")
    await set_limit(stub, RUN, 0)

    found = await stub.HoldSpend(hold(attempt=0), timeout=10)

    assert (found.granted, found.attempt) == (False, 0)
    assert (found.answer.attempt, found.answer.outcome, found.answer.answer) == (2, "ok", "Neon rain")
    assert await holds(connection) == [], "the answer comes, not that the budget is spent"


async def test_the_next_attempt_is_refused_where_it_does_not_fit_a_budget(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await settle(stub, attempt=1, outcome="timeout", answer="", cost_micro_usd=50)
    await set_limit(stub, RUN, 100)

    error = await refused(stub.HoldSpend(hold(attempt=0, amount_micro_usd=51)), BUDGET_SPENT)

    assert error.metadata["left_usd"] == "0.00005"
    assert await holds(connection) == []
