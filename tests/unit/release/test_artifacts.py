"""The artifact store: all of a file or nothing, and never other bytes than were kept."""

import contextlib
import hashlib
import os
import resource
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from aiartist.common.v1 import audio_pb2
from services.chassis.errors import SetupError, StorageError
from services.release.artifacts import ArtifactStore
from services.release.errors import CorruptArtifact

PATH = "takes/tak_1f/master.flac"


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore.open((tmp_path / "store with a space").as_uri())


def everything(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


@contextlib.contextmanager
def files_up_to(size: int) -> Iterator[None]:
    """No file of this process may grow beyond `size` bytes."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of one mebibyte; only root can make one."""
    place = tmp_path / "tiny"
    place.mkdir()
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(place)], capture_output=True, check=False
    )
    if mounted.returncode:
        pytest.skip("mounting a file system needs root")
    yield place
    subprocess.run(["umount", str(place)], check=True)


async def test_what_is_put_is_read_back(store: ArtifactStore, tmp_path: Path) -> None:
    artifact = await store.put(PATH, b"sound" * 1000, "audio/flac")
    assert artifact == audio_pb2.Artifact(
        path=PATH,
        media_type="audio/flac",
        size_bytes=5000,
        sha256=hashlib.sha256(b"sound" * 1000).hexdigest(),
    )
    await store.fetch(artifact, tmp_path / "copy" / "master.flac")
    assert (tmp_path / "copy" / "master.flac").read_bytes() == b"sound" * 1000


async def test_a_file_is_put_whole(store: ArtifactStore, tmp_path: Path) -> None:
    data = os.urandom(7_000_000)
    (tmp_path / "big").write_bytes(data)
    artifact = await store.put(PATH, tmp_path / "big", "audio/flac")
    assert b"".join([piece async for piece in store.read(artifact)]) == data


async def test_putting_again_replaces(store: ArtifactStore) -> None:
    await store.put(PATH, b"old and longer", "audio/flac")
    artifact = await store.put(PATH, b"new", "audio/flac")
    assert b"".join([piece async for piece in store.read(artifact)]) == b"new"


async def test_changed_bytes_are_told_apart(store: ArtifactStore, tmp_path: Path) -> None:
    artifact = await store.put(PATH, b"sound", "audio/flac")
    (stored,) = everything(tmp_path)
    stored.write_bytes(b"sounD")
    with pytest.raises(CorruptArtifact) as caught:
        await store.fetch(artifact, tmp_path / "copy")
    assert caught.value.metadata["path"] == PATH


async def test_a_missing_file_is_corruption_too(store: ArtifactStore, tmp_path: Path) -> None:
    with pytest.raises(CorruptArtifact, match="no such file"):
        await store.fetch(audio_pb2.Artifact(path=PATH, sha256="0" * 64), tmp_path / "copy")


@pytest.mark.parametrize(
    "path", ["../out", "takes/../../out", "/etc/passwd", "takes//x", "", "a/./b", ".hidden/x", "a\0b", "ä/x"]
)
async def test_no_path_leads_out_of_the_store(store: ArtifactStore, tmp_path: Path, path: str) -> None:
    with pytest.raises(ValueError):
        await store.put(path, b"x", "audio/flac")
    assert everything(tmp_path) == []


async def test_a_file_system_that_refuses_to_grow_leaves_nothing_behind(
    store: ArtifactStore, tmp_path: Path
) -> None:
    with files_up_to(100_000), pytest.raises(StorageError, match="file too large"):
        await store.put(PATH, bytes(10_000_000), "audio/flac")
    assert everything(tmp_path) == []


async def test_a_full_disk_is_named_with_its_remedy_and_leaves_nothing_behind(tiny_disk: Path) -> None:
    store = ArtifactStore.open(tiny_disk.as_uri())
    with pytest.raises(StorageError) as caught:
        await store.put(PATH, bytes(3_000_000), "audio/flac")
    assert str(tiny_disk) in caught.value.message
    assert "make room" in caught.value.message
    assert caught.value.metadata == {"cause": "no space left on device"}
    assert everything(tiny_disk) == []
    await store.put(PATH, bytes(100_000), "audio/flac")


async def test_a_full_disk_while_fetching_is_named(store: ArtifactStore, tiny_disk: Path) -> None:
    artifact = await store.put(PATH, bytes(3_000_000), "audio/flac")
    with pytest.raises(StorageError, match="make room"):
        await store.fetch(artifact, tiny_disk / "copy")


async def test_what_a_killed_process_left_beside_a_file_is_cleaned_up(
    store: ArtifactStore, tmp_path: Path
) -> None:
    await store.put(PATH, b"x", "audio/flac")
    (stored,) = everything(tmp_path)
    stored.with_name(f"{stored.name}#1").write_bytes(b"half")
    await store.put(PATH, b"y", "audio/flac")
    assert everything(tmp_path) == [stored]


async def test_any_store_of_obstore_s_does() -> None:
    store = ArtifactStore.open("memory:///")
    artifact = await store.put(PATH, b"sound", "audio/flac")
    assert [piece async for piece in store.read(artifact)] == [b"sound"]


async def test_pieces_are_small_whatever_the_store_reads_at_once() -> None:
    store = ArtifactStore.open("memory:///")
    data = os.urandom(3_500_000)
    pieces = [piece async for piece in store.read(await store.put(PATH, data, "audio/flac"))]
    assert b"".join(pieces) == data
    assert max(map(len, pieces)) <= 1 << 20


@pytest.mark.parametrize("url", ["gopher://x", "s3://key:secret@bucket/x", "file:///proc/nope/artifacts"])
def test_a_store_that_cannot_be_used_is_refused_at_start(url: str) -> None:
    with pytest.raises(SetupError, match="AIARTIST_ARTIFACT_URL") as caught:
        ArtifactStore.open(url)
    assert "secret" not in str(caught.value)


async def test_the_probe_answers_while_the_store_is_there(store: ArtifactStore) -> None:
    assert await store.probe() is None
