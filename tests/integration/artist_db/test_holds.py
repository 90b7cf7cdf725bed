"""Holds: made before a call, counted in every budget, settled with its record."""

from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.money import (
    ARTIST,
    DAY,
    RUN,
    Connection,
    budgets,
    end_day,
    end_leases,
    granted,
    holds,
    renewal,
    set_limit,
    settle,
    used,
)
from tests.integration.artist_db.samples import BUDGET_SPENT, INVALID, hold, refused, violations
from tests.integration.artist_db.seeds import spend_holds

OTHER = "orchestrator-b"
NOTHING = [(0, 0), (0, 0), (0, 0)]


async def test_what_is_held_counts_in_every_budget_until_it_is_settled(stub: ArtistDbServiceStub) -> None:
    assert await granted(stub)
    held = await used(stub)
    await settle(stub)

    assert held == [(0, 2_000)] * 3
    assert await used(stub) == [(1_500, 0)] * 3


@pytest.mark.parametrize(
    ("scope", "subject", "metadata", "words"),
    [
        (
            DAY,
            "",
            {"scope": "day", "subject": ""},
            "the label's budget for today has $0.0015 left of $0.0035",
        ),
        (ARTIST, "art_1", {"scope": "artist", "subject": "art_1"}, "artist --artist art_1 USD"),
        (ARTIST, "", {"scope": "artist", "subject": "art_1"}, "the artist's budget for today has"),
        (RUN, "run_1", {"scope": "run", "subject": "run_1"}, "aiartist budget set run --run run_1 USD"),
        (RUN, "", {"scope": "run", "subject": "run_1"}, "this call may cost up to $0.002;"),
    ],
)
async def test_what_does_not_fit_a_budget_is_refused_with_what_is_left_and_holds_nothing(
    stub: ArtistDbServiceStub, scope: Any, subject: str, metadata: dict[str, str], words: str
) -> None:
    await set_limit(stub, scope, 3_500, subject)
    await granted(stub, "one")

    error = await refused(stub.HoldSpend(hold("two")), BUDGET_SPENT)

    amounts = {"limit_usd": "0.0035", "left_usd": "0.0015", "needed_usd": "0.002"}
    assert error.metadata == {**metadata, **amounts}
    assert words in error.message
    assert not error.retryable
    assert await used(stub) == [(0, 2_000)] * 3
    assert await granted(stub, "two", amount_micro_usd=1_500), (
        "what is left can be had, to the last millionth"
    )


async def test_the_budget_with_the_least_left_is_the_one_that_is_told(stub: ArtistDbServiceStub) -> None:
    await set_limit(stub, DAY, 1_500)
    await set_limit(stub, ARTIST, 1_000)
    await set_limit(stub, RUN, 1_200)

    error = await refused(stub.HoldSpend(hold()), BUDGET_SPENT)

    assert error.metadata["scope"] == "artist"


async def test_nothing_may_be_spent_where_the_limit_is_nothing(stub: ArtistDbServiceStub) -> None:
    await set_limit(stub, RUN, 0)

    error = await refused(stub.HoldSpend(hold(amount_micro_usd=1)), BUDGET_SPENT)

    assert (error.metadata["left_usd"], error.metadata["limit_usd"]) == ("0.00", "0.00")


async def test_a_refused_attempt_may_be_asked_for_again(stub: ArtistDbServiceStub) -> None:
    await set_limit(stub, DAY, 10)
    await refused(stub.HoldSpend(hold()), BUDGET_SPENT)
    await set_limit(stub, DAY, None)

    assert await granted(stub)


async def test_a_call_for_nobodys_account_counts_for_the_label_alone(stub: ArtistDbServiceStub) -> None:
    await set_limit(stub, ARTIST, 0)
    await set_limit(stub, RUN, 0)

    assert await granted(stub, artist_id="", run_id="")
    held = await used(stub)
    await settle(stub, artist_id="", run_id="")

    assert held == [(0, 2_000), (0, 0), (0, 0)]
    assert await used(stub) == [(1_500, 0), (0, 0), (0, 0)]


