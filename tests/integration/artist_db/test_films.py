"""Films: one a take; stock clips: one artist's for good."""

import asyncio

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1.audio_pb2 import Artifact
from services.chassis.errors import remote_error
from tests.integration.artist_db.races import held
from tests.integration.artist_db.samples import (
    EXISTS,
    INVALID,
    NOT_FOUND,
    artist,
    brief,
    film,
    refused,
    sha256,
    take,
    violations,
)


async def kept_take(stub: ArtistDbServiceStub, name: str = "1") -> str:
    """A take, with the brief and the artist that it needs; its id."""
    made = await artist(stub, f"Artist {name}")
    stored = (await stub.SaveBrief(pb.SaveBriefRequest(brief=brief(made.id, name)))).brief
    return (await stub.SaveTake(pb.SaveTakeRequest(take=take(stored.id, name)))).take.id


async def save(stub: ArtistDbServiceStub, stored: pb.StoredFilm, request_id: str = "") -> pb.StoredFilm:
    return (await stub.SaveFilm(pb.SaveFilmRequest(request_id=request_id, film=stored))).film


async def claim(
    stub: ArtistDbServiceStub, artist_id: str, *clip_ids: str, wanted: int = 1, source: str = "pexels"
) -> list[str]:
    request = pb.ClaimClipsRequest(artist_id=artist_id, source=source, clip_ids=clip_ids, wanted=wanted)
    return list((await stub.ClaimClips(request)).clip_ids)


async def test_a_film_comes_back_whole_with_the_time_of_its_keeping(stub: ArtistDbServiceStub) -> None:
    take_id = await kept_take(stub)
    given = film(take_id)
    given.created_at.seconds = 1

    kept = await save(stub, given)

    assert kept.created_at.seconds > 1
    assert (await stub.GetFilm(pb.GetFilmRequest(take_id=take_id))).film == kept
    kept.ClearField("created_at")
    given.ClearField("created_at")
    assert kept == given


async def test_an_empty_film_is_a_film(stub: ArtistDbServiceStub) -> None:
    take_id = await kept_take(stub)

    kept = await save(stub, film(take_id, videos=[], clips=[]))

    assert list(kept.videos) == []


async def test_saving_the_same_again_gives_what_is_kept(stub: ArtistDbServiceStub) -> None:
    take_id = await kept_take(stub)

    first = await save(stub, film(take_id), "r-1")

    assert await save(stub, film(take_id), "r-1") == first
    assert await save(stub, film(take_id), "r-2") == first


async def test_a_take_has_one_film_and_a_second_is_told_which(stub: ArtistDbServiceStub) -> None:
    take_id = await kept_take(stub)
    first = await save(stub, film(take_id))

    other = await refused(save(stub, film(take_id, "2")), EXISTS)
    changed = await refused(save(stub, film(take_id, request_digest=sha256("another"))), EXISTS)

    assert other.metadata == changed.metadata == {"kind": "film", "id": first.id}


