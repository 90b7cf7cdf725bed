"""Somebody's SFTP server: the way in, and files that go up so that a cut anywhere can be mended."""

import asyncio
import hashlib
import os
import posixpath
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar, cast

import asyncssh
from pydantic import SecretStr

from services.chassis.errors import StorageError
from services.release.errors import TargetUnavailable

T = TypeVar("T")

NAME = "sftp"
PART = ".part"
"""What a file is called until it is whole."""
_PIECE = 1 << 20
_ABSENT = (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)


@dataclass(frozen=True, slots=True)
class SftpAccess:
    """Where a server is and how to get in."""

    host: str
    port: int
    user: str
    known_hosts: Path
    """The server's key must stand there; nothing is trusted because it came first."""
    password: SecretStr | None = None
    key: Path | None = None
    connect_s: float = 20.0
    """How long connecting and logging in may take each."""
    stall_s: float = 60.0
    """How long the server may take for one answer or one mebibyte."""

    @asynccontextmanager
    async def session(self) -> AsyncIterator["SftpSession"]:
        """A session, closed after the block. TargetUnavailable where there is no way in, and why."""
        keys = await asyncio.to_thread(self._keys)
        with _in_words(f"{self.host}:{self.port}", self._way_in()):
            connection = await asyncssh.connect(
                self.host,
                self.port,
                username=self.user,
                password=self.password.get_secret_value() if self.password else None,
                client_keys=keys or None,
                known_hosts=str(self.known_hosts),
                # Nothing but what the settings say: no agent, no configuration of whoever runs this.
                agent_path=None,
                config=None,
                connect_timeout=self.connect_s,
                login_timeout=self.connect_s,
                keepalive_interval=15,
            )
        try:
            with _in_words(f"{self.host}:{self.port}", self._way_in()):
                async with asyncio.timeout(self.stall_s):
                    client = await connection.start_sftp_client()
            yield SftpSession(connection, client, self.stall_s)
        finally:
            # Everything was answered; a polite end would wait for a server that may not answer any more.
            connection.abort()
            await connection.wait_closed()

    def _keys(self) -> list[asyncssh.SSHKey]:
        """The private key. TargetUnavailable where it, or the file of known hosts, can't be used."""
        _readable(self.known_hosts, "AIARTIST_RELEASE_SFTP_KNOWN_HOSTS", self._way_in())
        if self.key is None:
            return []
        setting = "AIARTIST_RELEASE_SFTP_KEY"
        _readable(self.key, setting, "give it the path of a private key that this user may read")
        try:
            return [asyncssh.read_private_key(self.key)]
        except (asyncssh.KeyImportError, asyncssh.KeyEncryptionError) as error:
            raise TargetUnavailable(
                NAME, f"{setting}: {self.key} is no private key that can be used: {_line(str(error))}"
            ) from error

    def _way_in(self) -> str:
        port = "" if self.port == 22 else f"-p {self.port} "
        return (
            f"ask who runs the server for its key's fingerprint, compare it with that of "
            f"`ssh-keyscan {port}{self.host}`, and add that line to {self.known_hosts}"
        )


