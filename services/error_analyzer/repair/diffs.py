"""Reads a unified diff strictly, and writes it again in one form: what was judged is what git applies.

A library for diffs reads generously what it can, and a diff here comes from a model: what is not plainly a
change of lines in an existing file is refused.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass

from services.error_analyzer.domain import InvalidFix

_MOST_BYTES = 256 * 1024
_HUNK = re.compile(r"@@ -(\d{1,7})(?:,(\d{1,7}))? \+(\d{1,7})(?:,(\d{1,7}))? @@.*")
_INDEX = re.compile(r"index [0-9a-f]{4,64}\.\.[0-9a-f]{4,64}(?: 100(?:644|755))?")
_PATH = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]*(?:/[A-Za-z0-9_][A-Za-z0-9_.+-]*)*")
_CONTROLS = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]"
)
_NO_NEWLINE = "\\ No newline at end of file"
_FORBIDDEN = (
    (("new file mode", "--- /dev/null"), "it makes a new file: only the test may be new"),
    (("deleted file mode", "+++ /dev/null"), "it deletes a file"),
    (("old mode", "new mode"), "it changes a file's mode"),
    (("rename ", "similarity index", "dissimilarity index"), "it renames a file"),
    (("copy ",), "it copies a file"),
    (("Binary files ", "GIT binary patch"), "it changes a binary file"),
)


@dataclass(frozen=True, slots=True)
class Hunk:
    """Lines with their marks, ` `, `+`, `-` or `\\`; `at`: the first line's number in the file as it is."""

    at: int
    lines: tuple[str, ...]

    def count(self, marks: str) -> int:
        """Lines that have one of these marks."""
        return sum(line[0] in marks for line in self.lines)


@dataclass(frozen=True, slots=True)
class FileDiff:
    """The changes of one file."""

    path: str
    hunks: tuple[Hunk, ...]


def is_plain_path(path: str) -> bool:
    """True for a relative path of ASCII letters, digits and `_.+-`, where no part begins with a dot."""
    return _PATH.fullmatch(path) is not None and len(path) <= 300


def holds_controls(text: str) -> bool:
    """True where characters show as nothing, turn the direction of reading, or stand for no character."""
    return _CONTROLS.search(text) is not None


def read(text: str) -> tuple[FileDiff, ...]:
    """The files that a diff changes, each once. InvalidFix says what is wrong."""
    if len(text.encode("utf-8", "surrogatepass")) > _MOST_BYTES:
        raise InvalidFix(f"the diff is longer than {_MOST_BYTES // 1024} KiB")
    if holds_controls(text):
        raise InvalidFix("the diff holds control characters")
    lines = text.split("\n")
    while lines and not lines[-1].strip():
        lines.pop()
    if not lines:
        raise InvalidFix("the diff is empty")
    files = tuple(_files(lines))
    paths = [file.path for file in files]
    if repeated := next((path for path in paths if paths.count(path) > 1), None):
        raise InvalidFix(f"the diff changes {repeated} twice")
    return files


def write(files: tuple[FileDiff, ...]) -> str:
    """The diff in git's form, with counts that are right."""
    parts = []
    for file in files:
        parts += [f"diff --git a/{file.path} b/{file.path}", f"--- a/{file.path}", f"+++ b/{file.path}"]
        moved = 0
        for hunk in file.hunks:
            old, new = hunk.count(" -"), hunk.count(" +")
            parts += [f"@@ -{hunk.at},{old} +{hunk.at + moved},{new} @@", *hunk.lines]
            moved += new - old
    return "\n".join(parts) + "\n"


def _files(lines: list[str]) -> Iterator[FileDiff]:
    at = 0
    while at < len(lines):
        named = None
        if lines[at].startswith("diff --git "):
            named = re.fullmatch(r"diff --git a/(\S+) b/(\S+)", lines[at])
            if named is None or named[1] != named[2]:
                raise InvalidFix(f"line {at + 1} of the diff names no file, or two: {lines[at][:100]!r}")
            at += 1
            if at < len(lines) and _INDEX.fullmatch(lines[at]):
                at += 1
        old = _header(lines, at, "--- a/")
        new = _header(lines, at + 1, "+++ b/")
        if old != new or (named is not None and named[1] != old):
            raise InvalidFix(f"it renames a file: {old} to {new}")
        if not is_plain_path(old):
            raise InvalidFix(f"the path {old[:100]!r} is not a plain path within the repository")
        at += 2
        hunks: list[Hunk] = []
        while at < len(lines) and lines[at].startswith("@@"):
            hunk, at = _hunk(lines, at)
            hunks.append(hunk)
        if not hunks:
            raise InvalidFix(f"the diff changes nothing in {old}")
        yield FileDiff(old, tuple(hunks))


def _header(lines: list[str], at: int, start: str) -> str:
    line = lines[at] if at < len(lines) else ""
    for beginnings, why in _FORBIDDEN:
        if line.startswith(beginnings):
            raise InvalidFix(why)
    if not line.startswith(start):
        raise InvalidFix(f"line {at + 1} of the diff is not {start + '...'!r}: {line[:100]!r}")
    # What follows a tab is a time.
    return line.removeprefix(start).partition("\t")[0].rstrip(" ")


def _hunk(lines: list[str], at: int) -> tuple[Hunk, int]:
    head = _HUNK.fullmatch(lines[at])
    if head is None:
        raise InvalidFix(f"line {at + 1} of the diff is no hunk's head: {lines[at][:100]!r}")
    first = at = at + 1
    old, new = (int(head[number]) if head[number] else 1 for number in (2, 4))
    body: list[str] = []
    while at < len(lines) and not _ends(lines, at, body, old, new):
        line = lines[at] or " "
        if line[0] not in " +-\\" or (line[0] == "\\" and (line != _NO_NEWLINE or not body)):
            raise InvalidFix(f"line {at + 1} of the diff is no line of a hunk: {line[:100]!r}")
        body.append(line)
        at += 1
    hunk = Hunk(int(head[1]), tuple(body))
    if not hunk.count("+-"):
        raise InvalidFix(f"the hunk at line {first} of the diff changes nothing")
    if not hunk.count(" -"):
        raise InvalidFix(f"the hunk at line {first} of the diff has no line of the file as it is")
    return hunk, at


def _ends(lines: list[str], at: int, body: list[str], old: int, new: int) -> bool:
    """Models count badly: what looks like a beginning ends a hunk, unless its counts say that more comes."""
    line = lines[at]
    if line.startswith(("@@ ", "diff --git ")):
        return True
    header = line.startswith("--- ") and at + 1 < len(lines) and lines[at + 1].startswith("+++ ")
    counted = sum(each[0] in " -" for each in body), sum(each[0] in " +" for each in body)
    return header and (counted[0] >= old or counted[1] >= new)
