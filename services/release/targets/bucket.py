"""The target `s3`: any bucket that obstore knows, a key for each file, the manifest last."""

import hashlib
import re
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2
from services.chassis.errors import StorageError, WrongState
from services.release.artifacts import cause_of, open_store, put_file
from services.release.errors import TargetUnavailable, remedy
from services.release.package.layout import MANIFEST
from services.release.targets.target import Action, Outcome, Package, transfer
from services.release.worker import Report

if TYPE_CHECKING:
    from obstore.store import ObjectStore

SETTING = "AIARTIST_RELEASE_S3_URL"
_PIECE = 1 << 20
_FULL = ("no space left", "quota", "file too large")
OPTIONS: dict[str, Any] = {
    # A file goes up in one request, which has to end within this time.
    "client_options": {
        "connect_timeout": "10 seconds",
        "read_timeout": "60 seconds",
        "timeout": "15 minutes",
    },
    "retry_config": {"max_retries": 4, "retry_timeout": timedelta(minutes=2)},
}


class BucketTarget:
    """A bucket: `<url>/<release>/<path>`."""

    name = "s3"

    def __init__(self, store: "ObjectStore", url: str) -> None:
        self._store = store
        self._url = url.rstrip("/")

    @classmethod
    def open(cls, url: str, options: dict[str, Any] = OPTIONS) -> Self:
        """SetupError where the URL is none of a store. Credentials are the cloud's own variables."""
        return cls(open_store(url, SETTING, **options), url)

    def location(self, release: db.StoredRelease) -> str:
        return f"{self._url}/{release.id}"

    async def publish(self, package: Package, place: str, report: Report, *, delivered: bool) -> Outcome:
        release = package.release
        self._check_place(release, place)
        report("looking at what is there", 0, len(package.files))
        there = await self._there(release.id)
        missing = []
        for number, (path, artifact) in enumerate(package.files.items()):
            report("reading back", number, len(package.files))
            if there.get(path) != artifact.size_bytes or not await self._holds(release.id, path, artifact):
                missing.append(path)
        foreign = there.keys() - package.files.keys()
        if not missing and not foreign:
            return Outcome(self.name, place, Action.FOUND)
        if MANIFEST in there:
            # While it is mended it is not whole, and says so.
            await self._delete(release.id, [MANIFEST])
        await self._delete(release.id, sorted(foreign))
        for number, path in enumerate([*(path for path in missing if path != MANIFEST), MANIFEST]):
            report("uploading", number, len(missing))
            await self._upload(package, path)
        await self._check_whole(package)
        return Outcome(self.name, place, Action.PUBLISHED)

    async def plan(self, package: Package, place: str, *, delivered: bool) -> Outcome:
        self._check_place(package.release, place)
        there = await self._there(package.release.id)
        missing = [a for path, a in package.files.items() if there.get(path) != a.size_bytes]
        if not missing and there.keys() == package.files.keys():
            return Outcome(self.name, place, Action.FOUND, "by name and size")
        size = sum(artifact.size_bytes for artifact in missing)
        return Outcome(self.name, place, Action.WOULD_PUBLISH, transfer(len(missing), size))

    async def take_down(self, release: db.StoredRelease, place: str) -> Outcome:
        self._check_place(release, place)
        there = await self._there(release.id)
        if not there:
            return Outcome(self.name, place, Action.ABSENT)
        # The manifest first: what has one is whole.
        await self._delete(release.id, sorted(there, key=lambda path: path != MANIFEST))
        left = await self._there(release.id)
        if left:
            raise TargetUnavailable(self.name, f"{len(left)} files are still there after they were deleted")
        return Outcome(self.name, place, Action.TAKEN_DOWN)

    async def _check_whole(self, package: Package) -> None:
        """TargetUnavailable where somebody, as another replica, took files away meanwhile; then the manifest
        goes too: what has one is whole."""
        there = await self._there(package.release.id)
        if there != {path: artifact.size_bytes for path, artifact in package.files.items()}:
            await self._delete(package.release.id, [MANIFEST] if MANIFEST in there else [])
            raise TargetUnavailable(
                self.name, "files were taken away or added while the release was published", "repeat"
            )

    def _check_place(self, release: db.StoredRelease, place: str) -> None:
        if place != self.location(release):
            raise WrongState(
                "publication",
                f"{release.id}/{self.name}",
                state=f"at {place}",
                expected=f"{SETTING} to name it",
            )

    async def _there(self, release_id: str) -> dict[str, int]:
        """Sizes by path of what stands there."""
        found: dict[str, int] = {}
        try:
            async for chunk in obstore.list(self._store, prefix=release_id):
                found |= {entry["path"].removeprefix(f"{release_id}/"): entry["size"] for entry in chunk}
        except FileNotFoundError:
            return {}
        except (BaseError, OSError) as error:
            raise self._refused(release_id, error) from error
        return found

    async def _holds(self, release_id: str, path: str, artifact: audio_pb2.Artifact) -> bool:
        """Whether every byte that stands there is the artifact's."""
        found = hashlib.sha256()
        try:
            result = await obstore.get_async(self._store, f"{release_id}/{path}")
            async for piece in result.stream(_PIECE):
                found.update(piece)
        except FileNotFoundError:
            return False
        except (BaseError, OSError) as error:
            raise self._refused(f"{release_id}/{path}", error) from error
        return found.hexdigest() == artifact.sha256

    async def _upload(self, package: Package, path: str) -> None:
        key = f"{package.release.id}/{path}"
        artifact = package.files[path]
        source: Path = await package.local(path)
        # A folder keeps no types.
        local = isinstance(self._store, LocalStore)
        try:
            # In one request: one that is cut off leaves no parts behind that somebody pays for.
            await put_file(
                self._store,
                key,
                source,
                attributes=None if local else {"Content-Type": artifact.media_type},
                use_multipart=False,
            )
        except (BaseError, OSError) as error:
            raise self._refused(key, error) from error
        if not await self._holds(package.release.id, path, artifact):
            raise TargetUnavailable(self.name, f"other bytes came back than were sent: {key}")

    async def _delete(self, release_id: str, paths: list[str]) -> None:
        for path in paths:
            try:
                await obstore.delete_async(self._store, f"{release_id}/{path}")
            except FileNotFoundError:
                # Somebody else was faster.
                continue
            except (BaseError, OSError) as error:
                raise self._refused(f"{release_id}/{path}", error) from error

    def _refused(self, key: str, error: Exception) -> StorageError | TargetUnavailable:
        cause = _in_short(error)
        if any(word in cause for word in _FULL):
            return StorageError(f"{self._url} refuses {key}: {cause}; {remedy(error)}", cause=cause)
        return TargetUnavailable(self.name, f"{self._url} refuses {key}: {cause}")


def _in_short(error: Exception) -> str:
    """What a store's long error says: its status and code where it has them."""
    text = str(error)
    status = re.search(r"non-2xx status code: (\d{3} [\w' -]+)", text)
    code = re.search(r"<Code>([\w.]{1,60})</Code>", text)
    if status:
        return status[1].strip().lower() + (f" ({code[1]})" if code else "")
    return cause_of(error).lower()[:200]
