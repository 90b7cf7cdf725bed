"""Budgets: which limit counts, and what is told of each."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.schema import migrate_schema
from services.artist_db.settings import Settings
from services.chassis.clients import open_channel
from services.chassis.migrations import migrate, read_folder
from tests.integration.artist_db.money import (
    ARTIST,
    DAY,
    RUN,
    SCOPES,
    Connection,
    budgets,
    granted,
    set_limit,
    settle,
    used,
)
from tests.integration.artist_db.samples import INVALID, refused, violations
from tests.integration.artist_db.seeds import model_calls

MIGRATIONS = Path(__file__).resolve().parents[3] / "services" / "artist_db" / "sql" / "migrations"


async def limit(stub: ArtistDbServiceStub, scope: Any, subject: str) -> tuple[int, str]:
    named = {ARTIST: {"artist_id": subject}, RUN: {"run_id": subject}}[scope]
    budget = (await budgets(stub, **named))[scope]
    return budget.limit_micro_usd, budget.source


async def test_the_settings_limit_what_nobody_limited(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    told = await budgets(stub)

    day = await connection.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD')")
    common = {"source": "settings"}
    assert list(told.values()) == [
        pb.Budget(scope=DAY, limit_micro_usd=10_000_000, left_micro_usd=10_000_000, day=day, **common),
        pb.Budget(
            scope=ARTIST,
            subject="art_1",
            limit_micro_usd=5_000_000,
            left_micro_usd=5_000_000,
            day=day,
            **common,
        ),
        pb.Budget(scope=RUN, subject="run_1", limit_micro_usd=2_000_000, left_micro_usd=2_000_000, **common),
    ]


async def test_only_the_budgets_that_are_named_are_told(stub: ArtistDbServiceStub) -> None:
    assert list(await budgets(stub, "", "")) == [DAY]
    assert list(await budgets(stub, "art_1", "")) == [DAY, ARTIST]
    assert list(await budgets(stub, "", "run_1")) == [DAY, RUN]


async def test_settings_of_ones_own_count(database_url: str) -> None:
    settings = Settings(
        database_url=SecretStr(database_url),
        port=0,
        metrics_port=0,
        ship_errors=False,
        budget_day_usd=0.3,
        budget_artist_usd=0.2,
        budget_run_usd=0,
    )
    async with await build(settings) as app, open_channel(f"127.0.0.1:{app.port}", settings) as channel:
        told = await budgets(ArtistDbServiceStub(channel))

    assert [budget.limit_micro_usd for budget in told.values()] == [300_000, 200_000, 0]


@pytest.mark.parametrize("scope", [ARTIST, RUN])
async def test_ones_own_limit_counts_before_that_of_the_scope_and_that_before_the_settings(
    stub: ArtistDbServiceStub, scope: Any
) -> None:
    default, _ = await limit(stub, scope, "one")

    whole = await set_limit(stub, scope, 30)
    own = await set_limit(stub, scope, 0, "one")
    both = await limit(stub, scope, "one"), await limit(stub, scope, "other")
    freed = await set_limit(stub, scope, None, "one")
    scope_alone = await limit(stub, scope, "one")
    nothing = await set_limit(stub, scope, None)

    assert whole == pb.Budget(scope=scope, limit_micro_usd=30, source="scope")
    assert (own.subject, own.limit_micro_usd, own.left_micro_usd, own.source) == ("one", 0, 0, "own")
    assert both == ((0, "own"), (30, "scope"))
    assert (freed.limit_micro_usd, freed.left_micro_usd, freed.source) == (30, 30, "scope")
    assert scope_alone == (30, "scope")
    assert nothing == pb.Budget(scope=scope, limit_micro_usd=default, source="settings")
    assert await limit(stub, scope, "one") == (default, "settings")


async def test_the_days_limit_is_set_changed_and_removed(stub: ArtistDbServiceStub) -> None:
    await granted(stub, amount_micro_usd=30)
    first = await set_limit(stub, DAY, 40)
    second = await set_limit(stub, DAY, 20)
    third = await set_limit(stub, DAY, None)

    def told(budget: pb.Budget) -> tuple[int, int, int, str]:
        return budget.limit_micro_usd, budget.held_micro_usd, budget.left_micro_usd, budget.source

    assert told(first) == (40, 30, 10, "own")
    assert told(second) == (20, 30, 0, "own"), "never below nothing"
    assert told(third) == (10_000_000, 30, 9_999_970, "settings")
    assert first.day == (await budgets(stub))[DAY].day != ""


async def test_a_removed_limit_that_was_never_set_is_no_error(stub: ArtistDbServiceStub) -> None:
    assert (await set_limit(stub, RUN, None, "run_1")).source == "settings"


async def test_budgets_without_usable_fields_are_refused(stub: ArtistDbServiceStub) -> None:
    async def wrong(**fields: Any) -> dict[str, str]:
        return violations(await refused(stub.SetBudget(pb.SetBudgetRequest(**fields)), INVALID))

    assert await wrong(scope=9) == {
        "request_id": "is required: 1 to 200 characters",
        "scope": "must be day, artist or run, is 9",
    }
    assert await wrong(request_id="r", scope=DAY, subject="art_1") == {
        "subject": "must be empty for the day's budget: there is one for the whole label"
    }
    assert await wrong(request_id="r", scope=RUN, limit_micro_usd=2**63) == {
        "limit_micro_usd": "must be 0 to 1,000,000,000,000, is 9,223,372,036,854,775,808"
    }
    question = stub.GetBudgets(pb.GetBudgetsRequest(artist_id="a\0", run_id="r\0"))
    assert list(violations(await refused(question, INVALID))) == ["artist_id", "run_id"]


async def test_each_scope_can_have_the_largest_limit(stub: ArtistDbServiceStub) -> None:
    for scope in SCOPES:
        assert (await set_limit(stub, scope, 10**12)).limit_micro_usd == 10**12

    assert await granted(stub, amount_micro_usd=10**12)


async def test_what_was_spent_before_there_were_budgets_counts(
    empty_database_url: str, tmp_path: Path
) -> None:
    first = read_folder(MIGRATIONS)[0]
    (tmp_path / f"{first.name}.sql").write_text(first.sql)
    await migrate(empty_database_url, schema="artist_db", folder=tmp_path)
    connection = await asyncpg.connect(empty_database_url, server_settings={"search_path": "artist_db"})
    await model_calls(connection, range(100))
    # One more of today, with what the calls of another day have; theirs cost 1 each.
    await connection.execute(
        """
        INSERT INTO model_calls (call_id, attempt, role, model, artist_id, run_id, outcome, prompt_tokens,
                                 completion_tokens, cost_micro_usd, latency_ms, prompt_hash, request_digest,
                                 answer, detail)
        SELECT call_id, 2, role, model, artist_id, run_id, outcome, 1, 1, 40, 1, '', '', 'la', ''
        FROM model_calls WHERE call_id IN ('call-7', 'call-8')
        """
    )

    await migrate_schema(empty_database_url)
    found = await connection.fetch("SELECT * FROM spend_accounts WHERE spent_micro_usd > 2 ORDER BY scope")
    other_runs = await connection.fetchval(
        "SELECT count(*) FROM spend_accounts WHERE scope = 'run' AND spent_micro_usd = 2"
    )
    await connection.close()

    today = datetime.now(UTC).date().isoformat()
    assert [tuple(row) for row in found] == [
        ("artist", "art_7", today, 40, 0),
        ("artist", "art_8", today, 40, 0),
        ("day", "", today, 80, 0),
        ("run", "run_7", "all", 42, 0),
        ("run", "run_8", "all", 42, 0),
    ]
    assert other_runs == 48


async def test_spending_is_told_by_budget(stub: ArtistDbServiceStub) -> None:
    await granted(stub, "one", amount_micro_usd=50)
    await settle(stub, "one", cost_micro_usd=20)
    await granted(stub, "two", amount_micro_usd=7, artist_id="art_2")
    await granted(stub, "three", amount_micro_usd=300, run_id="run_2")

    told = await budgets(stub)

    assert await used(stub) == [(20, 307), (20, 300), (20, 7)]
    assert [budget.left_micro_usd for budget in told.values()] == [9_999_673, 4_999_680, 1_999_973]
