"""A publisher killed at any moment leaves nothing half visible, and the next one ends in a whole release."""

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from services.release.package.layout import MANIFEST
from services.release.targets.folder import first_fault
from tests.support import publishing_process
from tests.support.fake_sftp import PASSWORD, ROOT, USER, FakeSftp
from tests.support.packages import BATCH, Kept, kept_package
from tests.support.processes import REPO, clean_environment

MOMENTS = 9
"""How many are tried of each target, from the first call to the file system to the last."""


class Site:
    """A label of one target, whose publisher is a process."""

    def __init__(self, folder: Path, kept: Kept, server: FakeSftp, target: str) -> None:
        self.folder = folder
        self.kept = kept
        self.server = server
        self.settings: dict[str, Any] = {
            "data_dir": str(folder / "data"),
            "artifact_url": (folder / "artifacts").as_uri(),
            "release_targets": target,
            "release_s3_url": (folder / "bucket").as_uri(),
            "release_sftp_url": f"sftp://{USER}@127.0.0.1:{server.port}{ROOT}",
            "release_sftp_password": PASSWORD,
            "release_sftp_known_hosts": str(server.known_hosts),
        }
        (folder / "release").write_bytes(kept.release.SerializeToString())

    def job(self, kill_at: int = 0) -> dict[str, Any]:
        return {"settings": self.settings, "release": str(self.folder / "release"), "kill_at": kill_at}

    async def run(self, kill_at: int = 0, *, kill_after_ms: int = 0) -> int:
        """A process that publishes; how many calls to the file system it made, 0: it was killed."""
        job = self.folder / "job.json"
        await asyncio.to_thread(job.write_text, json.dumps(self.job(kill_at)))
        process = await asyncio.create_subprocess_exec(
            sys.executable, publishing_process.__file__, str(job),
            cwd=REPO, env=clean_environment(), stdout=subprocess.PIPE,
        )  # fmt: skip
        if kill_after_ms:
            assert process.stdout is not None
            while await process.stdout.readline() not in (b"begin\n", b""):
                pass
            with suppress(TimeoutError):
                async with asyncio.timeout(kill_after_ms / 1000):
                    await process.wait()
            if process.returncode is None:
                process.kill()
        told, _ = await process.communicate()
        if process.returncode == -9:
            return 0
        assert process.returncode == 0
        return int(told.split()[-1])

    async def here(self) -> None:
        """Publishes in this process: it has to work."""
        books = await publishing_process.publish(self.job())
        assert len(books.kept.publications) == 1

    @property
    def catalogue(self) -> Path:
        return self.folder / "data" / "releases"

    def visible(self) -> bool:
        """Whether a reader would take the release for whole, at any of the targets."""
        bucket = self.folder / "bucket" / self.kept.release.id / MANIFEST
        return (
            (self.catalogue / self.kept.release.id).exists()
            or bucket.exists()
            or bool(self.server.complete())
        )

    def check_whole(self) -> None:
        """Every byte is there, where the target is."""
        files = self.kept.package.files
        match self.settings["release_targets"]:
            case "folder":
                place = self.catalogue / self.kept.release.id
                assert first_fault(place, files) is None
            case "s3":
                assert first_fault(self.folder / "bucket" / self.kept.release.id, files) is None
            case _:
                there = self.server.files()
                assert len(there) == 4 + 1
                assert sorted(map(len, there.values()))[-1] == max(map(len, self.kept.files.values()))
                sent = {data for path, data in there.items() if "BatchComplete" not in path}
                assert sent <= set(self.kept.files.values())
                assert self.server.complete() == [f"{BATCH}/BatchComplete_{BATCH}.xml"]

    def clear(self) -> None:
        """Takes everything away, for the next try."""
        for root in (self.catalogue, self.folder / "bucket", self.server.incoming):
            for path in sorted(root.rglob("*"), reverse=True):
                path.rmdir() if path.is_dir() else path.unlink()

    def leftovers(self) -> list[Path]:
        """Work in progress at the target."""
        marks = (".partial", ".part", "#")
        return [
            path
            for root in (self.catalogue, self.folder / "bucket", self.server.incoming)
            for path in root.rglob("*")
            if any(mark in path.name for mark in marks)
        ]


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[FakeSftp]:
    async with FakeSftp.serving(tmp_path / "server") as fake:
        yield fake


@pytest.mark.timeout(300)
@pytest.mark.parametrize("target", ["folder", "s3", "sftp"])
async def test_a_publisher_that_is_killed_at_any_call_leaves_nothing_half(
    tmp_path: Path, server: FakeSftp, target: str
) -> None:
    site = Site(tmp_path, await kept_package(tmp_path), server, target)
    calls = await site.run()
    site.check_whole()
    assert calls > MOMENTS
    killed = 0
    for step in range(MOMENTS):
        site.clear()
        # Not every run makes as many calls: the last ones may be missed.
        killed += not await site.run(kill_at=1 + step * calls // MOMENTS)
        if site.visible():
            site.check_whole()
        await site.here()
        site.check_whole()
        assert site.leftovers() == []
    assert killed >= MOMENTS - 1


@pytest.mark.timeout(300)
@pytest.mark.parametrize("target", ["s3", "sftp"])
async def test_a_publisher_that_is_killed_between_calls_leaves_nothing_half(
    tmp_path: Path, server: FakeSftp, target: str
) -> None:
    big = await kept_package(tmp_path, audio_bytes=60_000_000)
    site = Site(tmp_path, big, server, target)
    killed = 0
    # Prime numbers of milliseconds after its work began.
    for after_ms in (2, 61, 211, 503, 701):
        killed += not await site.run(kill_after_ms=after_ms)
        if site.visible():
            site.check_whole()
    assert killed
    await site.here()
    site.check_whole()
    assert site.leftovers() == []
