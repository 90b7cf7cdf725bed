"""ReadArtifact: the bytes of an artifact, or why not."""

import asyncio
import hashlib
import os

import grpc
import psutil
import pytest

from aiartist.common.v1 import audio_pb2
from aiartist.release.v1 import release_pb2 as pb
from tests.integration.release.test_stages import reason
from tests.support.release_service import ReleaseService

MIB = 1 << 20


def keep(service: ReleaseService, data: bytes, path: str = "takes/tak_1f/master.flac") -> audio_pb2.Artifact:
    """Puts bytes into the artifact store's folder."""
    service.artifact(path).parent.mkdir(parents=True)
    service.artifact(path).write_bytes(data)
    return audio_pb2.Artifact(path=path, sha256=hashlib.sha256(data).hexdigest())


async def test_everything_of_a_take_and_of_a_release_can_be_read(service: ReleaseService) -> None:
    take = await service.produce(service.keep_brief().id)
    package = await service.package(take)
    for artifact in (take.audio, take.preview, take.cover, take.thumbnail, *package.files):
        assert await service.read(artifact) == service.artifact(artifact.path).read_bytes()


@pytest.mark.parametrize("size", [0, 1, MIB, MIB + 1, 5 * MIB + 4321])
async def test_it_comes_whole_in_pieces_of_at_most_one_mebibyte(service: ReleaseService, size: int) -> None:
    data = os.urandom(size)
    request = pb.ReadArtifactRequest(artifact=keep(service, data))
    pieces = [piece.data async for piece in service.stub.ReadArtifact(request)]
    assert b"".join(pieces) == data
    assert all(0 < len(piece) <= MIB for piece in pieces)


async def test_changed_bytes_end_in_data_loss(service: ReleaseService) -> None:
    data = os.urandom(3 * MIB)
    artifact = keep(service, data)
    changed = data[:-1] + bytes([data[-1] ^ 1])
    service.artifact(artifact.path).write_bytes(changed)
    call = service.stub.ReadArtifact(pb.ReadArtifactRequest(artifact=artifact))
    got = b""
    while len(got) < len(data):
        got += (await call.read()).data
    assert got == changed
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await call.read()
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert reason(caught.value) == (
        "CORRUPT_ARTIFACT",
        {
            "path": artifact.path,
            "expected": f"sha256:{artifact.sha256}",
            "found": f"sha256:{hashlib.sha256(changed).hexdigest()}",
        },
    )


@pytest.mark.parametrize("path", ["takes/tak_2f/master.flac", "takes/tak_1f", "takes/tak_1f/master.flac/x"])
async def test_what_is_missing_is_data_loss(service: ReleaseService, path: str) -> None:
    kept = keep(service, b"sound")
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.read(audio_pb2.Artifact(path=path, sha256=kept.sha256))
    assert caught.value.code() is grpc.StatusCode.DATA_LOSS
    assert (reason(caught.value)[0], reason(caught.value)[1]["found"]) == ("CORRUPT_ARTIFACT", "no such file")


@pytest.mark.parametrize(
    "path",
    [
        "",
        "../secret",
        "takes/../../secret",
        "/etc/passwd",
        "takes//x",
        "takes/./x",
        "takes\\..\\..\\secret",
        "takes/%2e%2e/secret",
        "takes/x\0",
        "x/" * 500 + "x",
    ],
)
async def test_no_path_leads_out_of_the_store(service: ReleaseService, path: str) -> None:
    secret = service.data / "secret"
    secret.write_bytes(b"of the host")
    sha256 = hashlib.sha256(b"of the host").hexdigest()
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.read(audio_pb2.Artifact(path=path, sha256=sha256))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(caught.value) == ("INVALID_INPUT", {"fields": "artifact.path"})


@pytest.mark.parametrize("sha256", ["", "0" * 63, "A" * 64, f"sha256:{'0' * 64}"])
async def test_a_hash_of_the_wrong_form_is_named(service: ReleaseService, sha256: str) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        await service.read(audio_pb2.Artifact(path="takes/tak_1f/master.flac", sha256=sha256))
    assert caught.value.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert reason(caught.value) == ("INVALID_INPUT", {"fields": "artifact.sha256"})


async def test_nothing_at_all_is_named_in_full(service: ReleaseService) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as caught:
        async for _ in service.stub.ReadArtifact(pb.ReadArtifactRequest()):
            pass
    assert reason(caught.value) == ("INVALID_INPUT", {"fields": "artifact.path, artifact.sha256"})


async def test_a_client_that_goes_away_in_the_middle_leaves_no_file_open(service: ReleaseService) -> None:
    artifact = keep(service, os.urandom(64 * MIB))
    place = str(service.artifact(artifact.path).resolve())

    def is_open() -> bool:
        return place in {file.path for file in psutil.Process().open_files()}

    call = service.stub.ReadArtifact(pb.ReadArtifactRequest(artifact=artifact))
    assert (await call.read()).data
    # Nobody reads on: the service stops when the connection's window is full.
    assert is_open()
    call.cancel()
    async with asyncio.timeout(20):
        while is_open():
            await asyncio.sleep(0.01)
    assert len(await service.read(artifact)) == 64 * MIB
