"""What people judged a take by is what is decided about and what is released."""

import hashlib
import io
import json
from collections.abc import Callable
from pathlib import Path

import grpc
import pytest
import soundfile
from PIL import Image

from aiartist.release.v1 import release_pb2 as pb
from services.release.content import content_digest
from services.release.package.verify import verify_package
from tests.integration.release.test_stages import reason
from tests.support import media
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService

SHOWN = ("preview", "cover", "thumbnail")


def stored(service: ReleaseService, take: pb.ProducedTake) -> dict[str, bytes]:
    """Everything in the artifact store about a take, by name."""
    return {path.name: path.read_bytes() for path in service.artifact(f"takes/{take.take_id}").iterdir()}


async def test_a_take_brings_its_preview_and_its_cover(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    kept = service.artist_db.takes[take.take_id]
    files = stored(service, take)
    assert sorted(files) == ["cover.jpg", "master.flac", "preview.mp3", "thumbnail.jpg"]
    for name, media_type, file in zip(
        SHOWN,
        ("audio/mpeg", "image/jpeg", "image/jpeg"),
        ("preview.mp3", "cover.jpg", "thumbnail.jpg"),
        strict=True,
    ):
        artifact = getattr(take, name)
        assert artifact == getattr(kept, name)
        assert (artifact.path, artifact.media_type) == (f"takes/{take.take_id}/{file}", media_type)
        assert (artifact.size_bytes, artifact.sha256) == (
            len(files[file]),
            hashlib.sha256(files[file]).hexdigest(),
        )
    assert (
        abs(soundfile.info(io.BytesIO(files["preview.mp3"])).duration * 1000 - take.review.duration_ms) < 100
    )
    assert Image.open(io.BytesIO(files["cover.jpg"])).size == (3000, 3000)
    assert Image.open(io.BytesIO(files["thumbnail.jpg"])).size == (320, 320)
    assert len(files["thumbnail.jpg"]) <= 200_000


async def test_a_take_that_fails_its_review_is_shown_to_nobody(service: ReleaseService) -> None:
    brief = service.keep_brief("flop")
    take = await service.produce(brief.id)
    assert list(stored(service, take)) == ["master.flac"]
    for message in (take, service.artist_db.takes[take.take_id]):
        assert not any(message.HasField(name) for name in SHOWN)
    assert take.content_digest == content_digest(take.audio.sha256, "", brief.brief)


async def test_takes_of_one_brief_have_one_cover_and_each_its_own_preview(service: ReleaseService) -> None:
    brief = service.keep_brief()
    first = await service.produce(brief.id, "r-1", 1)
    second = await service.produce(brief.id, "r-2", 2)
    assert first.cover.sha256 == second.cover.sha256
    assert first.preview.sha256 != second.preview.sha256


async def test_the_released_cover_is_the_one_that_was_seen_byte_for_byte(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    seen = await service.read(take.cover)
    # As if the drawing had changed since: only the kept bytes can be right.
    service.artist_db.personas[media.ARTIST][0].persona.visual.palette.extend(
        ["#0b6623", "#f5f5dc", "#d4af37"]
    )
    place = Path((await service.publish((await service.package(take)).release_id)).location)
    assert (place / "artwork" / "cover.jpg").read_bytes() == seen
    told = json.loads((place / "provenance.json").read_bytes())
    assert told["cover"]["sha256"] == take.cover.sha256 == hashlib.sha256(seen).hexdigest()
    assert told["decision"]["content_digest"] == take.content_digest
    assert verify_package(place) == []


async def test_a_take_of_an_older_version_still_becomes_a_release_that_verifies(
    service: ReleaseService,
) -> None:
    brief = service.keep_brief()
    take = await service.produce(brief.id)
    drawn = await service.read(take.cover)
    old = service.artist_db.takes[take.take_id]
    for name in SHOWN:
        old.ClearField(name)
    old.content_digest = take.content_digest = content_digest(take.audio.sha256, "", brief.brief)
    for name in ("cover.jpg", "preview.mp3", "thumbnail.jpg"):
        service.artifact(f"takes/{take.take_id}/{name}").unlink()
    again = await service.produce(brief.id)
    assert (again.content_digest, any(again.HasField(name) for name in SHOWN)) == (old.content_digest, False)
    place = Path((await service.publish((await service.package(take)).release_id)).location)
    assert (place / "artwork" / "cover.jpg").read_bytes() == drawn
    assert json.loads((place / "provenance.json").read_bytes())["cover"]["sha256"] is None
    assert verify_package(place) == []


@pytest.mark.parametrize(
    "damage", [lambda path: path.unlink(), lambda path: path.write_bytes(b"\xff\xd8\xff")]
)
async def test_a_cover_that_was_changed_in_the_store_is_not_packaged(
    service: ReleaseService, damage: Callable[[Path], object]
) -> None:
    take = await service.produce(service.keep_brief().id)
    damage(service.artifact(take.cover.path))
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take)
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert (reason(caught.value)[0], reason(caught.value)[1]["path"]) == ("CORRUPT_ARTIFACT", take.cover.path)
    assert not service.artifact("releases").exists()
    assert service.leftovers() == []


async def test_a_worker_killed_between_preview_and_cover_costs_a_try_and_changes_nothing(
    artist_db: FakeArtistDb, service: ReleaseService, tmp_path: Path
) -> None:
    brief = service.keep_brief("crash late")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.produce(brief.id)
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert artist_db.takes == {}
    assert service.leftovers() == []
    assert not list(service.artifact("takes").rglob("cover.jpg"))
    take = await service.produce(brief.id)
    assert service.renders() == 2
    async with (
        FakeArtistDb.serving() as elsewhere,
        ReleaseService.running(elsewhere, tmp_path / "elsewhere") as undisturbed,
    ):
        (undisturbed.data / "scratch" / "release" / "crashed").touch()
        assert await undisturbed.produce(undisturbed.keep_brief("crash late").id) == take
        assert stored(undisturbed, take) == stored(service, take)


async def test_a_take_that_could_not_be_recorded_is_presented_again_with_the_same_bytes(
    service: ReleaseService,
) -> None:
    brief = service.keep_brief()
    service.artist_db.fail_next["SaveTake"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await service.produce(brief.id)
    (folder,) = service.artifact("takes").iterdir()
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert len(before) == 4
    assert stored(service, await service.produce(brief.id)) == before