class SftpSession:
    """Files on the server. What it refuses is a TargetUnavailable, no space a StorageError."""

    def __init__(
        self, connection: asyncssh.SSHClientConnection, client: asyncssh.SFTPClient, stall_s: float
    ) -> None:
        self._connection = connection
        self._client = client
        self._stall_s = stall_s

    async def names(self, folder: str) -> set[str] | None:
        """What a folder holds; None where there is no such folder."""
        with self._doing(folder):
            try:
                found = await self._answer(self._client.listdir(folder))
                return {str(name) for name in found} - {".", ".."}
            except (*_ABSENT, asyncssh.SFTPNotADirectory):
                return None

    async def size(self, path: str) -> int | None:
        """A file's bytes; None where there is no such file."""
        with self._doing(path):
            try:
                return (await self._answer(self._client.stat(path))).size
            except _ABSENT:
                return None

    async def free_bytes(self, folder: str) -> int | None:
        """Space that is left for this user; None where the server does not tell."""
        try:
            found = await self._answer(self._client.statvfs(folder))
        except (asyncssh.Error, TimeoutError, OSError):
            return None
        return found.bavail * found.frsize

    async def holds(self, path: str, *, size_bytes: int, sha256: str) -> bool:
        """Whether every byte that stands there is the right one; reads them back."""
        if await self.size(path) != size_bytes:
            return False
        found = hashlib.sha256()
        with self._doing(path):
            async with self._opened(path, asyncssh.FXF_READ) as file:
                for offset in range(0, size_bytes, _PIECE):
                    found.update(await self._read(file, offset))
        return found.hexdigest() == sha256

    async def upload(self, source: Path, path: str) -> None:
        """Brings a file up beside its place and renames it; goes on where an earlier try was cut off."""
        part = f"{path}{PART}"
        total = (await asyncio.to_thread(source.stat)).st_size
        offset = await self._sound_bytes(source, part, total)
        try:
            await self._write(source, path, offset, total)
        except TargetUnavailable as error:
            # Of a full disk the protocol says no more than that it failed.
            failed = isinstance(error.__cause__, asyncssh.SFTPFailure)
            free = await self.free_bytes(posixpath.dirname(path)) if failed else None
            if free is None or free >= total - (await self.size(part) or 0):
                raise
            raise StorageError(
                f"the sftp server has no space for {path}: only {free:,} bytes; make room there and repeat",
                cause="no space left on the sftp server",
            ) from error

    async def make_folder(self, folder: str) -> None:
        """Makes a folder and those above it."""
        with self._doing(folder):
            await self._answer(self._client.makedirs(folder, exist_ok=True))

    async def remove(self, path: str) -> None:
        """Removes a file; nothing where there is none."""
        with self._doing(path), suppress(*_ABSENT):
            await self._answer(self._client.remove(path))

    async def set_aside(self, path: str) -> None:
        """Makes a file an unfinished upload of itself, which `upload` ends; nothing where there is none."""
        if await self.size(path) is None:
            # Onto what was set aside before, a plain server would rename nothing.
            return
        with self._doing(path), suppress(*_ABSENT):
            await self._answer(self._rename(path, f"{path}{PART}"))

    async def remove_tree(self, folder: str) -> None:
        """Removes a folder and all below; nothing where there is none."""
        with self._doing(folder), suppress(*_ABSENT):
            await self._answer(self._client.rmtree(folder))

    async def _write(self, source: Path, path: str, offset: int, total: int) -> None:
        part = f"{path}{PART}"
        with self._doing(path):
            async with self._opened(part, asyncssh.FXF_WRITE | asyncssh.FXF_CREAT) as file:
                while offset < total:
                    piece = await asyncio.to_thread(_read_at, source, offset)
                    await self._answer(file.write(piece, offset))
                    offset += len(piece)
                await self._answer(_flush(file))
            await self._answer(self._rename(part, path))

    async def _sound_bytes(self, source: Path, part: str, total: int) -> int:
        """How much of an unfinished upload is there and right; what is longer than the file is removed."""
        there = await self.size(part)
        if there is None:
            return 0
        if there > total:
            await self.remove(part)
            return 0
        with self._doing(part):
            async with self._opened(part, asyncssh.FXF_READ) as file:
                for offset in range(0, there, _PIECE):
                    wanted = await asyncio.to_thread(_read_at, source, offset)
                    found = await self._read(file, offset)
                    if found != wanted:
                        return offset + _equal_bytes(found, wanted)
        return there

    @asynccontextmanager
    async def _opened(self, path: str, flags: int) -> AsyncIterator[asyncssh.SFTPClientFile]:
        file = await self._answer(self._client.open(path, flags, encoding=None))
        try:
            yield file
        finally:
            await self._answer(file.close())

    async def _read(self, file: asyncssh.SFTPClientFile, offset: int) -> bytes:
        # Opened without an encoding: what comes are bytes.
        return cast(bytes, await self._answer(file.read(_PIECE, offset)))

    async def _rename(self, part: str, path: str) -> None:
        try:
            await self._client.posix_rename(part, path)
        except asyncssh.SFTPOpUnsupported:
            # Plain SFTP renames onto nothing only.
            with suppress(*_ABSENT):
                await self._client.remove(path)
            await self._client.rename(part, path)

    async def _answer(self, operation: Awaitable[T]) -> T:
        """What the server answers; TimeoutError where it does not in time.

        Then, or where nobody waits any more, the connection is given up: what was asked can't be taken back.
        """
        task = asyncio.ensure_future(operation)
        try:
            await asyncio.wait([task], timeout=self._stall_s)
            if not task.done():
                raise TimeoutError
            return task.result()
        finally:
            if not task.done():
                self._connection.abort()
                await asyncio.gather(task, return_exceptions=True)

    @contextmanager
    def _doing(self, path: str) -> Iterator[None]:
        with _in_words(path, "let the account write there, or make room"):
            yield


