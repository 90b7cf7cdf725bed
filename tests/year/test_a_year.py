"""Fifty artists and a year: the real scheduler and the real artist_db, with time moved by the test.

Around them are doubles on real sockets: orchestrator, release and notifier. A day passes when everything that
ever happened becomes a day older; then people decide, clocks tick, and the test waits until nothing is left
to be done.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from random import Random
from typing import Any

import asyncpg
import pytest
from pydantic import SecretStr
from rich.console import Console
from rich.table import Table

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc, artist_state_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from aiartist.orchestrator.v1 import orchestrator_pb2, orchestrator_pb2_grpc
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from services.artist_db.app import build as build_artist_db
from services.artist_db.settings import Settings as ArtistDbSettings
from services.chassis.clients import open_channel
from services.chassis.database import Database
from services.scheduler.admission import Admission
from services.scheduler.cadence import Restraint
from services.scheduler.clock import Clock
from services.scheduler.domain import FINAL, Limits, Machine, Pipeline, RunState, StageName
from services.scheduler.label_clock import LabelClock
from services.scheduler.queue import RunQueue
from services.scheduler.quiet import Quiet
from services.scheduler.schema import SCHEMA
from services.scheduler.store import Store
from services.scheduler.waiting import Bell
from tests.support.captured_logs import captured_logs
from tests.support.moved_time import MovedTime
from tests.support.scheduler_peers import serve_peers
from tests.support.scheduler_replica import CALL_S, Replica, running_scheduler
from tests.support.year_of_artists import (
    DAY_S,
    TEMPERS,
    Member,
    Surroundings,
    Temper,
    cadence_of,
    new_persona,
)

pytestmark = [pytest.mark.year, pytest.mark.timeout(1_800)]

DAYS = 365
TARGET = 48
PLACES = 8
RUNS_A_WEEK = 3
RELEASES_A_WEEK = 2
SPACING = timedelta(days=2)
NEW_YEAR = datetime(2026, 1, 1, 12, tzinfo=UTC)
QUIET = Quiet.parse("sun,12-24..12-26")
DAY = timedelta(days=1)
NOT_DONE = """
SELECT EXISTS (
    SELECT FROM runs
    WHERE place = 'held' OR place = 'wanted' AND not_before <= now() + interval '1 minute'
       OR NOT announced OR recorded < endings AND state = ANY ($1::text[])
       OR state = 'AWAITING_APPROVAL' AND approval_expires_at <= now()
) OR EXISTS (SELECT FROM run_closings)
"""


class Calendar(Quiet):
    """Quiet by the simulated day: the database's clock stays where it is while the past becomes older."""

    day = 0

    def covers(self, moment: datetime) -> bool:
        return QUIET.covers(NEW_YEAR + Calendar.day * DAY)


@dataclass(slots=True)
class Year:
    """Everything that a day needs."""

    replica: Replica
    clock: Clock
    label: LabelClock
    store: Store
    time: MovedTime
    around: Surroundings
    artist_db: Any
    sql: Any
    """In the scheduler's schema."""
    retried: set[str]
    charter: set[str]
    """Those who were there from the first day."""

    async def settle(self) -> None:
        """Returns when everything that can be done today is done."""
        async with asyncio.timeout(120):
            while await self.sql.fetchval(NOT_DONE, [str(state) for state in FINAL]):
                await asyncio.sleep(0.005)

    async def pass_a_day(self, day: int) -> None:
        Calendar.day = day
        if day:
            await self.time.pass_by(DAY)
        await self.settle()
        await self.people_act(day)
        await self.settle()
        await self.clock.start_due()
        await self.settle()
        await self.label.review_lives()
        while await self.label.fill_vacancy():
            pass
        while await self.label.tell_news():
            pass
        if day % 30 == 29:
            await self.time.tidy_up()

    async def people_act(self, day: int) -> None:
        """Decides what waits, cancels what some do not want, and retries what the platform failed."""
        asked = "SELECT id, artist_id FROM runs WHERE state = 'AWAITING_APPROVAL' ORDER BY created_at"
        for row in await self.sql.fetch(asked):
            member = self.around.members[row["artist_id"]]
            run = await self.replica.get(row["id"])
            if member.temper is Temper.FICKLE and member.luck.random() < 0.33:
                await self.replica.stub.CancelRun(pb.CancelRunRequest(run_id=run.id), timeout=CALL_S)
                continue
            verdict = member.says(run.id, day)
            if verdict is not None:
                reason = "not for us" if verdict == decision_pb2.VERDICT_REJECTED else ""
                await self.replica.decide(run, verdict, reason=reason, decided_by="telegram:vera")
        failed = """
            SELECT id, artist_id FROM runs
            WHERE state = 'FAILED' AND error->>'reason' = 'ERROR_REASON_INTERNAL' ORDER BY created_at
        """
        for row in await self.sql.fetch(failed):
            if row["id"] not in self.retried:
                self.retried.add(row["id"])
                if self.around.members[row["artist_id"]].luck.random() < 0.5:
                    self.around.mend(row["id"])
                    await self.replica.stub.RetryRun(pb.RetryRunRequest(run_id=row["id"]), timeout=CALL_S)


