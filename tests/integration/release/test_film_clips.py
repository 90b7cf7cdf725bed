"""Stock clips in a film: claimed, fetched, seen and credited; and a film without them."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.support.clips import stock_clip
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.fake_pexels import KEY, Clip, FakePexels
from tests.support.film_takes import film, keep_take
from tests.support.release_service import ReleaseService

SECONDS = 4.5
"""The take's verse is its first four seconds: one shot."""


@pytest.fixture(scope="module")
def content(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    return stock_clip(tmp_path_factory.mktemp("stock"))


@pytest.fixture
async def pexels(content: bytes) -> AsyncIterator[FakePexels]:
    async with FakePexels.serving(content) as fake:
        fake.clips = [
            Clip(11, "man-eats-apple"),
            Clip(12, "neon-signs-in-the-rain-at-night"),
            Clip(13, "wet-street"),
        ]
        yield fake


@pytest.fixture
async def service(
    artist_db: FakeArtistDb, pexels: FakePexels, tmp_path: Path
) -> AsyncIterator[ReleaseService]:
    async with ReleaseService.running(
        artist_db,
        tmp_path / "data",
        release_video="landscape",
        PEXELS_API_KEY=KEY,
        pexels_url=pexels.url,
    ) as running:
        yield running


async def test_the_clip_that_suits_the_brief_is_claimed_fetched_seen_and_credited(
    service: ReleaseService, pexels: FakePexels
) -> None:
    take = keep_take(service, seconds=SECONDS)

    await film(service, take)

    (clip,) = service.artist_db.films[take.id].clips
    assert (clip.source, clip.clip_id, clip.author) == ("pexels", "12", "Ada Lens")
    assert clip.page_url == "https://www.pexels.com/video/neon-signs-in-the-rain-at-night-12/"
    assert pexels.fetched == [(12, 1080)]
    assert {search["orientation"] for search in pexels.searches} == {"landscape"}
    assert service.artist_db.clip_owners == {("pexels", "12"): "art_00000000000000000000000001"}


async def test_a_clip_of_another_artist_is_not_shown(service: ReleaseService, pexels: FakePexels) -> None:
    service.artist_db.clip_owners["pexels", "12"] = "art_another"
    take = keep_take(service, seconds=SECONDS)

    await film(service, take)

    assert [clip.clip_id for clip in service.artist_db.films[take.id].clips] == ["13"]


async def test_without_pexels_the_film_is_made(artist_db: FakeArtistDb, tmp_path: Path) -> None:
    async with ReleaseService.running(
        artist_db,
        tmp_path / "data",
        release_video="landscape",
        PEXELS_API_KEY=KEY,
        pexels_url="http://127.0.0.1:9",
    ) as service:
        take = keep_take(service, seconds=SECONDS)
        assert len((await film(service, take)).videos) == 1
        assert list(artist_db.films[take.id].clips) == []


async def test_a_clip_that_can_not_be_decoded_is_neither_shown_nor_credited(
    service: ReleaseService, pexels: FakePexels, content: bytes
) -> None:
    pexels.spoiled = {12: content[:32] + bytes(40_000)}
    take = keep_take(service, seconds=SECONDS)

    made = await film(service, take)

    assert len(made.videos) == 1
    assert list(service.artist_db.films[take.id].clips) == []
    assert pexels.fetched == [(12, 1080)]
    assert service.leftovers() == []
