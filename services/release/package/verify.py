"""Checks a package folder, all of it. Needs no service: `python -m services.release.package.verify PATH`.

Nothing in a package is free: hashes bind the files to the manifest, and the manifest is written anew
from the files and compared byte for byte.
"""

import json
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from pydantic import ValidationError

from services.release.package import layout, older
from services.release.package.contents import (
    Problem,
    audio_problems,
    consistency_problems,
    cover_problems,
    lyrics_problems,
)
from services.release.package.ddex import files_of, new_release_message
from services.release.package.documents import Metadata, Provenance
from services.release.package.videos import version_2_problems, video_file_problems

_MOST_BYTES = {
    layout.JSON: 4 << 20,
    layout.TEXT: 1 << 20,
    layout.XML: 1 << 20,
    layout.JPEG: 10_000_000 - 1,
    layout.FLAC: 2 << 30,
    layout.MP4: 2 << 30,
}
_MAGIC = {
    layout.JPEG: (0, b"\xff\xd8\xff"),
    layout.FLAC: (0, b"fLaC"),
    layout.XML: (0, b"<?xml "),
    layout.MP4: (4, b"ftyp"),
}
"""Where a file of a type has which bytes."""

D = TypeVar("D", bound=older.Document)


@dataclass(frozen=True, slots=True)
class Report:
    """What a verification found."""

    problems: tuple[Problem, ...]
    files_checked: int
    digest: str
    """The digest over the files as they are; empty where files are missing."""


def verify_package(folder: Path) -> list[Problem]:
    """Every problem of the package in `folder`; an empty list: it is whole."""
    return list(examine(folder).problems)


def examine(folder: Path) -> Report:
    """As `verify_package`, with how much was checked."""
    if not folder.is_dir():
        return Report((Problem("", "there is no such folder"),), 0, "")
    files, problems = _walk(folder)
    version = _version(folder, files)
    meta, meta_problems = _document(
        folder, files, layout.METADATA, older.Metadata if version == 1 else Metadata
    )
    provenance, provenance_problems = _document(
        folder, files, layout.PROVENANCE, older.Provenance if version == 1 else Provenance
    )
    problems += meta_problems + provenance_problems
    types = meta.media_types() if meta is not None else _types_by_place(files)
    problems += _layout_problems(files, types, complete=meta is not None)
    problems += _type_problems(folder, files, types)
    entries = [layout.entry(folder, path, types[path]) for path in sorted(types) if path in files]
    sound, manifest_problems = _manifest_problems(folder, files, meta, entries)
    problems += manifest_problems
    for path in sorted(sound & files):
        problems += _content_problems(folder, path, types[path], meta, provenance)
    if meta is not None and provenance is not None:
        problems += consistency_problems(meta, provenance)
    if isinstance(meta, Metadata) and isinstance(provenance, Provenance):
        problems += version_2_problems(meta, provenance)
        problems += _message_problems(folder, files, meta, provenance)
    complete = types.keys() <= files
    return Report(tuple(_unique(problems)), len(files), layout.digest(entries) if complete else "")


def _walk(folder: Path) -> tuple[set[str], list[Problem]]:
    """Regular files by their path in the package; and whatever else there is, as problems."""
    files: set[str] = set()
    problems: list[Problem] = []
    for place, folders, names in os.walk(folder, followlinks=False):
        for name in [*folders, *names]:
            path = Path(place, name)
            relative = path.relative_to(folder).as_posix()
            mode = path.lstat().st_mode
            if stat.S_ISLNK(mode):
                problems.append(Problem(relative, "is a symbolic link; a package holds files only"))
            elif stat.S_ISREG(mode):
                files.add(relative)
            elif not stat.S_ISDIR(mode):
                problems.append(Problem(relative, "is neither a file nor a folder"))
            elif not any(path.iterdir()):
                problems.append(Problem(relative, "is an empty folder"))
    return files, problems


def _version(folder: Path, files: set[str]) -> int:
    """Of the package, by the first document that tells one; else that of packages as they are built."""
    for path in (layout.METADATA, layout.PROVENANCE):
        if path in files and (folder / path).stat().st_size <= _MOST_BYTES[layout.JSON]:
            try:
                document: Any = json.loads((folder / path).read_bytes())
            except (ValueError, RecursionError):
                continue
            if isinstance(document, dict) and document.get("schema_version") in (1, layout.SCHEMA_VERSION):
                return int(document["schema_version"])
    return layout.SCHEMA_VERSION


def _document(folder: Path, files: set[str], path: str, kind: type[D]) -> tuple[D | None, list[Problem]]:
    if path not in files:
        return None, []
    if (folder / path).stat().st_size > _MOST_BYTES[layout.JSON]:
        return None, [Problem(path, "is too big")]
    try:
        return kind.model_validate_json((folder / path).read_bytes()), []
    except ValidationError as error:
        return None, [
            Problem(path, f"{'.'.join(str(part) for part in fault['loc']) or 'document'}: {fault['msg']}")
            for fault in error.errors(include_url=False, include_input=False)
        ]


def _types_by_place(files: set[str]) -> dict[str, str]:
    """Media types where no metadata says what the files are called."""
    places = {"audio/": layout.FLAC, "lyrics/": layout.TEXT, "video/": layout.MP4, "ddex/": layout.XML}
    types = {layout.COVER: layout.JPEG, layout.METADATA: layout.JSON, layout.PROVENANCE: layout.JSON}
    for place, kind in places.items():
        types |= {path: kind for path in files if path.startswith(place)}
    return types


