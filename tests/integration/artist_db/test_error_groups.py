"""Error groups: counted exactly, whatever comes at once; their newest report speaks for them."""

import asyncio
from datetime import UTC, datetime, timedelta

import asyncpg

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.errors import NOON, A, B, C, group, occurrences, record, report, sample
from tests.integration.artist_db.samples import INVALID, NOT_FOUND, refused, violations


async def test_a_new_group_is_told_and_found_whole(stub: ArtistDbServiceStub) -> None:
    new = await record(stub, occurrences(A, sample(0), sample(5, "notifier"), count=7))

    found = await group(stub, A)
    assert new == [A]
    assert (found.title, found.culprit, found.count, found.status) == ("KeyError", "services.x.y", 7, "new")
    assert list(found.services) == ["notifier", "scheduler"]
    assert found.first_seen.ToDatetime(tzinfo=UTC) == NOON
    assert found.last_seen.ToDatetime(tzinfo=UTC) == NOON + timedelta(minutes=5)
    assert list(found.samples) == [sample(5, "notifier"), sample(0)]
    assert (found.report.status, found.report.fingerprint) == ("new", A)
    assert (found.step.kind, found.step.tries) == (pb.ErrorStep.KIND_ANALYZE, 0)
    assert not found.history


async def test_more_occurrences_add_up_and_only_new_groups_are_told(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A, sample(0), count=2))

    new = await record(
        stub, occurrences(B, count=1), occurrences(A, sample(-3, "notifier"), sample(9), count=3)
    )

    found = await group(stub, A)
    assert new == [B]
    assert found.count == 5
    assert list(found.services) == ["notifier", "scheduler"]
    assert found.first_seen.ToDatetime(tzinfo=UTC) == NOON - timedelta(minutes=3)
    assert found.last_seen.ToDatetime(tzinfo=UTC) == NOON + timedelta(minutes=9)


async def test_the_ten_newest_samples_stay(stub: ArtistDbServiceStub) -> None:
    for minute in (30, 1, 2, 3, 4, 5, 6):
        await record(stub, occurrences(A, sample(minute), sample(minute + 10)))
    await record(stub, occurrences(B, sample(0)))

    assert [s.message for s in (await group(stub, A)).samples] == [
        f"at {minute}" for minute in (40, 30, 16, 15, 14, 13, 12, 11, 6, 5)
    ]
    assert len((await group(stub, B)).samples) == 1


async def test_an_occurrence_without_time_or_from_a_fast_clock_is_seen_now(stub: ArtistDbServiceStub) -> None:
    ahead = pb.ErrorSample(service="scheduler")
    ahead.time.FromDatetime(datetime(2999, 1, 1, tzinfo=UTC))

    await record(stub, occurrences(A, ahead), occurrences(B, pb.ErrorSample(service="scheduler")))

    fast, timeless = await group(stub, A), await group(stub, B)
    assert fast.last_seen == timeless.last_seen
    assert fast.first_seen == fast.last_seen
    assert timeless.samples[0].time == timeless.last_seen


async def test_characters_that_the_database_cannot_hold_do_not_lose_an_error(
    stub: ArtistDbServiceStub,
) -> None:
    await record(
        stub,
        pb.ErrorOccurrences(
            fingerprint=A,
            title="bad \0 byte",
            culprit="x\0",
            count=1,
            samples=[pb.ErrorSample(service="s\0", text="\0")],
        ),
    )

    found = await group(stub, A)
    assert (found.title, found.culprit, list(found.services)) == ("bad \ufffd byte", "x\ufffd", ["s\ufffd"])
    assert found.samples[0].text == "\0"


async def test_batches_that_share_groups_in_another_order_all_count_and_none_deadlocks(
    stub: ArtistDbServiceStub,
) -> None:
    fingerprints = [f"{n:032x}" for n in range(40)]
    batches = [
        [occurrences(f, sample(0)) for f in (fingerprints if n % 2 else reversed(fingerprints))]
        for n in range(16)
    ]

    news = await asyncio.gather(*(record(stub, *batch) for batch in batches))

    assert sorted(f for new in news for f in new) == fingerprints
    groups = (await stub.ListErrorGroups(pb.ListErrorGroupsRequest(page_size=100))).groups
    assert {g.fingerprint: g.count for g in groups} == dict.fromkeys(fingerprints, 16)


