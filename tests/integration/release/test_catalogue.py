"""The catalogue: each new take against all that passed, over real sockets and a real database."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import asyncpg
import grpc
import numpy as np
import pytest
from pydantic import SecretStr

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import audio_pb2
from services.artist_db import app as artist_db_app
from services.artist_db.settings import Settings
from services.chassis.ids import derived_id
from services.release.catalogue import Catalogue
from services.release.review.likeness import MAGIC
from tests.integration.artist_db import samples
from tests.support.fake_artist_db_media import NOW, FakeArtistDb

PASS = audio_pb2.ReviewCheck.OUTCOME_PASS
WARN = audio_pb2.ReviewCheck.OUTCOME_WARN
FAIL = audio_pb2.ReviewCheck.OUTCOME_FAIL
GOOD = audio_pb2.Review(passed=True, checks=[audio_pb2.ReviewCheck(name="channels", outcome=PASS)])


@pytest.fixture
async def stub(artist_db: FakeArtistDb) -> AsyncIterator[ArtistDbServiceStub]:
    async with grpc.aio.insecure_channel(artist_db.address) as channel:
        yield ArtistDbServiceStub(channel)


class Asked:
    """Stands before a stub: keeps what is asked for and fails where it is told to."""

    def __init__(self, stub: ArtistDbServiceStub, *fails: bool) -> None:
        self._stub: Any = stub
        self._fails = iter(fails)
        self.asked = asyncio.Event()
        self.requests: list[db.ListFingerprintsRequest] = []
        self.received = 0

    async def ListFingerprints(self, request: Any, timeout: float) -> db.ListFingerprintsResponse:
        self.asked.set()
        self.requests.append(db.ListFingerprintsRequest.FromString(request.SerializeToString()))
        if next(self._fails, False):
            raise ConnectionError("cut off")
        response: db.ListFingerprintsResponse = await self._stub.ListFingerprints(request, timeout=timeout)
        self.received += len(response.fingerprints)
        return response


def song(seed: int, *, damage: float = 0.0) -> bytes:
    """A fingerprint of a minute; with this share of its bits turned over."""
    bits = np.unpackbits(np.frombuffer(np.random.default_rng(seed).bytes(2_600), np.uint8))
    flips = np.random.default_rng(99).random(len(bits)) < damage
    return MAGIC + np.packbits(bits ^ flips).tobytes()


def keep(
    artist_db: FakeArtistDb, fingerprint: bytes, *, brief: str = "", at_s: int = 0, passed: bool = True
) -> str:
    """Puts a take into artist_db; its id."""
    id = derived_id("tak", str(len(artist_db.takes)))
    take = db.StoredTake(
        id=id, brief_id=brief or id, fingerprint=fingerprint, review=audio_pb2.Review(passed=passed)
    )
    take.created_at.FromSeconds(NOW.seconds + at_s)
    artist_db.takes[id] = take
    return id


def last(review: audio_pb2.Review) -> audio_pb2.ReviewCheck:
    check = review.checks[-1]
    assert check.name == "near_duplicate_similarity"
    return check


async def test_a_new_song_passes_and_the_review_that_was_given_stays_as_it_was(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    keep(artist_db, song(1))
    given = audio_pb2.Review.FromString(GOOD.SerializeToString())

    judged = await Catalogue(stub).judge(given, song(2), but_brief="brf_new")

    assert judged.passed
    assert [check.name for check in judged.checks] == ["channels", "near_duplicate_similarity"]
    assert last(judged).outcome == PASS
    assert last(judged).message.endswith("(at most 0.55)")
    assert given == GOOD


async def test_a_copy_fails_and_names_the_take_that_it_is_like(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    ids = [keep(artist_db, song(seed)) for seed in range(5)]

    judged = await Catalogue(stub).judge(GOOD, song(3, damage=0.1), but_brief="brf_new")

    assert not judged.passed
    assert last(judged).outcome == FAIL
    assert last(judged).measured == pytest.approx(0.8, abs=0.02)
    assert last(judged).message == f"0.80 is more than 0.55: it is like the take {ids[3]}"


async def test_what_is_alike_but_not_the_same_is_a_warning(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    keep(artist_db, song(1))

    judged = await Catalogue(stub).judge(GOOD, song(1, damage=0.25), but_brief="brf_new")

    assert judged.passed
    assert (last(judged).outcome, last(judged).maximum) == (WARN, 0.45)


async def test_other_takes_of_its_brief_and_those_that_failed_are_no_duplicates(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    keep(artist_db, song(1), brief="brf_own")
    keep(artist_db, song(1), brief="brf_own")
    keep(artist_db, song(1), brief="brf_other", passed=False)
    catalogue = Catalogue(stub)

    assert (await catalogue.judge(GOOD, song(1), but_brief="brf_own")).passed
    assert not (await catalogue.judge(GOOD, song(1), but_brief="brf_other")).passed


async def test_a_review_that_failed_before_stays_failed(stub: ArtistDbServiceStub) -> None:
    bad = audio_pb2.Review(passed=False)

    judged = await Catalogue(stub).judge(bad, song(1), but_brief="brf_new")

    assert not judged.passed
    assert last(judged).outcome == PASS


@pytest.mark.parametrize("print_", [b"", MAGIC, b"afp0" + bytes(400), b"of some other kind"])
async def test_fingerprints_that_say_nothing_are_like_nothing(
    print_: bytes, stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    keep(artist_db, print_ or b"x")
    keep(artist_db, song(1))
    catalogue = Catalogue(stub)

    assert last(await catalogue.judge(GOOD, print_, but_brief="brf_new")).measured == 0.0
    assert not (await catalogue.judge(GOOD, song(1), but_brief="brf_new")).passed


async def test_all_pages_are_read_once_and_later_only_what_is_new(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    for number in range(450):
        keep(artist_db, song(number), at_s=number * 60)
    asked = Asked(stub)
    catalogue = Catalogue(asked)  # type: ignore[arg-type]

    assert not (await catalogue.judge(GOOD, song(449), but_brief="brf_new")).passed
    assert (len(asked.requests), asked.received, len(catalogue)) == (3, 450, 450)
    assert not any(request.HasField("since") for request in asked.requests)

    keep(artist_db, song(900), at_s=450 * 60)
    assert not (await catalogue.judge(GOOD, song(900), but_brief="brf_new")).passed
    assert not (await catalogue.judge(GOOD, song(0), but_brief="brf_new")).passed
    assert (len(asked.requests), len(catalogue)) == (5, 451)
    assert asked.received - 450 < 30
    newest = NOW.ToDatetime() + timedelta(minutes=449)
    assert asked.requests[3].since.ToDatetime() == newest - timedelta(minutes=10)


async def test_where_a_page_fails_the_next_judgement_goes_on_from_there(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    for number in range(450):
        keep(artist_db, song(number), at_s=number * 60)
    asked = Asked(stub, False, True)
    catalogue = Catalogue(asked)  # type: ignore[arg-type]

    with pytest.raises(ConnectionError):
        await catalogue.judge(GOOD, song(449), but_brief="brf_new")
    assert len(catalogue) == 200
    assert not (await catalogue.judge(GOOD, song(449), but_brief="brf_new")).passed
    assert len(catalogue) == 450
    assert asked.received < 470


async def test_an_error_of_artist_db_is_raised_as_it_came(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    artist_db.fail_next["ListFingerprints"] = grpc.StatusCode.RESOURCE_EXHAUSTED

    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await Catalogue(stub).judge(GOOD, song(1), but_brief="brf_new")
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED


async def test_many_judgements_at_once_count_no_take_twice(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    for number in range(250):
        keep(artist_db, song(number))
    catalogue = Catalogue(stub)

    judged = await asyncio.gather(
        *(catalogue.judge(GOOD, song(number), but_brief="brf_new") for number in (5, 260, 249, 261))
    )

    assert [review.passed for review in judged] == [False, True, False, True]
    assert len(catalogue) == 250


async def test_a_judgement_that_is_cancelled_leaves_the_catalogue_fit_for_the_next(
    stub: ArtistDbServiceStub, artist_db: FakeArtistDb
) -> None:
    for number in range(250):
        keep(artist_db, song(number))
    asked = Asked(stub)
    catalogue = Catalogue(asked)  # type: ignore[arg-type]
    judging = asyncio.create_task(catalogue.judge(GOOD, song(7), but_brief="brf_new"))
    await asked.asked.wait()
    judging.cancel()
    with pytest.raises(asyncio.CancelledError):
        await judging

    judged = await catalogue.judge(GOOD, song(7), but_brief="brf_new")

    assert last(judged).message.endswith(list(artist_db.takes)[7])
    assert len(catalogue) == 250


async def test_a_take_that_was_committed_late_is_compared_too(database_url: str) -> None:
    """Its time, when its transaction began, lies before that of others that were read already."""
    settings = Settings(database_url=SecretStr(database_url), port=0, metrics_port=0, ship_errors=False)
    async with (
        await artist_db_app.build(settings) as app,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as channel,
    ):
        stub = ArtistDbServiceStub(channel)
        artist = await samples.artist(stub)
        brief = (await stub.SaveBrief(db.SaveBriefRequest(brief=samples.brief(artist.id)))).brief
        late = samples.take(brief.id, "late", fingerprint=song(1))
        connection = await asyncpg.connect(database_url, server_settings={"search_path": "artist_db"})
        try:
            transaction = connection.transaction()
            await transaction.start()
            await connection.execute(
                """
                INSERT INTO takes (id, brief_id, run_id, take_number, request_digest, body)
                VALUES ($1, $2, 'run_1', 1, 'x', $3)
                """,
                late.id,
                brief.id,
                late.SerializeToString(),
            )
            early = samples.take(brief.id, "early", fingerprint=song(2))
            await stub.SaveTake(db.SaveTakeRequest(take=early))
            catalogue = Catalogue(stub)
            before = await catalogue.judge(GOOD, song(1), but_brief="brf_new")
            await transaction.commit()
        finally:
            await connection.close()

        after = await catalogue.judge(GOOD, song(1), but_brief="brf_new")

    assert last(before).outcome == PASS
    assert last(after).message.endswith(late.id)
