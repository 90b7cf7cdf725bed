"""The DDEX message of a package: an ERN NewReleaseMessage in one of three versions.

What is written here is part of the package's version: packages are verified by writing their message anew.
Whoever changes a byte of it needs a new `layout.SCHEMA_VERSION`, and keeps this for the packages that are.
"""

import hashlib
from collections.abc import Callable
from pathlib import Path

from services.release.package import layout
from services.release.package.ddex import ern4, ern382
from services.release.package.ddex.model import File, Files, Song, song_of
from services.release.package.documents import Metadata, Provenance
from services.release.package.flac import stream_info

_WRITERS: dict[str, Callable[[Song], bytes]] = {
    "4.3": ern4.write_43,
    "4.1.1": ern4.write_411,
    "3.8.2": ern382.write,
}

__all__ = ["File", "Files", "files_of", "new_release_message"]


def new_release_message(meta: Metadata, provenance: Provenance, files: Files) -> bytes:
    """The message in the version that `metadata.json` names; the same documents and files give the same
    bytes."""
    return _WRITERS[meta.ddex.version](song_of(meta, provenance, files))


def files_of(folder: Path, meta: Metadata) -> Files:
    """The files of a package that its message names. OSError or ValueError where one can't be read."""
    audio = next(path for path, kind in meta.media_types().items() if kind == layout.FLAC)
    info = stream_info(folder / audio)
    return Files(
        audio=_file(folder, audio),
        cover=_file(folder, layout.COVER),
        sample_rate=info.sample_rate,
        channels=info.channels,
        bits_per_sample=info.bits_per_sample,
    )


def _file(folder: Path, path: str) -> File:
    with (folder / path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
        file.seek(0)
        # DDEX's allowed values of ERN 3 and 4.1 have it; it proves nothing here, the manifest does.
        md5 = hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
    return File(path, sha256, md5)
