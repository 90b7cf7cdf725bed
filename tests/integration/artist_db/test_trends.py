"""Charts: each fetched by one, kept once, and gone when nobody wants it."""

import asyncio
from collections.abc import Iterator, Sequence
from typing import Any

import pytest

from aiartist.artist_db.v1 import trend_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.domain.trends import KEPT_A_CHART
from tests.integration.artist_db.samples import INVALID, PAGE_TOKEN, WRONG_STATE, refused, violations
from tests.support.postgres import TestServer, fresh_database

ALL = (("apple_music", "us", ""), ("deezer", "", ""), ("deezer", "", "synthwave"))
DEEZER = ("deezer", "", "")


@pytest.fixture(scope="module")
def database_url(postgres: TestServer) -> Iterator[str]:
    """One for all tests of this file, which empty the tables: a fresh one each costs most of their time."""
    with fresh_database(postgres) as url:
        yield url


@pytest.fixture(autouse=True)
async def no_charts(connection: Any) -> None:
    await connection.execute("TRUNCATE trend_charts, trend_snapshots, idempotency")


def sources(charts: Sequence[tuple[str, str, str]]) -> list[pb.TrendSource]:
    return [pb.TrendSource(source=s, country=c, genre=g) for s, c, g in charts]


async def claim(
    stub: ArtistDbServiceStub, *charts: tuple[str, str, str], holder: str = "one"
) -> tuple[str, str, str] | None:
    request = pb.ClaimTrendFetchRequest(wanted=sources(charts or ALL), holder=holder, lease_ms=60_000)
    answer = await stub.ClaimTrendFetch(request)
    claimed = answer.claimed
    return (claimed.source, claimed.country, claimed.genre) if answer.HasField("claimed") else None


def items(*titles: str) -> list[pb.TrendItem]:
    return [pb.TrendItem(rank=n, title=title, artist_name="Mira Sol") for n, title in enumerate(titles, 1)]


async def finish(
    stub: ArtistDbServiceStub,
    chart: tuple[str, str, str],
    *titles: str,
    holder: str = "one",
    error: str = "",
    again_s: int = 3_600,
) -> pb.FinishTrendFetchResponse:
    snapshot = pb.TrendSnapshot(source=chart[0], country=chart[1], genre=chart[2], items=items(*titles))
    return await stub.FinishTrendFetch(
        pb.FinishTrendFetchRequest(holder=holder, snapshot=snapshot, error=error, again_s=again_s)
    )


async def fetched(stub: ArtistDbServiceStub, chart: tuple[str, str, str], *titles: str) -> bool:
    """One whole fetch; whether the chart was another one than before."""
    await stub.RequestTrendFetch(pb.RequestTrendFetchRequest())
    assert await claim(stub, chart) == chart
    return (await finish(stub, chart, *titles)).changed


async def snapshots(stub: ArtistDbServiceStub, **filters: Any) -> list[pb.TrendSnapshot]:
    return list((await stub.ListTrendSnapshots(pb.ListTrendSnapshotsRequest(**filters))).snapshots)


async def source(stub: ArtistDbServiceStub, name: str = "deezer") -> pb.TrendSource:
    listed = await stub.ListTrendSources(pb.ListTrendSourcesRequest())
    return next(found for found in listed.sources if found.source == name)


async def test_each_due_chart_goes_to_one_holder_and_then_none_is_left(stub: ArtistDbServiceStub) -> None:
    claimed = await asyncio.gather(*(claim(stub, holder=f"h{number}") for number in range(6)))
    assert sorted(filter(None, claimed)) == sorted(ALL)
    assert claimed.count(None) == 3


async def test_a_fetched_chart_is_due_again_only_after_the_time_that_was_told(
    stub: ArtistDbServiceStub, connection: Any
) -> None:
    assert await claim(stub, DEEZER) == DEEZER
    done = await finish(stub, DEEZER, "Glass Harbour", "Second Winter")
    assert (done.changed, done.source.items, done.source.failures) == (True, 2, 0)
    assert 3_590 <= done.source.due_at.ToSeconds() - done.source.ok_at.ToSeconds() <= 3_600
    assert await claim(stub, DEEZER) is None
    await connection.execute("UPDATE trend_charts SET due_at = due_at - interval '1 hour'")
    assert await claim(stub, DEEZER) == DEEZER


async def test_the_same_chart_is_kept_once_and_seen_again(stub: ArtistDbServiceStub, connection: Any) -> None:
    assert await fetched(stub, DEEZER, "Glass Harbour") is True
    await connection.execute(
        "UPDATE trend_snapshots SET fetched_at = now() - interval '1 day', seen_at = now() - interval '1 day'"
    )
    assert await fetched(stub, DEEZER, "Glass Harbour") is False
    (kept,) = await snapshots(stub)
    assert kept.id.startswith("trd_")
    assert kept.seen_at.ToSeconds() - kept.fetched_at.ToSeconds() >= 86_000
    assert await fetched(stub, DEEZER, "Second Winter") is True
    assert await fetched(stub, DEEZER, "Glass Harbour") is True, "it came back: that is a change"
    assert [one.items[0].title for one in await snapshots(stub)] == [
        "Glass Harbour",
        "Second Winter",
        "Glass Harbour",
    ]


