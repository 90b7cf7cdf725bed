"""What a publication target is asked for, and what it is given."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Protocol

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2
from services.release.artifacts import ArtifactStore, safe_path
from services.release.errors import storage_errors
from services.release.package.layout import MANIFEST
from services.release.worker import Report


class Action(StrEnum):
    """What became of a release at a target; the names of `TargetOutcome.Action`."""

    PUBLISHED = "PUBLISHED"
    FOUND = "FOUND"
    WOULD_PUBLISH = "WOULD_PUBLISH"
    TAKEN_DOWN = "TAKEN_DOWN"
    ABSENT = "ABSENT"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was done, or would be done, at one target."""

    target: str
    location: str
    action: Action
    detail: str = ""
    """For people; empty: nothing to add."""


class Package:
    """A release's package: its files in the artifact store, and local copies of those that are asked for."""

    def __init__(self, release: db.StoredRelease, store: ArtifactStore, folder: Path) -> None:
        self.release = release
        self.files: Mapping[str, audio_pb2.Artifact] = _by_inner_path(release)
        """By path inside the package, the manifest last: what has one is whole."""
        self._store = store
        self.folder = folder
        """For work in progress; gone after the call."""

    @property
    def size_bytes(self) -> int:
        """Of all files."""
        return sum(artifact.size_bytes for artifact in self.files.values())

    async def copy(self, path: str, into: Path) -> None:
        """Copies one file from the artifact store into a new local one.

        CorruptArtifact where it is missing there or not what its hash says; StorageError where the disk is
        full.
        """
        await self._store.fetch(self.files[path], into)

    async def local(self, path: str) -> Path:
        """A local copy of one file; every target gets the same. Raises what `copy` raises."""
        place = self.folder / path
        if not place.exists():
            draft = place.with_name(f".{place.name}.part")
            draft.unlink(missing_ok=True)
            await self.copy(path, draft)
            with storage_errors(str(self.folder)):
                draft.rename(place)
        return place


class Target(Protocol):
    """A place where releases are published.

    `place` is where the release is by the label's books, else what `location` says. What a target refuses
    is a TargetUnavailable, a full disk a StorageError.
    """

    @property
    def name(self) -> str:
        """As settings and books call it."""
        ...

    def location(self, release: db.StoredRelease) -> str:
        """Where a release would be; without credentials."""
        ...

    async def publish(self, package: Package, place: str, report: Report, *, delivered: bool) -> Outcome:
        """Brings the release there and reads back every byte: PUBLISHED, or FOUND where it stood there whole.

        A reader there sees all of it or nothing; after a crash a repeat goes on. `delivered`: the books say
        that it was published there before.
        """
        ...

    async def plan(self, package: Package, place: str, *, delivered: bool) -> Outcome:
        """Changes nothing: FOUND, WOULD_PUBLISH and what would be transferred, or ABSENT and what stands in
        the way."""
        ...

    async def take_down(self, release: db.StoredRelease, place: str) -> Outcome:
        """Removes the release and looks that it is gone: TAKEN_DOWN, or ABSENT where it was not there."""
        ...


def transfer(files: int, size_bytes: int) -> str:
    """How much it is, for people."""
    return f"{files} {'file' if files == 1 else 'files'}, {size_bytes / 1e6:,.1f} MB"


def _by_inner_path(release: db.StoredRelease) -> dict[str, audio_pb2.Artifact]:
    files = {
        safe_path(artifact.path.removeprefix(f"releases/{release.id}/")): artifact
        for artifact in release.files
    }
    return dict(sorted(files.items(), key=lambda file: file[0] == MANIFEST))
