"""Publishing to a folder: copied beside its place, flushed, renamed, read back."""

import asyncio
import hashlib
import shutil
from pathlib import Path

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2
from aiartist.release.v1 import release_pb2
from services.chassis.logs import get_logger
from services.release.artifacts import MISSING, ArtifactStore, safe_path
from services.release.errors import CorruptArtifact, storage_errors
from services.release.records import Records
from services.release.worker import Report
from services.release.workspace import sweep, sync_folder, sync_tree, workspace

TARGET = "folder"
_log = get_logger("release.publish")


class FolderPublisher:
    """The label's folder: one folder a release, there whole or not at all."""

    def __init__(self, records: Records, store: ArtifactStore, catalog: Path) -> None:
        self._records = records
        self._store = store
        self._catalog = catalog

    async def publish(self, request: release_pb2.PublishReleaseRequest, report: Report) -> db.Publication:
        """Where the release is, having been read back there. A repeat finds it and changes nothing.

        NotFound where there is no such release; CorruptArtifact where the package's bytes are not those
        that were kept; StorageError where the folder refuses. Then nothing is published.
        """
        release_id = request.release_id
        release = await self._records.release(release_id)
        recorded = next((p for p in release.publications if p.target == TARGET), None)
        place = Path(recorded.location) if recorded is not None else self._catalog / release_id
        files = {_inner_path(release_id, artifact): artifact for artifact in release.files}
        report("reading back", 0, 0)
        if await asyncio.to_thread(first_fault, place, files) is not None:
            with storage_errors(str(place.parent)):
                await self._copy(release_id, files, place, report)
            fault = await asyncio.to_thread(first_fault, place, files)
            if fault is not None:
                raise fault
        if recorded is not None:
            return recorded
        kept = await self._records.record_publication(request, TARGET, str(place))
        _log.info("release published", release_id=release_id, location=str(place))
        return next(p for p in kept.publications if p.target == TARGET)

    async def _copy(
        self, release_id: str, files: dict[str, audio_pb2.Artifact], place: Path, report: Report
    ) -> None:
        await asyncio.to_thread(sweep, place.parent, release_id)
        with workspace(place.parent, release_id) as folder:
            fresh = folder / "package"
            for number, (path, artifact) in enumerate(files.items()):
                report("copying", number, len(files))
                await self._store.fetch(artifact, fresh / path)
            await asyncio.to_thread(_put_in_place, fresh, place, folder / "replaced")


def first_fault(place: Path, files: dict[str, audio_pb2.Artifact]) -> CorruptArtifact | None:
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


def _files_below(place: Path) -> set[str]:
    return {path.relative_to(place).as_posix() for path in place.rglob("*") if not path.is_dir()}


def _put_in_place(fresh: Path, place: Path, replaced: Path) -> None:
    sync_tree(fresh)
    if place.exists():
        # Somebody changed or cut what was published; the whole package takes its place.
        place.rename(replaced)
    fresh.rename(place)
    sync_folder(place.parent)
    shutil.rmtree(replaced, ignore_errors=True)


def _inner_path(release_id: str, artifact: audio_pb2.Artifact) -> str:
    path = artifact.path.removeprefix(f"releases/{release_id}/")
    return safe_path(path)
