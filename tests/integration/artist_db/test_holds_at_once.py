"""Holds under concurrency: no budget is passed, nothing is counted twice, nobody waits for ever."""

import asyncio
import random
from collections import Counter
from collections.abc import AsyncIterator

import grpc
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import HOLD_CONNECTIONS, build
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel
from services.chassis.errors import remote_error
from tests.integration.artist_db.money import (
    ARTIST,
    DAY,
    RUN,
    Connection,
    budgets,
    end_leases,
    granted,
    holds,
    renewal,
    set_limit,
    settle,
    used,
)
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import hold
from tests.support.captured_logs import captured_logs

ARTISTS = ("art_1", "art_2", "art_3")
RUNS = ("run_1", "run_2", "run_3", "run_4")


@pytest.fixture
async def replica(database_url: str) -> AsyncIterator[ArtistDbServiceStub]:
    """A second server over the same database."""
    settings = Settings(database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False)
    async with await build(settings) as app, open_channel(f"127.0.0.1:{app.port}", settings) as channel:
        yield ArtistDbServiceStub(channel)


async def attempt(stub: ArtistDbServiceStub, call_id: str, **changes: object) -> str:
    """`granted`, `theirs`, or why not."""
    try:
        return "granted" if await granted(stub, call_id, **changes) else "theirs"
    except grpc.aio.AioRpcError as error:
        return remote_error(error).remote_reason


@pytest.mark.parametrize("scope", [DAY, ARTIST, RUN])
async def test_of_200_calls_at_once_exactly_the_50_that_fit_are_granted(
    stub: ArtistDbServiceStub, replica: ArtistDbServiceStub, scope: pb.BudgetScope
) -> None:
    await set_limit(stub, scope, 50 * 2_000)

    outcomes = Counter(
        await asyncio.gather(*(attempt((stub, replica)[n % 2], f"call-{n}") for n in range(200)))
    )

    assert outcomes == {"granted": 50, "ERROR_REASON_BUDGET_SPENT": 150}
    assert await used(stub) == [(0, 100_000)] * 3


