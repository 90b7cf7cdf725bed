"""Who gets a place, how many at once, and in which order; and runs that start by themselves."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2, artist_state_pb2
from aiartist.common.v1 import decision_pb2
from services.chassis.errors import DependencyUnavailable
from services.scheduler.domain import Outcome, Run
from services.scheduler.stages import Report
from tests.support.captured_logs import CapturedLogs
from tests.support.scheduler_peers import Peers
from tests.support.scheduler_replica import state_name
from tests.support.stub_stages import Gate, StubStages


class Turnstile:
    """Lets runs out one by one, and knows who is inside."""

    def __init__(self, then: Any) -> None:
        self._then = then
        self.entered = asyncio.Semaphore(0)
        self.leave = asyncio.Semaphore(0)

    async def __call__(self, run: Run, report: Report) -> Outcome:
        self.entered.release()
        await self.leave.acquire()
        outcome: Outcome = await self._then(run, report)
        return outcome


async def test_no_more_runs_than_places_are_under_way_over_all_replicas(
    new_replica: Any, stages: StubStages, sql: Any
) -> None:
    turnstile = Turnstile(stages.produce.act)
    stages.produce.act = turnstile
    async with (
        new_replica(scheduler_max_active_runs=3) as one,
        new_replica(scheduler_max_active_runs=3) as other,
    ):
        runs = [(replica, await replica.start(autopilot=True)) for replica in (one, other) for _ in range(6)]
        for _ in range(3):
            await turnstile.entered.acquire()
        for _ in range(9):
            assert await sql.fetchval("SELECT count(*) FROM runs WHERE place = 'held'") == 3
            turnstile.leave.release()
            await turnstile.entered.acquire()
        for _ in range(3):
            turnstile.leave.release()
        for replica, run_id in runs:
            await replica.until(run_id, "RELEASED")
    assert stages.produce.most_inside == 3
    assert len(stages.produce.calls) == 12


async def test_runs_that_wait_for_a_place_are_queued(new_replica: Any, stages: StubStages, sql: Any) -> None:
    gate = Gate(stages.compose.act)
    stages.compose.act = gate
    async with new_replica(scheduler_max_active_runs=1) as replica:
        first = await replica.start(autopilot=True)
        await stages.compose.called.wait()
        others = [await replica.start(autopilot=True) for _ in range(3)]
        assert [state_name((await replica.get(run_id)).state) for run_id in others] == ["QUEUED"] * 3
        assert await sql.fetchval("SELECT count(*) FROM runs WHERE place = 'held'") == 1
        gate.open()
        for run_id in [first, *others]:
            await replica.until(run_id, "RELEASED")


async def test_runs_under_way_come_first_then_peoples_then_the_cadences_the_oldest_first(
    new_replica: Any, stages: StubStages, sql: Any
) -> None:
    async with new_replica(scheduler_max_active_runs=1) as replica:
        approved = await replica.waiting()
        gate = Gate(stages.compose.act)
        stages.compose.act = gate
        blocker = await replica.start(autopilot=True)
        async with asyncio.timeout(30):
            while stages.compose.calls[-1].id != blocker:
                await asyncio.sleep(0)
        regular = [await replica.start(autopilot=True) for _ in range(2)]
        await sql.execute("UPDATE runs SET started_by = 'cadence' WHERE id = ANY ($1)", regular)
        wanted = [await replica.start(autopilot=True) for _ in range(2)]
        await replica.decide(approved, decision_pb2.VERDICT_APPROVED)
        # Nothing but the row says who comes first: the last is made the oldest of the cadence's.
        await sql.execute(
            "UPDATE runs SET created_at = created_at - interval '1 hour' WHERE id = $1", regular[1]
        )
        gate.open()
        for run_id in [blocker, approved.id, *regular, *wanted]:
            await replica.until(run_id, "RELEASED")
    published = [run.id for run in stages.publish.calls]
    assert published == [blocker, approved.id, wanted[0], wanted[1], regular[1], regular[0]]


async def lose_the_job(sql: Any) -> None:
    """Of every run, and a minute ago."""
    await sql.execute("DELETE FROM pgqueuer")
    await sql.execute("UPDATE runs SET updated_at = now() - interval '1 minute'")


async def test_a_run_whose_job_is_lost_gets_another(new_replica: Any, stages: StubStages, sql: Any) -> None:
    gate = Gate(stages.compose.act)
    stages.compose.act = gate
    async with new_replica() as replica:
        run_id = await replica.start(autopilot=True)
        await stages.compose.called.wait()
        await replica.app.close()
    await lose_the_job(sql)
    await sql.execute("UPDATE run_progress SET time = now() - interval '1 minute'")
    gate.open()
    async with new_replica() as other:
        await other.until(run_id, "RELEASED")
    assert stages.compose.request_ids == [f"{run_id}/compose/1"] * 2


@pytest.mark.parametrize("long_ago", [False, True])
async def test_a_run_is_not_rescued_from_who_drives_it(
    new_replica: Any, stages: StubStages, sql: Any, long_ago: bool
) -> None:
    async with new_replica() as replica:
        turnstile = Turnstile(stages.compose.act)
        stages.compose.act = turnstile
        run_id = await replica.start(autopilot=True)
        await turnstile.entered.acquire()
        async with asyncio.timeout(30):
            # The first sign of life.
            while not await sql.fetchval("SELECT count(*) FROM run_progress"):
                await asyncio.sleep(0.01)
        await (lose_the_job(sql) if long_ago else sql.execute("DELETE FROM pgqueuer"))
        # The clock ticks several times meanwhile: other runs pass all their stages.
        stages.compose.act = StubStages().compose.act
        for _ in range(3):
            await replica.until(await replica.start(autopilot=True), "RELEASED")
        assert await sql.fetchval("SELECT count(*) FROM pgqueuer WHERE payload = $1", run_id.encode()) == 0
        turnstile.leave.release()
        await replica.until(run_id, "RELEASED")
    assert stages.compose.request_ids.count(f"{run_id}/compose/1") == 1


def regular(peers: Peers, artist_id: str, *, interval_s: int = 0, cron: str = "", **fields: Any) -> None:
    cadence = artist_db_pb2.Cadence(interval_s=interval_s) if interval_s else artist_db_pb2.Cadence(cron=cron)
    artist = peers.add_artist(artist_id, cadence=cadence, **fields)
    artist.created_at.FromDatetime(datetime.now(UTC) - timedelta(days=30))


async def last_ran(sql: Any, artist_id: str, ago: timedelta, *, place: str = "none") -> None:
    await sql.execute(
        """
        INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, created_at)
        VALUES ('run_of_' || $1, $1, 'REJECTED', 'APPROVE', $2, false, 'operator', now() - $3::interval)
        """,
        artist_id,
        place,
        ago,
    )


async def until_started(sql: Any, runs: int) -> list[Any]:
    query = "SELECT * FROM runs WHERE started_by = 'cadence' ORDER BY created_at, id"
    async with asyncio.timeout(30):
        while len(rows := await sql.fetch(query)) < runs:
            await asyncio.sleep(0.01)
    return list(rows)


async def test_an_artist_who_is_due_gets_a_run_by_the_clock(new_replica: Any, peers: Peers, sql: Any) -> None:
    regular(peers, "art_2", interval_s=3_600, autopilot_enabled=True)
    async with new_replica() as replica:
        (row,) = await until_started(sql, 1)
        run = await replica.until(row["id"], "RELEASED")
    assert (run.artist_id, run.started_by, run.autopilot) == ("art_2", "cadence", True)


async def test_replicas_start_one_run_for_each_time_that_is_due(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    for number in range(3):
        regular(peers, f"art_{number}", interval_s=3_600)
    ticks = {"scheduler_cadence_tick_s": 0.01}
    async with new_replica(**ticks) as one, new_replica(**ticks), new_replica(**ticks):
        rows = await until_started(sql, 3)
        for row in rows:
            await one.until(row["id"], "AWAITING_APPROVAL")
        asked = len(peers.of(artist_db_pb2.ListArtistsRequest))
        async with asyncio.timeout(30):
            # Every replica has looked again since, and found nobody due.
            while len(peers.of(artist_db_pb2.ListArtistsRequest)) < asked + 30:
                await asyncio.sleep(0.01)
        rows = await until_started(sql, 3)
    assert sorted(row["artist_id"] for row in rows) == ["art_0", "art_1", "art_2"]


async def test_the_least_recently_run_starts_first_and_who_never_ran_before_all(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    for name, hours in {"art_a": 2, "art_b": 5, "art_c": None, "art_d": 3}.items():
        regular(peers, name, interval_s=3_600)
        if hours is not None:
            await last_ran(sql, name, timedelta(hours=hours))
    async with new_replica(scheduler_max_active_runs=1):
        rows = await until_started(sql, 4)
    assert [row["artist_id"] for row in rows] == ["art_c", "art_b", "art_d", "art_a"]


async def test_nobody_is_started_who_is_not_due_or_has_a_run_under_way_or_no_cadence(
    new_replica: Any, peers: Peers, stages: StubStages, sql: Any
) -> None:
    regular(peers, "art_early", interval_s=3_600)
    await last_ran(sql, "art_early", timedelta(minutes=59))
    regular(peers, "art_busy", interval_s=3_600)
    await last_ran(sql, "art_busy", timedelta(hours=5), place="wanted")
    await sql.execute("UPDATE runs SET not_before = now() + interval '1 day' WHERE place = 'wanted'")
    regular(peers, "art_paused", interval_s=3_600)
    peers.artists["art_paused"].state = artist_state_pb2.ARTIST_STATE_PAUSED
    regular(peers, "art_due", interval_s=3_600)
    await last_ran(sql, "art_due", timedelta(minutes=61))
    async with new_replica():
        rows = await until_started(sql, 1)
    assert [row["artist_id"] for row in rows] == ["art_due"]


async def test_an_artist_whose_run_waits_for_a_person_gets_the_next_one_in_time(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    regular(peers, "art_2", interval_s=3_600)
    async with new_replica(scheduler_cadence_tick_s=0.02) as replica:
        (first,) = await until_started(sql, 1)
        await replica.until(first["id"], "AWAITING_APPROVAL")
        await sql.execute("UPDATE runs SET created_at = created_at - interval '2 hours', due_at = NULL")
        second = (await until_started(sql, 2))[1]
        await replica.until(second["id"], "AWAITING_APPROVAL")


async def test_cron_times_start_runs_too(new_replica: Any, peers: Peers, sql: Any) -> None:
    regular(peers, "art_2", cron="* * * * *")
    regular(peers, "art_3", cron="0 0 30 2 *")
    async with new_replica():
        rows = await until_started(sql, 1)
    assert [row["artist_id"] for row in rows] == ["art_2"]


async def test_while_artist_db_is_away_nothing_starts_and_it_is_told_once(
    new_replica: Any, peers: Peers, sql: Any, captured: CapturedLogs
) -> None:
    regular(peers, "art_2", interval_s=3_600)
    peers.failing["ListArtists"] = DependencyUnavailable("database")
    async with new_replica(scheduler_cadence_tick_s=0.01) as replica:
        async with asyncio.timeout(60):
            while len(peers.of(artist_db_pb2.ListArtistsRequest)) < 12:
                await asyncio.sleep(0.01)
        assert await sql.fetchval("SELECT count(*) FROM runs") == 0
        peers.failing["GetArtist"] = DependencyUnavailable("database")
        with pytest.raises(grpc.aio.AioRpcError):
            await replica.start()
        peers.failing.clear()
        await until_started(sql, 1)
    told = [r["event"] for r in captured.records if "artist_db" in r["event"]]
    assert told == ["artist_db does not answer; trying again", "artist_db answers again"]


async def test_a_full_week_holds_the_cadence_back_and_never_a_person(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    regular(peers, "art_full", interval_s=60)
    await sql.execute(
        """
        INSERT INTO runs (id, artist_id, state, stage, place, autopilot, started_by, created_at)
        SELECT 'run_' || hours, 'art_full', 'REJECTED', 'APPROVE', 'none', false, 'operator',
            now() - hours * interval '1 hour'
        FROM unnest('{5,6,160}'::integer[]) AS hours
        """
    )
    regular(peers, "art_due", interval_s=60)
    await last_ran(sql, "art_due", timedelta(hours=5))
    async with new_replica(scheduler_runs_a_week=3, scheduler_cadence_tick_s=0.02) as replica:
        (first,) = await until_started(sql, 1)
        assert first["artist_id"] == "art_due"
        persons = await replica.start("art_full", autopilot=False)
        await replica.until(persons, "AWAITING_APPROVAL")
        assert len(await until_started(sql, 1)) == 1
        await sql.execute(
            "UPDATE runs SET created_at = created_at - interval '8 days' WHERE artist_id = 'art_full'"
        )
        assert {row["artist_id"] for row in await until_started(sql, 2)} == {"art_due", "art_full"}


async def test_starts_of_an_artist_are_spaced_and_quiet_days_start_nothing(
    new_replica: Any, peers: Peers, sql: Any
) -> None:
    regular(peers, "art_near", interval_s=60)
    await last_ran(sql, "art_near", timedelta(minutes=50))
    regular(peers, "art_far", interval_s=60)
    await last_ran(sql, "art_far", timedelta(minutes=70))
    async with new_replica(scheduler_quiet="mon-sun", scheduler_cadence_tick_s=0.01) as replica:
        async with asyncio.timeout(30):
            while len(peers.of(artist_db_pb2.ListArtistsRequest)) < 6:
                await asyncio.sleep(0.01)
        assert await sql.fetchval("SELECT count(*) FROM runs WHERE started_by = 'cadence'") == 0
        await replica.start("art_near", autopilot=False)
    async with new_replica():
        rows = await until_started(sql, 1)
    assert [row["artist_id"] for row in rows] == ["art_far"]
