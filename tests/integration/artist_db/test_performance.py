"""What platforms counted: found by whatever a file names a release by, kept once, never mixed up."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import asyncpg

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1 import performance_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.domain.performance import Kind, Name, Number
from services.artist_db.store import performance as store
from tests.integration.artist_db import seeds
from tests.integration.artist_db.listeners import EARNINGS, counts, entry, kept, record, released
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    INVALID,
    NOT_FOUND,
    PAGE_TOKEN,
    REUSED,
    artist,
    refused,
    violations,
)


async def test_a_release_is_found_by_whatever_a_file_names_it_by(stub: ArtistDbServiceStub) -> None:
    nova = await artist(stub)
    release_id = await released(
        stub, "1", nova.id, title="Straße nach Süden", isrc="QZABC2600001", upc="012345678905"
    )
    await released(stub, "2", nova.id, title="Another", isrc="QZABC2600002", upc="112345678902")
    ways: list[dict[str, str]] = [
        {"release_id": release_id},
        {"isrc": "QZABC2600001"},
        {"isrc": "qz-abc-26-00001"},
        {"upc": "012345678905"},
        {"upc": "0012345678905"},
        {"upc": "12345678905"},
        {"title": "  STRASSE nach süden "},
        {"title": "Straße nach Süden", "artist_name": "nova vale"},
        {"isrc": "QZABC2600001", "artist_name": "Somebody Else"},
    ]

    answer = await record(
        stub, *(entry(**way, platform=f"platform_{number}") for number, way in enumerate(ways))
    )

    assert counts(answer) == (len(ways), 0, 0)
    assert not answer.unmatched
    assert len(await kept(stub, release_id)) == len(ways)


async def test_what_belongs_to_no_release_comes_back_with_its_reason_and_the_rest_is_kept(
    stub: ArtistDbServiceStub,
) -> None:
    release_id = await released(stub, "1", title="Twin", isrc="QZABC2600001", upc="112345678902")
    await released(stub, "2", title="twin ", isrc="QZABC2600001")
    reasons = [
        ({"release_id": "rel_nobody"}, "no release has this id"),
        ({"isrc": "QZABC2699999"}, "no release has this ISRC"),
        ({"isrc": "whatever"}, "this is no ISRC"),
        ({"isrc": "QZABC2600001"}, "2 releases have this ISRC"),
        ({"upc": "999999999999"}, "no release has this UPC or EAN"),
        ({"upc": "0000000000000"}, "this is no UPC or EAN"),
        ({"upc": "1.12346E+11"}, "this is no UPC or EAN"),
        ({"title": "Unheard"}, "no release has this title"),
        ({"title": "Twin"}, "2 releases have this title"),
        ({"title": "Twin", "artist_name": "Artist 3"}, "no release of this artist has this title"),
    ]

    answer = await record(
        stub,
        entry(title="Twin", artist_name="Artist 1"),
        *(entry(**way) for way, _ in reasons),
        entry(upc="112345678902", platform="deezer"),
    )

    assert counts(answer) == (2, 0, 0)
    assert [(one.index, one.reason) for one in answer.unmatched] == [
        (number, reason) for number, (_, reason) in enumerate(reasons, start=1)
    ]
    assert [platform for _, platform, _ in await kept(stub, release_id)] == ["spotify", "deezer"]


async def test_a_release_is_found_by_codes_that_it_was_given_later(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    release_id = await released(stub, "1")
    await record(stub, entry(release_id))
    for code, kind in (("QZABC2600001", "ISRC"), ("0112345678902", "UPC")):
        await connection.execute(
            "INSERT INTO codes (code, kind, release_id) VALUES ($1, $2, $3)", code, kind, release_id
        )

    answer = await record(
        stub, entry(isrc="QZ-ABC-26-00001", value=11), entry(upc="112345678902", platform="deezer")
    )

    assert counts(answer) == (1, 1, 0)


async def test_releases_are_found_that_were_kept_after_the_last_numbers(stub: ArtistDbServiceStub) -> None:
    await released(stub, "1")
    assert counts(await record(stub, entry(title="Neon Rain 1"))) == (1, 0, 0)

    await released(stub, "2")

    assert counts(await record(stub, entry(title="Neon Rain 2"))) == (1, 0, 0)


async def test_a_number_replaces_the_one_of_its_day_and_the_answer_says_what_was_new(
    stub: ArtistDbServiceStub,
) -> None:
    release_id = await released(stub, "1")
    first = [entry(release_id, day=f"2026-03-0{day}") for day in (1, 2, 3)]
    assert counts(await record(stub, *first, source="one.csv")) == (3, 0, 0)

    answer = await record(stub, *first[:2], entry(release_id, day="2026-03-03", value=9), source="two.csv")

    assert counts(answer) == (0, 1, 2)
    assert await kept(stub, release_id) == [
        ("2026-03-03", "spotify", 9),
        ("2026-03-02", "spotify", 10),
        ("2026-03-01", "spotify", 10),
    ]
    found = await stub.ListPerformance(pb.ListPerformanceRequest(release_id=release_id))
    assert [number.source for number in found.performance] == ["two.csv", "one.csv", "one.csv"]
    assert all(number.HasField("recorded_at") for number in found.performance)


async def test_the_same_call_again_gives_the_first_answer_and_another_under_its_id_is_refused(
    stub: ArtistDbServiceStub,
) -> None:
    release_id = await released(stub, "1")
    first = await record(stub, entry(release_id), request_id="import-1")

    assert await record(stub, entry(release_id), request_id="import-1") == first
    await refused(record(stub, entry(release_id, value=11), request_id="import-1"), REUSED)


async def test_two_numbers_of_one_key_are_refused_and_both_are_named(stub: ArtistDbServiceStub) -> None:
    release_id = await released(stub, "1", isrc="QZABC2600001")

    error = await refused(
        record(
            stub,
            entry(release_id, day="2026-03-02"),
            entry(release_id),
            entry(release_id, platform="deezer"),
            entry(isrc="QZABC2600001", value=11),
        ),
        INVALID,
    )

    assert violations(error) == {
        "entries[3]": "is of the same release, platform, metric and day as entries[1]"
    }
    assert await kept(stub, release_id) == []


TOMORROW = datetime.now(UTC).date() + timedelta(days=1)


async def test_all_that_is_wrong_is_named_at_once(stub: ArtistDbServiceStub) -> None:
    error = await refused(record(stub, entry(), entry("rel_1", day="soon", value=-1), source="a\nb"), INVALID)

    assert list(violations(error)) == ["source", "entries[0].release", "entries[1].day", "entries[1].value"]
    assert list(violations(await refused(record(stub), INVALID))) == ["entries"]
    many = [entry("rel_1")] * 5_001
    assert list(violations(await refused(record(stub, *many), INVALID))) == ["entries"]


async def test_where_it_is_tomorrow_already_numbers_of_today_are_taken_and_earnings_may_be_taken_back(
    stub: ArtistDbServiceStub,
) -> None:
    release_id = await released(stub, "1")

    answer = await record(
        stub,
        entry(release_id, day=str(TOMORROW)),
        entry(release_id, metric=EARNINGS, value=-1_500_000),
        entry(release_id, value=0),
    )

    assert counts(answer) == (3, 0, 0)


async def test_two_imports_of_the_same_rows_at_once_wait_for_each_other_and_never_for_both(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    ids = [await released(stub, str(number)) for number in range(4)]
    await record(stub, *(entry(release_id, day="2026-02-01") for release_id in ids[:2]))
    ways = [[entry(release_id, value=value) for release_id in ids] for value in (1, 2)]

    async with held(database_url, "LOCK TABLE release_marks IN EXCLUSIVE MODE", until=2):
        calls = [asyncio.ensure_future(record(stub, *way)) for way in (ways[0], ways[1][::-1])]
    answers = await asyncio.gather(*calls)

    assert sorted(map(counts, answers)) == [(0, 4, 0), (4, 0, 0)]
    values = {(await kept(stub, release_id))[0][2] for release_id in ids}
    assert len(values) == 1


async def test_numbers_come_in_pages_newest_day_first(stub: ArtistDbServiceStub) -> None:
    release_id = await released(stub, "1")
    days = [f"2026-02-{day:02}" for day in range(1, 6)]
    await record(stub, *(entry(release_id, day=day, platform=name) for day in days for name in ("a", "b")))
    found: list[tuple[str, str]] = []
    token = ""
    while True:
        page = await stub.ListPerformance(
            pb.ListPerformanceRequest(release_id=release_id, page_size=3, page_token=token)
        )
        found += [(number.day, number.platform) for number in page.performance]
        token = page.next_page_token
        if not token:
            break

    assert found == [(day, name) for day in reversed(days) for name in ("b", "a")]


async def test_numbers_of_a_release_that_there_is_not_are_not_found(stub: ArtistDbServiceStub) -> None:
    await refused(stub.ListPerformance(pb.ListPerformanceRequest(release_id="rel_nobody")), NOT_FOUND)
    release_id = await released(stub, "1")
    foreign = (await stub.ListReleases(db.ListReleasesRequest(page_size=1))).next_page_token or "x"
    await refused(
        stub.ListPerformance(pb.ListPerformanceRequest(release_id=release_id, page_token=foreign)), PAGE_TOKEN
    )


class Counting:
    """Stands before a connection and counts the statements."""

    def __init__(self, connection: "asyncpg.Connection[asyncpg.Record]") -> None:
        self._connection = connection
        self.statements = 0

    def __getattr__(self, name: str) -> Any:
        async def run(*arguments: Any) -> Any:
            self.statements += 1
            return await getattr(self._connection, name)(*arguments)

        return run


async def test_a_thousand_numbers_take_as_many_statements_as_one(
    connection: "asyncpg.Connection[asyncpg.Record]",
) -> None:
    for seed in (seeds.artists, seeds.briefs, seeds.takes, seeds.releases):
        await seed(connection, range(100))
    day = datetime(2026, 3, 1, tzinfo=UTC).date()
    spent: dict[int, int] = {}
    for amount in (1_000, 1):
        numbers = [
            Number(
                place,
                Name(Kind.TITLE, f"neon rain {place % 100}"),
                "spotify",
                "STREAMS",
                day - timedelta(days=place // 100),
                amount,
            )
            for place in range(amount)
        ]
        counting: Any = Counting(connection)
        async with connection.transaction():
            found = await store.releases_of(counting, {number.name for number in numbers})
            releases = {number.place: found[number.name].release_id for number in numbers}
            effect = await store.record(counting, numbers, releases, "test")
        assert effect.added + effect.changed == amount
        spent[amount] = counting.statements

    assert spent[1_000] == spent[1]
