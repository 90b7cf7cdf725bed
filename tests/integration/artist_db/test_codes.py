"""Codes: one of a kind for each release, and none twice, whoever asks at once, is cut off or comes later."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.artist_db.app import build
from services.artist_db.domain.codes import Kind, Prefixes, Series
from services.artist_db.errors import CodesSpent
from services.artist_db.settings import Settings
from services.artist_db.store import codes as store
from services.chassis.clients import open_channel
from services.chassis.ids import new_id
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import INVALID, WRONG_STATE, refused, violations

BOTH = Prefixes(isrc="QZABC", upc="0614141")
Sql = asyncpg.Connection  # type: ignore[type-arg] # a name for annotations only


@asynccontextmanager
async def replica(database_url: str, prefixes: Prefixes = BOTH) -> AsyncIterator[ArtistDbServiceStub]:
    """One more service over the same database."""
    settings = Settings(
        database_url=SecretStr(database_url),
        port=0,
        metrics_port=0,
        ship_errors=False,
        isrc_prefix=prefixes.isrc,
        upc_prefix=prefixes.upc,
    )
    async with (
        await build(settings) as app,
        open_channel(f"127.0.0.1:{app.port}", settings) as channel,
    ):
        yield ArtistDbServiceStub(channel)


async def codes(stub: ArtistDbServiceStub, release_id: str) -> tuple[str, str]:
    given = await stub.AllocateCodes(pb.AllocateCodesRequest(release_id=release_id))
    return given.isrc, given.upc


async def this_year(connection: "Sql") -> int:
    return await store.year(connection) % 100


async def test_a_release_gets_both_codes_and_keeps_them(database_url: str, connection: "Sql") -> None:
    year = await this_year(connection)
    async with replica(database_url) as stub:
        first = await codes(stub, "rel_a")
        assert first == (f"QZABC{year:02}00001", "614141000012")
        assert await codes(stub, "rel_a") == first
        assert await codes(stub, "rel_b") == (f"QZABC{year:02}00002", "614141000029")
        assert await codes(stub, "rel_a") == first


async def test_a_label_without_prefixes_has_no_codes(stub: ArtistDbServiceStub) -> None:
    assert await codes(stub, "rel_a") == ("", "")


async def test_a_release_needs_an_id(stub: ArtistDbServiceStub) -> None:
    error = await refused(stub.AllocateCodes(pb.AllocateCodesRequest()), INVALID)
    assert list(violations(error)) == ["release_id"]


async def test_none_is_given_twice_to_many_who_ask_two_replicas_at_once(
    database_url: str, connection: "Sql"
) -> None:
    async with replica(database_url) as one, replica(database_url) as other:
        # Each release is asked for at both: the two must agree.
        ids = [new_id("rel") for _ in range(40)]
        asked = [codes(stub, release_id) for release_id in ids for stub in (one, other)]
        async with held(database_url, "LOCK TABLE code_counters", until=10):
            waiting = asyncio.gather(*asked)
        found = await waiting
    assert found[::2] == found[1::2]
    for kind in (0, 1):
        assert len({pair[kind] for pair in found}) == 40
    # The numbers have no holes: what waited in vain took none.
    assert await connection.fetch("SELECT last FROM code_counters") == [(40,), (40,)]


async def test_a_call_that_is_cut_off_takes_no_number_and_its_repeat_gets_one(
    database_url: str, connection: "Sql"
) -> None:
    cut_off = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
    transaction = cut_off.transaction()
    await transaction.start()
    lost = await store.allocate(cut_off, "rel_a", BOTH, year=2026)
    # As a kill of the service does: the connection is gone before the commit.
    cut_off.terminate()
    async with connection.transaction():
        assert await store.allocate(connection, "rel_b", BOTH, year=2026) == lost
    async with connection.transaction():
        assert (await store.allocate(connection, "rel_a", BOTH, year=2026))[Kind.ISRC] == "QZABC2600002"


async def test_what_a_release_got_that_never_came_to_be_stays_its_own(connection: "Sql") -> None:
    for release_id in ("rel_never", "rel_kept"):
        async with connection.transaction():
            await store.allocate(connection, release_id, BOTH, year=2026)
    assert await connection.fetchval("SELECT count(*) FROM releases") == 0
    for change in (
        "DELETE FROM codes WHERE release_id = 'rel_never'",
        "UPDATE codes SET release_id = 'rel_other'",
        "TRUNCATE codes",
    ):
        with pytest.raises(asyncpg.RestrictViolationError):
            await connection.execute(change)


async def test_a_new_year_begins_again_for_isrc_and_not_for_upc(connection: "Sql") -> None:
    found = []
    for release_id, year in (("rel_a", 2026), ("rel_b", 2026), ("rel_c", 2027), ("rel_a", 2027)):
        async with connection.transaction():
            given = await store.allocate(connection, release_id, BOTH, year=year)
        found.append((given[Kind.ISRC], given[Kind.UPC]))
    assert found == [
        ("QZABC2600001", "614141000012"),
        ("QZABC2600002", "614141000029"),
        ("QZABC2700001", "614141000036"),
        ("QZABC2600001", "614141000012"),
    ]


async def test_the_year_is_that_of_the_database_in_utc(connection: "Sql") -> None:
    expected = await connection.fetchval("SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY')::int")
    await connection.execute("SET TIME ZONE 'Pacific/Kiritimati'")
    assert await store.year(connection) == expected


async def test_another_prefix_counts_for_new_releases_only(database_url: str, connection: "Sql") -> None:
    year = await this_year(connection)
    async with replica(database_url) as before:
        first = await codes(before, "rel_a")
    async with replica(database_url, Prefixes(isrc="GBXYZ", upc="4012345")) as after:
        assert await codes(after, "rel_a") == first
        assert await codes(after, "rel_b") == (f"GBXYZ{year:02}00001", "4012345000016")


async def test_a_prefix_that_comes_later_gives_what_was_missing(connection: "Sql") -> None:
    async with connection.transaction():
        given = await store.allocate(connection, "rel_a", Prefixes(isrc="QZABC"), year=2026)
    assert given == {Kind.ISRC: "QZABC2600001"}
    async with connection.transaction():
        given = await store.allocate(connection, "rel_a", BOTH, year=2027)
    assert given == {Kind.ISRC: "QZABC2600001", Kind.UPC: "614141000012"}


async def test_prefixes_that_begin_alike_share_no_code(connection: "Sql") -> None:
    async with connection.transaction():
        await store.allocate(connection, "rel_a", Prefixes(upc="0614141"), year=2026)
    async with connection.transaction():
        # 06141410000 and 1 is the same number as 0614141 and 00001.
        given = await store.allocate(connection, "rel_b", Prefixes(upc="06141410000"), year=2026)
    assert given == {Kind.UPC: "614141000029"}


async def test_spent_numbers_are_refused_by_the_setting_s_name_and_nothing_is_taken(
    database_url: str, connection: "Sql"
) -> None:
    await connection.execute(
        "INSERT INTO code_counters (kind, prefix, year, last) VALUES ('UPC', '0614141', 0, 99999)"
    )
    async with replica(database_url) as stub:
        error = await refused(stub.AllocateCodes(pb.AllocateCodesRequest(release_id="rel_a")), WRONG_STATE)
    assert error.metadata == {
        "kind": "UPC prefix",
        "id": "0614141",
        "state": "SPENT",
        "expected": "another AIARTIST_UPC_PREFIX",
    }
    assert await connection.fetchval("SELECT count(*) FROM codes") == 0


async def test_the_99999th_isrc_of_a_year_is_its_last(connection: "Sql") -> None:
    prefixes = Prefixes(isrc="QZABC")
    await connection.execute(
        "INSERT INTO code_counters (kind, prefix, year, last) VALUES ('ISRC', 'QZABC', 2026, 99998)"
    )
    async with connection.transaction():
        assert await store.allocate(connection, "rel_a", prefixes, year=2026) == {Kind.ISRC: "QZABC2699999"}
    with pytest.raises(CodesSpent, match="AIARTIST_ISRC_PREFIX, or the next year"):
        async with connection.transaction():
            await store.allocate(connection, "rel_b", prefixes, year=2026)
    async with connection.transaction():
        assert await store.allocate(connection, "rel_b", prefixes, year=2027) == {Kind.ISRC: "QZABC2700001"}


def test_an_error_names_what_is_spent() -> None:
    assert CodesSpent(Series(Kind.ISRC, "QZABC", 2026)).metadata["id"] == "QZABC26"