def _layout_problems(files: set[str], types: dict[str, str], *, complete: bool) -> list[Problem]:
    expected = {*types, layout.MANIFEST}
    problems = [Problem(path, "is missing") for path in expected - files]
    problems += [Problem(path, "does not belong to a package") for path in files - expected]
    if not complete:
        for place in ("audio/", "lyrics/"):
            count = sum(path.startswith(place) for path in files)
            if count != 1:
                problems.append(Problem(place, f"must hold one file, holds {count}"))
    return problems


def _type_problems(folder: Path, files: set[str], types: dict[str, str]) -> list[Problem]:
    problems = []
    for path, kind in types.items():
        if path not in files:
            continue
        size = (folder / path).stat().st_size
        if size > _MOST_BYTES[kind]:
            problems.append(Problem(path, f"has {size} bytes, at most {_MOST_BYTES[kind]} are allowed"))
        offset, magic = _MAGIC.get(kind, (0, b""))
        with (folder / path).open("rb") as file:
            file.seek(offset)
            if file.read(len(magic)) != magic:
                problems.append(Problem(path, f"is not {kind} by its content"))
    return problems


def _manifest_problems(
    folder: Path, files: set[str], meta: older.Metadata | None, entries: Sequence[layout.Entry]
) -> tuple[set[str], list[Problem]]:
    """Paths of files that are what the manifest says; and what the manifest says that is not so."""
    name = layout.MANIFEST
    if name not in files:
        return set(), []
    if (folder / name).stat().st_size > _MOST_BYTES[layout.JSON]:
        return set(), [Problem(name, "is too big")]
    data = (folder / name).read_bytes()
    if meta is not None and data == layout.manifest(meta.release_id, entries, version=meta.schema_version):
        return {entry.path for entry in entries}, []
    try:
        listed = _listed(json.loads(data))
    except (ValueError, RecursionError) as error:
        return set(), [Problem(name, f"is not a manifest: {error}")]
    problems = [
        Problem(path, "is listed in the manifest and missing")
        for path in listed.keys() - {entry.path for entry in entries}
    ]
    sound = set()
    for entry in entries:
        claim = listed.get(entry.path)
        if claim is None:
            problems.append(Problem(entry.path, "is not listed in the manifest"))
        elif claim.bytes != entry.bytes:
            problems.append(Problem(entry.path, f"has {entry.bytes} bytes, the manifest says {claim.bytes}"))
        elif claim.sha256 != entry.sha256:
            problems.append(Problem(entry.path, "is not what its hash in the manifest says"))
        elif claim.media_type != entry.media_type:
            problems.append(
                Problem(entry.path, f"is {entry.media_type}, the manifest says {claim.media_type}")
            )
        else:
            sound.add(entry.path)
    if not problems:
        problems.append(Problem(name, "its digest, release_id or form is not what follows from the files"))
    return sound, problems


def _listed(document: object) -> dict[str, layout.Entry]:
    if not isinstance(document, dict) or not isinstance(document.get("files"), list):
        raise ValueError("an object with a list `files` was expected")
    entries = {}
    for item in document["files"]:
        if not isinstance(item, dict) or item.keys() != {"path", "bytes", "sha256", "media_type"}:
            raise ValueError("every file needs path, bytes, sha256 and media_type")
        entries[str(item["path"])] = layout.Entry(
            str(item["path"]), item["bytes"], str(item["sha256"]), str(item["media_type"])
        )
    return entries


def _content_problems(
    folder: Path,
    path: str,
    kind: str,
    meta: older.Metadata | None,
    provenance: older.Provenance | None,
) -> list[Problem]:
    if kind == layout.FLAC:
        return audio_problems(folder, path, meta, provenance)
    if kind == layout.JPEG:
        return cover_problems(folder, path, provenance)
    if kind == layout.TEXT:
        return lyrics_problems(folder, path, provenance)
    if kind == layout.MP4:
        return video_file_problems(folder, path, meta, provenance)
    return []


def _message_problems(folder: Path, files: set[str], meta: Metadata, provenance: Provenance) -> list[Problem]:
    """The DDEX message is written anew and compared."""
    if not {meta.message, *meta.media_types()} <= files:
        return []
    try:
        named = files_of(folder, meta)
    except (OSError, ValueError):
        # That the audio can't be read is told elsewhere.
        return []
    if (folder / meta.message).read_bytes() != new_release_message(meta, provenance, named):
        return [
            Problem(meta.message, "is not what follows from metadata.json, provenance.json and the files")
        ]
    return []


def _unique(problems: Sequence[Problem]) -> list[Problem]:
    return sorted(set(problems), key=lambda problem: (problem.path, problem.message))


def main(arguments: Sequence[str]) -> int:
    """Prints problems, one a line; 0: whole, 1: problems, 2: no package folder was given."""
    if len(arguments) != 1 or not Path(arguments[0]).is_dir():
        sys.stderr.write("usage: python -m services.release.package.verify PATH-OF-A-PACKAGE-FOLDER\n")
        return 2
    problems = verify_package(Path(arguments[0]))
    for problem in problems:
        sys.stdout.write(f"{problem}\n")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
