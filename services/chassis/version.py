"""The code's version, as installed, and its release: which commit of it runs."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

_TREE = Path(__file__).resolve().parents[2]
_COMMIT = re.compile(r"[0-9a-f]{40,64}")
_SHOWN = 12


def _read() -> str:
    try:
        return version("aiartist")
    except PackageNotFoundError:
        return "0+source"


def commit_of(tree: Path) -> str:
    """The commit that a working tree stands at; empty where it is none, or can't be told."""
    try:
        folder = tree / ".git"
        if folder.is_file():
            # A linked worktree: its own HEAD, and the branches of the repository that it belongs to.
            folder = tree / folder.read_text(encoding="utf-8").removeprefix("gitdir:").strip()
        common = folder / "commondir"
        branches = folder / common.read_text(encoding="utf-8").strip() if common.is_file() else folder
        head = (folder / "HEAD").read_text(encoding="utf-8").strip()
        if head.startswith("ref:"):
            head = _branch(branches, head.removeprefix("ref:").strip())
    except (OSError, UnicodeDecodeError):
        return ""
    return head if _COMMIT.fullmatch(head) else ""


def _branch(folder: Path, name: str) -> str:
    single = folder / name
    if single.is_file():
        return single.read_text(encoding="utf-8").strip()
    packed = (folder / "packed-refs").read_text(encoding="utf-8")
    found = (line.partition(" ") for line in packed.splitlines())
    return next((commit for commit, _, ref in found if ref == name), "")


def _release() -> str:
    commit = commit_of(_TREE)[:_SHOWN]
    return f"{VERSION}+g{commit}" if commit else VERSION


VERSION = _read()
RELEASE = _release()
"""VERSION, and the commit where the code runs from a repository: read once, for it is loaded once."""