@pytest.fixture
async def year(database_url: str) -> AsyncIterator[Year]:
    async with AsyncExitStack() as stack:
        stack.enter_context(captured_logs(level="error"))
        settings = ArtistDbSettings(
            database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False,
            roster_target=TARGET, roster_candidates="allow",
        )  # fmt: skip
        app = await stack.enter_async_context(await build_artist_db(settings))
        artist_db_addr = f"127.0.0.1:{app.port}"
        db_channel = await stack.enter_async_context(open_channel(artist_db_addr, settings))
        artist_db = artist_db_pb2_grpc.ArtistDbServiceStub(db_channel)
        around = Surroundings(artist_db, RELEASES_A_WEEK)
        address = await stack.enter_async_context(serve_peers(around))
        channel = await stack.enter_async_context(open_channel(address, settings))
        replica = await stack.enter_async_context(
            running_scheduler(
                database_url, address, artist_db_addr=artist_db_addr, scheduler_max_active_runs=PLACES,
                scheduler_max_takes=2, scheduler_max_failures=2, scheduler_tick_s=0.02,
                # Its clocks of days are the test's to tick.
                scheduler_cadence_tick_s=3_600, scheduler_label_tick_s=3_600,
            )
        )  # fmt: skip
        database = await stack.enter_async_context(Database.open(database_url, schema=SCHEMA, pool_size=2))
        store = Store(database, RunQueue(), PLACES)
        closing = asyncio.Event()
        limits = Limits(
            max_takes=2,
            max_failures=2,
            max_attempts=20,
            backoff_base_s=1,
            backoff_max_s=60,
            approval_ttl_s=60,
        )
        machine = Machine(Pipeline([(StageName.COMPOSE, RunState.COMPOSING)]), limits)
        restraint = Restraint(RUNS_A_WEEK, SPACING, Calendar())
        clock = Clock(store, machine, Admission(store, closing), Bell(), artist_db, closing, restraint)
        label = LabelClock(
            store,
            artist_db,
            orchestrator_pb2_grpc.OrchestratorServiceStub(channel),
            notifier_pb2_grpc.NotifierServiceStub(channel),
            closing,
        )
        time = await MovedTime.open(database_url)
        stack.push_async_callback(time.close)
        sql = await asyncpg.connect(database_url, server_settings={"search_path": SCHEMA})
        stack.push_async_callback(sql.close)
        yield Year(replica, clock, label, store, time, around, artist_db, sql, set(), set())


async def take_on_everybody(year: Year) -> None:
    for number, temper in enumerate(TEMPERS):
        days = cadence_of(number, temper)
        silence = {
            Temper.ABSENT: decision_pb2.SILENCE_ANSWER_EXPIRE,
            Temper.SILENT: decision_pb2.SILENCE_ANSWER_AUTOPILOT,
        }.get(temper, decision_pb2.SILENCE_ANSWER_HOLD)
        request = artist_db_pb2.CreateArtistRequest(
            persona=new_persona(f"The {temper.title()} {number}"),
            cadence=artist_db_pb2.Cadence(interval_s=days * DAY_S) if days else None,
            autopilot_enabled=temper is Temper.AUTOPILOT,
            on_silence=silence,
        )
        artist_id = (await year.artist_db.CreateArtist(request)).artist.id
        year.around.members[artist_id] = Member(artist_id, temper, days, Random(f"artist {number}"))
        year.charter.add(artist_id)


