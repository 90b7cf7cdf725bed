"""The target `folder`: copied beside its place, flushed, renamed, read back; and pages to browse it."""

import asyncio
import hashlib
import os
import shutil
from collections.abc import Mapping
from pathlib import Path

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2
from services.chassis.errors import WrongState
from services.release.artifacts import MISSING
from services.release.errors import CorruptArtifact, storage_errors
from services.release.targets.pages.catalogue import CataloguePages
from services.release.targets.target import Action, Outcome, Package, transfer
from services.release.worker import Report
from services.release.workspace import exclusively, sweep, sync_folder, sync_tree, workspace


class FolderTarget:
    """The label's folder: one folder a release, there whole or not at all."""

    name = "folder"

    def __init__(self, catalog: Path, pages: CataloguePages) -> None:
        self._catalog = catalog
        self._pages = pages

    def location(self, release: db.StoredRelease) -> str:
        return str(self._catalog / release.id)

    async def publish(self, package: Package, place: str, report: Report, *, delivered: bool) -> Outcome:
        """As the interface says; CorruptArtifact where the package's bytes are not those that were kept."""
        folder = _own(place, package.release)
        report("reading back", 0, 0)
        action = Action.FOUND
        with storage_errors(str(folder.parent)):
            await asyncio.to_thread(sweep, folder.parent, package.release.id)
            if await asyncio.to_thread(first_fault, folder, package.files) is not None:
                await self._copy(package, folder, report)
                fault = await asyncio.to_thread(read_back, folder, package.files)
                if fault is not None:
                    raise fault
                action = Action.PUBLISHED
            report("writing the catalogue's pages", 0, 0)
            await self._pages.refresh(folder.parent, anew=folder.name if action is Action.PUBLISHED else "")
        return Outcome(self.name, place, action)

    async def plan(self, package: Package, place: str, *, delivered: bool) -> Outcome:
        folder = _own(place, package.release)
        if await asyncio.to_thread(first_fault, folder, package.files) is None:
            return Outcome(self.name, place, Action.FOUND)
        obstacle = _obstacle(folder.parent, package.size_bytes)
        if obstacle:
            return Outcome(self.name, place, Action.ABSENT, obstacle)
        return Outcome(
            self.name, place, Action.WOULD_PUBLISH, transfer(len(package.files), package.size_bytes)
        )

    async def take_down(self, release: db.StoredRelease, place: str) -> Outcome:
        folder = _own(place, release)
        if not folder.parent.is_dir():
            return Outcome(self.name, place, Action.ABSENT)
        with storage_errors(str(folder.parent)):
            was_there = await asyncio.to_thread(_remove, folder)
            await self._pages.refresh(folder.parent)
        return Outcome(self.name, place, Action.TAKEN_DOWN if was_there else Action.ABSENT)

    async def _copy(self, package: Package, place: Path, report: Report) -> None:
        with workspace(place.parent, package.release.id) as folder:
            fresh = folder / "package"
            for number, path in enumerate(package.files):
                report("copying", number, len(package.files))
                await package.copy(path, fresh / path)
            await asyncio.to_thread(_put_in_place, fresh, place, folder / "replaced", package.files)


def first_fault(place: Path, files: Mapping[str, audio_pb2.Artifact]) -> CorruptArtifact | None:
    """The first difference between the folder and the files that it should hold, and no others."""
    if not place.is_dir():
        return CorruptArtifact(str(place), expected="", found=MISSING)
    for path, artifact in files.items():
        try:
            with (place / path).open("rb") as file:
                found = hashlib.file_digest(file, "sha256").hexdigest()
        except OSError:
            return CorruptArtifact(path, expected=artifact.sha256, found=MISSING)
        if found != artifact.sha256:
            return CorruptArtifact(path, expected=artifact.sha256, found=f"sha256:{found}")
    extra = _files_below(place) - files.keys()
    if extra:
        return CorruptArtifact(min(extra), expected="", found="a file that does not belong there")
    return None


def read_back(place: Path, files: Mapping[str, audio_pb2.Artifact]) -> CorruptArtifact | None:
    """As `first_fault`, while nobody puts another folder in its place."""
    with exclusively(place.parent):
        return first_fault(place, files)


def _files_below(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()}


def _put_in_place(fresh: Path, place: Path, replaced: Path, files: Mapping[str, audio_pb2.Artifact]) -> None:
    sync_tree(fresh)
    with exclusively(place.parent):
        if place.exists():
            if first_fault(place, files) is None:
                # Another replica was faster with the same bytes.
                return
            # Somebody changed or cut what was published.
            place.rename(replaced)
        fresh.rename(place)
        sync_folder(place.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _remove(place: Path) -> bool:
    """Renames the folder away, so that it is gone at once, then deletes it; False where there was none."""
    sweep(place.parent, place.name)
    with workspace(place.parent, place.name) as folder:
        try:
            place.rename(folder / "taken-down")
        except FileNotFoundError:
            return False
        sync_folder(place.parent)
    return True


def _obstacle(catalog: Path, needed_bytes: int) -> str:
    """What keeps a package of this size out of the folder; empty: nothing."""
    there = next(folder for folder in (catalog, *catalog.parents) if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        return f"{there} may not be written; let this user write there"
    free = shutil.disk_usage(there).free
    if free < needed_bytes:
        return (
            f"no space: {needed_bytes / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB are free at {there}"
        )
    return ""


def _own(place: str, release: db.StoredRelease) -> Path:
    """The release's folder; WrongState where the books name another, which is not ours to touch."""
    folder = Path(place)
    if folder.name != release.id or not folder.is_absolute():
        raise WrongState(
            "publication",
            f"{release.id}/folder",
            state=f"at {place}",
            expected=f"a folder named {release.id}",
        )
    return folder