async def test_the_same_holder_may_repeat_and_holds_once(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await set_limit(stub, RUN, 2_000)
    await granted(stub, lease_ms=1_000)
    await end_leases(connection)

    assert await granted(stub, lease_ms=60_000), "also where its own hold left no room for another"
    assert await used(stub) == [(0, 2_000)] * 3
    assert not await granted(stub, holder=OTHER), "the lease was renewed"


async def test_another_holder_waits_until_the_lease_is_over_and_takes_over_without_holding_more(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await set_limit(stub, RUN, 2_000)
    await granted(stub)

    early = await granted(stub, holder=OTHER)
    await end_leases(connection)
    late = await granted(stub, holder=OTHER)
    first_again = await granted(stub)

    assert (early, late, first_again) == (False, True, False)
    assert await used(stub) == [(0, 2_000)] * 3


async def test_a_settled_attempt_is_held_no_more_by_anybody(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub)
    await granted(stub, "under way")
    await settle(stub)

    assert [call_id for call_id, *_ in await holds(connection)] == ["under way"], "no row stays behind"
    await settle(stub, "under way", cost_micro_usd=0)
    assert not await granted(stub)
    assert not await granted(stub, holder=OTHER)
    assert await used(stub) == [(1_500, 0)] * 3


async def test_an_attempt_that_was_recorded_without_a_hold_is_not_held(stub: ArtistDbServiceStub) -> None:
    await settle(stub, cost_micro_usd=0)
    await set_limit(stub, DAY, 0)

    assert not await granted(stub)
    assert await used(stub) == NOTHING


async def test_a_fallback_is_held_by_itself_after_the_attempt_before_cost_nothing(
    stub: ArtistDbServiceStub,
) -> None:
    await set_limit(stub, RUN, 2_500)
    await granted(stub, attempt=1)
    too_early = await refused(stub.HoldSpend(hold(attempt=2)), BUDGET_SPENT)
    await settle(stub, attempt=1, outcome="timeout", answer="", cost_micro_usd=0)

    assert too_early.metadata["left_usd"] == "0.0005"
    assert await granted(stub, attempt=2)
    assert await used(stub) == [(0, 2_000)] * 3
    await settle(stub, attempt=2)
    assert await used(stub) == [(1_500, 0)] * 3


async def test_more_than_was_held_is_booked_as_it_is(stub: ArtistDbServiceStub) -> None:
    await set_limit(stub, RUN, 2_000)
    await granted(stub)
    await settle(stub, cost_micro_usd=9_000)

    assert await used(stub) == [(9_000, 0)] * 3
    assert (await budgets(stub))[RUN].left_micro_usd == 0


async def test_a_repeated_record_settles_nothing_twice(stub: ArtistDbServiceStub) -> None:
    await granted(stub)
    await granted(stub, "other", amount_micro_usd=5)
    await settle(stub)
    await settle(stub)

    assert await used(stub) == [(1_500, 5)] * 3


async def test_another_record_of_an_attempt_is_spent_too_and_settles_nothing_twice(
    stub: ArtistDbServiceStub,
) -> None:
    await granted(stub)
    await granted(stub, "other", amount_micro_usd=5)
    await settle(stub)
    await settle(stub, cost_micro_usd=9_000)
    await settle(stub, cost_micro_usd=9_000)

    assert await used(stub) == [(10_500, 5)] * 3


async def test_another_record_frees_a_hold_that_came_after_the_first(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await settle(stub)
    await connection.execute(
        "INSERT INTO spend_holds (call_id, attempt, amount_micro_usd, artist_id, run_id, day, holder, "
        "lease_until) SELECT 'call-1', 1, 2000, 'art_1', 'run_1', period, 'b', now() "
        "FROM spend_accounts WHERE scope = 'day'"
    )
    await connection.execute("UPDATE spend_accounts SET held_micro_usd = 2000")

    taken_over = await granted(stub, holder="b")
    await settle(stub, cost_micro_usd=100)

    assert not taken_over, "it is recorded"
    assert await used(stub) == [(1_600, 0)] * 3
    assert await holds(connection) == []


async def test_what_was_spent_without_a_hold_is_booked_once(stub: ArtistDbServiceStub) -> None:
    await settle(stub)
    await settle(stub)
    await settle(stub, "free", cost_micro_usd=0)

    assert await used(stub) == [(1_500, 0)] * 3


async def test_a_hold_that_came_after_its_record_is_freed_by_the_next_one(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await settle(stub)
    # As two calls can that cross: the record of one is not seen by the other yet.
    await connection.execute("ALTER TABLE model_calls RENAME TO hidden")
    await connection.execute("CREATE TABLE model_calls (LIKE hidden)")
    await granted(stub)
    await connection.execute("DROP TABLE model_calls")
    await connection.execute("ALTER TABLE hidden RENAME TO model_calls")

    await settle(stub)

    assert await used(stub) == [(1_500, 0)] * 3


async def test_at_midnight_the_days_begin_anew_and_the_run_goes_on(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await set_limit(stub, DAY, 2_000)
    await set_limit(stub, ARTIST, 2_000)
    await granted(stub, "yesterday")
    await end_day(connection)
    morning = await used(stub)

    assert await granted(stub, "today")
    await settle(stub, "yesterday")

    assert morning == [(0, 0), (0, 0), (0, 2_000)]
    assert await used(stub) == [(0, 2_000), (0, 2_000), (1_500, 2_000)], "yesterday's is spent yesterday"
    rows = await connection.fetch(
        "SELECT DISTINCT spent_micro_usd, held_micro_usd FROM spend_accounts "
        "WHERE period < to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')"
    )
    assert [tuple(row) for row in rows] == [(1_500, 0)]


async def test_a_renewal_prolongs_the_attempts_that_it_names_and_its_holder_holds(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    for call_id in ("one", "two", "done", "forgotten"):
        await granted(stub, call_id)
    await granted(stub, "one", attempt=2)
    await granted(stub, "theirs", holder=OTHER)
    await settle(stub, "done")
    await end_leases(connection)

    renewed = await stub.RenewHolds(renewal("one", "one", "two", "done", "theirs", "never"))

    assert renewed.holds == 2
    assert not await granted(stub, "one", holder=OTHER)
    assert not await granted(stub, "two", holder=OTHER)
    assert await granted(stub, "theirs", holder="orchestrator-c")
    assert await granted(stub, "one", attempt=2, holder=OTHER), "another attempt was not named"
    assert await granted(stub, "forgotten", holder=OTHER), "its holder makes it no more"


async def test_a_renewal_that_names_nothing_renews_nothing(stub: ArtistDbServiceStub) -> None:
    await granted(stub)

    assert (await stub.RenewHolds(renewal())).holds == 0


async def test_at_most_1000_attempts_are_renewed_at_once(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await spend_holds(connection, range(1_001))
    await connection.execute("UPDATE spend_holds SET holder = 'orchestrator-a'")
    names = [f"held-{n}" for n in range(1_001)]

    error = await refused(stub.RenewHolds(renewal(*names)), INVALID)

    assert violations(error) == {"attempts": "must have at most 1000 entries, has 1001"}
    assert (await stub.RenewHolds(renewal(*names[1:]))).holds == 1_000


async def test_holds_without_usable_fields_are_refused(stub: ArtistDbServiceStub) -> None:
    nothing = await refused(stub.HoldSpend(pb.HoldSpendRequest()), INVALID)
    much = await refused(stub.HoldSpend(hold(amount_micro_usd=2**64 - 1, attempt=2**32 - 1)), INVALID)
    nobody = await refused(stub.RenewHolds(pb.RenewHoldsRequest()), INVALID)
    unnamed = pb.RenewHoldsRequest(
        holder="a", lease_ms=1_000, attempts=[pb.AttemptId(), pb.AttemptId(call_id="c", attempt=2**32 - 1)]
    )

    assert list(violations(nothing)) == ["call_id", "amount_micro_usd", "holder", "lease_ms"]
    assert list(violations(much)) == ["attempt", "amount_micro_usd"]
    assert list(violations(nobody)) == ["holder", "lease_ms"]
    assert list(violations(await refused(stub.RenewHolds(unnamed), INVALID))) == [
        "attempts[0].call_id",
        "attempts[0].attempt",
        "attempts[1].attempt",
    ]
