"""What happens to a group over time: its hours, the code that it is seen in, fixes that hold or do not."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.errors import (
    A,
    B,
    change,
    claim,
    finish,
    group,
    hour,
    occurrences,
    record,
    report,
    sample,
    stamp,
)

ANALYZE, APPLY = pb.ErrorStep.KIND_ANALYZE, pb.ErrorStep.KIND_APPLY
WATCH, REVERT = pb.ErrorStep.KIND_WATCH, pb.ErrorStep.KIND_REVERT
Connection = "asyncpg.Connection[asyncpg.Record]"


async def now(connection: Connection) -> datetime:
    moment: datetime = await connection.fetchval("SELECT now()")
    return moment


async def test_occurrences_are_counted_by_hour_and_service(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    this = (await now(connection)).replace(minute=0, second=0, microsecond=0)
    earlier = this - timedelta(hours=2)
    batch = [hour(earlier + timedelta(minutes=59), 2), hour(earlier, 1, "release"), hour(this, 4)]

    await record(stub, occurrences(A, count=7, hours=batch))
    await record(stub, occurrences(A, count=3, hours=[hour(earlier, 3)]))
    await record(stub, occurrences(A, count=1, hours=[hour(this + timedelta(minutes=1), 1)]))

    found = await group(stub, A)
    assert [(h.hour.ToDatetime(UTC), h.service, h.count) for h in found.hours] == [
        (earlier, "release", 1),
        (earlier, "scheduler", 5),
        (this, "scheduler", 5),
    ]
    assert list(found.services) == ["release", "scheduler"]


async def test_attempts_that_are_too_old_to_count_go_a_bounded_number_at_a_time(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await connection.execute(
        """
        INSERT INTO error_attempts (id, fingerprint, kind, began_at)
        SELECT 'eat_' || days || '_' || n, $1, 'FIX', now() - days * interval '1 day'
        FROM unnest(ARRAY[34, 36]) AS ages (days), generate_series(1, 501) AS n
        """,
        A,
    )

    left = []
    for fingerprint in (A, B):
        await record(stub, occurrences(fingerprint))
        left.append(await connection.fetchval("SELECT count(*) FROM error_attempts"))

    assert left == [502, 501]


async def test_hours_before_the_last_three_days_are_not_shown_and_old_ones_go(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    this = await now(connection)
    days = [hour(this - timedelta(days=ago), 1) for ago in (0, 4, 36)]
    await record(stub, occurrences(A, count=3, hours=days))
    await connection.execute("UPDATE error_hours SET hour = hour - interval '32 days' WHERE hour < $1", this)

    await record(stub, occurrences(B, sample(0)))

    kept = await connection.fetch("SELECT now() - hour AS age FROM error_hours WHERE fingerprint = $1", A)
    assert list((await group(stub, A)).hours) == []
    assert [row["age"].days for row in kept] == [32]


async def test_a_storm_is_one_group_with_one_step_and_one_report(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    batch = occurrences(A, *map(sample, range(10)), count=200, code_versions=["v1"], template="lost <*>")

    news = await asyncio.gather(*(record(stub, batch) for _ in range(50)))

    assert [name for new in news for name in new] == [A]
    found = await group(stub, A)
    assert (found.count, len(found.samples), len(found.history)) == (10_000, 10, 0)
    assert (found.report.status, found.step.kind) == ("new", ANALYZE)
    assert await connection.fetchval("SELECT sum(count) FROM error_hours") == 10_000
    assert await connection.fetchval("SELECT sequence FROM error_templates") == 1


async def analyzed(stub: ArtistDbServiceStub, status: str = "analyzed") -> None:
    """A group that was seen in v1, and looked at."""
    await record(stub, occurrences(A, code_versions=["v1"]))
    await finish(stub, (await claim(stub)).group, status)


async def test_a_known_group_is_looked_at_again_in_code_that_it_was_not_seen_in(
    stub: ArtistDbServiceStub,
) -> None:
    await analyzed(stub)

    await record(stub, occurrences(A, code_versions=["v1"]))
    assert not (await group(stub, A)).HasField("step")
    await record(stub, occurrences(A, code_versions=["v1", "v2"]))

    found = await group(stub, A)
    assert (found.step.kind, found.step.forced) == (ANALYZE, False)
    assert list(found.code_versions) == ["v1", "v2"]
    assert found.status == "analyzed"


@pytest.mark.parametrize("status", ["ignored", "fix_attempted", "fix_applied", "reverted"])
async def test_a_group_that_is_settled_is_left_alone_by_new_code(
    stub: ArtistDbServiceStub, status: str
) -> None:
    await analyzed(stub, status)

    await record(stub, occurrences(A, code_versions=["v2"]))

    assert not (await group(stub, A)).HasField("step")


async def test_new_code_does_not_overtake_a_proven_fix_that_waits_for_a_person(
    stub: ArtistDbServiceStub,
) -> None:
    await analyzed(stub)

    await report(stub, A, "fix_suggested", commit="c" * 40)
    await record(stub, occurrences(A, code_versions=["v2"]))
    assert not (await group(stub, A)).HasField("step")
    await report(stub, A, "fix_suggested")
    await record(stub, occurrences(A, code_versions=["v3"]))

    assert (await group(stub, A)).step.kind == ANALYZE


async def test_a_group_that_waits_for_something_goes_on_waiting_for_it(stub: ArtistDbServiceStub) -> None:
    await analyzed(stub)
    await change(stub, A, "analyzed", pb.ErrorStep(kind=pb.ErrorStep.KIND_FIX))

    await record(stub, occurrences(A, code_versions=["v2"]))

    assert (await group(stub, A)).step.kind == pb.ErrorStep.KIND_FIX


async def test_a_fix_is_taken_out_when_the_error_comes_back_in_code_loaded_after_it(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))
    await change(stub, A, "fix_applied", pb.ErrorStep(kind=WATCH))
    watching = (await claim(stub, WATCH)).group
    applied = watching.report.applied_at.ToDatetime(UTC)

    await record(stub, occurrences(A, code_as_of=stamp(applied - timedelta(seconds=1))), occurrences(B))
    assert (await group(stub, A)).step.kind == WATCH
    await record(stub, occurrences(A, code_as_of=stamp(await now(connection))))

    found = await group(stub, A)
    assert (found.step.kind, found.step.attempt_id) == (REVERT, "")
    assert found.step.reason.startswith("it came back in code that was loaded at 20")
    assert found.code_as_of.ToDatetime(UTC) > applied
    assert (await claim(stub, REVERT)).group.step.attempt_id != watching.step.attempt_id


async def kept_fix(stub: ArtistDbServiceStub, **fields: str) -> pb.ErrorGroup:
    """A group whose fix was watched to the end."""
    await record(stub, occurrences(A))
    await change(stub, A, "fix_applied", pb.ErrorStep(kind=WATCH))
    watched = (await claim(stub, WATCH)).group
    return await finish(stub, watched, "fix_applied", applied_at=watched.report.applied_at, **fields)


async def test_what_comes_back_after_its_fix_was_kept_is_looked_at_again(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    applied_at = (await kept_fix(stub)).report.applied_at
    await report(stub, A, "fix_applied", "told once more", applied_at=applied_at)
    old = stamp(applied_at.ToDatetime(UTC) - timedelta(seconds=1))

    await record(stub, occurrences(A, code_as_of=old))
    assert not (await group(stub, A)).HasField("step")
    await record(stub, occurrences(A, code_as_of=stamp(await now(connection))))

    step = (await group(stub, A)).step
    assert (step.kind, step.forced) == (ANALYZE, True)
    assert step.reason == "it came back after its fix was kept"


async def test_a_group_that_comes_back_again_waits_for_the_look_that_is_due(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await kept_fix(stub)
    await record(stub, occurrences(A, code_as_of=stamp(await now(connection))))
    held = (await claim(stub, ANALYZE)).group

    await record(stub, occurrences(A, code_as_of=stamp(await now(connection))))

    assert (await group(stub, A)).step == held.step
    assert (await finish(stub, held, "analyzed")).status == "analyzed"


async def test_a_fix_that_is_still_watched_is_not_kept(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await record(stub, occurrences(A))
    await change(stub, A, "fix_applied", pb.ErrorStep(kind=WATCH))
    watched = (await claim(stub, WATCH)).group
    await finish(stub, watched, "fix_applied", applied_at=watched.report.applied_at, goes_on=True)
    await finish(stub, watched, then=pb.ErrorStep(kind=WATCH), postponed=True)

    await record(stub, occurrences(A, code_as_of=stamp(await now(connection))))

    assert (await group(stub, A)).step.kind == REVERT


async def test_the_next_fix_of_a_group_whose_last_one_was_kept_is_judged_anew(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    await kept_fix(stub)
    await change(stub, A, "fix_applied", pb.ErrorStep(kind=WATCH))

    await record(stub, occurrences(A, code_as_of=stamp(await now(connection))))

    assert (await group(stub, A)).step.kind == REVERT


async def applying(stub: ArtistDbServiceStub) -> pb.ErrorGroup:
    await record(stub, occurrences(A))
    await change(stub, A, "fix_suggested", pb.ErrorStep(kind=APPLY))
    return (await claim(stub, APPLY)).group


@pytest.mark.parametrize(("seconds", "kind"), [(1, REVERT), (-1, WATCH)])
async def test_what_failed_between_a_fix_and_its_report_counts_by_when_its_code_was_loaded(
    stub: ArtistDbServiceStub, connection: Connection, seconds: int, kind: pb.ErrorStep.Kind.ValueType
) -> None:
    held = await applying(stub)
    applied = await now(connection) - timedelta(seconds=30)
    await record(stub, occurrences(A, code_as_of=stamp(applied + timedelta(seconds=seconds))))

    told = await finish(
        stub, held, "fix_applied", applied_at=stamp(applied), then=pb.ErrorStep(kind=WATCH), next_in_ms=60_000
    )

    assert told.report.applied_at == stamp(applied)
    assert told.step.kind == kind
    assert (await claim(stub, REVERT)).HasField("group") == (kind == REVERT)


async def test_a_clock_that_runs_ahead_does_not_take_a_fix_out_before_it_is_applied(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, occurrences(A, code_as_of=stamp(datetime(2999, 1, 1, tzinfo=UTC))))

    told = await change(stub, A, "fix_applied")

    assert told.code_as_of.ToDatetime(UTC) < told.report.applied_at.ToDatetime(UTC)


async def test_errors_are_counted_since_a_fix_and_before_it_in_all_other_groups_of_its_services(
    stub: ArtistDbServiceStub, connection: Connection
) -> None:
    applied = (await now(connection)).replace(minute=0, second=0, microsecond=0) - timedelta(minutes=15)
    of_fix = applied.replace(minute=0)
    before_fix = of_fix - timedelta(hours=1)
    before = [
        hour(of_fix - timedelta(hours=25), 1_000),
        hour(of_fix - timedelta(hours=24), 40),
        hour(of_fix - timedelta(hours=23), 7),
        hour(of_fix, 3),
    ]
    await record(stub, occurrences(A, count=1_001, hours=[hour(of_fix, 1), hour(before_fix, 1_000)]))
    await record(stub, occurrences(B, count=1_050, hours=before))
    await record(stub, occurrences(B, count=90, hours=[hour(of_fix, 90, "elsewhere")]))
    given = pb.ErrorReport(fingerprint=A, status="fix_applied", applied_at=stamp(applied))
    order = pb.ChangeErrorGroupRequest(report=given, step=pb.ErrorStep(kind=WATCH))
    await stub.ChangeErrorGroup(order)
    since = [hour(of_fix, 2), hour(of_fix + timedelta(hours=1), 5), hour(before_fix, 9)]
    # Of a process that was not restarted: it has no part of the fix.
    await record(stub, occurrences(A, count=500, hours=[hour(of_fix, 500)]))
    await record(stub, occurrences(B, count=16, hours=since))
    await report(stub, A, "fix_applied", applied_at=stamp(applied))

    claimed = await claim(stub, WATCH)

    # A quarter of the hour that was 24 hours before lies within the day before the fix.
    assert claimed.errors_before_fix == 10 + 7 + 3
    assert claimed.errors_since_fix == 7
