"""Hot queries use their indexes: each test fails when its index is lost."""

import json
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import asyncpg
import pytest

from services.artist_db.domain.budgets import Limits
from services.artist_db.domain.error_steps import Kind
from services.artist_db.domain.errors import GroupChange
from services.artist_db.domain.lifecycle import State
from services.artist_db.store import (
    artists,
    budgets,
    error_reports,
    error_steps,
    error_templates,
    errors,
    fingerprints,
    model_calls,
    publications,
    songs,
)
from tests.integration.artist_db import seeds
from tests.integration.artist_db.money import renewal
from tests.integration.artist_db.samples import hold, model_call

MIDDLE = seeds.time(1_000)
Query = Callable[[Any], Awaitable[Any]]


class Recorder:
    """Stands before a connection and keeps the last statement and its values."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self.sql = ""
        self.values: tuple[Any, ...] = ()

    async def fetch(self, sql: str, *values: Any) -> list[Any]:
        self.sql, self.values = sql, values
        return await self._connection.fetch(sql, *values)

    async def fetchrow(self, sql: str, *values: Any) -> Any:
        self.sql, self.values = sql, values
        return await self._connection.fetchrow(sql, *values)

    async def fetchval(self, sql: str, *values: Any) -> Any:
        self.sql, self.values = sql, values
        return await self._connection.fetchval(sql, *values)

    async def execute(self, sql: str, *values: Any) -> Any:
        self.sql, self.values = sql, values
        return await self._connection.execute(sql, *values)


@pytest.fixture
async def filled(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> "asyncpg.Connection[asyncpg.Record]":
    """A database with enough rows for the planner to care."""
    for seed in (
        seeds.artists,
        seeds.versions,
        seeds.briefs,
        seeds.takes,
        seeds.releases,
        seeds.model_calls,
        seeds.spend_accounts,
        seeds.spend_holds,
        seeds.error_groups,
        seeds.error_reports,
        seeds.error_samples,
        seeds.error_steps,
        seeds.error_templates,
    ):
        await seed(connection, range(2_000))
    await connection.execute("ANALYZE")
    # Small tables fit a page or two; what is asked here is whether the index can serve the query.
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    return connection


ARTIST_PLANS: list[tuple[Query, list[str]]] = [
    (lambda c: artists.by_id(c, seeds.ARTIST), ["artists_pkey", "persona_versions_pkey"]),
    (lambda c: artists.by_name(c, "Artist 00007"), ["artists_name_taken", "persona_versions_pkey"]),
    (
        lambda c: artists.page(c, states=[State.ACTIVE], with_cadence=False, after="artist 00500", limit=51),
        ["artists_name_taken", "persona_versions_pkey"],
    ),
    (
        lambda c: artists.page(c, states=[State.ACTIVE], with_cadence=True, after=None, limit=51),
        ["artists_with_cadence", "persona_versions_pkey"],
    ),
    (
        lambda c: artists.versions(c, seeds.ARTIST, before=900, limit=51),
        ["persona_versions_pkey"],
    ),
]
SONG_PLANS: list[tuple[Query, list[str]]] = [
    (lambda c: songs.brief(c, seeds.BRIEF), ["briefs_pkey"]),
    (
        lambda c: songs.briefs(c, artist_id="", run_id="", after=(MIDDLE, "x"), limit=51),
        ["briefs_newest"],
    ),
    (
        lambda c: songs.briefs(c, artist_id=seeds.ARTIST, run_id="", after=(MIDDLE, "x"), limit=51),
        ["briefs_of_artist"],
    ),
    (lambda c: songs.briefs(c, artist_id="", run_id="run_7", after=None, limit=51), ["briefs_of_run"]),
    (lambda c: songs.take(c, seeds.TAKE), ["takes_pkey"]),
    (lambda c: songs.takes(c, run_id="", after=(MIDDLE, "x"), limit=51), ["takes_newest"]),
    (lambda c: songs.takes(c, run_id="run_7", after=None, limit=51), ["takes_of_run"]),
    (lambda c: fingerprints.takes_since(c, since=MIDDLE, after=None, limit=51), ["takes_newest"]),
    (lambda c: fingerprints.takes_since(c, since=None, after=(MIDDLE, "x"), limit=51), ["takes_newest"]),
    (lambda c: songs.release(c, seeds.RELEASE), ["releases_pkey"]),
    (
        lambda c: songs.releases(c, artist_id="", run_id="", after=(MIDDLE, "x"), limit=51),
        ["releases_newest"],
    ),
    (
        lambda c: songs.releases(c, artist_id=seeds.ARTIST, run_id="", after=None, limit=51),
        ["releases_of_artist"],
    ),
]
OTHER_PLANS: list[tuple[Query, list[str]]] = [
    (lambda c: publications.again_at(c, seeds.ARTIST, 7), ["admissions_of_artist"]),
    (lambda c: model_calls.page(c, run_id="", after=(MIDDLE, 7), limit=51), ["model_calls_newest"]),
    (lambda c: model_calls.page(c, run_id="run_7", after=(MIDDLE, 7), limit=51), ["model_calls_of_run"]),
    (
        lambda c: errors.group(c, "0" * 32),
        ["error_aliases_pkey", "error_groups_pkey", "error_reports_of_group"],
    ),
    (lambda c: errors.samples(c, "0" * 32), ["error_samples_of_group"]),
    (
        lambda c: errors.page(c, errors.Filters(), after=(MIDDLE, "x"), limit=51),
        ["error_groups_last_seen", "error_reports_of_group"],
    ),
    (
        lambda c: errors.page(c, errors.Filters(seen_after=MIDDLE), after=None, limit=51),
        ["error_groups_last_seen", "error_reports_of_group"],
    ),
    (lambda c: errors.hours(c, "0" * 32), ["error_hours_pkey"]),
    (lambda c: error_reports.page(c, after=7, limit=100), ["error_reports_pkey"]),
    (lambda c: error_reports.page(c, after=None, limit=100), ["error_reports_pkey"]),
    (lambda c: error_templates.page(c, after=7, limit=100), ["error_templates_in_order"]),
    (lambda c: error_steps.first_due(c, [Kind.FIX]), ["error_steps_due"]),
    (
        lambda c: error_steps.first_counted(c, [Kind.FIX], full=[Kind.FIX]),
        ["error_steps_begun", "error_attempts_pkey"],
    ),
]
SPEND_PLANS: list[tuple[Query, list[str]]] = [
    (lambda c: model_calls.answer_or_last(c, "call-7"), ["model_calls_once"]),
    (
        lambda c: model_calls.spend(c, artist_id="", run_id="", since=seeds.time(1_990)),
        ["model_calls_newest"],
    ),
    (lambda c: model_calls.spend(c, artist_id="art_7", run_id="", since=MIDDLE), ["model_calls_of_artist"]),
    (lambda c: model_calls.spend(c, artist_id="", run_id="run_7", since=MIDDLE), ["model_calls_of_run"]),
]

SEEN = GroupChange(
    "0" * 32, "Boom", "here", 1, ("scheduler",), MIDDLE, MIDDLE, (), code_as_of=MIDDLE
)  # fmt: skip
ERROR_PLANS: list[tuple[Query, set[str]]] = [
    (lambda c: error_reports.history(c, "0" * 32, but=7), {"error_reports_of_group"}),
    (lambda c: error_steps.begun(c, Kind.ANALYZE), {"error_attempts_begun"}),
    (lambda c: error_steps.step(c, "0" * 32), {"error_steps_pkey", "error_attempts_counted"}),
    (lambda c: error_steps.around_fix(c, "0" * 32), {"error_fixes_pkey", "error_hours_by_time"}),
    (
        lambda c: error_steps.renew(c, attempt_id="eat_7", holder="a", lease_ms=1_000),
        {"error_steps_attempt"},
    ),
    (lambda c: error_steps.forget_tries(c, "0" * 32), {"error_attempts_counted"}),
    (
        lambda c: error_steps.stir(c, [SEEN], versions={SEEN.fingerprint: []}, new=[]),
        {"error_fixes_pkey", "error_reports_of_group"},
    ),
    (
        lambda c: error_steps.revert_what_came_back(c, "0" * 32, MIDDLE),
        {"error_groups_pkey"},
    ),
    (errors.sweep, {"error_hours_by_time"}),
    (error_steps.sweep, {"error_attempts_begun"}),
]

LIMITS = Limits(artist=10**12, day=10**12, run=10**12)
BUDGET_PLANS: list[tuple[Query, set[str]]] = [
    (
        lambda c: budgets.hold(c, hold("new"), 1, LIMITS),
        {"budgets_pkey", "spend_accounts_pkey", "spend_holds_pkey", "model_calls_once"},
    ),
    (
        lambda c: budgets.hold(c, hold("held-7"), 1, LIMITS),
        {"budgets_pkey", "spend_accounts_pkey", "spend_holds_pkey", "model_calls_once"},
    ),
    (
        lambda c: budgets.accounts(c, artist_id="art_7", run_id="run_7", limits=LIMITS),
        {"budgets_pkey", "spend_accounts_pkey"},
    ),
    (
        lambda c: budgets.strained(c, artist_id="art_7", run_id="run_7", day=None, limits=LIMITS),
        {"budgets_pkey", "spend_accounts_pkey"},
    ),
    (lambda c: budgets.renew(c, renewal("held-7", "held-8", holder="holder-7")), {"spend_holds_pkey"}),
    (lambda c: model_calls.record(c, model_call("held-7")), {"spend_holds_pkey", "model_calls_once"}),
    (
        lambda c: model_calls.record(c, model_call("held-8", cost_micro_usd=0)),
        {"spend_holds_pkey", "model_calls_once"},
    ),
]


@pytest.mark.parametrize("plans", [ARTIST_PLANS, SONG_PLANS, OTHER_PLANS], ids=["artists", "songs", "others"])
async def test_lookups_and_pages_come_from_their_indexes_in_order(
    filled: "asyncpg.Connection[asyncpg.Record]", plans: list[tuple[Query, list[str]]]
) -> None:
    for query, indexes in plans:
        nodes = await plan(filled, query)

        used = sorted(node["Index Name"] for node in nodes if "Index Name" in node)
        assert used == sorted(indexes), nodes
        assert not {"Seq Scan", "Sort", "Incremental Sort"} & {node["Node Type"] for node in nodes}, nodes


async def test_spend_is_added_up_from_the_rows_that_count_alone(
    filled: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for query, indexes in SPEND_PLANS:
        nodes = await plan(filled, query)

        assert [node["Index Name"] for node in nodes if "Index Name" in node] == indexes, nodes
        assert "Seq Scan" not in {node["Node Type"] for node in nodes}, nodes


async def test_holding_and_settling_look_at_the_rows_of_their_call_alone(
    filled: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for query, indexes in BUDGET_PLANS:
        nodes = await plan(filled, query)

        used = {name for node in nodes for name in (node.get("Index Name"),) if name}
        assert used == indexes, nodes
        assert "Seq Scan" not in {node["Node Type"] for node in nodes}, nodes


async def test_what_is_done_about_errors_is_found_without_reading_all(
    filled: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for query, indexes in ERROR_PLANS:
        nodes = await plan(filled, query)

        assert {node["Index Name"] for node in nodes if "Index Name" in node} == indexes, nodes
        assert "Seq Scan" not in {node["Node Type"] for node in nodes}, nodes


async def plan(connection: "asyncpg.Connection[asyncpg.Record]", query: Query) -> list[dict[str, Any]]:
    """Every node of the plan of the statement that `query` runs."""
    recorder = Recorder(connection)
    await query(recorder)
    told = await connection.fetchval(f"EXPLAIN (FORMAT JSON) {recorder.sql}", *recorder.values)
    return list(nodes_of(json.loads(told)[0]["Plan"]))


def nodes_of(node: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield {key: value for key, value in node.items() if key != "Plans"}
    for child in node.get("Plans", ()):
        yield from nodes_of(child)
