"""The hot queries among ten thousand, a hundred thousand and a million rows, as the services send them."""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from services.artist_db.domain.lifecycle import State
from services.artist_db.store import artists, errors, fingerprints, model_calls, publications, songs
from services.chassis.database import Database
from services.chassis.paging import Page
from services.notifier.store import approvals, messages
from services.scheduler.domain import RunState
from services.scheduler.queue import RunQueue
from services.scheduler.store import Store
from tests.bench.harness import middle
from tests.bench.unit_costs_fill import artist_id, fill, run_id
from tests.support.scheduler_plans import RecordingDatabase

SIZES = (10_000, 100_000, 1_000_000)
ROUNDS = 7
# That many are looked at together by a tick of the cadence.
_LOOKED_UP = 500


@dataclass(frozen=True, slots=True)
class Cost:
    """One statement's."""

    milliseconds: float
    pages: int
    """Of 8 KiB, from the cache or not."""
    indexes: frozenset[str]
    read_whole: frozenset[str]
    """Tables that are read from the first row to the last."""


Query = Callable[[Any], Awaitable[Any]]

_NOW = datetime.now(UTC)
SCHEDULER: dict[str, tuple[Callable[[Store], Awaitable[Any]], str]] = {
    "scheduler: does anybody want a place?": (lambda s: s.anybody_wants_a_place(), "WHERE place = 'wanted'"),
    "scheduler: admission": (lambda s: s.admit(), "places FROM free"),
    "scheduler: lost jobs": (lambda s: s.rescue(), "convert_to(r.id"),
    "scheduler: answers to silence": (lambda s: s.expired(100), "approval_expires_at <= now()"),
    "scheduler: ends to announce": (lambda s: s.unannounced(50), "WHERE NOT announced"),
    f"scheduler: last runs of {_LOOKED_UP} artists": (
        lambda s: s.last_runs([artist_id(n) for n in range(_LOOKED_UP)]),
        "CROSS JOIN LATERAL",
    ),
    "scheduler: one run": (lambda s: s.read(run_id(7)), "SELECT * FROM runs WHERE id"),
    "scheduler: a page of runs": (
        lambda s: s.page(Page(50, None, ""), artist_id="", states=[]),
        "ORDER BY created_at DESC",
    ),
    "scheduler: a page of runs that wait": (
        lambda s: s.page(Page(50, None, ""), artist_id="", states=[RunState.AWAITING_APPROVAL]),
        "ORDER BY created_at DESC",
    ),
    "scheduler: a page of an artist's runs": (
        lambda s: s.page(Page(50, None, ""), artist_id=artist_id(7), states=[]),
        "ORDER BY created_at DESC",
    ),
    "scheduler: GetStatus": (lambda s: s.status(), "waiting_since"),
}
ACTIVE = [State.ACTIVE, State.EVOLVING]
ARTIST_DB: dict[str, Query] = {
    "artist_db: one artist": lambda c: artists.by_id(c, artist_id(7)),
    "artist_db: a page of artists": lambda c: artists.page(
        c, states=[], with_cadence=False, after=None, limit=51
    ),
    "artist_db: a page of 500 with a cadence": lambda c: artists.page(
        c, states=ACTIVE, with_cadence=True, after="artist 0000500", limit=501
    ),
    "artist_db: an artist's releases": lambda c: songs.releases(
        c, artist_id=artist_id(7), run_id="", after=None, limit=51
    ),
    "artist_db: fingerprints, what is new": lambda c: fingerprints.takes_since(
        c, since=_NOW - timedelta(minutes=10), after=None, limit=201
    ),
    "artist_db: fingerprints, a page of all": lambda c: fingerprints.takes_since(
        c, since=None, after=None, limit=201
    ),
    "artist_db: a run's spend": lambda c: model_calls.spend(
        c, artist_id="", run_id=run_id(7), since=_NOW - timedelta(days=9000)
    ),
    "artist_db: the label's spend of a day": lambda c: model_calls.spend(
        c, artist_id="", run_id="", since=_NOW - timedelta(days=1)
    ),
    "artist_db: the cap of a week": lambda c: publications.again_at(c, artist_id(7), 14),
    "artist_db: a page of error groups": lambda c: errors.page(c, service="", after=None, limit=51),
    "artist_db: error groups of one service": lambda c: errors.page(
        c, service="release", after=None, limit=51
    ),
}
NOTIFIER: dict[str, Query] = {
    "notifier: the next message": lambda c: messages.claim_next(c),
    "notifier: reminders": lambda c: approvals.remind_of_due(c, 86_400, 60),
    "notifier: open questions, counted": lambda c: approvals.count_open(c),
    "notifier: open questions, the first page": lambda c: approvals.page_open(c, 0, 10),
    "notifier: a run's open question": lambda c: approvals.open_of_run(c, run_id(3)),
}


