"""A bucket: every file under its key, the manifest last, and nothing called whole that is not."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import obstore
import pytest
from obstore.exceptions import GenericError

from services.chassis.errors import SetupError, StorageError, WrongState
from services.release.errors import TargetUnavailable
from services.release.package.layout import MANIFEST
from services.release.targets.bucket import BucketTarget
from services.release.targets.target import Action, Outcome
from tests.support.fake_s3 import SECRET, URL, FakeS3
from tests.support.packages import AUDIO, Kept, kept_package, quiet


@pytest.fixture
async def bucket() -> AsyncIterator[FakeS3]:
    async with FakeS3.serving() as fake:
        yield fake


@pytest.fixture
async def kept(tmp_path: Path) -> Kept:
    return await kept_package(tmp_path)


async def publish(chosen: BucketTarget, kept: Kept) -> Outcome:
    return await chosen.publish(kept.package, chosen.location(kept.release), quiet, delivered=False)


async def test_a_release_is_a_key_for_each_file_with_its_type_and_the_manifest_last(
    bucket: FakeS3, kept: Kept
) -> None:
    outcome = await publish(bucket.target(), kept)

    release_id = kept.release.id
    assert (outcome.action, outcome.location) == (Action.PUBLISHED, f"{URL}/{release_id}")
    assert bucket.files(release_id) == kept.files
    assert bucket.puts[-1] == f"music/{release_id}/{MANIFEST}"
    types = {key.removeprefix(f"music/{release_id}/"): kind for key, (_, kind) in bucket.objects.items()}
    assert types == {path: artifact.media_type for path, artifact in kept.package.files.items()}
    assert not any("uploads" in request for request in bucket.requests)


async def test_a_repeat_reads_all_of_it_and_sends_nothing(bucket: FakeS3, kept: Kept) -> None:
    await publish(bucket.target(), kept)
    puts = len(bucket.puts)
    bucket.requests.clear()

    assert (await publish(bucket.target(), kept)).action is Action.FOUND

    assert len(bucket.puts) == puts
    read = [request for request in bucket.requests if "list-type" not in request]
    assert len(read) == len(kept.files)


async def test_what_was_changed_or_added_is_mended_and_has_no_manifest_meanwhile(
    bucket: FakeS3, kept: Kept
) -> None:
    await publish(bucket.target(), kept)
    key = f"music/{kept.release.id}/{AUDIO}"
    data, kind = bucket.objects[key]
    bucket.objects[key] = (b"x" + data[1:], kind)
    bucket.objects[f"music/{kept.release.id}/notes.txt"] = (b"mine", "text/plain")
    bucket.fail(cut_after_bytes=1)
    with pytest.raises(TargetUnavailable):
        await publish(bucket.target(), kept)
    assert MANIFEST not in bucket.files(kept.release.id)
    bucket.fail()

    assert (await publish(bucket.target(), kept)).action is Action.PUBLISHED
    assert bucket.files(kept.release.id) == kept.files


@pytest.mark.parametrize("cut_after", [0, 1, 5_000, 16_384, 100_003, 1_048_577, 3_000_000, 3_041_000])
async def test_an_upload_that_is_cut_at_any_byte_has_no_manifest_and_the_next_is_whole(
    bucket: FakeS3, kept: Kept, cut_after: int
) -> None:
    bucket.fail(cut_after_bytes=cut_after)
    with pytest.raises(TargetUnavailable):
        await publish(bucket.target(), kept)
    assert MANIFEST not in bucket.files(kept.release.id)
    bucket.fail()

    assert (await publish(bucket.target(), kept)).action is Action.PUBLISHED
    assert bucket.files(kept.release.id) == kept.files


async def test_a_bucket_that_asks_for_patience_gets_it(bucket: FakeS3, kept: Kept) -> None:
    bucket.fail(slow_downs=2)
    assert (await publish(bucket.target(), kept)).action is Action.PUBLISHED


@pytest.mark.parametrize(
    ("method", "status", "code"),
    [("PUT", 503, "SlowDown"), ("PUT", 403, "AccessDenied"), ("GET", 403, "SignatureDoesNotMatch")],
)
async def test_a_refusal_is_said_in_short_without_secrets(
    bucket: FakeS3, kept: Kept, method: str, status: int, code: str
) -> None:
    bucket.fail(refuse={method: (status, code)})
    with pytest.raises(TargetUnavailable) as caught:
        await publish(bucket.target(), kept)
    assert caught.value.metadata["target"] == "s3"
    assert f"{status} " in str(caught.value)
    assert f"({code})" in str(caught.value)
    assert "\n" not in str(caught.value)
    assert SECRET not in str(caught.value)
    assert bucket.objects == {}


async def test_other_bytes_than_were_sent_are_found(bucket: FakeS3, kept: Kept) -> None:
    bucket.fail(flip_a_byte=True)
    with pytest.raises(TargetUnavailable, match="other bytes came back"):
        await publish(bucket.target(), kept)
    assert MANIFEST not in bucket.files(kept.release.id)
    bucket.fail()
    await publish(bucket.target(), kept)
    assert bucket.files(kept.release.id) == kept.files


async def test_what_cannot_be_read_back_is_not_published(bucket: FakeS3, kept: Kept) -> None:
    bucket.fail(cut_answers=True)
    with pytest.raises(TargetUnavailable):
        await publish(bucket.target(), kept)
    assert MANIFEST not in bucket.files(kept.release.id)


async def test_a_plan_says_what_would_go_and_changes_nothing(bucket: FakeS3, kept: Kept) -> None:
    chosen = bucket.target()
    place = chosen.location(kept.release)
    planned = await chosen.plan(kept.package, place, delivered=False)
    assert (planned.action, bucket.objects) == (Action.WOULD_PUBLISH, {})
    assert planned.detail.startswith(f"{len(kept.files)} files, 3.0 MB")
    await publish(chosen, kept)
    assert (await chosen.plan(kept.package, place, delivered=True)).action is Action.FOUND
    bucket.fail(refuse={"GET": (403, "AccessDenied")})
    with pytest.raises(TargetUnavailable, match="AccessDenied"):
        await chosen.plan(kept.package, place, delivered=False)


async def test_a_take_down_removes_the_manifest_first_and_looks_that_all_is_gone(
    bucket: FakeS3, kept: Kept
) -> None:
    chosen = bucket.target()
    place = (await publish(chosen, kept)).location
    bucket.objects["music/another release"] = (b"stays", "")

    assert (await chosen.take_down(kept.release, place)).action is Action.TAKEN_DOWN

    assert list(bucket.objects) == ["music/another release"]
    assert (await chosen.take_down(kept.release, place)).action is Action.ABSENT
    assert (await publish(chosen, kept)).action is Action.PUBLISHED


async def test_a_take_down_by_another_replica_meanwhile_leaves_nothing_that_looks_whole(
    bucket: FakeS3, kept: Kept
) -> None:
    def report(step: str, done: int, total: int) -> None:
        if step == "uploading" and done == total - 1:
            # Before the manifest goes up.
            for key in [key for key in bucket.objects if key.endswith(AUDIO)]:
                del bucket.objects[key]

    chosen = bucket.target()
    with pytest.raises(TargetUnavailable, match="taken away"):
        await chosen.publish(kept.package, chosen.location(kept.release), report, delivered=False)
    assert MANIFEST not in bucket.files(kept.release.id)
    assert (await publish(chosen, kept)).action is Action.PUBLISHED
    assert bucket.files(kept.release.id) == kept.files


async def test_what_the_books_place_in_another_bucket_is_not_touched(bucket: FakeS3, kept: Kept) -> None:
    for call in (
        bucket.target().take_down(kept.release, "s3://other/x"),
        bucket.target().publish(kept.package, "s3://other/x", quiet, delivered=True),
    ):
        with pytest.raises(WrongState, match="AIARTIST_RELEASE_S3_URL"):
            await call
    assert bucket.requests == []


async def test_a_folder_is_a_bucket_too(tmp_path: Path, kept: Kept) -> None:
    chosen = BucketTarget.open((tmp_path / "bucket").as_uri())
    place = (await publish(chosen, kept)).location
    there = {
        path.relative_to(tmp_path / "bucket" / kept.release.id).as_posix(): path.read_bytes()
        for path in (tmp_path / "bucket").rglob("*")
        if path.is_file()
    }
    assert there == kept.files
    await chosen.take_down(kept.release, place)
    assert list((tmp_path / "bucket").rglob("*")) == []


async def test_a_write_that_another_replica_swept_away_is_repeated(
    tmp_path: Path, kept: Kept, monkeypatch: pytest.MonkeyPatch
) -> None:
    put, swept = obstore.put_async, []

    async def swept_once(store: Any, path: str, *args: Any, **options: Any) -> Any:
        if path not in swept:
            swept.append(path)
            raise GenericError("Unable to rename file: No such file or directory (os error 2)")
        return await put(store, path, *args, **options)

    monkeypatch.setattr(obstore, "put_async", swept_once)
    chosen = BucketTarget.open((tmp_path / "bucket").as_uri())

    assert (await publish(chosen, kept)).action is Action.PUBLISHED
    assert len(swept) == len(kept.files)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 1 MiB; only root can make one."""
    place = tmp_path / "tiny"
    place.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if made.returncode:
        pytest.skip("mounting a file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


def resize(place: Path, size: str) -> None:
    subprocess.run(["mount", "-o", f"remount,size={size}", str(place)], check=True)


async def test_a_full_disk_is_a_storage_error_and_shows_no_manifest(tiny_disk: Path, kept: Kept) -> None:
    chosen = BucketTarget.open(tiny_disk.as_uri())
    with pytest.raises(StorageError, match="make room") as caught:
        await publish(chosen, kept)
    assert "no space left" in caught.value.metadata["cause"]
    assert not list(tiny_disk.rglob(MANIFEST))
    await asyncio.to_thread(resize, tiny_disk, "20m")
    assert (await publish(chosen, kept)).action is Action.PUBLISHED


@pytest.mark.parametrize(
    "url", ["ftp://nowhere/x", "s3://user:password@label", "az://label/music?sig=secret", "s3://label#secret"]
)
def test_a_url_of_no_store_is_refused_by_its_setting(url: str) -> None:
    with pytest.raises(SetupError, match="AIARTIST_RELEASE_S3_URL") as caught:
        BucketTarget.open(url)
    assert "secret" not in str(caught.value)
