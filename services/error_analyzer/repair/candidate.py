"""A fix as git trees: computed by git itself, and then judged by what git made of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from services.error_analyzer.domain import Fix, InvalidFix
from services.error_analyzer.repair.code_rules import Around, judge_change, judge_test
from services.error_analyzer.repair.git import Git, GitError

_REGULAR = ("100644", "100755")
_ROOTS = ("src", "lib", "gen")


@dataclass(frozen=True, slots=True)
class Trees:
    """Ids of trees: the base with the test only, with the patch only, with both."""

    test: str
    patch: str
    both: str


@dataclass(frozen=True, slots=True)
class Change:
    """A line of git's raw diff."""

    old_mode: str
    new_mode: str
    old_blob: str
    new_blob: str
    status: str
    path: str


async def grow(git: Git, fix: Fix) -> Trees:
    """Writes the trees, with git's index and object store as set. InvalidFix where it does not fit."""
    base = fix.base_commit
    await _judge_place(git, base, fix.test_path)
    try:
        await git.output("read-tree", base)
        # Each hunk has lines that must be found; how much context is around them is up to the writer.
        await git.output("apply", "--cached", "--unidiff-zero", "-", stdin=fix.diff.encode())
    except GitError as error:
        raise InvalidFix(f"the diff does not apply: {error}") from error
    patch = await git.text("write-tree")
    blob = await git.text("hash-object", "-w", "--no-filters", "--stdin", stdin=fix.test_code.encode())
    entry = f"100644 {blob}\t{fix.test_path}\0".encode()
    try:
        await git.output("update-index", "--add", "-z", "--index-info", stdin=entry)
        both = await git.text("write-tree")
        await git.output("read-tree", base)
        await git.output("update-index", "--add", "-z", "--index-info", stdin=entry)
        test = await git.text("write-tree")
    except GitError as error:
        raise InvalidFix(f"the test can't be at {fix.test_path}: {error}") from error
    trees = Trees(test, patch, both)
    await _judge_outcome(git, fix, trees)
    return trees


async def changes(git: Git, old: str, new: str) -> list[Change]:
    """What differs between two trees or commits, file by file, renames not looked for."""
    raw = await git.output("diff-tree", "-r", "-z", "--raw", "--no-renames", "--full-index", old, new)
    fields = raw.decode("utf-8", "surrogateescape").split("\0")
    return [
        _change(head.removeprefix(":").split(" "), path)
        for head, path in zip(fields[:-1:2], fields[1::2], strict=True)
    ]


def _change(fields: Sequence[str], path: str) -> Change:
    old_mode, new_mode, old_blob, new_blob, status = fields
    return Change(old_mode, new_mode, old_blob, new_blob, status, path)


async def _judge_place(git: Git, base: str, test_path: str) -> None:
    """No file of this path, and none of this name elsewhere: pytest refuses to run two such together."""
    listed = await git.output("ls-tree", "-r", "-z", "--name-only", "--full-tree", base)
    name = PurePosixPath(test_path).name
    for path in listed.decode("utf-8", "surrogateescape").split("\0"):
        if path == test_path:
            raise InvalidFix(f"the test {test_path} is already there")
        if PurePosixPath(path).name == name:
            raise InvalidFix(f"the test's name is taken by {path}")


async def _judge_outcome(git: Git, fix: Fix, trees: Trees) -> None:
    made = await changes(git, fix.base_commit, trees.patch)
    if sorted(change.path for change in made) != sorted(fix.files):
        raise InvalidFix("the diff changes other files than it names, or nothing at all")
    added = await changes(git, trees.patch, trees.both)
    if [(change.path, change.status) for change in added] != [(fix.test_path, "A")]:
        raise InvalidFix("the test would change other files")
    around = await _around(git, fix)
    for change in made:
        if change.status != "M" or change.old_mode != change.new_mode or change.old_mode not in _REGULAR:
            raise InvalidFix(f"{change.path} is no regular file, or would not stay one as it is")
        before, after = [await _source(git, blob) for blob in (change.old_blob, change.new_blob)]
        judge_change(change.path, before, after, around)
    judge_test(fix.test_path, fix.test_code, around)


async def _around(git: Git, fix: Fix) -> Around:
    """The repository as the fix finds it: its modules, and what its files import."""
    listed = await git.output("ls-tree", "-r", "-z", "--name-only", "--full-tree", fix.base_commit)
    paths = [path for path in listed.decode("utf-8", "surrogateescape").split("\0") if path.endswith(".py")]
    modules = {start for path in paths for module in _modules(path) for start in _starts(module)}
    _, found = await git.call(
        *("grep", "-I", "-E", "-z", "--no-textconv", "--no-color", "--no-line-number", "--full-name"),
        *("-e", r"^[[:space:]]*(from|import)[[:space:]]", fix.base_commit),
        ok=(0, 1),
    )
    imported: set[str] = set()
    for line in found.decode("utf-8", "replace").splitlines():
        place, _, text = line.partition("\0")
        path = place.partition(":")[2]
        if path.endswith(".py"):
            imported |= set(_imports(path, text, modules))
    return Around(
        changed=frozenset(module for path in fix.files for module in _modules(path)),
        modules=frozenset(modules),
        imported=frozenset(imported),
    )


def _modules(path: str) -> list[str]:
    """As what a file may be imported; one below a folder that is searched for packages in two ways."""
    name = path.removesuffix(".py").removesuffix("/__init__").replace("/", ".")
    root, _, rest = name.partition(".")
    return [name, rest] if root in _ROOTS and rest else [name]


def _starts(module: str) -> list[str]:
    parts = module.split(".")
    return [".".join(parts[:length]) for length in range(1, len(parts) + 1)]


def _imports(path: str, line: str, modules: set[str]) -> Iterator[str]:
    """The modules that a line imports; one that goes on in the next lines: all that may be named there."""
    if told := re.match(r"\s*from\s+(\.*)\s*([\w.]*)\s+import\s+(.*)", line):
        dots, module, names = told.groups()
        if dots:
            folders = path.split("/")[:-1]
            module = ".".join([*folders[: len(folders) - len(dots) + 1], *([module] if module else [])])
        yield module
        if names.rstrip().endswith(("(", ",", "\\")):
            yield from (other for other in modules if other.rpartition(".")[0] == module)
        yield from (f"{module}.{name}" for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?", names))
    elif told := re.match(r"\s*import\s+(.*)", line):
        for name in told[1].partition("#")[0].split(","):
            yield from _starts(name.split()[0] if name.split() else "")


async def _source(git: Git, blob: str) -> bytes:
    return await git.output("cat-file", "blob", blob)
