"""The stages one after another, and each of them again."""

import asyncio
import hashlib
import json
from pathlib import Path

import grpc
import pytest
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from aiartist.common.v1 import decision_pb2
from aiartist.release.v1 import release_pb2 as pb
from services.release.content import content_digest
from services.release.package.verify import verify_package
from services.release.takes import take_seed
from tests.support import media
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService


def reason(error: grpc.aio.AioRpcError) -> tuple[str, dict[str, str]]:
    info = error_details_pb2.ErrorInfo()
    status = rpc_status.from_call(error)  # type: ignore[arg-type]
    assert status is not None
    assert status.details[0].Unpack(info)
    return info.reason.removeprefix("ERROR_REASON_"), dict(info.metadata)


async def test_a_brief_becomes_a_published_release_that_verifies(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    assert take.review.passed
    package = await service.package(take)
    publication = await service.publish(package.release_id)
    place = Path(publication.location)
    assert publication.target == "folder"
    assert place == service.data.resolve() / "releases" / package.release_id
    assert verify_package(place) == []
    found = await service.verify(package.release_id)
    assert (list(found.problems), found.files_checked, found.location) == ([], 7, str(place))
    assert service.leftovers() == []


async def test_a_take_is_kept_with_its_bytes_digest_and_seed(service: ReleaseService) -> None:
    brief = service.keep_brief(seed=41)
    take = await service.produce(brief.id, number=2)
    data = service.artifact(f"takes/{take.take_id}/master.flac").read_bytes()
    kept = service.artist_db.takes[take.take_id]
    assert take.audio.sha256 == hashlib.sha256(data).hexdigest()
    assert take.audio.size_bytes == len(data)
    assert take.content_digest == content_digest(take.audio.sha256, take.cover.sha256, brief.brief)
    assert (kept.seed, kept.take_number, kept.provider) == (take_seed(41, 2), 2, "builtin")


async def test_another_take_number_is_another_rendering(service: ReleaseService) -> None:
    brief = service.keep_brief()
    first = await service.produce(brief.id, "r-1", 1)
    second = await service.produce(brief.id, "r-2", 2)
    assert first.audio.sha256 != second.audio.sha256


async def test_producing_again_gives_the_first_take_and_renders_nothing(service: ReleaseService) -> None:
    brief = service.keep_brief()
    first = await service.produce(brief.id)
    assert await service.produce(brief.id) == first
    assert service.renders() == 1


async def test_simultaneous_calls_of_one_request_share_one_rendering(service: ReleaseService) -> None:
    brief = service.keep_brief()
    takes = await asyncio.gather(*(service.produce(brief.id) for _ in range(4)))
    assert len({take.SerializeToString() for take in takes}) == 1
    assert service.renders() == 1
    assert service.artist_db.calls.count("SaveTake") == 1


async def test_another_service_over_the_same_store_finds_the_first_one_s_take(
    service: ReleaseService, artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    brief = service.keep_brief()
    first = await service.produce(brief.id)
    async with ReleaseService.running(artist_db, tmp_path / "data") as other:
        assert await other.produce(brief.id) == first
        assert other.renders() == 1


async def test_a_take_that_fails_its_review_is_a_result(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief("flop").id)
    assert not take.review.passed
    assert not service.artist_db.takes[take.take_id].review.passed


async def test_a_new_take_is_compared_with_passed_takes_of_other_briefs_only(service: ReleaseService) -> None:
    takes = [
        await service.produce(service.keep_brief(title).id, request_id, number)
        for title, request_id, number in (
            ("echo flop", "r-1", 1),
            ("echo one", "r-2", 1),
            ("echo one", "r-3", 2),
            ("echo two", "r-4", 1),
            ("no copy", "r-5", 1),
        )
    ]
    assert [take.review.passed for take in takes] == [False, True, True, False, True]
    judged = takes[3].review.checks[-1]
    assert (judged.name, judged.measured) == ("near_duplicate_similarity", pytest.approx(1.0))
    assert judged.message.endswith(takes[1].take_id) or judged.message.endswith(takes[2].take_id)


async def test_packaging_again_gives_the_first_release_and_builds_nothing(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    first = await service.package(take)
    written = service.artifact(f"releases/{first.release_id}/manifest.json").stat().st_mtime_ns
    assert await service.package(take) == first
    assert service.artifact(f"releases/{first.release_id}/manifest.json").stat().st_mtime_ns == written
    assert service.artist_db.calls.count("SaveRelease") == 1


async def test_a_package_cut_off_before_it_was_recorded_is_built_again_with_the_same_bytes(
    service: ReleaseService, monkeypatch: pytest.MonkeyPatch
) -> None:
    take = await service.produce(service.keep_brief().id)
    service.artist_db.fail_next["SaveRelease"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await service.package(take)
    (folder,) = service.artifact("releases").iterdir()
    before = {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}
    package = await service.package(take)
    assert {path: path.read_bytes() for path in before} == before
    manifest = json.loads((folder / "manifest.json").read_bytes())
    assert package.package_digest == manifest["digest"]
    assert folder.name == package.release_id


async def test_a_package_shows_the_persona_that_the_brief_was_written_for(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    metadata = json.loads(service.artifact(f"releases/{package.release_id}/metadata.json").read_bytes())
    assert metadata["artist"] == "Nova Vale"


async def test_the_response_lists_every_file_with_its_hash_the_manifest_last(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    assert len(package.files) == 7
    assert package.files[-1].path == f"releases/{package.release_id}/manifest.json"
    for file in package.files:
        assert hashlib.sha256(service.artifact(file.path).read_bytes()).hexdigest() == file.sha256


async def test_publishing_again_finds_it_and_changes_nothing(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    first = await service.publish(package.release_id)
    times = {p: p.stat().st_mtime_ns for p in Path(first.location).rglob("*")}
    for request_id in ("r-publish", "r-other"):
        again = await service.publish(package.release_id, request_id)
        assert (again.target, again.location) == (first.target, first.location)
    assert {p: p.stat().st_mtime_ns for p in Path(first.location).rglob("*")} == times
    assert service.artist_db.calls.count("RecordPublication") == 1


async def test_a_published_folder_that_was_damaged_is_found_and_published_whole_again(
    service: ReleaseService,
) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    place = Path((await service.publish(package.release_id)).location)
    (place / "metadata.json").write_text("{}")
    (place / "notes.txt").touch()
    found = await service.verify(package.release_id)
    assert {"metadata.json", "notes.txt"} <= {problem.path for problem in found.problems}
    await service.publish(package.release_id)
    assert verify_package(place) == []
    assert service.leftovers() == []


async def test_a_published_folder_that_is_gone_is_a_problem_and_not_an_error(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    place = Path((await service.publish(package.release_id)).location)
    place.rename(place.with_name("elsewhere"))
    found = await service.verify(package.release_id)
    assert "no such folder" in found.problems[0].message


async def test_another_whole_release_in_its_place_is_found(service: ReleaseService) -> None:
    brief = service.keep_brief()
    package = await service.package(await service.produce(brief.id))
    place = Path((await service.publish(package.release_id)).location)
    stranger = media.package(service.data, "Other Song")
    place.rename(place.with_name("elsewhere"))
    stranger.rename(place)
    found = await service.verify(package.release_id)
    assert [problem.path for problem in found.problems] == [""]
    assert "digest" in found.problems[0].message


async def test_an_unpublished_package_is_verified_in_the_artifact_store(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    found = await service.verify(package.release_id)
    assert (list(found.problems), found.files_checked) == ([], 7)
    assert found.location.endswith(f"/artifacts/releases/{package.release_id}")
    service.artifact(package.files[0].path).unlink()
    service.artifact(package.files[1].path).write_bytes(b"other")
    trouble = {problem.path for problem in (await service.verify(package.release_id)).problems}
    assert {file.path.partition(f"{package.release_id}/")[2] for file in package.files[:2]} <= trouble
    assert service.leftovers() == []


@pytest.mark.parametrize(
    ("verdict", "state"),
    [
        (decision_pb2.VERDICT_REJECTED, "REJECTED"),
        (decision_pb2.VERDICT_EXPIRED, "EXPIRED"),
        (decision_pb2.VERDICT_REGENERATE_TAKE, "REGENERATE_TAKE"),
        (decision_pb2.VERDICT_UNSPECIFIED, "UNSPECIFIED"),
    ],
)
async def test_only_an_approval_allows_a_release(
    service: ReleaseService, verdict: decision_pb2.Verdict, state: str
) -> None:
    take = await service.produce(service.keep_brief().id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take, verdict=verdict)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    why, metadata = reason(caught.value)
    assert (why, metadata["state"]) == ("WRONG_STATE", state)
    assert not service.artifact("releases").exists()


async def test_a_decision_about_other_content_is_stale(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take, digest="sha256:" + "0" * 64)
    assert caught.value.code() is grpc.StatusCode.FAILED_PRECONDITION
    why, metadata = reason(caught.value)
    assert (why, metadata["current"]) == ("STALE_DIGEST", take.content_digest)


async def test_autopilot_may_approve(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    package = await service.package(take, verdict=decision_pb2.VERDICT_AUTOPILOT_APPROVED)
    told = json.loads(service.artifact(f"releases/{package.release_id}/provenance.json").read_bytes())
    assert told["decision"]["verdict"] == "autopilot_approved"


async def test_an_approved_take_that_failed_its_review_is_not_released(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief("flop").id)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take)
    assert reason(caught.value) == (
        "REVIEW_FAILED",
        {"takes": "1", "failed_checks": "integrated_loudness_lufs"},
    )


async def test_a_second_release_of_one_run_is_refused(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    first = await service.package(take, "r-1")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take, "r-2")
    assert reason(caught.value) == (
        "ALREADY_EXISTS",
        {"kind": "release of this run", "id": first.release_id},
    )


async def test_a_request_id_belongs_to_one_request(service: ReleaseService) -> None:
    brief = service.keep_brief()
    take = await service.produce(brief.id, "r-1", 1)
    with pytest.raises(grpc.aio.AioRpcError) as produced:
        await service.produce(brief.id, "r-1", 2)
    await service.package(take, "r-2")
    with pytest.raises(grpc.aio.AioRpcError) as packaged:
        await service.package(take, "r-2", decision_pb2.VERDICT_AUTOPILOT_APPROVED)
    for caught in (produced, packaged):
        assert caught.value.code() is grpc.StatusCode.ALREADY_EXISTS
        assert reason(caught.value)[0] == "REQUEST_ID_REUSED"


UNKNOWN_TAKE, UNKNOWN_RELEASE = "tak_" + "0" * 26, "rel_" + "0" * 26


async def test_unknown_ids_are_not_found(service: ReleaseService) -> None:
    calls = {
        "brief": service.produce("brf_unknown"),
        "take": service.package(pb.ProducedTake(take_id=UNKNOWN_TAKE)),
        "release": service.publish(UNKNOWN_RELEASE),
    }
    for kind, call in calls.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await call
        assert caught.value.code() is grpc.StatusCode.NOT_FOUND
        assert (reason(caught.value)[0], reason(caught.value)[1]["kind"]) == ("NOT_FOUND", kind)
    with pytest.raises(grpc.aio.AioRpcError, match="there is no release"):
        await service.verify(UNKNOWN_RELEASE)


async def test_a_brief_that_nobody_can_play_is_bad_input_with_its_reason(service: ReleaseService) -> None:
    with pytest.raises(grpc.aio.AioRpcError, match="sections: there are none") as caught:
        await service.produce(service.keep_brief("unplayable").id)
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert service.leftovers() == []


async def test_every_wrong_field_is_named_at_once(service: ReleaseService) -> None:
    requests = {
        service.stub.ProduceTake: (
            pb.ProduceTakeRequest(note="x" * 1001),
            "request_id, run_id, brief_id, take_number, note",
        ),
        service.stub.PackageRelease: (
            pb.PackageReleaseRequest(take_id="../../x"),
            "request_id, run_id, take_id, decision",
        ),
        service.stub.PublishRelease: (pb.PublishReleaseRequest(release_id=".."), "request_id, release_id"),
    }
    for method, (request, fields) in requests.items():
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            async for _ in method(request):
                pass
        assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
        given = reason(caught.value)[1]["fields"].split(", ")
        assert sorted(given) == sorted(fields.split(", "))