async def query_costs(dsn: str, size: int) -> dict[str, Cost]:
    """Fills the database up to `size` artists, runs, takes, calls and questions, and asks."""
    await fill(dsn, size)
    found: dict[str, Cost] = {}
    async with _service(dsn, "scheduler") as pool:
        for name, (work, part) in SCHEDULER.items():
            database = RecordingDatabase(pool)
            # The first time it may change something, as admission does; the statement is what counts.
            await work(Store(database, RunQueue(), max_active_runs=10))
            ((sql, values),) = [sent for sent in database.statements if part in sent[0]]
            async with pool.acquire() as connection:
                found[name] = await _cost(connection, sql, values)
    for schema, queries in (("artist_db", ARTIST_DB), ("notifier", NOTIFIER)):
        async with _service(dsn, schema) as pool, pool.acquire() as connection:
            for name, query in queries.items():
                found[name] = await _cost(connection, *await _statement(connection, query))
    return found


@asynccontextmanager
async def _service(dsn: str, schema: str) -> AsyncIterator["asyncpg.Pool[asyncpg.Record]"]:
    """Connections as a service's own."""
    async with Database.open(dsn, schema=schema, pool_size=2) as database:
        yield database.pool


async def _statement(connection: Any, query: Query) -> tuple[str, tuple[Any, ...]]:
    """What a store's function sends; what it changes is taken back."""
    sent: list[tuple[str, tuple[Any, ...]]] = []
    transaction = connection.transaction()
    await transaction.start()
    try:
        with connection.query_logger(lambda record: sent.append((record.query, record.args))):
            await query(connection)
    finally:
        await transaction.rollback()
    return sent[-1]


async def _cost(connection: Any, sql: str, values: tuple[Any, ...]) -> Cost:
    costs = [await _once(connection, sql, values) for _ in range(ROUNDS + 1)][1:]
    return Cost(
        middle([cost.milliseconds for cost in costs]),
        int(middle([cost.pages for cost in costs])),
        costs[-1].indexes,
        costs[-1].read_whole,
    )


async def _once(connection: Any, sql: str, values: tuple[Any, ...]) -> Cost:
    transaction = connection.transaction()
    await transaction.start()
    try:
        told = await connection.fetchval(f"EXPLAIN (ANALYZE, BUFFERS, FORMAT JSON) {sql}", *values)
    finally:
        await transaction.rollback()
    (explained,) = json.loads(told) if isinstance(told, str) else told
    plan = list(_nodes(explained["Plan"]))
    return Cost(
        explained["Execution Time"] + explained["Planning Time"],
        explained["Plan"]["Shared Hit Blocks"] + explained["Plan"]["Shared Read Blocks"],
        frozenset(node["Index Name"] for node in plan if "Index Name" in node),
        frozenset(node["Relation Name"] for node in plan if node["Node Type"] == "Seq Scan"),
    )


def _nodes(plan: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield plan
    for inner in plan.get("Plans", []):
        yield from _nodes(inner)
