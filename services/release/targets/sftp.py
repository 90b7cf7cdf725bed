"""The target `sftp`: a DDEX batch on a distributor's server, its completion file last."""

import asyncio
import hashlib
import posixpath
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.errors import WrongState
from services.release.errors import TargetUnavailable, storage_errors
from services.release.targets import batch
from services.release.targets.sftp_server import NAME, PART, SftpAccess, SftpSession, inside
from services.release.targets.target import Action, Outcome, Package, transfer
from services.release.worker import Report

SETTING = "AIARTIST_RELEASE_SFTP_URL"
_TAKEN = "the batch is no longer on the server, or no longer complete there: the distributor has taken it"


@dataclass(frozen=True, slots=True)
class _File:
    """A file to stand on the server."""

    size_bytes: int
    sha256: str
    local: Callable[[], Awaitable[Path]]
    """A copy of it here, made when it is first needed."""


class SftpTarget:
    """A distributor's server: `<root>/<batch>/<release>/...`."""

    name = NAME

    def __init__(self, access: SftpAccess, root: str, parties: batch.Parties) -> None:
        self._access = access
        self._root = posixpath.normpath(root or "/")
        self._parties = parties
        port = "" if access.port == 22 else f":{access.port}"
        self._base = f"sftp://{access.host}{port}{self._root.rstrip('/')}"

    def location(self, release: db.StoredRelease) -> str:
        return self._place(next(batch.batch_names(release)), release)

    async def publish(self, package: Package, place: str, report: Report, *, delivered: bool) -> Outcome:
        """As the interface says. A batch that the distributor took off the server is not brought again."""
        release = package.release
        xml, paths = await self._delivery(package)
        report("connecting", 0, 0)
        async with self._access.session() as session:
            name = await self._batch(session, release, place, delivered=delivered)
            place = self._place(name, release)
            folder = inside(self._root, name)
            if delivered and await _is_taken(session, folder, name):
                return Outcome(self.name, place, Action.FOUND, _TAKEN)
            complete = _kept(package, batch.completion(release, name, xml, self._parties))
            complete_at = inside(folder, batch.completion_name(name))
            files = {path: _of_package(package, source) for path, source in paths.items()}
            missing = {}
            for number, (path, file) in enumerate(files.items()):
                report("reading back", number, len(files))
                if not await _holds(session, f"{folder}/{path}", file):
                    missing[path] = file
            # What says so may have been written by other settings.
            completed = delivered or await _holds(session, complete_at, complete)
            if not missing and completed:
                return Outcome(self.name, place, Action.FOUND)
            # While it is mended it is not complete, and says so; yet that it was not taken can be seen.
            await session.set_aside(complete_at)
            for below in sorted({posixpath.dirname(path) for path in paths}):
                await session.make_folder(f"{folder}/{below}")
            await self._bring(session, folder, missing, report)
            await session.upload(await complete.local(), complete_at)
            await _check(session, complete_at, complete)
        return Outcome(self.name, place, Action.PUBLISHED)

    async def plan(self, package: Package, place: str, *, delivered: bool) -> Outcome:
        release = package.release
        _, paths = await self._delivery(package)
        wanted = {path: package.files[source].size_bytes for path, source in paths.items()}
        async with self._access.session() as session:
            name = await self._batch(session, release, place, delivered=delivered)
            place = self._place(name, release)
            folder = inside(self._root, name)
            if delivered and await _is_taken(session, folder, name):
                return Outcome(self.name, place, Action.FOUND, _TAKEN)
            sizes = [size for path, size in wanted.items() if await session.size(f"{folder}/{path}") != size]
            if not sizes and await session.size(inside(folder, batch.completion_name(name))) is not None:
                return Outcome(self.name, place, Action.FOUND, "by name and size")
            free = await session.free_bytes(self._root)
        if free is not None and free < sum(sizes):
            shortage = f"{sum(sizes) / 1e6:,.1f} MB are needed and {free / 1e6:,.1f} MB are free"
            return Outcome(self.name, place, Action.ABSENT, f"no space: {shortage}")
        return Outcome(self.name, place, Action.WOULD_PUBLISH, transfer(len(sizes) + 1, sum(sizes)))

    async def take_down(self, release: db.StoredRelease, place: str) -> Outcome:
        """Removes the batch while it is there. What a distributor took is theirs to take down: a person has
        to ask, and the outcome says so."""
        ask = f"ask the distributor to take {batch.folder_of(release)} down"
        async with self._access.session() as session:
            name = await self._batch(session, release, place, delivered=place != self.location(release))
            place = self._place(name, release)
            folder = inside(self._root, name)
            there = await session.names(folder)
            if there is None:
                return Outcome(self.name, place, Action.ABSENT, f"there is no batch on the server; {ask}")
            completion = batch.completion_name(name)
            was_complete = completion in there
            # First what says that it is complete: nobody begins to read it now.
            await session.remove(inside(folder, completion))
            await session.remove_tree(folder)
            if await session.names(folder) is not None:
                raise TargetUnavailable(self.name, f"{folder} is still there after it was removed")
        detail = f"in case the batch was read before: {ask}" if was_complete else ""
        return Outcome(self.name, place, Action.TAKEN_DOWN, detail)

    async def _delivery(self, package: Package) -> tuple[bytes, dict[str, str]]:
        """The message, and path below the batch -> path in the package."""
        message = await package.local(batch.message_path(package.release, package.files))
        xml = await asyncio.to_thread(message.read_bytes)
        return xml, batch.lay_out(package.release, package.files, xml)

    async def _batch(
        self, session: SftpSession, release: db.StoredRelease, place: str, *, delivered: bool
    ) -> str:
        """The release's batch: that of the books, or the first that no other release has."""
        if await session.names(self._root) is None:
            raise TargetUnavailable(
                self.name, f"there is no folder {self._root} on the server", f"look at {SETTING}"
            )
        if delivered:
            return self._batch_of(place, release)
        own = batch.folder_of(release)
        for name in batch.batch_names(release):
            there = await session.names(inside(self._root, name))
            completion = batch.completion_name(name)
            if not there or own in there or not there - {completion, f"{completion}{PART}"}:
                return name
        raise TargetUnavailable(self.name, f"other releases have every batch from {place} on")

    async def _bring(
        self, session: SftpSession, folder: str, missing: Mapping[str, _File], report: Report
    ) -> None:
        """Uploads and reads back; what is not right is removed, so that the next try brings it again."""
        for number, (path, file) in enumerate(missing.items()):
            report("uploading", number, len(missing))
            await session.upload(await file.local(), f"{folder}/{path}")
        for number, (path, file) in enumerate(missing.items()):
            report("reading back", number, len(missing))
            await _check(session, f"{folder}/{path}", file)

    def _place(self, name: str, release: db.StoredRelease) -> str:
        return f"{self._base}/{name}/{batch.folder_of(release)}"

    def _batch_of(self, place: str, release: db.StoredRelease) -> str:
        name = place.removeprefix(f"{self._base}/").removesuffix(f"/{batch.folder_of(release)}")
        if self._place(name, release) != place or not name.isdecimal():
            raise WrongState(
                "publication",
                f"{release.id}/{self.name}",
                state=f"at {place}",
                expected=f"{SETTING} to name it",
            )
        return name


def _of_package(package: Package, path: str) -> _File:
    artifact = package.files[path]
    return _File(artifact.size_bytes, artifact.sha256, partial(package.local, path))


def _kept(package: Package, data: bytes) -> _File:
    """What completes a batch: no package has it."""

    async def local() -> Path:
        source = package.folder / ".completion.xml"
        with storage_errors(str(package.folder)):
            await asyncio.to_thread(source.write_bytes, data)
        return source

    return _File(len(data), hashlib.sha256(data).hexdigest(), local)


async def _is_taken(session: SftpSession, folder: str, name: str) -> bool:
    """Whether a batch that was complete is not any more; who reads one removes it, or what completes it.

    One whose mending was cut off is not complete either, and has its completion file set aside.
    """
    completion = batch.completion_name(name)
    return not {completion, f"{completion}{PART}"} & (await session.names(folder) or set())


async def _holds(session: SftpSession, path: str, file: _File) -> bool:
    return await session.holds(path, size_bytes=file.size_bytes, sha256=file.sha256)


async def _check(session: SftpSession, path: str, file: _File) -> None:
    if not await _holds(session, path, file):
        await session.remove(path)
        raise TargetUnavailable(NAME, f"other bytes came back than were sent: {path}")
