"""Lists come in pages: every row once, also while rows come in."""

import base64
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import artist_state_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from tests.integration.artist_db.listings import LISTINGS, Listing
from tests.integration.artist_db.samples import INVALID, PAGE_TOKEN, refused, violations

ROWS = 1_000
every_list = pytest.mark.parametrize("listing", LISTINGS, ids=lambda listing: listing.method)


def asking(listing: Listing, **fields: Any) -> Any:
    request = type(listing.request)(**fields)
    request.MergeFrom(listing.request)
    return request


def test_every_list_is_tried_here() -> None:
    methods = pb.DESCRIPTOR.services_by_name["ArtistDbService"].methods

    assert {m.name for m in methods if "page_token" in m.input_type.fields_by_name} == {
        listing.method for listing in LISTINGS
    }


@every_list
async def test_a_thousand_rows_come_once_each_while_rows_are_inserted(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]", listing: Listing
) -> None:
    await listing.fill(connection, ROWS)
    call = getattr(stub, listing.method)
    there = [key async for key in keys(call, listing, page_size=listing.most)]

    seen, late = [], ROWS
    async for key in keys(call, listing, page_size=min(137, listing.most)):
        seen.append(key)
        if len(seen) % 100 == 0 and late < ROWS + 500:
            await listing.seed(connection, range(late, late + 25))
            late += 25

    assert len(there) == len(set(there)) == ROWS + listing.extra
    assert len(seen) == len(set(seen)), "no row twice"
    assert [key for key in seen if key in set(there)] == there, "every row, in the same order"


async def keys(call: Any, listing: Listing, *, page_size: int) -> AsyncIterator[Any]:
    token = None
    while token != "":
        response = await call(asking(listing, page_size=page_size, page_token=token))
        for item in getattr(response, listing.items):
            yield listing.key(item)
        token = response.next_page_token


@every_list
async def test_a_page_has_its_usual_size_where_none_is_given_and_the_last_has_no_token(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]", listing: Listing
) -> None:
    await listing.fill(connection, listing.usual + 10)
    call = getattr(stub, listing.method)

    first = await call(listing.request)
    last = await call(asking(listing, page_token=first.next_page_token))

    assert len(getattr(first, listing.items)) == listing.usual
    assert 10 <= len(getattr(last, listing.items)) <= 11
    assert last.next_page_token == ""


@every_list
async def test_a_page_size_out_of_bounds_is_refused(stub: ArtistDbServiceStub, listing: Listing) -> None:
    for size in (-1, listing.most + 1):
        error = await refused(getattr(stub, listing.method)(asking(listing, page_size=size)), INVALID)

        assert violations(error) == {"page_size": f"must be 1 to {listing.most}, is {size}"}


@every_list
async def test_tokens_that_this_list_never_gave_are_refused(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]", listing: Listing
) -> None:
    await listing.fill(connection, 3)
    call = getattr(stub, listing.method)
    token = (await call(asking(listing, page_size=1))).next_page_token
    filters, *_ = json.loads(base64.urlsafe_b64decode(token))

    for wrong in ("x", "e30=", *(token_of(filters, *keys) for keys in GARBAGE[listing.method])):
        await refused(call(asking(listing, page_token=wrong)), PAGE_TOKEN)


def token_of(*parts: str) -> str:
    return base64.urlsafe_b64encode(json.dumps(parts).encode()).decode()


TIME = "2024-01-01T00:00:00+00:00"
NO_TIMES = ("yesterday", "2024-01-01T00:00:00", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00")
TIME_AND_TEXT = [(), (TIME,), *((time, "x") for time in NO_TIMES), (TIME, "a\0")]
GARBAGE: dict[str, list[tuple[str, ...]]] = {
    "ListArtists": [(), ("a\0",), ("a", "b")],
    "ListPersonaVersions": [(), ("x",), ("-1",), ("²",), ("2147483648",), ("9" * 30,)],
    "ListBriefs": TIME_AND_TEXT,
    "ListTakes": TIME_AND_TEXT,
    "ListReleases": TIME_AND_TEXT,
    "ListFingerprints": TIME_AND_TEXT,
    "ListRunOutcomes": TIME_AND_TEXT,
    "ListMoves": TIME_AND_TEXT,
    "ListChanges": TIME_AND_TEXT,
    "ListPerformance": [(), ("2024-01-01",), ("yesterday", "a", "b"), ("2024-01-01", "a\0", "b")],
    "ListReleaseScores": TIME_AND_TEXT,
    "ListTrendSources": [(), ("a",), ("a", "b", "c\0")],
    "ListTrendSnapshots": TIME_AND_TEXT,
    "ListExperiments": TIME_AND_TEXT,
    "ListModelCalls": [(), ("yesterday", "1"), (TIME, "x"), (TIME, "9" * 19)],
    "ListErrorGroups": TIME_AND_TEXT,
}


@pytest.mark.parametrize(
    ("method", "one", "other"),
    [
        (
            "ListArtists",
            pb.ListArtistsRequest(page_size=1),
            pb.ListArtistsRequest(page_size=1, states=[artist_state_pb2.ARTIST_STATE_ACTIVE]),
        ),
        (
            "ListArtists",
            pb.ListArtistsRequest(page_size=1),
            pb.ListArtistsRequest(page_size=1, with_cadence=True),
        ),
        (
            "ListModelCalls",
            pb.ListModelCallsRequest(page_size=1),
            pb.ListModelCallsRequest(page_size=1, run_id="run_1"),
        ),
        (
            "ListErrorGroups",
            pb.ListErrorGroupsRequest(page_size=1),
            pb.ListErrorGroupsRequest(page_size=1, service="scheduler"),
        ),
    ],
)
async def test_a_token_belongs_to_its_filters(
    stub: ArtistDbServiceStub,
    connection: "asyncpg.Connection[asyncpg.Record]",
    method: str,
    one: Any,
    other: Any,
) -> None:
    listing = next(listing for listing in LISTINGS if listing.method == method)
    await listing.fill(connection, 3)
    call = getattr(stub, method)

    other.page_token = (await call(one)).next_page_token

    assert other.page_token
    await refused(call(other), PAGE_TOKEN)
