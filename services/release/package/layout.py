"""Which files a package has, and how they are named, typed and summed up.

The manifest's digest is SHA-256 over one line for each file but the manifest, in order of path:
64 hex digits, two spaces, the path, a line feed; what `sha256sum` prints.
"""

import hashlib
import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anyascii import anyascii

SCHEMA_VERSION = 2
"""Of what is built; packages of version 1 have no DDEX message and no videos."""
MANIFEST = "manifest.json"
METADATA = "metadata.json"
PROVENANCE = "provenance.json"
COVER = "artwork/cover.jpg"

FLAC = "audio/flac"
JPEG = "image/jpeg"
JSON = "application/json"
TEXT = "text/plain; charset=utf-8"
XML = "application/xml"
MP4 = "video/mp4"

_SLUG_LENGTH = 60
_RESERVED = re.compile(r"(con|prn|aux|nul|com[0-9]|lpt[0-9])")


@dataclass(frozen=True, slots=True)
class Entry:
    """One file as the manifest lists it."""

    path: str
    bytes: int
    sha256: str
    media_type: str


def entry(folder: Path, path: str, media_type: str) -> Entry:
    """What the manifest says of a file of a package."""
    with (folder / path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return Entry(path, (folder / path).stat().st_size, sha256, media_type)


def slug(title: str) -> str:
    """A file name for a title: `[a-z0-9-]`, 1 to 60 characters, the same for the same title."""
    ascii_title = anyascii(unicodedata.normalize("NFKC", title)).lower().replace("'", "")
    words = re.sub(r"[^a-z0-9]+", "-", ascii_title).strip("-")
    if len(words) > _SLUG_LENGTH:
        whole, _, _ = words[: _SLUG_LENGTH + 1].rpartition("-")
        words = whole or words[:_SLUG_LENGTH]
    if not words:
        words = f"song-{hashlib.sha256(title.encode()).hexdigest()[:8]}"
    # Names that some systems keep for devices.
    return f"{words}-song" if _RESERVED.fullmatch(words) else words


def media_types(title: str, *, videos: Iterable[str] = (), message: str = "") -> dict[str, str]:
    """Every file of a package but its manifest, with its media type, in order of path.

    `videos` and `message` are the paths of its videos and its DDEX message; version 1 has neither.
    """
    name = slug(title)
    types = {
        COVER: JPEG,
        f"audio/{name}.flac": FLAC,
        f"lyrics/{name}.txt": TEXT,
        METADATA: JSON,
        PROVENANCE: JSON,
        **dict.fromkeys(videos, MP4),
        **({message: XML} if message else {}),
    }
    return dict(sorted(types.items()))


def video_path(title: str, format: str) -> str:
    """Where a video is; `format`: `landscape` or `portrait`."""
    return f"video/{slug(title)}-{format}.mp4"


def digest(entries: Iterable[Entry]) -> str:
    """The digest over all files, as `sha256:` and 64 hex digits."""
    lines = (f"{entry.sha256}  {entry.path}\n" for entry in sorted(entries, key=lambda e: e.path))
    return f"sha256:{hashlib.sha256(''.join(lines).encode()).hexdigest()}"


def manifest(release_id: str, entries: Iterable[Entry], *, version: int = SCHEMA_VERSION) -> bytes:
    """`manifest.json`: nothing in it is free, so a verifier can write it anew and compare."""
    ordered = sorted(entries, key=lambda entry: entry.path)
    return canonical_json(
        {
            "schema_version": version,
            "release_id": release_id,
            "digest": digest(ordered),
            "files": [
                {
                    "path": entry.path,
                    "bytes": entry.bytes,
                    "sha256": entry.sha256,
                    "media_type": entry.media_type,
                }
                for entry in ordered
            ],
        }
    )


def canonical_json(document: Any) -> bytes:
    """The one way that a package's JSON is written: keys in the given order, two spaces, UTF-8."""
    return (json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False) + "\n").encode()
