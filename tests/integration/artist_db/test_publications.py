"""Leave to release, at most so often a week; and publications that end."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import asyncpg
import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.errors import remote_error
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    INVALID,
    NOT_FOUND,
    artist,
    brief,
    refused,
    release,
    take,
    violations,
)

CAPPED = (grpc.StatusCode.FAILED_PRECONDITION, "ERROR_REASON_RELEASE_CAP")


async def releases(stub: ArtistDbServiceStub, count: int, name: str = "Nova Vale") -> list[pb.StoredRelease]:
    """Releases of one artist, none published."""
    made = await artist(stub, name)
    kept = []
    for number in range(count):
        key = f"{name} {number}"
        await stub.SaveBrief(pb.SaveBriefRequest(brief=brief(made.id, key)))
        rendered = take(brief(made.id, key).id, key)
        await stub.SaveTake(pb.SaveTakeRequest(take=rendered))
        request = pb.SaveReleaseRequest(release=release(made.id, rendered.id, key))
        kept.append((await stub.SaveRelease(request)).release)
    return kept


async def admit(stub: ArtistDbServiceStub, release_id: str, most: int, *, dry_run: bool = False) -> Any:
    request = pb.AdmitReleaseRequest(release_id=release_id, most_a_week=most, dry_run=dry_run)
    return await stub.AdmitRelease(request)


async def age(
    connection: "asyncpg.Connection[asyncpg.Record]", release_ids: Sequence[str], by: timedelta
) -> None:
    """Moves admissions into the past."""
    await connection.execute(
        "UPDATE admissions SET admitted_at = admitted_at - $2::interval WHERE release_id = ANY($1)",
        list(release_ids),
        by,
    )


async def test_an_artist_is_admitted_up_to_the_cap_and_others_are_not_concerned(
    stub: ArtistDbServiceStub,
) -> None:
    first, second, third = await releases(stub, 3)
    (other,) = await releases(stub, 1, "Mira Sol")
    await admit(stub, first.id, 2)
    newest = (await admit(stub, second.id, 2)).admitted_at.ToDatetime()

    error = await refused(admit(stub, third.id, 2), CAPPED)

    assert error.metadata.keys() == {"artist_id", "cap", "again_at"}
    assert (error.metadata["artist_id"], error.metadata["cap"]) == (third.artist_id, "2")
    assert error.metadata["again_at"].startswith((newest + timedelta(days=7)).strftime("%Y-%m-%d"))
    assert error.metadata["again_at"] in error.message
    assert "AIARTIST_RELEASES_PER_WEEK" in error.message
    await admit(stub, other.id, 2)


async def test_an_admitted_release_stays_admitted_and_counts_once(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first, second = await releases(stub, 2)
    admitted = await admit(stub, first.id, 1)

    assert await admit(stub, first.id, 1) == admitted
    assert await connection.fetchval("SELECT count(*) FROM admissions") == 1
    await refused(admit(stub, second.id, 1), CAPPED)
    assert await admit(stub, first.id, 1) == admitted


async def test_seven_days_later_the_next_one_is_admitted(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first, second, third = await releases(stub, 3)
    await admit(stub, first.id, 1)
    await age(connection, [first.id], timedelta(days=7, seconds=-30))
    soon = await refused(admit(stub, second.id, 1), CAPPED)
    await age(connection, [first.id], timedelta(seconds=31))

    await admit(stub, second.id, 1)

    later = await refused(admit(stub, third.id, 1), CAPPED)
    assert soon.metadata["again_at"] < later.metadata["again_at"]


async def test_after_the_cap_was_lowered_the_wait_is_until_enough_are_a_week_old(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    *old, last = await releases(stub, 4)
    for days, kept in zip((3, 2, 1), old, strict=True):
        await admit(stub, kept.id, 0)
        await age(connection, [kept.id], timedelta(days=days))
    when = await connection.fetch("SELECT admitted_at FROM admissions ORDER BY admitted_at")

    error = await refused(admit(stub, last.id, 2), CAPPED)

    # Of three, the second has to go too before fewer than two are left.
    assert error.metadata["again_at"][:16] in {
        (when[1][0] + timedelta(days=7, seconds=s)).strftime("%Y-%m-%dT%H:%M") for s in (0, 1)
    }


async def test_without_a_cap_all_are_admitted_and_still_counted(stub: ArtistDbServiceStub) -> None:
    first, second, third = await releases(stub, 3)
    for kept in (first, second):
        await admit(stub, kept.id, 0)

    await refused(admit(stub, third.id, 2), CAPPED)


async def test_asking_admits_nothing(
    stub: ArtistDbServiceStub, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    first, second = await releases(stub, 2)

    assert not (await admit(stub, first.id, 1, dry_run=True)).HasField("admitted_at")
    assert await connection.fetchval("SELECT count(*) FROM admissions") == 0
    admitted = await admit(stub, first.id, 1)
    assert await admit(stub, first.id, 1, dry_run=True) == admitted
    await refused(admit(stub, second.id, 1, dry_run=True), CAPPED)


async def test_of_twenty_at_once_exactly_the_cap_is_admitted(
    stub: ArtistDbServiceStub, database_url: str, connection: "asyncpg.Connection[asyncpg.Record]"
) -> None:
    kept = await releases(stub, 20)

    # Fewer connections than calls: ten meet at the artist, the others come as these go.
    async with held(database_url, "SELECT id FROM artists FOR UPDATE", until=10):
        calls = [asyncio.ensure_future(admit(stub, one.id, 7)) for one in kept]
    answers = await asyncio.gather(*calls, return_exceptions=True)

    refusals = [answer for answer in answers if isinstance(answer, grpc.aio.AioRpcError)]
    assert {remote_error(refusal).remote_reason for refusal in refusals} == {CAPPED[1]}
    assert len(answers) - len(refusals) == 7
    assert await connection.fetchval("SELECT count(*) FROM admissions") == 7


async def test_the_same_release_twenty_times_at_once_is_admitted_once(stub: ArtistDbServiceStub) -> None:
    (kept,) = await releases(stub, 1)

    answers = await asyncio.gather(*(admit(stub, kept.id, 1) for _ in range(20)))

    assert len({answer.SerializeToString() for answer in answers}) == 1


async def test_what_is_not_there_is_not_admitted(stub: ArtistDbServiceStub) -> None:
    error = await refused(admit(stub, "rel_none", 1), NOT_FOUND)
    assert error.metadata == {"kind": "release", "id": "rel_none"}
    wrong = await refused(stub.AdmitRelease(pb.AdmitReleaseRequest(most_a_week=2**32 - 1)), INVALID)
    assert list(violations(wrong)) == ["release_id", "most_a_week"]


async def publish(stub: ArtistDbServiceStub, release_id: str, target: str, location: str) -> pb.StoredRelease:
    request = pb.RecordPublicationRequest(release_id=release_id, target=target, location=location)
    return (await stub.RecordPublication(request)).release


async def take_down(stub: ArtistDbServiceStub, release_id: str, target: str, reason: str) -> pb.StoredRelease:
    request = pb.RecordTakeDownRequest(release_id=release_id, target=target, reason=reason)
    return (await stub.RecordTakeDown(request)).release


async def test_a_take_down_ends_one_publication_and_keeps_the_first_reason(stub: ArtistDbServiceStub) -> None:
    (kept,) = await releases(stub, 1)
    await publish(stub, kept.id, "folder", "/catalog/1")
    await publish(stub, kept.id, "s3", "s3://label/1")

    gone = await take_down(stub, kept.id, "folder", "a sample\nwas not cleared")
    again = await take_down(stub, kept.id, "folder", "another reason")

    folder, bucket = gone.publications
    assert (folder.target, folder.take_down_reason) == ("folder", "a sample\nwas not cleared")
    assert folder.taken_down_at.ToDatetime() >= folder.published_at.ToDatetime()
    assert not bucket.HasField("taken_down_at")
    assert again == gone
    assert (await stub.GetRelease(pb.GetReleaseRequest(release_id=kept.id))).release == gone


async def test_publishing_again_ends_a_take_down_and_may_be_elsewhere(stub: ArtistDbServiceStub) -> None:
    (kept,) = await releases(stub, 1)
    first = await publish(stub, kept.id, "folder", "/catalog/1")
    await take_down(stub, kept.id, "folder", "why")

    (again,) = (await publish(stub, kept.id, "folder", "/elsewhere/1")).publications

    assert (again.location, again.take_down_reason) == ("/elsewhere/1", "")
    assert not again.HasField("taken_down_at")
    assert again.published_at.ToDatetime() > first.publications[0].published_at.ToDatetime()


@pytest.mark.parametrize(("release_id", "kind"), [("rel_none", "release"), ("", "publication")])
async def test_what_was_never_published_is_not_taken_down(
    stub: ArtistDbServiceStub, release_id: str, kind: str
) -> None:
    (kept,) = await releases(stub, 1)
    error = await refused(take_down(stub, release_id or kept.id, "folder", "why"), NOT_FOUND)
    assert error.metadata["kind"] == kind


async def test_a_take_down_without_its_fields_is_refused_with_all_of_them(stub: ArtistDbServiceStub) -> None:
    error = await refused(stub.RecordTakeDown(pb.RecordTakeDownRequest()), INVALID)
    assert list(violations(error)) == ["release_id", "target", "reason"]
    error = await refused(take_down(stub, "rel_1", "folder", "x" * 1_001), INVALID)
    assert list(violations(error)) == ["reason"]
