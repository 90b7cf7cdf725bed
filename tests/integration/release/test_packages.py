"""What packaging asks of artist_db, and what it refuses."""

import json
import shutil
from pathlib import Path

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1 import release_pb2 as pb
from services.artist_db.domain.codes import Kind, Prefixes
from services.release.package.verify import verify_package
from tests.integration.release.test_stages import reason
from tests.support import media
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService

PREFIXES = Prefixes(isrc="QZABC", upc="012345")


def metadata(service: ReleaseService, release_id: str) -> dict:
    return dict(json.loads(service.artifact(f"releases/{release_id}/metadata.json").read_bytes()))


async def test_a_label_without_prefixes_releases_without_codes(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    kept = service.artist_db.releases[package.release_id]
    assert (kept.isrc, kept.upc, kept.explicit) == ("", "", False)
    told = metadata(service, package.release_id)
    assert (told["isrc"], told["upc"], told["label"]) == (None, None, "AI Artist Label")
    assert any(file.path.endswith(f"ddex/{package.release_id}.xml") for file in package.files)


async def test_codes_are_in_the_record_the_documents_and_the_message(service: ReleaseService) -> None:
    service.artist_db.prefixes = PREFIXES
    package = await service.package(await service.produce(service.keep_brief().id))
    kept = service.artist_db.releases[package.release_id]
    assert (kept.isrc, kept.upc) == ("QZABC2600001", "123450000014")
    told = metadata(service, package.release_id)
    assert (told["isrc"], told["upc"]) == (kept.isrc, kept.upc)
    message = service.artifact(f"releases/{package.release_id}/ddex/{kept.upc}.xml").read_text()
    assert f"<ISRC>{kept.isrc}</ISRC>" in message
    assert f"<ICPN>{kept.upc}</ICPN>" in message
    assert (await service.verify(package.release_id)).problems == []


async def test_packaging_again_asks_for_no_more_codes(service: ReleaseService) -> None:
    service.artist_db.prefixes = PREFIXES
    take = await service.produce(service.keep_brief().id)
    first = await service.package(take)
    assert await service.package(take) == first
    assert service.artist_db.calls.count("AllocateCodes") == 1


async def test_a_package_that_failed_after_its_codes_has_the_same_ones_the_next_time(
    service: ReleaseService,
) -> None:
    service.artist_db.prefixes = PREFIXES
    take = await service.produce(service.keep_brief().id)
    service.artist_db.fail_next["SaveRelease"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await service.package(take)
    package = await service.package(take)
    assert list(service.artist_db.codes) == [package.release_id]
    assert service.artist_db.releases[package.release_id].isrc == "QZABC2600001"


async def test_codes_that_can_t_be_given_out_stop_the_release(service: ReleaseService) -> None:
    # With eleven digits in the prefix there are nine codes, and all are given out.
    service.artist_db.prefixes = Prefixes(upc="01234567890")
    service.artist_db.codes = {f"rel_{number}": {Kind.UPC: str(number)} for number in range(9)}
    take = await service.produce(service.keep_brief().id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    assert "AIARTIST_UPC_PREFIX" in (caught.value.details() or "")
    assert service.artist_db.releases == {}
    assert service.leftovers() == []


async def test_a_refused_decision_costs_no_code(service: ReleaseService) -> None:
    service.artist_db.prefixes = PREFIXES
    take = await service.produce(service.keep_brief().id)
    with pytest.raises(grpc.aio.AioRpcError):
        await service.package(take, digest="sha256:" + "0" * 64)
    assert service.artist_db.codes == {}


@pytest.mark.parametrize(
    ("title", "rules"),
    [("Track 01", "generic"), ("Rain (Official Video)", "version"), ("Rain 🌧 #sad", "emoji, handle")],
)
async def test_a_title_that_no_store_takes_is_not_packaged(
    service: ReleaseService, title: str, rules: str
) -> None:
    service.artist_db.prefixes = PREFIXES
    brief = service.keep_brief(title)
    take = await service.produce(brief.id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    name, told = reason(caught.value)
    assert (name, told["id"], told["rules"]) == ("WRONG_STATE", brief.id, rules)
    assert title in (caught.value.details() or "")
    assert service.artist_db.codes == {}


async def test_strong_language_is_told_with_the_release(service: ReleaseService) -> None:
    brief = service.keep_brief()
    brief.brief.sections[1].lines.append("No f*cks left, bitches")
    package = await service.package(await service.produce(brief.id))
    assert service.artist_db.releases[package.release_id].explicit
    assert metadata(service, package.release_id)["explicit"] is True
    told = json.loads(service.artifact(f"releases/{package.release_id}/provenance.json").read_bytes())
    assert told["explicit_words"] == ["f*cks", "bitches"]


@pytest.mark.parametrize("version", ["4.3", "4.1.1", "3.8.2"])
async def test_the_label_and_its_messages_are_as_set(
    artist_db: FakeArtistDb, tmp_path: Path, version: str
) -> None:
    chosen = {"label_name": "Night Records", "ddex_version": version, "ddex_sender": "PADPIDA2014120301X"}
    async with ReleaseService.running(artist_db, tmp_path / "data", **chosen) as service:
        package = await service.package(await service.produce(service.keep_brief().id))
        message = service.artifact(f"releases/{package.release_id}/ddex/{package.release_id}.xml").read_text()
        schema = {"4.3": "432"}.get(version, version.replace(".", ""))
        assert f"http://ddex.net/xml/ern/{schema}" in message
        assert "PADPIDA2014120301X" in message
        assert "Night Records" in message


def keep_film(service: ReleaseService, take_id: str, folder: Path) -> db.StoredFilm:
    """Puts quick videos of a take into artist_db and the artifact store."""
    take = service.artist_db.takes[take_id]
    folder.mkdir()
    shutil.copyfile(service.artifact(take.audio.path), folder / "master.flac")
    film, videos = media.filming(folder, take)
    for video in film.videos:
        place = service.artifact(video.file.path)
        place.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(videos[video.format], place)
    service.artist_db.films[take_id] = film
    return film


async def test_a_take_s_videos_are_in_its_package(service: ReleaseService, tmp_path: Path) -> None:
    take = await service.produce(service.keep_brief().id)
    keep_film(service, take.take_id, tmp_path / "film")
    package = await service.package(take)
    videos = {
        file.path.rpartition("/")[2]: file.media_type for file in package.files if "/video/" in file.path
    }
    assert videos == {
        "neon-in-the-rain-landscape.mp4": "video/mp4",
        "neon-in-the-rain-portrait.mp4": "video/mp4",
    }
    publication = await service.publish(package.release_id)
    assert verify_package(Path(publication.location)) == []
    found: pb.VerifyReleaseResponse = await service.verify(package.release_id)
    assert (list(found.problems), found.files_checked) == ([], 9)


async def test_a_video_that_was_changed_in_the_store_is_not_packaged(
    service: ReleaseService, tmp_path: Path
) -> None:
    take = await service.produce(service.keep_brief().id)
    film = keep_film(service, take.take_id, tmp_path / "film")
    service.artifact(film.videos[0].file.path).write_bytes(b"\0\0\0\x20ftyp")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take)
    assert reason(caught.value)[0] == "CORRUPT_ARTIFACT"
    assert service.artist_db.releases == {}
    assert service.leftovers() == []


async def test_codes_survive_a_change_of_the_prefix(service: ReleaseService) -> None:
    service.artist_db.prefixes = PREFIXES
    take = await service.produce(service.keep_brief().id)
    service.artist_db.fail_next["SaveRelease"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await service.package(take)
    service.artist_db.prefixes = Prefixes(isrc="DEA01", upc="4006381")
    package = await service.package(take)
    assert service.artist_db.codes[package.release_id][Kind.ISRC] == "QZABC2600001"
    assert service.artist_db.releases[package.release_id].isrc == "QZABC2600001"