async def test_failures_are_counted_in_a_row_and_leave_the_chart_as_it_was(
    stub: ArtistDbServiceStub,
) -> None:
    await fetched(stub, DEEZER, "Glass Harbour")
    for tries in (1, 2):
        await stub.RequestTrendFetch(pb.RequestTrendFetchRequest())
        await claim(stub, DEEZER)
        failed = await finish(stub, DEEZER, error="it refuses with HTTP 500")
        assert (failed.source.failures, failed.source.error) == (tries, "it refuses with HTTP 500")
        assert (failed.source.items, failed.changed) == (1, False)
        assert failed.source.HasField("failed_at")
    await fetched(stub, DEEZER, "Glass Harbour")
    well = await source(stub)
    assert (well.failures, well.error) == (0, "")


async def test_a_lease_that_ran_out_goes_to_another_and_the_first_is_told(
    stub: ArtistDbServiceStub, connection: Any
) -> None:
    assert await claim(stub, DEEZER, holder="dead") == DEEZER
    assert await claim(stub, DEEZER, holder="living") is None
    await connection.execute("UPDATE trend_charts SET lease_until = now() - interval '1 second'")
    assert await claim(stub, DEEZER, holder="living") == DEEZER
    error = await refused(finish(stub, DEEZER, "Old", holder="dead"), WRONG_STATE)
    assert error.metadata["id"] == "deezer/-/-"
    assert (await finish(stub, DEEZER, "New", holder="living")).changed
    await refused(finish(stub, DEEZER, "New", holder="living"), WRONG_STATE)
    await refused(finish(stub, ("youtube", "us", ""), "New", holder="living"), WRONG_STATE)


async def test_who_comes_late_but_before_anybody_else_is_still_heard(
    stub: ArtistDbServiceStub, connection: Any
) -> None:
    await claim(stub, DEEZER)
    await connection.execute("UPDATE trend_charts SET lease_until = now() - interval '1 second'")
    assert (await finish(stub, DEEZER, "Late")).changed


async def test_charts_are_made_due_by_request_once_for_each_request(
    stub: ArtistDbServiceStub,
) -> None:
    for chart in ALL:
        await claim(stub, chart)
        await finish(stub, chart, "Glass Harbour")
    request = pb.RequestTrendFetchRequest(request_id="r-1", source="deezer")
    assert (await stub.RequestTrendFetch(request)).due == 2
    assert {await claim(stub), await claim(stub)} == {ALL[1], ALL[2]}
    for chart in ALL[1:]:
        await finish(stub, chart, "Glass Harbour")
    assert (await stub.RequestTrendFetch(request)).due == 2
    assert await claim(stub) is None, "the repeat changed nothing"


async def test_a_chart_that_nobody_wants_is_not_due_and_forgotten_after_a_week(
    stub: ArtistDbServiceStub, connection: Any
) -> None:
    await fetched(stub, DEEZER, "Glass Harbour")
    await connection.execute("UPDATE trend_charts SET wanted_at = now() - interval '1 hour'")
    unwanted = await source(stub)
    assert not unwanted.HasField("due_at")
    assert (await stub.RequestTrendFetch(pb.RequestTrendFetchRequest())).due == 0
    await connection.execute("UPDATE trend_charts SET wanted_at = now() - interval '8 days'")
    await claim(stub, ("apple_music", "us", ""))
    listed = await stub.ListTrendSources(pb.ListTrendSourcesRequest())
    assert [one.source for one in listed.sources] == ["apple_music"]
    assert len(await snapshots(stub)) == 1, "what it held is kept on"


async def test_old_charts_and_too_many_of_them_go(stub: ArtistDbServiceStub, connection: Any) -> None:
    await fetched(stub, ("apple_music", "us", ""), "Old")
    await fetched(stub, DEEZER, "Song")
    await connection.execute(
        """
        INSERT INTO trend_snapshots (id, source, country, genre, digest, item_count, body, fetched_at)
        SELECT 'trd_' || n, 'deezer', '', '', n::text, 1, '', now() - n * interval '1 hour'
        FROM generate_series(1, 60) AS n
        """
    )
    await connection.execute(
        "UPDATE trend_snapshots SET seen_at = now() - interval '31 days' WHERE source = 'apple_music'"
    )
    await fetched(stub, DEEZER, "Another")
    kept = await connection.fetch("SELECT source, count(*) FROM trend_snapshots GROUP BY source")
    assert dict(kept) == {"deezer": KEPT_A_CHART}
    assert (await source(stub)).items == 1


