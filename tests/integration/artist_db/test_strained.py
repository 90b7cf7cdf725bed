"""Whoever records a call that cost something is told which of its budgets are nearly or wholly spent."""

from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.store import model_calls
from tests.integration.artist_db.money import ARTIST, DAY, RUN, budgets, end_day, granted, set_limit
from tests.integration.artist_db.samples import model_call


async def record(stub: ArtistDbServiceStub, call_id: str = "call-1", **changes: Any) -> list[pb.Budget]:
    request = pb.RecordModelCallRequest(call=model_call(call_id, **changes))
    return list((await stub.RecordModelCall(request)).strained)


@pytest.fixture
async def limited(stub: ArtistDbServiceStub) -> ArtistDbServiceStub:
    """The label may spend 10,000 millionths a day, an artist 1,000, a run 100."""
    for scope, micro_usd in ((DAY, 10_000), (ARTIST, 1_000), (RUN, 100)):
        await set_limit(stub, scope, micro_usd)
    return stub


@pytest.mark.parametrize(
    ("cost", "scopes"),
    [(79, []), (80, [RUN]), (799, [RUN]), (800, [ARTIST, RUN]), (8_000, [DAY, ARTIST, RUN])],
)
async def test_80_percent_of_a_budget_is_where_it_begins(
    limited: ArtistDbServiceStub, cost: int, scopes: list[Any]
) -> None:
    assert [budget.scope for budget in await record(limited, cost_micro_usd=cost)] == scopes


async def test_a_strained_budget_is_told_as_it_stands(limited: ArtistDbServiceStub) -> None:
    await granted(limited, "other", amount_micro_usd=10)
    (run,) = await record(limited, cost_micro_usd=85)
    assert (run.subject, run.day, run.source) == ("run_1", "", "scope")
    assert (run.limit_micro_usd, run.spent_micro_usd, run.held_micro_usd, run.left_micro_usd) == (
        100,
        85,
        10,
        5,
    )
    artist, _ = await record(limited, "call-2", cost_micro_usd=800)
    assert artist == (await budgets(limited))[ARTIST]
    assert artist.day


async def test_what_is_held_is_not_spent(limited: ArtistDbServiceStub) -> None:
    await granted(limited, "other", amount_micro_usd=90)
    assert await record(limited, cost_micro_usd=1) == []


async def test_it_is_told_again_with_every_later_call_and_with_a_repeat(limited: ArtistDbServiceStub) -> None:
    first = await record(limited, cost_micro_usd=80)
    assert await record(limited, cost_micro_usd=80) == first
    (later,) = await record(limited, "call-2", cost_micro_usd=1)
    assert later.spent_micro_usd == 81


async def test_budgets_that_a_call_is_not_booked_on_are_not_told(limited: ArtistDbServiceStub) -> None:
    await record(limited, cost_micro_usd=8_000)
    strained = await record(limited, "call-2", artist_id="", run_id="run_2", cost_micro_usd=1)
    assert [budget.scope for budget in strained] == [DAY]


async def test_a_call_that_is_settled_after_midnight_tells_of_the_day_that_it_was_booked_on(
    limited: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    await granted(limited, amount_micro_usd=80)
    await end_day(connection)
    yesterday = await connection.fetchval("SELECT day FROM spend_holds")
    strained = await record(limited, cost_micro_usd=800)
    assert [(budget.scope, budget.day) for budget in strained] == [(ARTIST, yesterday), (RUN, "")]


async def test_nothing_more_is_asked_of_the_database_for_a_free_call(
    limited: ArtistDbServiceStub, monkeypatch: pytest.MonkeyPatch
) -> None:
    await record(limited, "paid", cost_micro_usd=8_000)
    asked: list[Any] = []
    monkeypatch.setattr("services.artist_db.store.budgets.strained", asked.append)
    assert await record(limited, "free", cost_micro_usd=0) == []
    assert asked == []


def test_the_statement_for_free_calls_looks_for_no_day() -> None:
    free, paid = model_calls._FREE[0], model_calls._PAID[0]
    assert "SELECT day FROM settled" not in free
    assert free.replace("NULL AS day", "(SELECT day FROM settled) AS day") == paid
