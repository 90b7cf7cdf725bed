"""What may go wrong: nothing half stays, and the next try works."""

import asyncio
import contextlib
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import grpc
import psutil
import pytest

from aiartist.release.v1 import release_pb2 as pb
from services.release.package.verify import verify_package
from tests.integration.release.test_stages import reason
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.release_service import ReleaseService


def workers() -> list[psutil.Process]:
    """Worker processes of this test's service."""
    children = psutil.Process().children()
    return [child for child in children if "services.release.worker" in " ".join(child.cmdline())]


async def until_it_hangs(service: ReleaseService, request_id: str = "r-hang") -> grpc.aio.UnaryStreamCall:
    """A ProduceTake whose studio is in the middle of its work for ever."""
    call = service.stub.ProduceTake(service.take_request(service.keep_brief("hang").id, request_id))
    async for update in call:
        if update.progress.step == "hanging":
            return call
    raise AssertionError("the call ended")


async def test_a_service_closed_in_the_middle_leaves_nothing_and_the_next_one_works(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    async with ReleaseService.running(artist_db, tmp_path / "data") as service:
        call = await until_it_hangs(service)
        assert len(service.leftovers()) > 0
        processes = workers()
    assert processes
    assert not any(process.is_running() for process in processes)
    with pytest.raises((grpc.aio.AioRpcError, asyncio.CancelledError)):
        await call.read()
    assert service.leftovers() == []
    assert not service.artifact("takes").exists()
    async with ReleaseService.running(artist_db, tmp_path / "data") as service:
        assert (await service.produce(service.keep_brief().id, "r-hang")).review.passed


async def test_a_cancelled_call_stops_its_job_and_frees_the_worker(service: ReleaseService) -> None:
    call = await until_it_hangs(service)
    (busy,) = workers()
    call.cancel()
    await asyncio.to_thread(psutil.wait_procs, [busy], 20)
    assert not busy.is_running()
    assert (await service.produce(service.keep_brief().id)).review.passed
    assert service.leftovers() == []


async def test_a_call_past_its_deadline_stops_its_job(service: ReleaseService) -> None:
    request = service.take_request(service.keep_brief("hang").id, "r-hang")
    call = service.stub.ProduceTake(request, timeout=1.5)
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in call:
            pass
    assert caught.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert (await service.produce(service.keep_brief().id)).review.passed


async def test_a_worker_killed_at_its_work_is_unavailable_and_the_next_call_works(
    service: ReleaseService,
) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.produce(service.keep_brief("crash").id, "r-crash")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE
    assert reason(caught.value) == ("DEPENDENCY_UNAVAILABLE", {"dependency": "render worker"})
    assert service.leftovers() == []
    assert (await service.produce(service.keep_brief().id)).review.passed


async def test_a_take_that_could_not_be_recorded_is_made_again_with_the_same_bytes(
    service: ReleaseService,
) -> None:
    brief = service.keep_brief()
    service.artist_db.fail_next["SaveTake"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await service.produce(brief.id)
    (kept,) = service.artifact("takes").rglob("*.flac")
    before = kept.read_bytes()
    take = await service.produce(brief.id)
    assert service.artifact(take.audio.path).read_bytes() == before


async def test_without_artist_db_the_call_is_unavailable(tmp_path: Path) -> None:
    async with FakeArtistDb.serving() as artist_db:
        pass
    async with ReleaseService.running(artist_db, tmp_path / "data") as service:
        with pytest.raises(grpc.aio.AioRpcError) as caught:
            await service.produce("brf_any")
    assert caught.value.code() is grpc.StatusCode.UNAVAILABLE


async def test_a_master_that_was_changed_in_the_store_is_not_packaged(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    service.artifact(take.audio.path).write_bytes(b"fLaC")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.package(take)
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert reason(caught.value)[0] == "CORRUPT_ARTIFACT"
    assert service.leftovers() == []


async def test_a_package_that_was_changed_in_the_store_is_not_published(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    service.artifact(package.files[2].path).write_bytes(b"other")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.publish(package.release_id)
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert list((service.data / "releases").iterdir()) == []
    assert "RecordPublication" not in service.artist_db.calls


async def test_a_publication_that_could_not_be_recorded_is_found_by_the_next_call(
    service: ReleaseService,
) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    service.artist_db.fail_next["RecordPublication"] = grpc.StatusCode.INTERNAL
    with pytest.raises(grpc.aio.AioRpcError):
        await service.publish(package.release_id)
    place = service.data.resolve() / "releases" / package.release_id
    inode = place.stat().st_ino
    assert (await service.publish(package.release_id)).location == str(place)
    assert place.stat().st_ino == inode


async def test_a_copy_that_a_killed_process_left_half_is_cleaned_up(service: ReleaseService) -> None:
    package = await service.package(await service.produce(service.keep_brief().id))
    half = service.data / "releases" / f".{package.release_id}.0a1b2c.partial" / "package"
    half.mkdir(parents=True)
    (half / "metadata.json").write_bytes(b"{")
    place = Path((await service.publish(package.release_id)).location)
    assert verify_package(place) == []
    assert service.leftovers() == []


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 200 KiB, too small for any package; only root can make one."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=200k", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def resize(place: Path, size: str) -> None:
    """Gives a file system of `tiny_disk` another size."""
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


@contextlib.contextmanager
def storage_trouble(place: Path) -> Iterator[None]:
    """Inside, a call fails with STORAGE, a remedy and the place's name."""
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        yield
    assert caught.value.code() is grpc.StatusCode.RESOURCE_EXHAUSTED
    assert reason(caught.value) == ("STORAGE", {"cause": "no space left on device"})
    assert str(place) in (caught.value.details() or "")
    assert "make room" in (caught.value.details() or "")


async def test_a_full_artifact_store_is_named_and_keeps_no_partial_file(
    artist_db: FakeArtistDb, tmp_path: Path, tiny_disk: Path
) -> None:
    url = tiny_disk.as_uri()
    (tiny_disk / "ballast").write_bytes(bytes(150_000))
    async with ReleaseService.running(artist_db, tmp_path / "data", artifact_url=url) as service:
        with storage_trouble(tiny_disk):
            await service.produce(service.keep_brief().id)
        assert [path.name for path in tiny_disk.rglob("*") if path.is_file()] == ["ballast"]
        assert artist_db.takes == {}


async def test_a_full_scratch_disk_is_named_and_keeps_no_partial_file(
    artist_db: FakeArtistDb, tmp_path: Path, tiny_disk: Path
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scratch").symlink_to(tiny_disk)
    async with ReleaseService.running(artist_db, tmp_path / "data") as service:
        (tiny_disk / "ballast").write_bytes(bytes(150_000))
        with storage_trouble(tiny_disk):
            await service.produce(service.keep_brief().id)
        assert [path.name for path in tiny_disk.rglob("*") if path.suffix == ".flac"] == []
        (tiny_disk / "ballast").unlink()


async def test_a_disk_without_room_for_the_cover_is_named_and_the_next_try_is_whole(
    artist_db: FakeArtistDb, tmp_path: Path, tiny_disk: Path
) -> None:
    await asyncio.to_thread(resize, tiny_disk, "1m")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "scratch").symlink_to(tiny_disk)
    async with ReleaseService.running(artist_db, tmp_path / "data") as service:
        brief = service.keep_brief()
        with storage_trouble(tiny_disk):
            await service.produce(brief.id)
        assert artist_db.takes == {}
        await asyncio.to_thread(resize, tiny_disk, "20m")
        assert (await service.read((await service.produce(brief.id)).cover))[:3] == b"\xff\xd8\xff"


async def test_a_full_catalogue_is_named_and_the_next_try_publishes(
    artist_db: FakeArtistDb, tmp_path: Path, tiny_disk: Path
) -> None:
    catalog = tmp_path / "catalog"
    catalog.symlink_to(tiny_disk)
    async with ReleaseService.running(artist_db, tmp_path / "data", release_catalog_dir=catalog) as service:
        package = await service.package(await service.produce(service.keep_brief().id))
        with storage_trouble(tiny_disk):
            await service.publish(package.release_id)
        assert list(tiny_disk.iterdir()) == []
        await asyncio.to_thread(resize, tiny_disk, "20m")
        place = Path((await service.publish(package.release_id)).location)
        assert verify_package(place) == []


async def test_the_service_is_ready_before_its_workers_are_warm(service: ReleaseService) -> None:
    assert service.app.server.health.ready


async def test_without_room_to_work_the_start_says_what_to_do(
    artist_db: FakeArtistDb, tmp_path: Path
) -> None:
    (tmp_path / "data").write_text("a file where a folder should be")
    with pytest.raises(Exception, match="AIARTIST_DATA_DIR"):
        async with ReleaseService.running(artist_db, tmp_path / "data"):
            pass
    assert shutil.disk_usage(tmp_path).free > 0


async def test_verification_of_nothing_is_refused(service: ReleaseService) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.stub.VerifyRelease(pb.VerifyReleaseRequest())
    assert reason(caught.value) == ("INVALID_INPUT", {"fields": "release_id"})