async def test_fifty_artists_live_through_a_year(year: Year) -> None:
    await take_on_everybody(year)
    for day in range(DAYS):
        await year.pass_a_day(day)
    runs = await year.sql.fetch(
        """
        SELECT *, floor(extract(epoch FROM now() - created_at) / 86400)::integer AS days_ago
        FROM runs ORDER BY created_at
        """
    )
    moves = await year.sql.fetch("SELECT * FROM artist_db.moves ORDER BY moved_at")
    artists = await all_artists(year)
    print_the_year(year, runs, moves)
    the_label_was_no_spam_farm(runs)
    everybody_ran_as_often_as_they_might(year, runs, moves)
    nobody_was_retired_for_silence(year, artists, moves)
    whom_people_or_reviews_reject_was_moved_with_a_reason(year, artists, moves)
    await every_end_has_one_outcome_and_one_notice(year, runs)
    await every_piece_of_news_was_told_once(year)
    the_roster_is_full_again(year, artists)
    await nobody_is_left_busy(year)


async def all_artists(year: Year) -> dict[str, artist_db_pb2.Artist]:
    found: dict[str, artist_db_pb2.Artist] = {}
    token = ""
    while True:
        page = await year.artist_db.ListArtists(
            artist_db_pb2.ListArtistsRequest(page_size=500, page_token=token)
        )
        found |= {artist.id: artist for artist in page.artists}
        token = page.next_page_token
        if not token:
            return found


def the_label_was_no_spam_farm(runs: list[Any]) -> None:
    """Caps, spacing and quiet days, for every run that the cadence started; here that is all of them."""
    assert {run["started_by"] for run in runs} == {"cadence"}
    starts: dict[str, list[datetime]] = defaultdict(list)
    for run in runs:
        starts[run["artist_id"]].append(run["created_at"])
        assert not QUIET.covers(NEW_YEAR + (DAYS - 1 - run["days_ago"]) * DAY)
    for times in starts.values():
        assert all(after - before >= SPACING for before, after in pairwise(times))
        for at in times:
            assert sum(at - 7 * DAY < other <= at for other in times) <= RUNS_A_WEEK


def everybody_ran_as_often_as_they_might(year: Year, runs: list[Any], moves: list[Any]) -> None:
    """Of those who were there all year and whom nothing but the cadence and the label held back."""
    made = Counter(run["artist_id"] for run in runs)
    moved = {move["artist_id"] for move in moves if move["from_state"] is not None}
    through = {Temper.KEEN, Temper.SLOW, Temper.ABSENT, Temper.SILENT, Temper.FICKLE}
    looked_at = 0
    for member in year.around.members.values():
        if member.temper not in through or member.artist_id in moved or member.artist_id not in year.charter:
            continue
        if member.cadence_days * RELEASES_A_WEEK < 7:
            # Songs that wait for room in a week of releases keep the next one waiting.
            continue
        looked_at += 1
        # A time that falls into a quiet period is made up for a day later, and the next one counts from then.
        least = DAYS // (member.cadence_days + 1)
        assert least <= made[member.artist_id] <= DAYS / member.cadence_days + 1, member
    assert looked_at >= 10


def nobody_was_retired_for_silence(
    year: Year, artists: dict[str, artist_db_pb2.Artist], moves: list[Any]
) -> None:
    silent = {Temper.ABSENT, Temper.SILENT, Temper.IDLE, Temper.UNLUCKY}
    retired = {a.id for a in artists.values() if a.state == artist_state_pb2.ARTIST_STATE_RETIRED}
    for member in year.around.members.values():
        rules = {move["rule"] for move in moves if move["artist_id"] == member.artist_id}
        if member.temper is Temper.SLEEPERS:
            # What they reject when they are awake again counts; that they slept does not.
            assert not rules & {"idle", "paused"}, (member, rules)
            assert member.artist_id not in retired, member
        if member.temper in silent:
            assert member.artist_id not in retired, member
            assert rules <= {"person", "approval", "recovered", "idle"}, (member, rules)
    (idle,) = [m for m in year.around.members.values() if m.temper is Temper.IDLE]
    assert artists[idle.artist_id].state == artist_state_pb2.ARTIST_STATE_PAUSED


