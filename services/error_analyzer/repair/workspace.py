"""A private folder for a workshop: working trees, an object store and an index apart from the repository's.

A SIGKILL leaves such a folder behind; the next workshop removes those that nobody holds.
"""

import asyncio
import fcntl
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path
from typing import Any

from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.repair.git import Git, Repository
from services.error_analyzer.secret_files import is_secret

PREFIX = "aiartist-repair-"
_AS_KEPT = "* -filter -ident -text -working-tree-encoding\n"


class Workspace:
    """The folder, mode 0700, locked while it is in use."""

    def __init__(self, folder: Path, lock: int) -> None:
        self.folder, self._lock = folder, lock
        self._numbers = count(1)

    @classmethod
    def make(cls) -> "Workspace":
        """A new one; removes what earlier ones left."""
        sweep(Path(tempfile.gettempdir()))
        while True:
            folder = Path(tempfile.mkdtemp(prefix=PREFIX)).resolve()
            lock = os.open(folder / "lock", os.O_CREAT | os.O_RDWR | os.O_CLOEXEC, 0o600)
            fcntl.flock(lock, fcntl.LOCK_EX)
            # Another one's sweep may have come between, and taken it for a leftover.
            if (folder / "lock").exists():
                break
            os.close(lock)
        (folder / "home").mkdir()
        (folder / "objects").mkdir()
        return cls(folder, lock)

    @property
    def home(self) -> Path:
        """An empty folder."""
        return self.folder / "home"

    def place(self, kind: str) -> Path:
        """A path that nothing else has."""
        return self.folder / f"{kind}-{next(self._numbers)}"

    def scratch(self, repository: Repository) -> Git:
        """Git with an index and an object store here: the repository is read only."""
        objects = str(repository.common_dir / "objects").replace("\\", "\\\\").replace('"', '\\"')
        return repository.git.on(
            GIT_INDEX_FILE=str(self.place("index")),
            GIT_OBJECT_DIRECTORY=str(self.folder / "objects"),
            GIT_ALTERNATE_OBJECT_DIRECTORIES=f'"{objects}"',
        )

    @asynccontextmanager
    async def checkout(self, repository: Repository, tree: str) -> AsyncIterator[Path]:
        """A working tree of its own with a tree's files as git keeps them, gone afterwards.

        No `git worktree`: that would write into the repository, and leave it there when killed. The
        repository's filters are not run: what they decrypt or fetch is not for tests. Files that are named
        like secrets are left out, code apart.
        """
        folder, own = self.place("tree"), self.place("git")
        folder.mkdir()
        try:
            git = self.scratch(repository)
            git = Git(git.program, folder, git.home, git.environment)
            kind = await repository.git.text("rev-parse", "--show-object-format")
            # A git folder of its own has no configuration of the repository, so no filter has a program.
            await git.output("init", "--quiet", "--bare", "--template=", f"--object-format={kind}", str(own))
            (own / "info").mkdir(exist_ok=True)
            (own / "info" / "attributes").write_text(_AS_KEPT, encoding="utf-8")
            git = git.on(GIT_DIR=str(own), GIT_WORK_TREE=str(folder), GIT_INDEX_FILE=str(own / "index"))
            await git.output("read-tree", tree)
            listed = (await git.output("ls-files", "-z")).split(b"\0")
            secrets = b"\0".join(path for path in listed if path and _is_left_out(os.fsdecode(path)))
            await git.output("update-index", "--force-remove", "-z", "--stdin", stdin=secrets)
            await git.output("checkout-index", "--all", "--force")
            yield folder
        finally:
            await asyncio.shield(asyncio.to_thread(_remove_both, folder, own))

    async def close(self) -> None:
        """Removes the folder."""
        await asyncio.to_thread(remove, self.folder)
        os.close(self._lock)


def sweep(parent: Path) -> None:
    """Removes the folders of killed workshops: they are this user's, and nobody holds their lock."""
    for folder in parent.glob(f"{PREFIX}*"):
        try:
            if folder.is_symlink() or folder.stat().st_uid != os.geteuid():
                continue
            lock = os.open(folder / "lock", os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except OSError:
            # Gone, or made just now and not locked yet.
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        else:
            remove(folder)
        finally:
            os.close(lock)


def _is_left_out(path: str) -> bool:
    """Code may be named after what it handles, and other code imports it."""
    return is_secret(path) and not path.endswith(".py")


def _remove_both(folder: Path, own: Path) -> None:
    remove(folder)
    remove(own)


def remove(folder: Path) -> None:
    """Removes a folder, whatever modes a test gave to what is in it. RepairUnavailable where that fails."""

    def open_up(_what: Callable[..., Any], path: str, _error: Any) -> None:
        for place in (os.path.dirname(path), path):
            if os.path.isdir(place) and not os.path.islink(place):
                os.chmod(place, 0o700)

    # The first time opens what is closed, the second removes it; deep trees take a time for each level.
    for _ in range(64):
        shutil.rmtree(folder, onerror=open_up)
        if not os.path.lexists(folder):
            return
    raise RepairUnavailable(f"{folder} can't be removed")
