"""Tells which log files there are, and which is which, whatever they are called by now."""

import errno
import hashlib
import os
import re
import stat
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from services.error_analyzer.intake.events import SERVICE, service_name
from services.error_analyzer.intake.globbing import LeftOut, expand, is_foreign
from services.error_analyzer.intake.offsets import Place

HEAD = 1024
"""Bytes at the begin of a file that it is known by."""
MAX_FILES = 1_000
_PACKED = (".gz", ".zst", ".bz2", ".xz", ".zip", ".lz4", ".tar", ".tgz", ".7z")
_PACKED_HEADS = (b"\x1f\x8b", b"\x28\xb5\x2f\xfd", b"BZh", b"\xfd7zXZ\0", b"PK\x03\x04", b"\x7fELF")
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
_TEXT_CONTROLS = frozenset(b"\0\t\n\r\f\b\x1b")
_CONTROLS_OF_BINARIES = 0.1
_KUBERNETES = re.compile(r"[^_/]+_[^_/]+_(?P<container>[a-z0-9-]+)-[0-9a-f]{64}")
_NUMBERED = re.compile(r"[-_.](?:\d[\d_.-]*)$")


@dataclass(frozen=True, slots=True)
class Source:
    """What to read, and whose it is; without a service the file's name tells."""

    pattern: str
    service: str = ""

    @classmethod
    def parse(cls, entry: str) -> "Source":
        """From `glob`, or `name=glob`."""
        name, sign, pattern = entry.partition("=")
        if sign and pattern and SERVICE.fullmatch(name.strip()):
            return cls(pattern.strip(), name.strip())
        return cls(entry)


@dataclass(frozen=True, slots=True)
class Seen:
    """A file as it was found. `size` in bytes; `changed`: its size or its time of change, to compare."""

    device: int
    inode: int
    path: str
    service: str
    size: int
    changed: tuple[int, int]

    @property
    def key(self) -> tuple[int, int]:
        return self.device, self.inode


def _nobody(_path: str, _reason: str) -> None:
    return


def find(sources: Sequence[Source], left_out: LeftOut = _nobody) -> dict[tuple[int, int], Seen]:
    """The files that the globs match, each once however many names lead to it; packed ones are left out.

    `left_out` hears of links to what belongs to somebody else, and of folders that hold too much.
    """
    found: dict[tuple[int, int], Seen] = {}
    for source in sources:
        for path in sorted(expand(source.pattern, left_out)):
            if path.endswith(_PACKED):
                continue
            if is_foreign(path):
                left_out(path, "it is a link to what belongs to somebody else")
                continue
            seen = look(path, source.service or service_of(path))
            if seen is not None and len(found) < MAX_FILES:
                found.setdefault(seen.key, seen)
    return found


def look(path: str, service: str) -> Seen | None:
    """The file at a path; None where there is no regular one.

    A link is followed where it belongs to whom its target does: who may write in a log folder must not have
    files read that he can't read himself.
    """
    try:
        at = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(at.st_mode) or is_foreign(path):
        return None
    return Seen(at.st_dev, at.st_ino, path, service, at.st_size, (at.st_size, at.st_mtime_ns))


def service_of(path: str) -> str:
    """Who wrote a file, by its name: `scheduler` for `scheduler-2026-03-01.log.1`."""
    name = Path(path).name
    if kubernetes := _KUBERNETES.match(name):
        return service_name(kubernetes["container"])
    stem = name.partition(".")[0]
    while (shorter := _NUMBERED.sub("", stem)) != stem and shorter:
        stem = shorter
    return service_name(stem)


def siblings(path: str) -> Iterator[os.DirEntry[str]]:
    """What stands beside a file, and beside the one that it links to."""
    folders = dict.fromkeys((os.path.dirname(path) or ".", os.path.dirname(os.path.realpath(path))))
    for folder in folders:
        try:
            with os.scandir(folder) as entries:
                yield from entries
        except OSError:
            continue


def renamed(place: Place) -> Seen | None:
    """A known file under its new name beside the old one; None where it is gone or was packed."""
    for entry in siblings(place.path):
        try:
            if entry.inode() == place.inode and not entry.name.endswith(_PACKED):
                seen = look(entry.path, place.service)
                if seen is not None and seen.key == place.key:
                    return seen
        except OSError:
            continue
    return None


def copies(place: Place, known: Iterable[tuple[int, int]]) -> Seen | None:
    """The copy that was made of a file before it was cut to nothing; None where there is none."""
    if place.head_bytes == 0:
        return None
    taken, name = set(known), os.path.basename(place.path)
    for entry in siblings(place.path):
        if entry.name == name or not entry.name.startswith(name) or entry.name.endswith(_PACKED):
            continue
        seen = look(entry.path, place.service)
        if seen is not None and seen.key not in taken and seen.size >= place.offset and is_same(seen, place):
            return seen
    return None


def is_same(seen: Seen, place: Place) -> bool:
    """Whether a file begins as another one did."""
    head = head_of(seen, place.head_bytes)
    return head is not None and len(head) == place.head_bytes and digest(head) == place.head


@contextmanager
def _opened(path: str, key: tuple[int, int]) -> Iterator[int]:
    """A descriptor of the very file that was seen; OSError where something else has its name by now.

    Opening never waits: a pipe without a writer would for ever.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        at = os.fstat(descriptor)
        if not stat.S_ISREG(at.st_mode) or (at.st_dev, at.st_ino) != key:
            raise OSError(errno.ESTALE, "another file has its name", path)
        yield descriptor
    finally:
        os.close(descriptor)


def head_of(seen: Seen, most: int = HEAD) -> bytes | None:
    """The first bytes of a file; None where they can't be read, or another file has its name by now."""
    try:
        with _opened(seen.path, seen.key) as descriptor:
            return os.pread(descriptor, most, 0)
    except (OSError, ValueError):
        return None


def digest(head: bytes) -> str:
    """What a head is compared by."""
    return hashlib.sha256(head).hexdigest()


def refused(head: bytes) -> str:
    """Why a file that begins so is not read; empty where it is."""
    if head.startswith(_UTF_16):
        return "it is in UTF-16; write logs in UTF-8"
    if head.startswith(_PACKED_HEADS):
        return "it is packed"
    odd = sum(byte < 32 and byte not in _TEXT_CONTROLS for byte in head)
    return "it is no text" if odd > len(head) * _CONTROLS_OF_BINARIES else ""


def with_head(place: Place, head: bytes) -> Place:
    """The place, known by more of its file's begin."""
    return replace(place, head_bytes=len(head), head=digest(head))


def read_at(place: Place, most: int) -> bytes | None:
    """Bytes from where reading stands; None where another file, or another text, stands there by now."""
    try:
        with _opened(place.path, place.key) as descriptor:
            if os.fstat(descriptor).st_size < place.offset:
                return None
            if place.head_bytes and digest(os.pread(descriptor, place.head_bytes, 0)) != place.head:
                return None
            return os.pread(descriptor, most, place.offset)
    except (OSError, ValueError):
        return None