def whom_people_or_reviews_reject_was_moved_with_a_reason(
    year: Year, artists: dict[str, artist_db_pb2.Artist], moves: list[Any]
) -> None:
    assert all(move["reason"] and not move["moved_by"] for move in moves if move["from_state"] is not None)
    by_temper: dict[Temper, set[tuple[str, str]]] = defaultdict(set)
    for move in moves:
        if move["from_state"] is not None:
            by_temper[year.around.members[move["artist_id"]].temper].add((move["rule"], move["to_state"]))
    for member in year.around.members.values():
        if member.temper is Temper.HARSH:
            assert artists[member.artist_id].state == artist_state_pb2.ARTIST_STATE_RETIRED
            assert artists[member.artist_id].state_reason == "5 rejections in a row"
    assert by_temper[Temper.HARSH] == {("rejections", "RETIRED")}
    assert ("errors", "PAUSED") in by_temper[Temper.BROKEN]
    assert by_temper[Temper.PICKY] == {("approval", "EVOLVING")}


async def every_end_has_one_outcome_and_one_notice(year: Year, runs: list[Any]) -> None:
    # A run that failed and was retried has ended before, and may be under way.
    over = {
        run["id"]: (run["state"] if RunState(run["state"]).final else "FAILED", run["endings"])
        for run in runs
        if run["endings"]
    }
    outcomes = await year.sql.fetch("SELECT run_id, state, ending FROM artist_db.run_outcomes")
    assert {(o["run_id"], o["state"], o["ending"]) for o in outcomes} == {
        (run_id, state, ending) for run_id, (state, ending) in over.items()
    }
    assert len(outcomes) == len(over)
    notices = {
        n.request_id for n in year.around.of(notifier_pb2.NotifyRequest) if "/announce/" in n.request_id
    }
    assert len(notices) == sum(run["endings"] for run in runs)
    decided = [run_id for run_id, (state, _) in over.items() if state in ("RELEASED", "REJECTED", "EXPIRED")]
    reflected = Counter(r.run_id for r in year.around.of(orchestrator_pb2.ReflectRequest))
    assert reflected == dict.fromkeys(decided, 1)


async def every_piece_of_news_was_told_once(year: Year) -> None:
    assert await year.sql.fetchval("SELECT count(*) FROM artist_db.news") == 0
    told = Counter(
        n.request_id for n in year.around.of(notifier_pb2.NotifyRequest) if "news/" in n.request_id
    )
    written = await year.sql.fetchval("SELECT last_value FROM artist_db.news_id_seq")
    assert told == dict.fromkeys((f"news/{number}" for number in range(1, written + 1)), 1)
    moved = await year.sql.fetchval("SELECT count(*) FROM artist_db.moves WHERE from_state IS NOT NULL")
    assert written >= moved > 0


def the_roster_is_full_again(year: Year, artists: dict[str, artist_db_pb2.Artist]) -> None:
    at_work = (artist_state_pb2.ARTIST_STATE_ACTIVE, artist_state_pb2.ARTIST_STATE_EVOLVING)
    assert sum(artist.state in at_work for artist in artists.values()) >= TARGET
    assert len(artists) > len(TEMPERS)
    assert set(artists) == set(year.around.members)


async def nobody_is_left_busy(year: Year) -> None:
    """But those of whom people are asked, and those whose week is full."""
    busy = set(await year.store.busy_artists())
    waiting = await year.sql.fetch(
        """
        SELECT artist_id FROM runs
        WHERE state = 'AWAITING_APPROVAL' OR error->>'reason' = 'ERROR_REASON_RELEASE_CAP'
        """
    )
    assert busy == {row["artist_id"] for row in waiting}


def print_the_year(year: Year, runs: list[Any], moves: list[Any]) -> None:
    names = [RunState.RELEASED, RunState.REJECTED, RunState.EXPIRED, RunState.FAILED, RunState.CANCELLED]
    table = Table("artists", "number", "runs", *(name.lower() for name in names), "waiting", "moves by rule")
    for temper in Temper:
        of = {m.artist_id for m in year.around.members.values() if m.temper is temper}
        states = Counter(run["state"] for run in runs if run["artist_id"] in of)
        rules = Counter(
            f"{m['rule']} -> {m['to_state'].lower()}"
            for m in moves
            if m["artist_id"] in of and m["from_state"] is not None
        )
        waiting = sum(states.values()) - sum(states[name] for name in names)
        counts = [len(of), sum(states.values()), *(states[name] for name in names), waiting]
        told = ", ".join(f"{rule}: {count}" for rule, count in sorted(rules.items()))
        table.add_row(temper, *(f"{count}" for count in counts), told)
    Console(width=150).print(table)