async def test_what_fitted_when_it_was_read_and_does_not_any_more_is_refused_and_holds_nothing(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    await granted(stub, "first")
    await set_limit(stub, RUN, 3 * 2_000)

    # All read the accounts, all find room, and all wait for the same account.
    lock = "SELECT FROM spend_accounts WHERE scope = 'artist' FOR UPDATE"
    async with held(database_url, lock, until=HOLD_CONNECTIONS):
        calls = [asyncio.ensure_future(attempt(stub, f"call-{n}")) for n in range(HOLD_CONNECTIONS)]
    outcomes = Counter(await asyncio.gather(*calls))

    assert outcomes == {"granted": 2, "ERROR_REASON_BUDGET_SPENT": HOLD_CONNECTIONS - 2}
    assert await used(stub) == [(0, 6_000)] * 3


async def test_a_refusal_after_a_race_tells_what_the_others_left(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    await granted(stub, "first", amount_micro_usd=1_000)
    await set_limit(stub, RUN, 4_500)

    lock = "SELECT FROM spend_accounts WHERE scope = 'artist' FOR UPDATE"
    async with held(database_url, lock, until=2):
        calls = [asyncio.ensure_future(granted(stub, call_id)) for call_id in ("a", "b")]
    done = await asyncio.gather(*calls, return_exceptions=True)

    [error] = [remote_error(one) for one in done if isinstance(one, grpc.aio.AioRpcError)]
    assert error.remote_code is grpc.StatusCode.FAILED_PRECONDITION
    assert error.metadata == {
        "scope": "run",
        "subject": "run_1",
        "limit_usd": "0.0045",
        "left_usd": "0.0015",
        "needed_usd": "0.002",
    }
    assert "the run's budget has $0.0015 left of $0.0045" in error.message


async def test_holds_and_settlings_in_any_order_never_deadlock_and_leave_the_sums_right(
    stub: ArtistDbServiceStub, replica: ArtistDbServiceStub
) -> None:
    dice = random.Random(7)
    plans = [
        (f"call-{n}", dice.choice(ARTISTS), dice.choice(RUNS), dice.randrange(0, 3_000)) for n in range(200)
    ]

    async def live(number: int) -> None:
        call_id, artist_id, run_id, cost = plans[number]
        one, other = (stub, replica) if number % 2 else (replica, stub)
        whose = {"artist_id": artist_id, "run_id": run_id}
        assert await granted(one, call_id, **whose)
        # The other replica asks for the same attempt while it is settled, and it is recorded twice.
        await asyncio.gather(
            settle(one, call_id, cost_micro_usd=cost, **whose),
            settle(other, call_id, cost_micro_usd=cost, **whose),
            attempt(one, call_id, **whose),
            attempt(other, call_id, holder="b", **whose),
            attempt(other, call_id, amount_micro_usd=dice.randrange(1, 5_000), **whose),
            other.RenewHolds(renewal(*(f"call-{n}" for n in range(number, number + 40)))),
        )

    # 40 lives at once are 240 calls at once, below what the server takes.
    gate = asyncio.Semaphore(40)

    async def gated(number: int) -> None:
        async with gate:
            await live(number)

    # A client repeats what a deadlock ended; the log tells.
    with captured_logs(level="warning") as logs:
        await asyncio.gather(*(gated(number) for number in range(200)))

    assert logs.records == []
    for artist_id in ARTISTS:
        for run_id in RUNS:
            told = await budgets(stub, artist_id, run_id)
            assert {budget.held_micro_usd for budget in told.values()} == {0}
            assert told[DAY].spent_micro_usd == sum(cost for *_, cost in plans)
            assert told[ARTIST].spent_micro_usd == sum(p[3] for p in plans if p[1] == artist_id)
            assert told[RUN].spent_micro_usd == sum(p[3] for p in plans if p[2] == run_id)


@pytest.mark.parametrize("scope", ["artist", "day", "run"])
async def test_whoever_changes_accounts_locks_them_in_one_order(
    stub: ArtistDbServiceStub, database_url: str, scope: str
) -> None:
    await asyncio.gather(*(granted(stub, id) for id in ("held-0", "held-1", "held-2", "again")))

    # All stop at one account with what they locked before it, and then go on at once.
    lock = f"SELECT FROM spend_accounts WHERE scope = '{scope}' FOR UPDATE"
    with captured_logs(level="warning") as logs:
        async with held(database_url, lock, until=7):
            calls = [
                asyncio.ensure_future(granted(stub, "again", amount_micro_usd=3_000)),
                *(asyncio.ensure_future(settle(stub, f"held-{n}")) for n in range(3)),
                *(asyncio.ensure_future(granted(stub, f"new-{n}")) for n in range(3)),
            ]
        await asyncio.gather(*calls)

    # A client repeats what a deadlock ended; the log tells.
    assert logs.records == []
    assert await used(stub) == [(4_500, 9_000)] * 3


async def test_one_attempt_asked_for_by_many_at_once_is_granted_to_one(
    stub: ArtistDbServiceStub, replica: ArtistDbServiceStub
) -> None:
    outcomes = Counter(
        await asyncio.gather(
            *(attempt((stub, replica)[n % 2], "call-1", holder=f"holder-{n}") for n in range(40))
        )
    )

    assert outcomes == {"granted": 1, "theirs": 39}
    assert await used(stub) == [(0, 2_000)] * 3


async def test_one_attempt_repeated_by_its_holder_at_once_is_held_once(stub: ArtistDbServiceStub) -> None:
    # The budget has room for this one alone: a repeat must not be told that it is spent.
    await set_limit(stub, RUN, 2_000)

    outcomes = Counter(await asyncio.gather(*(attempt(stub, "call-1") for _ in range(40))))

    assert outcomes == {"granted": 40}
    assert await used(stub) == [(0, 2_000)] * 3


async def test_an_attempt_that_was_let_go_is_taken_over_by_one(
    stub: ArtistDbServiceStub, replica: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub)
    await end_leases(connection)

    outcomes = Counter(
        await asyncio.gather(
            *(attempt((stub, replica)[n % 2], "call-1", holder=f"holder-{n}") for n in range(40))
        )
    )

    assert outcomes == {"granted": 1, "theirs": 39}


async def test_a_renewal_does_not_wait_for_a_hold_that_another_call_works_on(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await granted(stub, "one")
    await granted(stub, "two")
    async with connection.transaction():
        await connection.execute("SELECT FROM spend_holds WHERE call_id = 'one' FOR UPDATE")
        renewed = await stub.RenewHolds(renewal("one", "two"), timeout=10)

    assert renewed.holds == 1, "the one that another call works on is left to it"


async def test_a_hold_that_meets_one_which_is_settled_meanwhile_is_not_made(
    stub: ArtistDbServiceStub, connection: Connection, database_url: str
) -> None:
    # Held, settled and gone, all after the hold that waits has looked and before it puts its own row in.
    settled = """
        INSERT INTO spend_holds (call_id, attempt, amount_micro_usd, artist_id, run_id, day, holder,
                                 lease_until)
        VALUES ('call-1', 1, 1, '', '', '', 'b', now());
        DELETE FROM spend_holds;
        INSERT INTO model_calls (call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens,
                                 completion_tokens, cost_micro_usd, latency_ms, prompt_hash, request_digest,
                                 answer, detail)
        VALUES ('call-1', 1, 'songwriter', 'm', '', '', 'ok', 1, 1, 0, 1, '', '', 'la', '')
    """
    async with held(database_url, settled, until=2):
        named = stub.HoldSpend(hold(attempt=1), timeout=30)
        next_one = stub.HoldSpend(hold(attempt=0, holder="c"), timeout=30)

    assert await named == pb.HoldSpendResponse(attempt=1)
    assert (await next_one).answer.answer == "la"
    assert await holds(connection) == []
    assert await used(stub) == [(0, 0)] * 3


async def test_amounts_that_change_at_once_leave_held_what_the_hold_says(
    stub: ArtistDbServiceStub, replica: ArtistDbServiceStub, connection: Connection
) -> None:
    dice = random.Random(11)
    await set_limit(stub, DAY, 20_000)
    calls = [f"call-{n % 8}" for n in range(200)]

    with captured_logs(level="warning") as logs:
        outcomes = Counter(
            await asyncio.gather(
                *(
                    attempt((stub, replica)[n % 2], call_id, amount_micro_usd=dice.randrange(1, 6_000))
                    for n, call_id in enumerate(calls)
                )
            )
        )

    assert logs.records == []
    assert set(outcomes) == {"granted", "ERROR_REASON_BUDGET_SPENT"}
    amount = sum(row[3] for row in await holds(connection))
    assert await used(stub) == [(0, amount)] * 3
    assert amount <= 20_000


async def test_of_two_who_want_more_at_once_only_the_one_that_fits_gets_it(
    stub: ArtistDbServiceStub, connection: Connection, database_url: str
) -> None:
    await granted(stub, "one", amount_micro_usd=10)
    await granted(stub, "two", amount_micro_usd=10)
    await set_limit(stub, RUN, 100)

    # Both find room, and both wait for the same account.
    lock = "SELECT FROM spend_accounts WHERE scope = 'artist' FOR UPDATE"
    async with held(database_url, lock, until=2):
        asked = [asyncio.ensure_future(attempt(stub, id, amount_micro_usd=80)) for id in ("one", "two")]
    outcomes = Counter(await asyncio.gather(*asked))

    assert outcomes == {"granted": 1, "ERROR_REASON_BUDGET_SPENT": 1}
    assert sorted(row[3] for row in await holds(connection)) == [10, 80]
    assert await used(stub) == [(0, 90)] * 3


async def test_a_larger_amount_that_meets_its_own_settling_is_not_held(
    stub: ArtistDbServiceStub, connection: Connection, database_url: str
) -> None:
    await granted(stub, amount_micro_usd=10)

    lock = "SELECT FROM spend_holds FOR UPDATE"
    async with held(database_url, lock, until=2):
        record = asyncio.ensure_future(settle(stub))
        again = asyncio.ensure_future(granted(stub, amount_micro_usd=500))
    await asyncio.gather(record, again)

    assert await used(stub) == [(1_500, 0)] * 3
    assert await holds(connection) == []
