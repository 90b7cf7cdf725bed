"""The code that runs, as git has it at HEAD: never what is untracked, ignored or named like a secret."""

import asyncio
import re
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from services.error_analyzer.diagnosis.frames import Frame
from services.error_analyzer.diagnosis.functions import function_span
from services.error_analyzer.diagnosis.git import TIMEOUT_S, Git
from services.error_analyzer.diagnosis.texts import plain, redacted_lines
from services.error_analyzer.secret_files import is_secret

MAX_FILE = 512 * 1024
"""Bytes of a file that is read; a larger one is no source that a person wrote."""
AROUND = 15
"""Lines before and after a line whose function is not known."""
COMMITS = 5
MAX_SUBJECT = 160
_REMEMBERED_FILES = 32
_MAX_LOG = 64 * 1024
_ENTRY = re.compile(rb"(?P<mode>\d{6}) blob (?P<id>[0-9a-f]{40,64}) +(?P<size>\d+)\t(?P<path>.+)", re.DOTALL)
_LINKS = b"120000"


@dataclass(frozen=True, slots=True)
class Blob:
    """A file's content, known to git by `id`; `size` in bytes."""

    id: str
    size: int


@dataclass(frozen=True, slots=True)
class SourceFile:
    """`path`: from the repository's root. `lines`: without secrets, each on its own number.

    `text` is the whole file as it is and never leaves the process.
    """

    path: str
    text: str = field(repr=False)
    lines: Sequence[str] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Spot:
    """A frame's place in the code: lines `first` to `last`, from 1; `at`: the line that was reached.

    `code`: these lines as they are, for a digest; it never leaves the process. `line_moved`: the frame's own
    line is not in its function any more, and `at` is where that begins.
    """

    frame: Frame
    file: SourceFile
    first: int
    last: int
    at: int
    line_moved: bool = False

    @property
    def code(self) -> str:
        return "\n".join(self.file.text.split("\n")[self.first - 1 : self.last])

    @property
    def numbered(self) -> list[str]:
        """The lines without secrets, each with its number."""
        return numbered(self.file, self.first, self.last)


def numbered(file: SourceFile, first: int, last: int) -> list[str]:
    """Lines of a file as `12| text`."""
    return [f"{number}| {file.lines[number - 1]}" for number in range(first, min(last, len(file.lines)) + 1)]


