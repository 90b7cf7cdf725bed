"""Fingerprints: all takes that passed, oldest first, in pages that fit a message."""

from datetime import timedelta

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.audio_pb2 import Review
from services.artist_db.domain.songs import MAX_FINGERPRINT
from services.chassis.clients import MAX_MESSAGE_BYTES
from tests.integration.artist_db import seeds
from tests.integration.artist_db.samples import INVALID, PAGE_TOKEN, artist, brief, refused, take, violations


@pytest.fixture
async def brief_id(stub: ArtistDbServiceStub) -> str:
    stored = brief((await artist(stub)).id)
    return (await stub.SaveBrief(pb.SaveBriefRequest(brief=stored))).brief.id


async def keep(stub: ArtistDbServiceStub, stored: pb.StoredTake) -> pb.StoredTake:
    return (await stub.SaveTake(pb.SaveTakeRequest(take=stored))).take


async def listed(stub: ArtistDbServiceStub, **fields: object) -> list[pb.TakeFingerprint]:
    request = pb.ListFingerprintsRequest(**fields)  # type: ignore[arg-type]
    return list((await stub.ListFingerprints(request)).fingerprints)


async def test_a_fingerprint_comes_with_its_take_its_brief_and_the_time(
    stub: ArtistDbServiceStub, brief_id: str
) -> None:
    kept = await keep(stub, take(brief_id, fingerprint=b"\x00\xff"))

    assert await listed(stub) == [
        pb.TakeFingerprint(
            take_id=kept.id, brief_id=brief_id, fingerprint=b"\x00\xff", created_at=kept.created_at
        )
    ]


async def test_takes_that_failed_or_have_none_are_left_out_and_the_rest_is_oldest_first(
    stub: ArtistDbServiceStub, brief_id: str
) -> None:
    first = await keep(stub, take(brief_id, "z"))
    await keep(stub, take(brief_id, "failed", review=Review(passed=False)))
    await keep(stub, take(brief_id, "bare", fingerprint=b""))
    last = await keep(stub, take(brief_id, "a"))

    assert [f.take_id for f in await listed(stub)] == [first.id, last.id]


async def test_since_leaves_out_what_is_older_and_keeps_what_is_as_old(
    stub: ArtistDbServiceStub, connection: seeds.Connection
) -> None:
    await seeds.artists(connection, range(50))
    await seeds.briefs(connection, range(1))
    await seeds.takes(connection, range(40))
    request = pb.ListFingerprintsRequest()
    request.since.FromDatetime(seeds.time(20))
    exact = [f.created_at.ToDatetime() for f in (await stub.ListFingerprints(request)).fingerprints]
    request.since.FromDatetime(seeds.time(20) + timedelta(microseconds=1))

    assert len(exact) == 20
    assert min(exact) == seeds.time(20).replace(tzinfo=None)
    assert len((await stub.ListFingerprints(request)).fingerprints) == 10


async def test_a_page_of_failed_takes_is_empty_and_has_a_next_one(
    stub: ArtistDbServiceStub, brief_id: str
) -> None:
    for number in range(3):
        await keep(stub, take(brief_id, f"failed {number}", review=Review(passed=False)))
    good = await keep(stub, take(brief_id, "good"))

    first = await stub.ListFingerprints(pb.ListFingerprintsRequest(page_size=3))
    last = await stub.ListFingerprints(
        pb.ListFingerprintsRequest(page_size=3, page_token=first.next_page_token)
    )

    assert list(first.fingerprints) == []
    assert [f.take_id for f in last.fingerprints] == [good.id]
    assert last.next_page_token == ""


async def test_the_largest_page_of_the_largest_fingerprints_fits_a_message(
    stub: ArtistDbServiceStub, connection: seeds.Connection
) -> None:
    await seeds.artists(connection, range(50))
    await seeds.briefs(connection, range(1))
    await connection.executemany(
        """
        INSERT INTO takes (id, brief_id, run_id, take_number, request_digest, body, created_at)
        VALUES ($1, $2, 'run_1', 1, 'x', $3, $4)
        """,
        [
            (
                f"tak_{n:026}",
                seeds.BRIEF,
                take(seeds.BRIEF, str(n), fingerprint=bytes(MAX_FINGERPRINT)).SerializeToString(),
                seeds.time(n),
            )
            for n in range(200)
        ],
    )

    page = await stub.ListFingerprints(pb.ListFingerprintsRequest(page_size=200))

    assert len(page.fingerprints) == 200
    assert page.ByteSize() < MAX_MESSAGE_BYTES


async def test_a_fingerprint_too_long_for_that_is_refused(stub: ArtistDbServiceStub, brief_id: str) -> None:
    long = take(brief_id, fingerprint=bytes(MAX_FINGERPRINT + 1))

    error = await refused(stub.SaveTake(pb.SaveTakeRequest(take=long)), INVALID)

    assert violations(error) == {"take.fingerprint": "must have at most 65,536 bytes, has 65,537"}


async def test_a_time_that_no_calendar_has_is_refused(stub: ArtistDbServiceStub) -> None:
    request = pb.ListFingerprintsRequest()
    request.since.seconds = 1 << 60

    assert list(violations(await refused(stub.ListFingerprints(request), INVALID))) == ["since"]


async def test_a_token_belongs_to_its_time(stub: ArtistDbServiceStub, brief_id: str) -> None:
    for name in "12":
        await keep(stub, take(brief_id, name))
    request = pb.ListFingerprintsRequest(page_size=1)
    request.page_token = (await stub.ListFingerprints(request)).next_page_token
    request.since.seconds = 1

    assert request.page_token
    await refused(stub.ListFingerprints(request), PAGE_TOKEN)