async def test_of_many_films_of_a_take_at_once_one_is_kept(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    take_id = await kept_take(stub)

    async with held(database_url, "LOCK TABLE films IN SHARE MODE", until=6):
        calls = [stub.SaveFilm(pb.SaveFilmRequest(film=film(take_id, str(n)))) for n in range(6)]
    results = await asyncio.gather(*calls, return_exceptions=True)

    kept = [result.film for result in results if isinstance(result, pb.SaveFilmResponse)]
    errors = [remote_error(result) for result in results if isinstance(result, grpc.aio.AioRpcError)]
    assert [(await stub.GetFilm(pb.GetFilmRequest(take_id=take_id))).film] == kept
    assert [error.metadata for error in errors] == [{"kind": "film", "id": kept[0].id}] * 5


async def test_a_film_needs_its_take_and_a_take_may_have_none(stub: ArtistDbServiceStub) -> None:
    unknown = await refused(save(stub, film("tak_none")), NOT_FOUND)
    none = await refused(stub.GetFilm(pb.GetFilmRequest(take_id=await kept_take(stub))), NOT_FOUND)

    assert unknown.metadata == {"kind": "take", "id": "tak_none"}
    assert none.metadata["kind"] == "film of take"


async def test_an_incomplete_film_is_refused_with_every_field(stub: ArtistDbServiceStub) -> None:
    odd = pb.StoredFilm(
        id="flm_short",
        videos=[pb.Video(format="square"), pb.Video(format="portrait", file=Artifact(path="x"))],
        clips=[pb.StockClip(clip_id="7\n")],
    )

    assert violations(await refused(stub.SaveFilm(pb.SaveFilmRequest()), INVALID)) == {"film": "is required"}
    fields = list(violations(await refused(save(stub, odd), INVALID)))
    assert fields == [
        "film.id",
        "film.take_id",
        "film.run_id",
        "film.request_digest",
        "film.videos[0].format",
        "film.videos[0].file",
        "film.videos[1].file.sha256",
        "film.clips[0].source",
        "film.clips[0].clip_id",
    ]


async def test_a_film_has_a_format_once(stub: ArtistDbServiceStub) -> None:
    twice = film("tak_1")
    twice.videos[1].format = "landscape"

    assert list(violations(await refused(save(stub, twice), INVALID))) == ["film.videos[1].format"]


async def test_the_first_clips_that_are_free_are_the_artist_s_in_the_order_asked_for(
    stub: ArtistDbServiceStub,
) -> None:
    ada, bo = await artist(stub, "Ada"), await artist(stub, "Bo")

    assert await claim(stub, ada.id, "3", "1", "3", "2", wanted=2) == ["3", "1"]
    assert await claim(stub, bo.id, "1", "2", "3", "4", wanted=2) == ["2", "4"]
    assert await claim(stub, ada.id, "2", "1", "9", wanted=3) == ["1", "9"]
    assert await claim(stub, bo.id, "1", source="another library") == ["1"]


async def test_a_claim_again_gives_the_same_clips(stub: ArtistDbServiceStub) -> None:
    ada = await artist(stub, "Ada")

    first = await claim(stub, ada.id, "5", "6", "7", wanted=2)

    assert await claim(stub, ada.id, "5", "6", "7", wanted=2) == first == ["5", "6"]


async def test_of_many_artists_at_once_each_clip_is_one_s(
    stub: ArtistDbServiceStub, database_url: str
) -> None:
    artists = [await artist(stub, f"Artist {n}") for n in range(6)]
    clips = [str(n) for n in range(10)]

    async with held(database_url, "LOCK TABLE stock_clips IN SHARE MODE", until=6):
        calls = [
            asyncio.ensure_future(claim(stub, made.id, *(clips if n % 2 else clips[::-1]), wanted=3))
            for n, made in enumerate(artists)
        ]
    granted = await asyncio.gather(*calls)

    given = [clip for of_one in granted for clip in of_one]
    assert sorted(given) == sorted(set(given))
    assert len(given) == 10


async def test_a_claim_needs_its_artist_and_all_of_its_fields(stub: ArtistDbServiceStub) -> None:
    nobody = await refused(claim(stub, "art_none", "1"), NOT_FOUND)
    empty = await refused(stub.ClaimClips(pb.ClaimClipsRequest()), INVALID)
    too_many = await refused(claim(stub, "art_1", *map(str, range(201)), wanted=201), INVALID)

    assert nobody.metadata == {"kind": "artist", "id": "art_none"}
    assert list(violations(empty)) == ["artist_id", "source", "clip_ids", "wanted"]
    assert list(violations(too_many)) == ["clip_ids", "wanted"]


@pytest.mark.parametrize("take_id", ["", "t\0"])
async def test_a_film_of_a_take_that_can_not_be_is_refused(stub: ArtistDbServiceStub, take_id: str) -> None:
    error = await refused(stub.GetFilm(pb.GetFilmRequest(take_id=take_id)), INVALID)

    assert list(violations(error)) == ["take_id"]
