"""Covers that an image model draws, by way of the orchestrator."""

from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from services.chassis.errors import AppError, DependencyUnavailable
from tests.support import media
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.fake_illustrator import FakeIllustrator
from tests.support.release_service import ReleaseService


@pytest.fixture
async def illustrator() -> AsyncIterator[FakeIllustrator]:
    async with FakeIllustrator.serving() as fake:
        yield fake


@pytest.fixture
async def studio(
    artist_db: FakeArtistDb, illustrator: FakeIllustrator, tmp_path: Path
) -> AsyncIterator[ReleaseService]:
    async with ReleaseService.running(
        artist_db, tmp_path / "data", orchestrator_addr=illustrator.address
    ) as running:
        yield running


def middle_of(jpeg: bytes) -> np.ndarray:
    """What no type covers, small."""
    image = Image.open(BytesIO(jpeg)).crop((1000, 1200, 2000, 1800)).resize((20, 12))
    return np.asarray(image, dtype=float)


async def test_a_models_picture_is_on_the_cover_that_is_asked_about_and_in_the_package(
    studio: ReleaseService, illustrator: FakeIllustrator
) -> None:
    brief = studio.keep_brief()
    take = await studio.produce(brief.id)
    assert studio.artist_db.takes[take.take_id].cover_model == "openai/gpt-image-2"
    [asked] = illustrator.requests
    assert (asked.role, asked.artist_id, asked.run_id) == ("illustrator", media.ARTIST, brief.run_id)
    assert brief.brief.cover_prompt in asked.prompt
    cover = (studio.data / "artifacts" / take.cover.path).read_bytes()
    wanted = Image.open(BytesIO(illustrator.picture)).resize((3000, 3000)).crop((1000, 1200, 2000, 1800))
    assert np.abs(middle_of(cover) - np.asarray(wanted.resize((20, 12)), dtype=float)).mean() < 15

    package = await studio.package(take)
    files = {file.path.rpartition("/")[2]: file for file in package.files}
    assert files["cover.jpg"].sha256 == take.cover.sha256
    metadata = (studio.data / "artifacts" / files["metadata.json"].path).read_text()
    assert '"openai/gpt-image-2"' in metadata


async def test_every_take_of_a_brief_orders_one_and_the_same_picture(
    studio: ReleaseService, illustrator: FakeIllustrator
) -> None:
    brief = studio.keep_brief()
    takes = [await studio.produce(brief.id, f"r-{number}", number) for number in (1, 2)]
    assert len({request.request_id for request in illustrator.requests}) == 1
    assert takes[0].cover.sha256 == takes[1].cover.sha256


@pytest.mark.parametrize(
    "refusal", [DependencyUnavailable("model", "every image model is down"), AppError("a bug")]
)
async def test_a_song_never_waits_for_an_image_model(
    refusal: AppError, studio: ReleaseService, illustrator: FakeIllustrator
) -> None:
    illustrator.refusal = refusal
    take = await studio.produce(studio.keep_brief().id)
    assert take.review.passed
    assert take.cover.sha256
    assert studio.artist_db.takes[take.take_id].cover_model == ""


async def test_a_picture_of_no_use_gives_the_artists_own_motif(
    studio: ReleaseService, illustrator: FakeIllustrator
) -> None:
    illustrator.picture = b"<html>over quota</html>"
    brief = studio.keep_brief()
    take = await studio.produce(brief.id)
    assert studio.artist_db.takes[take.take_id].cover_model == ""
    illustrator.refusal = AppError("no more")
    plain = await studio.produce(brief.id, "r-2", 2)
    assert plain.cover.sha256 == take.cover.sha256
