"""What rules ask for each ended run and each review comes from indexes, whatever the size of the roster."""

from datetime import datetime
from typing import Any

import asyncpg
import pytest

from services.artist_db.domain.lives import Rules
from services.artist_db.store import lives, moves, outcomes
from tests.integration.artist_db import seeds
from tests.integration.artist_db.test_plans import Query, plan

MIDDLE = seeds.time(1_000)
Connection = Any


@pytest.fixture
async def filled(connection: "asyncpg.Connection[asyncpg.Record]") -> Connection:
    """A roster of artists of every kind, with enough rows for the planner to care."""
    for seed in (
        seeds.artists,
        seeds.run_outcomes,
        seeds.moves,
        seeds.briefs,
        seeds.takes,
        seeds.model_calls,
    ):
        await seed(connection, range(2_000))
    # A few are idle or paused; nearly all are at work.
    await connection.execute(
        """
        UPDATE artists SET last_move = 'mov_' || lpad(number::text, 5, '0'),
                           state = CASE WHEN number % 100 = 7 THEN 'PAUSED' ELSE 'ACTIVE' END,
                           state_since = CASE WHEN number % 200 = 7 THEN created_at ELSE now() END,
                           last_run_at = CASE WHEN number % 100 = 9 THEN NULL ELSE now() END
        FROM (SELECT id AS numbered, substr(id, 5)::int AS number FROM artists) AS n WHERE id = numbered
        """
    )
    await connection.execute("VACUUM ANALYZE artists, moves, run_outcomes, takes, model_calls")
    await connection.execute("SET enable_seqscan = off; SET enable_bitmapscan = off")
    return connection


async def acted(connection: Connection) -> datetime | None:
    return await lives.acted_at(connection)


PLANS: list[tuple[Query, set[str]]] = [
    (lambda c: outcomes.one(c, "run_00007"), {"run_outcomes_pkey"}),
    (lambda c: outcomes.review_of(c, "run_7"), {"takes_of_run"}),
    (lambda c: outcomes.cost_of(c, "run_7"), {"model_calls_of_run"}),
    (
        lambda c: outcomes.page(c, artist_id="", after=(MIDDLE, "x"), limit=51),
        {"run_outcomes_newest"},
    ),
    (
        lambda c: outcomes.page(c, artist_id=seeds.ARTIST, after=(MIDDLE, "x"), limit=51),
        {"run_outcomes_of_artist"},
    ),
    (lambda c: lives.verdicts_of(c, seeds.ARTIST, MIDDLE, limit=5), {"run_outcomes_verdicts"}),
    (lambda c: moves.one(c, "mov_00007"), {"moves_pkey", "artists_pkey"}),
    (lambda c: moves.page(c, artist_id="", after=(MIDDLE, "x"), limit=51), {"moves_newest", "artists_pkey"}),
    (
        lambda c: moves.page(c, artist_id=seeds.ARTIST, after=(MIDDLE, "x"), limit=51),
        {"moves_of_artist", "artists_pkey"},
    ),
    (lambda c: lives.maybe_idle(c, Rules(), ["art_1", "art_2"]), {"artists_quiet"}),
    (lambda c: lives.maybe_paused_too_long(c, Rules(), MIDDLE), {"artists_paused", "moves_pkey"}),
]


async def test_lookups_counts_and_candidates_come_from_their_indexes_in_order(filled: Connection) -> None:
    for query, indexes in PLANS:
        nodes = await plan(filled, query)

        assert {node["Index Name"] for node in nodes if "Index Name" in node} == indexes, nodes
        assert not {"Seq Scan", "Sort", "Incremental Sort"} & {node["Node Type"] for node in nodes}, nodes


async def test_rates_are_counted_without_the_rows_themselves(filled: Connection) -> None:
    nodes = await plan(filled, lambda c: rates(c))

    assert [(node["Node Type"], node["Index Name"]) for node in nodes if "Index Name" in node] == [
        ("Index Only Scan", "run_outcomes_judged")
    ]


async def rates(connection: Any) -> None:
    await lives.rates_of(connection, seeds.ARTIST, MIDDLE)


async def test_when_a_person_did_something_last_is_the_end_of_an_index(filled: Connection) -> None:
    nodes = await plan(filled, acted)

    used = {node["Index Name"] for node in nodes if "Index Name" in node}
    assert {"run_outcomes_by_people", "moves_by_people"} <= used, nodes