async def test_a_batch_is_recorded_whole_or_not_at_all(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    error = await refused(
        stub.RecordErrors(
            pb.RecordErrorsRequest(
                occurrences=[occurrences(A, sample(0)), pb.ErrorOccurrences(fingerprint=B, count=1)]
            )
        ),
        INVALID,
    )

    assert violations(error) == {"occurrences[1].title": "is required for a new group"}
    assert await connection.fetchval("SELECT count(*) FROM error_groups") == 0
    assert await connection.fetchval("SELECT count(*) FROM error_samples") == 0


async def test_a_known_group_needs_no_title_and_keeps_its_own(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))

    await record(stub, pb.ErrorOccurrences(fingerprint=A, count=2))

    found = await group(stub, A)
    assert (found.title, found.culprit, found.count) == ("KeyError", "services.x.y", 3)


async def test_wrong_batches_are_refused_with_every_field(stub: ArtistDbServiceStub) -> None:
    empty = await refused(stub.RecordErrors(pb.RecordErrorsRequest()), INVALID)
    wrong = await refused(
        stub.RecordErrors(
            pb.RecordErrorsRequest(
                occurrences=[occurrences("A" * 32), occurrences(B, count=0), occurrences(C, count=10**10)]
            )
        ),
        INVALID,
    )

    assert list(violations(empty)) == ["occurrences"]
    assert list(violations(wrong)) == [
        "occurrences[0].fingerprint",
        "occurrences[1].count",
        "occurrences[2].count",
    ]


async def test_groups_are_listed_last_seen_first_without_samples_and_reports(
    stub: ArtistDbServiceStub,
) -> None:
    await record(
        stub,
        occurrences(A, sample(1, "scheduler")),
        occurrences(B, sample(3, "notifier")),
        occurrences(C, sample(2, "notifier"), sample(0, "scheduler")),
    )
    await report(stub, B, "analyzed", "a missing key")

    async def listed(**filters: str) -> list[pb.ErrorGroup]:
        return list((await stub.ListErrorGroups(pb.ListErrorGroupsRequest(**filters))).groups)

    groups = await listed()
    assert [(g.fingerprint, g.status) for g in groups] == [(B, "analyzed"), (C, "new"), (A, "new")]
    assert not any(g.samples or g.HasField("report") for g in groups)
    assert [g.fingerprint for g in await listed(service="notifier")] == [B, C]
    assert [g.fingerprint for g in await listed(service="scheduler")] == [C, A]
    assert await listed(service="release") == []


async def test_the_newest_report_gives_a_group_its_status(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A, sample(0)), occurrences(B))

    await report(stub, A, "analyzed", "a missing key")
    told = await report(stub, A, "fix_suggested", "still a missing key")

    found = await group(stub, A)
    assert (told.report, told.step, told.status) == (found.report, found.step, found.status)
    assert not told.samples
    assert told.status == "fix_suggested"
    assert (told.report.fingerprint, told.report.status) == (A, "fix_suggested")
    assert (told.report.cause, told.report.diff) == ("still a missing key", "--- a\n+++ b\n")
    assert told.report.created_at.seconds > 1
    assert [r.status for r in found.history] == ["analyzed", "new"]
    assert found.report.sequence > found.history[0].sequence > found.history[1].sequence
    assert (await group(stub, B)).status == "new"


async def test_unknown_groups_are_not_found(stub: ArtistDbServiceStub) -> None:
    read = await refused(stub.GetErrorGroup(pb.GetErrorGroupRequest(fingerprint=A)), NOT_FOUND)
    reported = await refused(
        stub.SaveErrorReport(
            pb.SaveErrorReportRequest(report=pb.ErrorReport(fingerprint=A, status="analyzed"))
        ),
        NOT_FOUND,
    )

    assert read.metadata == reported.metadata == {"kind": "error group", "id": A}


async def test_wrong_questions_and_reports_are_refused(stub: ArtistDbServiceStub) -> None:
    no_print = await refused(stub.GetErrorGroup(pb.GetErrorGroupRequest(fingerprint="x")), INVALID)
    no_report = await refused(stub.SaveErrorReport(pb.SaveErrorReportRequest()), INVALID)
    bad_report = await refused(
        stub.SaveErrorReport(pb.SaveErrorReportRequest(report=pb.ErrorReport(status="done"))), INVALID
    )
    bad_list = await refused(stub.ListErrorGroups(pb.ListErrorGroupsRequest(service="s\0")), INVALID)

    assert list(violations(no_print)) == ["fingerprint"]
    assert violations(no_report) == {"report": "is required"}
    assert list(violations(bad_report)) == ["report.fingerprint", "report.status"]
    assert list(violations(bad_list)) == ["service"]
