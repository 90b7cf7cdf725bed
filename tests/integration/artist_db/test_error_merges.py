"""Groups that turn out to be one: nothing is lost, nothing counts twice, whoever merges them, and when."""

import asyncio

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.errors import (
    A,
    B,
    C,
    change,
    claim,
    finish,
    group,
    occurrences,
    record,
    report,
    sample,
)
from tests.integration.artist_db.races import held

Connection = "asyncpg.Connection[asyncpg.Record]"
MERGING = "SELECT pg_advisory_xact_lock(hashtextextended('artist_db error merges', 6))"


async def listed(stub: ArtistDbServiceStub) -> dict[str, int]:
    groups = (await stub.ListErrorGroups(pb.ListErrorGroupsRequest())).groups
    return {g.fingerprint: g.count for g in groups}


async def test_a_merged_group_s_counts_samples_hours_and_reports_are_the_other_one_s(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, occurrences(A, sample(5), count=3, code_versions=["v1"]))
    await record(stub, occurrences(B, sample(0, "notifier"), count=4, code_versions=["v0"]))
    await report(stub, B, "analyzed", "a missing key")
    await report(stub, A, "analysis_failed")

    new = await record(stub, occurrences(A, sample(9), absorbs=[B], code_versions=["v2"]))

    found = await group(stub, B)
    assert new == []
    assert await listed(stub) == {A: 8}
    assert found == await group(stub, A)
    assert (found.fingerprint, found.count, list(found.services)) == (A, 8, ["notifier", "scheduler"])
    assert [s.message for s in found.samples] == ["at 9", "at 5", "at 0"]
    assert {(h.service, h.count) for h in found.hours} == {("scheduler", 4), ("notifier", 4)}
    assert list(found.code_versions) == ["v0", "v1", "v2"]
    assert found.status == "analysis_failed"
    assert sorted(r.status for r in found.history) == ["analyzed", "new", "new"]
    assert {r.fingerprint for r in found.history} == {A}


async def test_what_comes_under_the_old_fingerprint_goes_to_the_group(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A), occurrences(B))
    await record(stub, occurrences(A, absorbs=[B]))

    new = await record(stub, occurrences(B, count=5))
    told = await report(stub, B, "analyzed")

    assert new == []
    assert (told.fingerprint, told.report.fingerprint, told.count) == (A, A, 8)
    assert (await change(stub, B, "ignored")).fingerprint == A


async def test_chains_of_merges_end_at_one_group(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A), occurrences(B), occurrences(C))
    await record(stub, occurrences(B, absorbs=[A]))
    await record(stub, occurrences(C, absorbs=[B]))
    await record(stub, occurrences(A), occurrences(B, absorbs=[A, C]))

    assert await listed(stub) == {C: 7}
    assert (await group(stub, A)).fingerprint == C


async def test_a_new_group_takes_over_what_is_known_of_its_parts_and_is_not_told_as_new(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, occurrences(A), occurrences(B))
    analyzed = (await claim(stub)).group
    await finish(stub, analyzed, "analyzed", then=pb.ErrorStep(kind=pb.ErrorStep.KIND_FIX))

    new = await record(stub, occurrences(C, absorbs=[A, B]))

    found = await group(stub, C)
    assert new == []
    assert (found.status, found.step.kind, found.count) == ("analyzed", pb.ErrorStep.KIND_FIX, 3)


async def test_a_part_that_is_not_known_yet_is_an_alias_from_the_start(stub: ArtistDbServiceStub) -> None:
    new = await record(stub, occurrences(A, absorbs=[B]))

    assert new == [A]
    assert await record(stub, occurrences(B)) == []
    assert await listed(stub) == {A: 2}


async def test_a_step_under_way_survives_the_merge_of_its_group(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    held_step = (await claim(stub)).group

    await record(stub, occurrences(B, absorbs=[A]))
    await stub.RenewErrorStep(
        pb.RenewErrorStepRequest(
            fingerprint=A, attempt_id=held_step.step.attempt_id, holder="worker_1", lease_ms=60_000
        )
    )
    told = await finish(stub, held_step, "analyzed")

    assert (told.fingerprint, told.status) == (B, "analyzed")


async def test_an_applied_fix_of_a_part_is_still_watched(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A), occurrences(B))
    await change(stub, B, "fix_applied", pb.ErrorStep(kind=pb.ErrorStep.KIND_WATCH))

    await record(stub, occurrences(A, absorbs=[B]))

    found = await group(stub, A)
    assert (found.status, found.step.kind) == ("fix_applied", pb.ErrorStep.KIND_WATCH)


async def test_errors_of_a_part_are_no_other_errors_around_the_fix_of_the_whole(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, occurrences(A), occurrences(B, count=4), occurrences(C))
    await change(stub, A, "fix_applied", pb.ErrorStep(kind=pb.ErrorStep.KIND_WATCH))

    await record(stub, occurrences(A, absorbs=[B], count=5), occurrences(C, count=3))

    assert (await claim(stub, pb.ErrorStep.KIND_WATCH)).errors_since_fix == 3


async def test_an_analysis_of_a_part_does_not_overtake_a_fix_that_waits_for_a_person(
    stub: ArtistDbServiceStub,
) -> None:
    await record(stub, occurrences(A))
    await finish(stub, (await claim(stub)).group)
    await report(stub, A, "fix_suggested", commit="c" * 40)
    await record(stub, occurrences(B))

    await record(stub, occurrences(A, absorbs=[B]))

    found = await group(stub, A)
    assert (found.status, found.HasField("step")) == ("fix_suggested", False)


async def test_replicas_that_merge_and_record_at_once_lose_and_double_nothing(
    stub: ArtistDbServiceStub, database_url: str, connection: Connection
) -> None:
    await record(stub, *(occurrences(f, sample(0)) for f in (A, B, C)))

    async with held(database_url, MERGING, until=8):
        calls = [
            record(stub, *batch)
            for _ in range(2)
            for batch in (
                [occurrences(A, sample(1), absorbs=[B])],
                [occurrences(B, sample(2), absorbs=[A])],
                [occurrences(C, sample(3), absorbs=[A, B])],
                [occurrences(A, sample(4)), occurrences(B, sample(5)), occurrences(C, sample(6))],
            )
        ]
        calls = [asyncio.ensure_future(call) for call in calls]
    await asyncio.gather(*calls)

    assert list((await listed(stub)).values()) == [3 + 2 * 6]
    assert await connection.fetchval("SELECT sum(count) FROM error_hours") == 15
    assert await connection.fetchval("SELECT count(*) FROM error_aliases") == 2
    assert await connection.fetchval("SELECT count(*) FROM error_samples") == 10
