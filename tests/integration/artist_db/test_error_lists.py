"""Lists of error groups, reports and templates, and readers that go on where they stopped."""

import asyncio
from datetime import timedelta
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.errors import (
    NOON,
    A,
    B,
    C,
    group,
    occurrences,
    record,
    report,
    sample,
    stamp,
)
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import INVALID, refused, violations

Connection = "asyncpg.Connection[asyncpg.Record]"
IN_ORDER = "SELECT pg_advisory_xact_lock(hashtextextended('artist_db error reports', 6))"


async def listed(stub: ArtistDbServiceStub, **filters: Any) -> list[str]:
    response = await stub.ListErrorGroups(pb.ListErrorGroupsRequest(**filters))
    return [g.fingerprint for g in response.groups]


async def test_groups_are_found_by_status_severity_text_and_time(stub: ArtistDbServiceStub) -> None:
    await record(
        stub,
        occurrences(A, sample(1), title="KeyError", culprit="scheduler.drive"),
        occurrences(B, sample(2), title="ValueError: 100 %", culprit="release.mix"),
        occurrences(C, sample(0), sample(3), title="OSError", culprit="notifier.send"),
    )
    await report(stub, A, "analyzed", "A Missing key", severity="high")
    await report(stub, B, "analyzed", "old", severity="high")
    await report(stub, B, "ignored", "nobody minds", severity="low")

    assert await listed(stub, statuses=["new", "ignored"]) == [C, B]
    assert await listed(stub, severity="high") == [A]
    assert await listed(stub, text="missing KEY") == [A]
    assert await listed(stub, text="0 %") == [B]
    assert await listed(stub, text="RELEASE.") == [B]
    assert await listed(stub, text="old") == []
    assert await listed(stub, seen_after=stamp(NOON + timedelta(minutes=2))) == [C, B]
    assert await listed(stub, seen_before=stamp(NOON + timedelta(minutes=1))) == [C]
    assert await listed(stub, statuses=["analyzed"], text="old", severity="high") == []


async def test_wrong_filters_are_refused(stub: ArtistDbServiceStub) -> None:
    wrong = pb.ListErrorGroupsRequest(statuses=["done"], text="x" * 201, severity="dire")

    error = await refused(stub.ListErrorGroups(wrong), INVALID)

    assert list(violations(error)) == ["statuses[0]", "text", "severity"]


async def reports(stub: ArtistDbServiceStub, **request: int) -> list[pb.ErrorReport]:
    return list((await stub.ListErrorReports(pb.ListErrorReportsRequest(**request))).reports)


async def test_a_reader_begins_at_the_newest_report_and_goes_on_from_there(stub: ArtistDbServiceStub) -> None:
    assert await reports(stub) == []
    await record(stub, occurrences(A))
    [newest] = await reports(stub)
    await record(stub, occurrences(B))
    await report(stub, A, "analyzed", "a missing key")

    after = await reports(stub, after_sequence=newest.sequence)

    assert (newest.fingerprint, newest.status) == (A, "new")
    assert [(r.fingerprint, r.status, r.cause) for r in after] == [
        (B, "new", ""),
        (A, "analyzed", "a missing key"),
    ]
    assert [r.sequence for r in await reports(stub, after_sequence=0, page_size=2)] == [
        newest.sequence,
        after[0].sequence,
    ]
    assert (await group(stub, A)).report == after[1]


async def test_a_report_is_numbered_only_after_those_that_were_numbered_before_it_are_kept(
    stub: ArtistDbServiceStub, database_url: str, connection: Connection
) -> None:
    async with held(database_url, IN_ORDER, until=4):
        calls = [asyncio.ensure_future(record(stub, occurrences(f"{n:032x}"))) for n in range(4)]
        numbered = await connection.fetchval("SELECT count(*) FROM error_reports")
    await asyncio.gather(*calls)

    assert numbered == 0
    assert [r.sequence for r in await reports(stub, after_sequence=0)] == [1, 2, 3, 4]


async def test_a_page_of_large_reports_fits_a_message_and_the_next_goes_on(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A))
    for _ in range(8):
        await report(stub, A, "fix_failed", test_code="\N{SNOWMAN}" * 100_000, explanation="x" * 20_000)
    seen: list[int] = []
    while page := await reports(stub, after_sequence=seen[-1] if seen else 0):
        assert sum(r.ByteSize() for r in page) < 5 * 2**20
        seen += [r.sequence for r in page]

    found = await group(stub, A)
    assert len(seen) == 9
    assert found.history
    assert found.ByteSize() < 4 * 2**20


async def templates(stub: ArtistDbServiceStub, **request: int) -> list[tuple[str, str]]:
    response = await stub.ListErrorTemplates(pb.ListErrorTemplatesRequest(**request))
    assert [t.sequence for t in response.templates] == sorted(t.sequence for t in response.templates)
    return [(t.fingerprint, t.template) for t in response.templates]


async def test_templates_are_listed_as_they_are_made_changed_and_merged(stub: ArtistDbServiceStub) -> None:
    await record(stub, occurrences(A, template="get 7 of 9"), occurrences(B, template="put"))
    assert await templates(stub) == [(A, "get 7 of 9"), (B, "put")]
    await record(stub, occurrences(A, template="get 7 of 9"), occurrences(C))
    assert await templates(stub, after_sequence=2) == []

    await record(stub, occurrences(A, template="get <*> of 9", title="get <*> of 9"))
    assert await templates(stub, after_sequence=2) == [(A, "get <*> of 9")]
    assert (await group(stub, A)).title == "get <*> of 9"

    await record(stub, occurrences(C, template="<*>", absorbs=[A]))
    assert await templates(stub) == [(B, "put"), (C, "<*>")]
    assert await templates(stub, page_size=1) == [(B, "put")]