@contextmanager
def _in_words(what: str, remedy: str) -> Iterator[None]:
    """Says what a server, or the way to it, answers, in one line and with what to do."""
    try:
        yield
    except asyncssh.HostKeyNotVerifiable as error:
        raise TargetUnavailable(NAME, f"{what}: the server's key is not a known one", remedy) from error
    except asyncssh.PermissionDenied as error:
        raise TargetUnavailable(
            NAME,
            f"{what}: the server does not let this user in",
            "look at the user in AIARTIST_RELEASE_SFTP_URL and at AIARTIST_RELEASE_SFTP_PASSWORD or _KEY",
        ) from error
    except asyncssh.SFTPPermissionDenied as error:
        raise TargetUnavailable(NAME, f"{what}: permission denied", remedy) from error
    except asyncssh.Error as error:
        raise TargetUnavailable(NAME, f"{what}: {_line(error.reason) or type(error).__name__}") from error
    except TimeoutError as error:
        raise TargetUnavailable(NAME, f"{what}: the server does not answer in time") from error
    except OSError as error:
        cause = os.strerror(error.errno) if error.errno and error.errno > 0 else str(error)
        raise TargetUnavailable(NAME, f"{what}: {_line(cause).lower()}") from error


async def _flush(file: asyncssh.SFTPClientFile) -> None:
    try:
        await file.fsync()
    except asyncssh.SFTPOpUnsupported:
        # Not every server can; reading back is what counts.
        return


def _readable(path: Path, setting: str, remedy: str) -> None:
    try:
        with path.open("rb"):
            return
    except OSError as error:
        cause = (error.strerror or str(error)).lower()
        raise TargetUnavailable(NAME, f"{setting}: cannot read {path}: {cause}", remedy) from error


def _equal_bytes(one: bytes, other: bytes) -> int:
    """How many bytes of the two are the same from their beginning on; a cut can leave holes."""
    least, most = 0, min(len(one), len(other))
    while least < most:
        middle = (least + most + 1) // 2
        if one[:middle] == other[:middle]:
            least = middle
        else:
            most = middle - 1
    return least


def _read_at(source: Path, offset: int) -> bytes:
    with source.open("rb") as file:
        file.seek(offset)
        return file.read(_PIECE)


def _line(text: str) -> str:
    """What the other side says, as one short line that is fit to be shown."""
    return "".join(c if c.isprintable() else " " for c in text)[:200].strip()


def inside(root: str, *names: str) -> str:
    """A path below `root`. ValueError for a name that could lead elsewhere."""
    for name in names:
        if not name or name in (".", "..") or "/" in name or not name.isprintable():
            raise ValueError(f"{name!r} is no name of a file")
    return posixpath.join(root, *names)
