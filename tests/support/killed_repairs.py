"""Kills a process at each moment of a repair that changes the repository, and has the next one go on.

`python -m tests.support.killed_repairs FOLDER` prints JSON: `ended`, how each kill left the branch, for each
step, and `wrong`, what was not in order. In a process of its own, for it forks.
"""

import asyncio
import json
import os
import pathlib
import shutil
import signal
import sys
from collections.abc import Awaitable, Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from services.error_analyzer.repair import landing, workshop
from services.error_analyzer.repair.git import Git
from services.error_analyzer.repair.workshop import Workshop
from tests.support.repositories import FINGERPRINT, GOOD, SmallRepository, settings_for

_CHANGING = {"update-ref", "update-index", "commit-tree"}
Step = Callable[[Workshop], Awaitable[str]]


class _Death:
    """Counts moments; at the given one the process kills itself."""

    def __init__(self, at: int) -> None:
        self._left = at

    def moment(self) -> None:
        if self._left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        self._left -= 1

    def around(self, function: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(*args: Any, **more: Any) -> Any:
            self.moment()
            result = function(*args, **more)
            self.moment()
            return result

        return wrapped

    def watch(self) -> None:
        """Every change of a file that this process makes, and every call of git that changes something."""
        call = Git.call

        async def watched(git: Git, *arguments: str, **more: Any) -> tuple[int, bytes]:
            changing = arguments[0] in _CHANGING or arguments[:2] == ("hash-object", "-w")
            if changing:
                self.moment()
            result = await call(git, *arguments, **more)
            if changing:
                self.moment()
            return result

        Git.call = watched  # type: ignore[method-assign, assignment]
        os.link = self.around(os.link)
        pathlib.Path.replace = self.around(pathlib.Path.replace)  # type: ignore[method-assign]
        pathlib.Path.unlink = self.around(pathlib.Path.unlink)  # type: ignore[method-assign]


async def _probed(_folder: Path) -> str:
    return "not asked here"


def _run(repository: Path, step: Step, *, kill_at: int = -1) -> str:
    async def work() -> str:
        async with Workshop.open(settings_for(repository, repository.parent / "data")) as opened:
            if kill_at >= 0:
                _Death(kill_at).watch()
            return await step(opened)

    return asyncio.run(work())


def _killed(repository: Path, step: Step, at: int) -> bool:
    """True where the step was killed at this moment; False: it has no so many moments."""
    child = os.fork()
    if child == 0:
        code = 1
        with suppress(Exception):
            _run(repository, step, kill_at=at)
            code = 0
        os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) not in (0, -signal.SIGKILL):
        raise RuntimeError(f"the step failed: {status}")
    return os.WIFSIGNALED(status)


def _faults(repository: Path, wanted: str, ref: str) -> list[str]:
    """What is not in order once the step has been repeated."""
    git = SmallRepository.at(repository)
    found = [] if git.git("rev-parse", ref) == wanted else ["the branch is elsewhere"]
    if git.git("status", "--porcelain") != "M notes.txt":
        found.append(git.git("status", "--porcelain"))
    if git.read("notes.txt") != "mine\n":
        found.append("somebody's work is gone")
    git.git("fsck", "--strict")
    left = [
        str(path)
        for path in repository.rglob("*")
        if "aiartist-autofix" in path.name or path.name == "index.lock"
    ]
    return found + left


def main(folder: Path) -> None:
    """Makes a repository, and kills each step on copies of it."""
    workshop.probe = _probed  # type: ignore[assignment]
    landing.os.fsync = lambda _file: None  # Nobody pulls a plug here, and it takes most of the time.
    fork = SmallRepository(folder / "start" / "repo")
    fork.write("notes.txt", "mine\n")
    start, wrong, ended = fork.folder, [], {}

    async def keep(opened: Workshop) -> str:
        fix = await opened.check(GOOD)
        # Proving is tried elsewhere, and it changes nothing.
        opened._proven = dict.fromkeys([fix])  # type: ignore[arg-type]
        return await opened.keep(FINGERPRINT, fix, message="A fix")

    async def apply(opened: Workshop) -> str:
        return await opened.apply(FINGERPRINT, commit)

    async def revert(opened: Workshop) -> str:
        return await opened.revert(commit, message="It came back")

    commit = ""
    for name, step, ref in (
        ("keep", keep, f"refs/heads/autofix/{FINGERPRINT}"),
        ("apply", apply, "refs/heads/main"),
        ("revert", revert, "refs/heads/main"),
    ):
        after = folder / name / "after"
        shutil.copytree(start.parent, after)
        expected = _run(after / "repo", step)
        ended[name] = []
        # After each change; taking out ends as bringing in does, so that fewer do.
        for at in range(1, 100, 4 if name == "revert" else 2):
            copy = folder / name / str(at) / "repo"
            shutil.copytree(start.parent, copy.parent)
            if not _killed(copy, step, at):
                break
            moved = SmallRepository.at(copy).git("for-each-ref", "--format=%(objectname)", ref) == expected
            ended[name].append("new" if moved else "old")
            repeated = _run(copy, step)
            faults = _faults(copy, expected, ref) + ([] if repeated == expected else ["another commit"])
            wrong += [f"{name} killed at {at}: {fault}" for fault in faults]
            shutil.rmtree(copy.parent)
        start, commit = after / "repo", commit or expected
    print(json.dumps({"ended": ended, "wrong": wrong}))  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