class SourceReader:
    """Reads a repository and never writes. RepairUnavailable where it is missing, or git can't read it."""

    def __init__(self, repository: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        self._git = Git(repository, timeout_s=timeout_s)
        self._newest: Snapshot | None = None

    async def snapshot(self) -> "Snapshot":
        """The code as it is committed now."""
        head = await self._git.ask("rev-parse", "--verify", "HEAD^{commit}")
        commit = head.decode("ascii").strip()
        if self._newest is None or self._newest.commit != commit:
            listing = await self._git.ask("ls-tree", "-r", "-z", "-l", "--full-tree", commit)
            self._newest = await asyncio.to_thread(lambda: Snapshot(self._git, commit, _files_of(listing)))
        return self._newest


class Snapshot:
    """The files of one commit."""

    def __init__(self, git: Git, commit: str, files: Mapping[str, Blob]) -> None:
        self.commit = commit
        self.files = files
        self._git = git
        self._folders = {folder for path in files for folder in _folders_of(path)}
        self._modules: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        """By last name: the files as they are imported, `services/a/__init__.py` as `services, a`."""
        self._named: dict[str, list[tuple[str, ...]]] = defaultdict(list)
        for path in files:
            parts = tuple(path.split("/"))
            self._named[parts[-1]].append(parts)
            if path.endswith(".py"):
                module = _module(parts)
                if module:
                    self._modules[module[-1]].append(parts)
        self._read: OrderedDict[str, SourceFile | None] = OrderedDict()

    def holds(self, path: str) -> bool:
        """True for a file or a folder that is there."""
        return path in self.files or path in self._folders

    def locate(self, frame: Frame) -> tuple[str, tuple[str, ...]] | None:
        """The file of a frame, and its function's name; None where no file, or more than one, may be meant.

        A host may have the repository anywhere: what counts is the longest end that the two paths share.
        """
        if frame.file:
            found = _best(frame.parts[:-1], self._named.get(frame.parts[-2], ()), lambda parts: parts)
            return ("/".join(found[1]), frame.parts[-1:]) if found else None
        best: tuple[int, tuple[str, ...], tuple[str, ...]] | None = None
        for length in range(len(frame.parts) - 1, 0, -1):
            module, name = frame.parts[:length], frame.parts[length:]
            if any(part.startswith("<") for part in module) or module == ("__main__",):
                continue
            found = _best(module, self._modules.get(module[-1], ()), _module)
            if found is None or (found[1][-1] == "__init__.py" and not _is_name(name)):
                continue
            if best is None or found[0] > best[0]:
                best = (*found, name)
        return ("/".join(best[1]), best[2]) if best else None

    async def read(self, path: str) -> SourceFile | None:
        """A text file; None where there is none, or it is too large, binary, or named like a secret."""
        blob = self.files.get(path)
        if blob is None or blob.size > MAX_FILE or is_secret(path):
            return None
        if path not in self._read:
            content = await self._git.ask("cat-file", "blob", blob.id)
            self._read[path] = await asyncio.to_thread(_file_of, path, content)
            if len(self._read) > _REMEMBERED_FILES:
                self._read.popitem(last=False)
        return self._read[path]

    async def spot(self, frame: Frame) -> Spot | None:
        """Where a frame is in the code: its whole function, else the lines around its line."""
        located = self.locate(frame)
        file = await self.read(located[0]) if located else None
        if located is None or file is None:
            return None
        span = None
        if file.path.endswith(".py"):
            span = await asyncio.to_thread(function_span, file.text, located[1], frame.line)
        if span is not None:
            moved = not span.holds(frame.line)
            return Spot(frame, file, span.first, span.last, span.first if moved else frame.line, moved)
        if not 1 <= frame.line <= len(file.lines):
            return None
        first, last = max(1, frame.line - AROUND), min(len(file.lines), frame.line + AROUND)
        return Spot(frame, file, first, last, frame.line)

    async def commits(self, path: str) -> list[str]:
        """The last commits that changed a file, a line each: id, day, lines added and removed, subject."""
        told = await self._git.ask(
            "log", f"-{COMMITS}", "--format=%x01%h%x02%cs%x02%s", "--numstat", "--no-color", "--no-ext-diff",
            "--no-textconv", "--no-renames", self.commit, "--", f":(top,literal){path}", most=_MAX_LOG,
        )  # fmt: skip
        return [line for entry in told.decode(errors="replace").split("\x01")[1:] if (line := _commit(entry))]


def _commit(entry: str) -> str:
    head, _, stat = entry.partition("\n")
    fields = head.split("\x02", 2)
    if len(fields) != 3:
        return ""
    counts = stat.split()[:2]
    lines = f" +{counts[0]} -{counts[1]}" if len(counts) == 2 else ""
    return f"{fields[0]} {fields[1]}{lines} {plain(fields[2], MAX_SUBJECT)}"


def _files_of(listing: bytes) -> dict[str, Blob]:
    files = {}
    for entry in listing.split(b"\0"):
        match = _ENTRY.fullmatch(entry)
        if match is None or match["mode"] == _LINKS:
            continue
        try:
            path = match["path"].decode()
        except UnicodeDecodeError:
            continue
        if path.isprintable():
            files[path] = Blob(match["id"].decode(), int(match["size"]))
    return files


def _file_of(path: str, content: bytes) -> SourceFile | None:
    if b"\0" in content:
        return None
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n")
    except UnicodeDecodeError:
        return None
    # The line break at the end begins no line.
    return SourceFile(path, text, redacted_lines(text.removesuffix("\n")) if text else [])


def _folders_of(path: str) -> list[str]:
    parts = path.split("/")[:-1]
    return ["/".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _module(parts: tuple[str, ...]) -> tuple[str, ...]:
    """As it is imported: `services/a/b.py` is `services, a, b`."""
    return parts[:-1] if parts[-1] == "__init__.py" else (*parts[:-1], parts[-1].removesuffix(".py"))


def _is_name(name: Sequence[str]) -> bool:
    """Whether it may be a function's name inside of a package's own file, and not the rest of a module's."""
    return len(name) == 1 or name[0][:1].isupper() or name[1].startswith("<")


def _best(
    wanted: Sequence[str],
    files: Sequence[tuple[str, ...]],
    known_as: Callable[[tuple[str, ...]], tuple[str, ...]],
) -> tuple[int, tuple[str, ...]] | None:
    """The file that shares the longest end with `wanted`, and how long that is; None where two do.

    One of the two must be shared whole, and of a longer `wanted` at least two names.
    """
    found: list[tuple[int, tuple[str, ...]]] = []
    for parts in files:
        names = known_as(parts)
        shared = 0
        for ours, theirs in zip(reversed(names), reversed(wanted), strict=False):
            if ours != theirs:
                break
            shared += 1
        if shared == len(wanted) or (shared == len(names) and shared >= 2):
            found.append((shared, parts))
    longest = max((shared for shared, _ in found), default=0)
    best = [entry for entry in found if entry[0] == longest]
    return best[0] if len(best) == 1 else None