async def test_snapshots_are_narrowed_to_what_is_asked(stub: ArtistDbServiceStub, connection: Any) -> None:
    for chart in ALL:
        await fetched(stub, chart, "First")
        await fetched(stub, chart, "Second")
    assert len(await snapshots(stub)) == 6
    assert len(await snapshots(stub, fresh_s=3_600)) == 3
    assert {one.items[0].title for one in await snapshots(stub, fresh_s=3_600)} == {"Second"}
    assert {one.genre for one in await snapshots(stub, source="deezer")} == {"", "synthwave"}
    assert {one.source for one in await snapshots(stub, genre="pop")} == {"deezer", "apple_music"}
    assert {one.genre for one in await snapshots(stub, genre="pop")} == {""}
    assert {one.source for one in await snapshots(stub, country="us")} == {"apple_music"}
    await connection.execute(
        "UPDATE trend_snapshots SET seen_at = now() - interval '2 hours' WHERE source = 'apple_music'"
    )
    assert {one.source for one in await snapshots(stub, fresh_s=3_600)} == {"deezer"}


async def test_pages_hold_every_snapshot_and_every_source_once(stub: ArtistDbServiceStub) -> None:
    for chart in ALL:
        await fetched(stub, chart, "First")
    found: list[str] = []
    request = pb.ListTrendSnapshotsRequest(page_size=2, fresh_s=3_600)
    while True:
        page = await stub.ListTrendSnapshots(request)
        found += [one.id for one in page.snapshots]
        if not page.next_page_token:
            break
        request.page_token = page.next_page_token
    assert len(found) == len(set(found)) == 3
    first = await stub.ListTrendSources(pb.ListTrendSourcesRequest(page_size=2))
    second = await stub.ListTrendSources(
        pb.ListTrendSourcesRequest(page_size=2, page_token=first.next_page_token)
    )
    listed = [(one.source, one.country, one.genre) for one in [*first.sources, *second.sources]]
    assert listed == list(ALL)
    other = pb.ListTrendSnapshotsRequest(page_size=2, page_token=first.next_page_token)
    await refused(stub.ListTrendSnapshots(other), PAGE_TOKEN)


REFUSED = [
    ("snapshot.items", pb.TrendSnapshot(source="deezer"), ""),
    ("snapshot.items", pb.TrendSnapshot(source="deezer", items=items("x")), "it failed"),
    ("snapshot.items", pb.TrendSnapshot(source="deezer", items=items(*"x" * 101)), ""),
    ("snapshot.items[0].title", pb.TrendSnapshot(source="deezer", items=items("x" * 201)), ""),
    ("snapshot.items[0].title", pb.TrendSnapshot(source="deezer", items=items("a\0b")), ""),
    ("snapshot.items[0].title", pb.TrendSnapshot(source="deezer", items=items("a\u202eb")), ""),
    ("snapshot.items[0].title", pb.TrendSnapshot(source="deezer", items=items("")), ""),
    (
        "snapshot.items[1].rank",
        pb.TrendSnapshot(source="deezer", items=[*items("x"), *items("y")]),
        "",
    ),
    ("snapshot.source", pb.TrendSnapshot(source="De ezer", items=items("x")), ""),
    ("snapshot.country", pb.TrendSnapshot(source="deezer", country="USA", items=items("x")), ""),
    ("snapshot.genre", pb.TrendSnapshot(source="deezer", genre="polka", items=items("x")), ""),
    ("error", pb.TrendSnapshot(source="deezer"), "x" * 501),
    ("error", pb.TrendSnapshot(source="deezer"), "two\nlines"),
]
"""Where it is wrong, the chart, and the error that is told with it."""


async def test_what_no_chart_can_hold_is_refused(stub: ArtistDbServiceStub) -> None:
    await claim(stub, DEEZER)
    for field, snapshot, error in REFUSED:
        request = pb.FinishTrendFetchRequest(holder="one", snapshot=snapshot, error=error, again_s=60)
        assert field in violations(await refused(stub.FinishTrendFetch(request), INVALID))
    assert (await source(stub)).items == 0


async def test_a_claim_names_all_that_is_wrong_with_it(stub: ArtistDbServiceStub) -> None:
    error = await refused(stub.ClaimTrendFetch(pb.ClaimTrendFetchRequest(lease_ms=5)), INVALID)
    assert violations(error).keys() == {"wanted", "holder", "lease_ms"}
    many = sources([("deezer", "", "")] * 501)
    request = pb.ClaimTrendFetchRequest(wanted=many, holder="one", lease_ms=5_000)
    assert violations(await refused(stub.ClaimTrendFetch(request), INVALID)).keys() == {"wanted"}
    again = pb.FinishTrendFetchRequest(holder="one", snapshot=pb.TrendSnapshot(source="x"), error="e")
    assert violations(await refused(stub.FinishTrendFetch(again), INVALID)).keys() == {"again_s"}
