"""The artifact store: immutable bytes under paths, in a folder or a bucket."""

import asyncio
import hashlib
import re
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import unquote, urlparse

import obstore
from obstore.exceptions import BaseError
from obstore.store import LocalStore, from_url

from aiartist.common.v1 import audio_pb2
from services.chassis.errors import SetupError, StorageError
from services.release.errors import CorruptArtifact, remedy, storage_errors

if TYPE_CHECKING:
    from obstore.store import ObjectStore

_SEGMENT = re.compile(r"[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}")
_MOST_PATH = 1000
_PIECE = 1 << 20
MISSING = "no such file"


class ArtifactStore:
    """Puts files so that a reader sees all of one or nothing, reads them back, and checks their hash."""

    def __init__(self, store: "ObjectStore", url: str) -> None:
        self._store = store
        self.url = url.rstrip("/")
        """Where it is, for messages; without credentials."""

    @classmethod
    def open(cls, url: str) -> Self:
        """SetupError where the URL is none of a store, or its folder cannot be made."""
        return cls(open_store(url, "AIARTIST_ARTIFACT_URL"), url)

    async def put(self, path: str, source: Path | bytes, media_type: str) -> audio_pb2.Artifact:
        """Keeps `source` under `path`, over what may be there, and reads it back.

        StorageError where the store is full or refuses; then nothing of the new bytes stays.
        CorruptArtifact where other bytes come back than were sent.
        """
        safe_path(path)
        sha256, size = await asyncio.to_thread(_digest, source)
        try:
            await put_file(self._store, path, source)
        except (BaseError, OSError) as error:
            raise self._refused(path, error) from error
        artifact = audio_pb2.Artifact(path=path, media_type=media_type, size_bytes=size, sha256=sha256)
        async for _ in self.read(artifact):
            pass
        return artifact

    async def read(self, artifact: audio_pb2.Artifact) -> AsyncGenerator[bytes, None]:
        """The bytes, in pieces of at most 1 MiB.

        CorruptArtifact at the end where they are not the artifact's, and where there are none.
        """
        safe_path(artifact.path)
        found = hashlib.sha256()
        try:
            result = await obstore.get_async(self._store, artifact.path)
            # What is asked for here is the least: the store adds what it happened to read at once.
            async for piece in result.stream(_PIECE // 2):
                found.update(piece)
                for start in range(0, len(piece), _PIECE):
                    yield bytes(piece[start : start + _PIECE])
        except FileNotFoundError as error:
            raise CorruptArtifact(artifact.path, expected=artifact.sha256, found=MISSING) from error
        except (BaseError, OSError) as error:
            if cause_of(error).lower() == "not a directory":
                raise CorruptArtifact(artifact.path, expected=artifact.sha256, found=MISSING) from error
            raise self._refused(artifact.path, error) from error
        if found.hexdigest() != artifact.sha256:
            raise CorruptArtifact(
                artifact.path, expected=artifact.sha256, found=f"sha256:{found.hexdigest()}"
            )

    async def fetch(self, artifact: audio_pb2.Artifact, target: Path) -> None:
        """Copies an artifact into a new local file. StorageError where the disk is full."""
        with storage_errors(str(target.parent)):
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("xb") as file:
                async for piece in self.read(artifact):
                    file.write(piece)

    async def probe(self) -> None:
        """Raises while the store does not answer."""
        async for _ in obstore.list(self._store, prefix="probe", chunk_size=1):
            return

    def _refused(self, path: str, error: Exception) -> StorageError:
        cause = cause_of(error).lower()
        return StorageError(
            f"the artifact store {self.url} refuses {path}: {cause}; {remedy(error)}", cause=cause
        )


def open_store(url: str, setting: str, **options: Any) -> "ObjectStore":
    """The store at a URL; `options` are obstore's for those that are not a folder.

    SetupError, by the setting's name, where the URL is none of a store, or its folder cannot be made.
    """
    parsed = urlparse(url)
    if parsed.username or parsed.password:
        raise SetupError(f"{setting}: leave credentials out; give them as the cloud's own variables")
    if parsed.query or parsed.fragment:
        # Signatures and tokens stand there: every location and message would tell them.
        raise SetupError(
            f"{setting}: must be an address alone, without ? and #; give options as the cloud's own variables"
        )
    try:
        if parsed.scheme == "file":
            folder = Path(unquote(parsed.path))
            folder.mkdir(parents=True, exist_ok=True)
            return LocalStore(folder, automatic_cleanup=True)
        return from_url(url, **options)
    except OSError as error:
        raise SetupError(f"{setting}: cannot use {url}: {error.strerror}; {remedy(error)}") from error
    except (BaseError, ValueError) as error:
        raise SetupError(f"{setting}: cannot use {url}: {cause_of(error)}") from error


async def put_file(store: "ObjectStore", path: str, source: Path | bytes, **options: Any) -> None:
    """Puts a file where a killed process may have left half of one; `options` are obstore's.

    Raises what obstore raises.
    """
    _forget_cut_off_writes(store, path)
    for last in (False, False, True):
        try:
            await obstore.put_async(store, path, source, **options)
        except (BaseError, OSError) as error:
            # Another replica that writes the same took this write for one that was cut off.
            lost = isinstance(store, LocalStore) and cause_of(error).lower() == "no such file or directory"
            if last or not lost:
                raise
        else:
            return


def _forget_cut_off_writes(store: "ObjectStore", path: str) -> None:
    """Removes what a killed process left: a folder is written beside the target, as `name#1`, and renamed."""
    if isinstance(store, LocalStore) and store.prefix is not None:
        target = Path(store.prefix, path)
        for left in target.parent.glob(f"{target.name}#*"):
            left.unlink(missing_ok=True)


def safe_path(path: str) -> str:
    """The path itself; ValueError where it is longer than 1,000 characters, or a segment is empty, hidden, or
    could lead outside of the store."""
    if len(path) > _MOST_PATH or not all(_SEGMENT.fullmatch(segment) for segment in path.split("/")):
        raise ValueError(f"{path!r} is no path of an artifact")
    return path


def _digest(source: Path | bytes) -> tuple[str, int]:
    if isinstance(source, bytes):
        return hashlib.sha256(source).hexdigest(), len(source)
    with source.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest(), source.stat().st_size


def cause_of(error: Exception) -> str:
    """The operating system's words where the store passes them on, else the store's own."""
    line = str(error).partition("\n")[0]
    system = re.search(r"([^:]+) \(os error \d+\)$", line)
    return system.group(1).strip() if system else line
