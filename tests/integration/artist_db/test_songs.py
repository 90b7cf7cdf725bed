"""Briefs, takes, releases and publications: kept as they came, under the caller's ids."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.decision_pb2 import VERDICT_REJECTED, Decision
from services.chassis.errors import remote_error
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    EXISTS,
    INVALID,
    NOT_FOUND,
    artist,
    brief,
    refused,
    release,
    sha256,
    take,
    violations,
)


async def save_brief(stub: ArtistDbServiceStub, stored: pb.StoredBrief) -> pb.StoredBrief:
    return (await stub.SaveBrief(pb.SaveBriefRequest(brief=stored))).brief


async def save_take(stub: ArtistDbServiceStub, stored: pb.StoredTake) -> pb.StoredTake:
    return (await stub.SaveTake(pb.SaveTakeRequest(take=stored))).take


async def save_release(stub: ArtistDbServiceStub, stored: pb.StoredRelease) -> pb.StoredRelease:
    return (await stub.SaveRelease(pb.SaveReleaseRequest(release=stored))).release


async def song(stub: ArtistDbServiceStub, name: str = "1") -> pb.StoredTake:
    """A take, with the brief and the artist that it needs."""
    made = await artist(stub, f"Artist {name}")
    kept = await save_brief(stub, brief(made.id, name))
    return await save_take(stub, take(kept.id, name))


async def publish(stub: ArtistDbServiceStub, release_id: str, target: str, location: str) -> pb.StoredRelease:
    request = pb.RecordPublicationRequest(release_id=release_id, target=target, location=location)
    return (await stub.RecordPublication(request)).release


def without_times(message: Any) -> Any:
    copy = type(message)()
    copy.CopyFrom(message)
    copy.ClearField("created_at")
    return copy


async def test_a_brief_comes_back_whole_with_the_time_of_its_keeping(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    given = brief(made.id)
    given.created_at.seconds = 1

    kept = await save_brief(stub, given)

    assert without_times(kept) == without_times(given)
    assert kept.created_at.seconds >= made.created_at.seconds
    assert (await stub.GetBrief(pb.GetBriefRequest(brief_id=given.id))).brief == kept


async def test_a_take_comes_back_whole_with_the_time_of_its_keeping(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)
    given = take((await save_brief(stub, brief(made.id))).id)
    given.created_at.seconds = 1

    kept = await save_take(stub, given)

    assert without_times(kept) == without_times(given)
    assert kept.created_at.seconds > 1
    assert (await stub.GetTake(pb.GetTakeRequest(take_id=given.id))).take == kept


async def test_a_release_comes_back_whole_but_its_publications_are_only_what_was_recorded(
    stub: ArtistDbServiceStub,
) -> None:
    kept_take = await song(stub)
    made = (await stub.GetArtist(pb.GetArtistRequest(name="Artist 1"))).artist
    given = release(made.id, kept_take.id)

    boasting = release(made.id, kept_take.id, publications=[pb.Publication(target="moon")])

    kept = await save_release(stub, boasting)

    assert without_times(kept) == given
    assert kept.created_at.seconds > 0
    assert (await stub.GetRelease(pb.GetReleaseRequest(release_id=given.id))).release == kept


@pytest.mark.parametrize("kind", ["brief", "take", "release"])
async def test_saving_the_same_again_gives_what_is_kept_and_another_under_its_id_is_refused(
    stub: ArtistDbServiceStub, kind: str
) -> None:
    kept_take = await song(stub)
    made = (await stub.GetArtist(pb.GetArtistRequest(name="Artist 1"))).artist
    save: Callable[[ArtistDbServiceStub, Any], Awaitable[Any]]
    save, given = {
        "brief": (save_brief, brief(made.id, "2")),
        "take": (save_take, take(kept_take.brief_id, "2")),
        "release": (save_release, release(made.id, kept_take.id, "2")),
    }[kind]
    other = type(given)()
    other.CopyFrom(given)
    other.request_digest = sha256("another request")

    first = await save(stub, given)

    assert await save(stub, given) == first
    error = await refused(save(stub, other), EXISTS)
    assert error.metadata == {"kind": kind, "id": given.id}


async def test_equal_saves_at_once_keep_one_and_give_it_to_all(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    made = await artist(stub)

    async with held(database_url, "LOCK TABLE briefs IN SHARE MODE", until=8):
        calls = [stub.SaveBrief(pb.SaveBriefRequest(brief=brief(made.id))) for _ in range(8)]
    results = await asyncio.gather(*calls)

    assert all(result == results[0] for result in results)
    assert len((await stub.ListBriefs(pb.ListBriefsRequest())).briefs) == 1


async def test_a_brief_needs_its_artist_and_persona_version(stub: ArtistDbServiceStub) -> None:
    made = await artist(stub)

    nobody = await refused(save_brief(stub, brief("art_none")), NOT_FOUND)
    future = await refused(save_brief(stub, brief(made.id, persona_version=2)), NOT_FOUND)

    assert nobody.metadata == {"kind": "artist", "id": "art_none"}
    assert future.metadata == {"kind": "persona version", "id": f"{made.id}/2"}


async def test_two_briefs_of_an_artist_cannot_have_one_title(stub: ArtistDbServiceStub) -> None:
    made, other = await artist(stub, "Ada"), await artist(stub, "Bo")
    first, second = brief(made.id, "1"), brief(made.id, "2")
    second.brief.title = first.brief.title
    of_another_artist = brief(other.id, "3")
    of_another_artist.brief.title = first.brief.title
    await save_brief(stub, first)

    error = await refused(save_brief(stub, second), EXISTS)

    assert error.metadata == {"kind": "title", "id": first.brief.title}
    assert (await save_brief(stub, of_another_artist)).id == of_another_artist.id


async def test_a_take_needs_its_brief(stub: ArtistDbServiceStub) -> None:
    error = await refused(save_take(stub, take("brf_none")), NOT_FOUND)

    assert error.metadata == {"kind": "brief", "id": "brf_none"}


async def test_a_release_needs_its_artist_and_take(stub: ArtistDbServiceStub) -> None:
    kept_take = await song(stub)
    made = (await stub.GetArtist(pb.GetArtistRequest(name="Artist 1"))).artist

    nobody = await refused(save_release(stub, release("art_none", kept_take.id)), NOT_FOUND)
    nothing = await refused(save_release(stub, release(made.id, "tak_none")), NOT_FOUND)

    assert nobody.metadata == {"kind": "artist", "id": "art_none"}
    assert nothing.metadata == {"kind": "take", "id": "tak_none"}


async def test_a_run_has_one_release_and_a_second_is_told_which(stub: ArtistDbServiceStub) -> None:
    kept_take = await song(stub)
    made = (await stub.GetArtist(pb.GetArtistRequest(name="Artist 1"))).artist
    first = await save_release(stub, release(made.id, kept_take.id, "1"))

    second = release(made.id, kept_take.id, "2", run_id=first.run_id, request_digest=first.request_digest)

    error = await refused(save_release(stub, second), EXISTS)

    assert error.metadata == {"kind": "release", "id": first.id}


async def test_of_many_releases_of_a_run_at_once_one_is_kept(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    kept_take = await song(stub)
    made = (await stub.GetArtist(pb.GetArtistRequest(name="Artist 1"))).artist
    rivals = [release(made.id, kept_take.id, name, run_id="run_1") for name in "12345678"]

    async with held(database_url, "LOCK TABLE releases IN SHARE MODE", until=8):
        calls = [stub.SaveRelease(pb.SaveReleaseRequest(release=rival)) for rival in rivals]
    results = await asyncio.gather(*calls, return_exceptions=True)

    kept = [r.release for r in results if isinstance(r, pb.SaveReleaseResponse)]
    errors = [remote_error(r) for r in results if isinstance(r, grpc.aio.AioRpcError)]
    assert list((await stub.ListReleases(pb.ListReleasesRequest(run_id="run_1"))).releases) == kept
    assert [error.metadata for error in errors] == [{"kind": "release", "id": kept[0].id}] * 7


async def test_a_rejected_take_is_no_release(stub: ArtistDbServiceStub) -> None:
    rejected = release("art_1", "tak_1", decision=Decision(verdict=VERDICT_REJECTED))

    error = await refused(save_release(stub, rejected), INVALID)

    assert list(violations(error)) == ["release.decision.verdict"]


async def test_a_release_is_published_once_to_each_target(stub: ArtistDbServiceStub) -> None:
    kept_take = await song(stub)
    made = (await stub.GetArtist(pb.GetArtistRequest(name="Artist 1"))).artist
    kept = await save_release(stub, release(made.id, kept_take.id))

    first = await publish(stub, kept.id, "folder", "releases/1")
    again = await publish(stub, kept.id, "folder", "releases/elsewhere")
    more = await publish(stub, kept.id, "distributor", "upc:1")

    assert [(p.target, p.location) for p in first.publications] == [("folder", "releases/1")]
    assert first.publications[0].published_at.seconds >= kept.created_at.seconds
    assert again == first
    assert [p.target for p in more.publications] == ["folder", "distributor"]
    assert (await stub.GetRelease(pb.GetReleaseRequest(release_id=kept.id))).release == more
    assert list((await stub.ListReleases(pb.ListReleasesRequest())).releases) == [more]
    assert await save_release(stub, release(made.id, kept_take.id)) == more


async def test_a_publication_needs_its_release(stub: ArtistDbServiceStub) -> None:
    error = await refused(publish(stub, "rel_none", "folder", "x"), NOT_FOUND)

    assert error.metadata == {"kind": "release", "id": "rel_none"}


async def test_lists_are_newest_first_and_filtered(stub: ArtistDbServiceStub) -> None:
    takes = [await song(stub, name) for name in "123"]
    artists = {a.persona.name: a.id for a in (await stub.ListArtists(pb.ListArtistsRequest())).artists}
    for kept in takes[:2]:
        name = kept.run_id.removeprefix("run_")
        await save_release(stub, release(artists[f"Artist {name}"], kept.id, name))

    async def briefs(**filters: str) -> list[str]:
        return [b.run_id for b in (await stub.ListBriefs(pb.ListBriefsRequest(**filters))).briefs]

    async def takes_of(**filters: str) -> list[str]:
        return [t.run_id for t in (await stub.ListTakes(pb.ListTakesRequest(**filters))).takes]

    async def releases(**filters: str) -> list[str]:
        return [r.run_id for r in (await stub.ListReleases(pb.ListReleasesRequest(**filters))).releases]

    assert await briefs() == ["run_3", "run_2", "run_1"]
    assert await briefs(artist_id=artists["Artist 2"]) == ["run_2"]
    assert await briefs(run_id="run_3") == ["run_3"]
    assert await briefs(artist_id=artists["Artist 2"], run_id="run_3") == []
    assert await takes_of() == ["run_3", "run_2", "run_1"]
    assert await takes_of(run_id="run_2") == ["run_2"]
    assert await releases() == ["run_2", "run_1"]
    assert await releases(artist_id=artists["Artist 1"]) == ["run_1"]
    assert await releases(run_id="run_2") == ["run_2"]
    assert await releases(run_id="run_3") == []


@pytest.mark.parametrize("kind", ["brief", "take", "release"])
async def test_unknown_ones_are_not_found_and_no_id_is_refused(stub: ArtistDbServiceStub, kind: str) -> None:
    call = getattr(stub, f"Get{kind.title()}")
    message = getattr(pb, f"Get{kind.title()}Request")

    error = await refused(call(message(**{f"{kind}_id": "none"})), NOT_FOUND)

    assert error.metadata == {"kind": kind, "id": "none"}
    assert list(violations(await refused(call(message()), INVALID))) == [f"{kind}_id"]


@pytest.mark.parametrize("kind", ["brief", "take", "release"])
async def test_an_empty_save_is_refused_and_an_incomplete_one_with_every_field(
    stub: ArtistDbServiceStub, kind: str
) -> None:
    call = getattr(stub, f"Save{kind.title()}")
    message = getattr(pb, f"Save{kind.title()}Request")
    incomplete = getattr(pb, f"Stored{kind.title()}")(run_id="run_1")

    assert violations(await refused(call(message()), INVALID)) == {kind: "is required"}
    fields = list(violations(await refused(call(message(**{kind: incomplete})), INVALID)))
    assert f"{kind}.id" in fields
    assert f"{kind}.request_digest" in fields
    assert f"{kind}.run_id" not in fields


async def test_a_publication_without_its_fields_is_refused_with_all_of_them(
    stub: ArtistDbServiceStub,
) -> None:
    error = await refused(stub.RecordPublication(pb.RecordPublicationRequest()), INVALID)

    assert list(violations(error)) == ["release_id", "target", "location"]


@pytest.mark.parametrize(
    ("method", "request_", "field"),
    [
        ("ListBriefs", pb.ListBriefsRequest(artist_id="a\0"), "artist_id"),
        ("ListTakes", pb.ListTakesRequest(run_id="r\0"), "run_id"),
        ("ListReleases", pb.ListReleasesRequest(run_id="r" * 201), "run_id"),
    ],
)
async def test_filters_that_nothing_can_have_are_refused(
    stub: ArtistDbServiceStub, method: str, request_: Any, field: str
) -> None:
    assert list(violations(await refused(getattr(stub, method)(request_), INVALID))) == [field]
