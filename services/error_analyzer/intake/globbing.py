"""Expands the globs of log files in folders that others may write to: bounded, and led astray by no link."""

import fnmatch
import glob
import os
import re
import stat
from collections.abc import Callable, Iterator

MAX_DEPTH = 20
"""Folders below each other that one `**` goes down."""
MAX_ENTRIES = 50_000
"""Names that are looked at for one glob."""
_MAX_LINKS = 40
"""Links that lead to one file, as in the kernel."""
_ROOT = 0

LeftOut = Callable[[str, str], None]
"""Hears a path, and why what is there is left out."""


def expand(pattern: str, left_out: LeftOut) -> Iterator[str]:
    """The paths that match, some of them perhaps more than once.

    As Python's glob, `**` and names that begin with a dot included, but `**` goes into no folder that is a
    link, and no wildcard into one that belongs to somebody else than its link.
    """
    start = "/" if pattern.startswith("/") else ""
    parts: list[str] = []
    for part in pattern.split("/"):
        if part and part != "." and not (part == "**" and parts[-1:] == ["**"]):
            parts.append(part)
    if parts[-1:] == ["**"]:
        parts.append("*")
    yield from _Glob(pattern, left_out).paths(start, tuple(parts), wild=False)


def is_foreign(path: str) -> bool:
    """Whether a link leads to what belongs to somebody else than the link itself does.

    Links on the way there may be the target's owner's or root's. False for what is no link.
    """
    try:
        first = os.lstat(path)
        if not stat.S_ISLNK(first.st_mode):
            return False
        owners = _owners_to(path)
        target = os.stat(path)
    except (OSError, ValueError):
        # Nowhere, or round in circles.
        return False
    return first.st_uid != target.st_uid or not owners <= {target.st_uid, _ROOT}


def _owners_to(path: str) -> set[int]:
    """Who made the links that a path leads through, those of the folder that it is in not counted."""
    owners: set[int] = set()
    links = 0
    here = os.path.realpath(os.path.dirname(path) or ".")
    left = [os.path.basename(path)]
    while left:
        part = left.pop()
        if part in ("", "."):
            continue
        if part == "..":
            here = os.path.dirname(here)
            continue
        place = os.path.join(here, part)
        at = os.lstat(place)
        if not stat.S_ISLNK(at.st_mode):
            here = place
            continue
        links += 1
        if links > _MAX_LINKS:
            raise OSError("too many links")
        owners.add(at.st_uid)
        target = os.readlink(place)
        if target.startswith("/"):
            here = "/"
        left.extend(reversed(target.split("/")))
    return owners


class _Glob:
    def __init__(self, pattern: str, left_out: LeftOut) -> None:
        self._pattern = pattern
        self._left_out = left_out
        self._seen = 0

    def paths(self, base: str, parts: tuple[str, ...], *, wild: bool) -> Iterator[str]:
        """`wild`: a wildcard chose a folder before, so that nobody named what follows."""
        if not parts:
            yield base
            return
        head, rest = parts[0], parts[1:]
        if head == "**":
            yield from self._below(base, rest, 0)
        elif glob.has_magic(head):
            matches = re.compile(fnmatch.translate(head)).match
            for entry in self._entries(base):
                if not matches(entry.name) or (entry.name[0] == "." and head[0] != "."):
                    continue
                path = os.path.join(base, entry.name)
                if not rest:
                    yield path
                elif self._is_folder(entry) and not self._is_foreign(path):
                    yield from self.paths(path, rest, wild=True)
        else:
            path = os.path.join(base, head)
            if not rest:
                if os.path.lexists(path):
                    yield path
            elif not wild or not self._is_foreign(path):
                yield from self.paths(path, rest, wild=wild)

    def _below(self, base: str, rest: tuple[str, ...], depth: int) -> Iterator[str]:
        yield from self.paths(base, rest, wild=True)
        for entry in self._entries(base):
            if entry.name[0] == "." or entry.is_symlink() or not self._is_folder(entry):
                continue
            path = os.path.join(base, entry.name)
            if depth >= MAX_DEPTH:
                self._left_out(path, f"it is more than {MAX_DEPTH} folders deep in {self._pattern}")
                continue
            yield from self._below(path, rest, depth + 1)

    def _entries(self, base: str) -> Iterator[os.DirEntry[str]]:
        try:
            with os.scandir(base or ".") as entries:
                for entry in entries:
                    self._seen += 1
                    if self._seen > MAX_ENTRIES:
                        self._left_out(
                            self._pattern,
                            f"only the first {MAX_ENTRIES} names that it leads to are looked at",
                        )
                        return
                    yield entry
        except OSError:
            # It is gone, or not to be read.
            return

    def _is_folder(self, entry: os.DirEntry[str]) -> bool:
        try:
            return entry.is_dir()
        except OSError:
            return False

    def _is_foreign(self, path: str) -> bool:
        if not is_foreign(path):
            return False
        self._left_out(path, "it is a link to what belongs to somebody else")
        return True
