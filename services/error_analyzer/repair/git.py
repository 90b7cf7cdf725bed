"""Git, asked so that nothing but one repository has a say: no hooks, no other configuration, no network."""

import asyncio
import errno
import os
import shutil
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from services.error_analyzer.domain import RepairUnavailable

SETTING = "AIARTIST_AUTO_FIX_REPOSITORY"
AUTHOR_NAME = "aiartist error analyzer"
AUTHOR_EMAIL = "noreply@aiartist.invalid"

_PLACES = "/usr/local/bin:/usr/bin:/bin"
_TIMEOUT_S = 120.0
_SAFE = (
    *("-c", "core.hooksPath=/dev/null", "-c", "core.fsmonitor=false", "-c", "core.untrackedCache=false"),
    *("-c", "core.sparseCheckout=false", "-c", "core.attributesFile=/dev/null", "-c", "core.pager=cat"),
    *("-c", "core.splitIndex=false", "-c", "core.quotePath=false", "-c", "core.autocrlf=false"),
    *("-c", "commit.gpgSign=false", "-c", "gc.auto=0", "-c", "maintenance.auto=false"),
    *("-c", "protocol.allow=never", "-c", "submodule.recurse=false", "-c", "diff.external="),
    *("-c", "apply.whitespace=nowarn", "-c", "apply.ignoreWhitespace=no", "-c", "advice.detachedHead=false"),
)
# How git, in C's own words, ends a line about the machine or another git's lock, not about what it was asked.
_MACHINE = tuple(
    os.strerror(number)
    for number in (
        *(errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.ENOMEM, errno.EMFILE),
        *(errno.ENFILE, errno.EAGAIN, errno.EACCES, errno.ESTALE, errno.EEXIST),
    )
)


class GitError(Exception):
    """Git ended with an error; the text is what it said."""


@dataclass(frozen=True, slots=True)
class Git:
    """One repository. `environment`: for every call; `hold`: file descriptors that git keeps open."""

    program: str
    folder: Path
    home: Path
    environment: Mapping[str, str] = field(default_factory=dict)
    hold: tuple[int, ...] = ()

    @classmethod
    def find(cls, folder: Path, home: Path) -> Self:
        """RepairUnavailable where git is not installed. `home`: an empty folder."""
        program = shutil.which("git", path=_PLACES)
        if program is None:
            raise RepairUnavailable(f"git is not installed (looked in {_PLACES}); {SETTING} needs it")
        return cls(program, folder, home)

    def on(self, *, hold: tuple[int, ...] = (), **environment: str) -> "Git":
        """The same with more environment."""
        return Git(
            self.program,
            self.folder,
            self.home,
            {**self.environment, **environment},
            (*self.hold, *hold),
        )

    async def output(self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> bytes:
        """What git prints. GitError where it ends with another code than `ok`.

        RepairUnavailable where it takes over two minutes, is killed, or lacks memory, disk or rights.
        """
        return (await self.call(*arguments, stdin=stdin, ok=ok))[1]

    async def text(self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)) -> str:
        """What git prints, without the last line's end."""
        return (await self.output(*arguments, stdin=stdin, ok=ok)).decode("utf-8", "replace").rstrip("\n")

    async def succeeds(self, *arguments: str) -> bool:
        """True for the exit code 0, False for 1; GitError for others."""
        return (await self.call(*arguments, ok=(0, 1)))[0] == 0

    async def call(
        self, *arguments: str, stdin: bytes = b"", ok: tuple[int, ...] = (0,)
    ) -> tuple[int, bytes]:
        """The exit code and what git prints."""
        process = await asyncio.create_subprocess_exec(
            *(self.program, *_SAFE, *arguments),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            cwd=self.folder,
            env={
                "PATH": _PLACES,
                "HOME": str(self.home),
                "LC_ALL": "C",
                "TZ": "UTC",
                "GIT_CONFIG_NOSYSTEM": "1",
                "GIT_CONFIG_GLOBAL": os.devnull,
                "GIT_TERMINAL_PROMPT": "0",
                "GIT_OPTIONAL_LOCKS": "0",
                "GIT_NO_LAZY_FETCH": "1",
                "GIT_NO_REPLACE_OBJECTS": "1",
                "GIT_LITERAL_PATHSPECS": "1",
                **self.environment,
            },
            start_new_session=True,
            pass_fds=self.hold,
        )
        try:
            async with asyncio.timeout(_TIMEOUT_S):
                out, complaint = await process.communicate(stdin)
        except TimeoutError as error:
            raise RepairUnavailable(f"git {arguments[0]} did not end within {_TIMEOUT_S:g} s") from error
        finally:
            if process.returncode is None:
                with suppress(ProcessLookupError):
                    process.kill()
                await asyncio.shield(process.wait())
        code = process.returncode or 0
        if code not in ok:
            lines = complaint.decode("utf-8", "replace").splitlines()
            said = " ".join(" ".join(lines).split())
            if (
                code < 0
                or "Out of memory" in said
                or any(line.rstrip(" .").endswith(_MACHINE) for line in lines)
            ):
                raise RepairUnavailable(
                    f"git {arguments[0]} could not work: {said[:500] or f'signal {-code}'}"
                )
            raise GitError(said[:500] or f"git {arguments[0]} ended with code {code}")
        return code, out


@dataclass(frozen=True, slots=True)
class Repository:
    """Where a repository keeps its things. `git_dir`: of this working tree; `common_dir`: of all of them."""

    git: Git
    folder: Path
    git_dir: Path
    common_dir: Path
    bare: bool

    @classmethod
    async def open(cls, folder: Path | None, home: Path) -> Self:
        """RepairUnavailable, with the remedy, where there is none that can be worked with."""
        if folder is None:
            raise RepairUnavailable(f"{SETTING} is not set: set it to the git repository of the code")
        folder = await asyncio.to_thread(folder.resolve)
        if not await asyncio.to_thread(folder.is_dir):
            raise RepairUnavailable(f"{SETTING}: {folder} is no folder")
        git = Git.find(folder, home)
        try:
            answer = await git.text(
                *("rev-parse", "--path-format=absolute", "--absolute-git-dir", "--git-common-dir"),
                *("--is-bare-repository", "--is-shallow-repository"),
            )
        except GitError as error:
            if "dubious ownership" in str(error):
                raise RepairUnavailable(
                    f"{SETTING}: {folder} belongs to another user, and git does not trust it: "
                    "let the user that this service runs as own it (chown -R), .git included"
                ) from error
            raise RepairUnavailable(f"{SETTING}: {folder} is no git repository: {error}") from error
        git_dir, common_dir, bare, shallow = answer.splitlines()
        if bare == "false" and (top := Path(await git.text("rev-parse", "--show-toplevel"))) != folder:
            raise RepairUnavailable(f"{SETTING}: {folder} is a folder within a repository: set it to {top}")
        if shallow == "true":
            raise RepairUnavailable(
                f"{SETTING}: {folder} is a shallow clone; complete it with: git fetch --unshallow"
            )
        return cls(git, folder, Path(git_dir), Path(common_dir), bare == "true")

    async def head(self) -> str:
        """The commit that HEAD names. RepairUnavailable where there is none yet."""
        try:
            return await self.git.text("rev-parse", "--verify", "--quiet", "HEAD^{commit}")
        except GitError as error:
            raise RepairUnavailable(f"{SETTING}: {self.folder} has no commit yet") from error

    async def branch(self) -> str | None:
        """The checked-out branch, as `refs/heads/main`; None: HEAD is detached."""
        code, name = await self.git.call("symbolic-ref", "--quiet", "HEAD", ok=(0, 1))
        return name.decode().strip() if code == 0 else None

    async def commit_date(self, commit: str) -> str:
        """When a commit was made, as git takes dates: the same fix gets the same commit."""
        return await self.git.text("show", "--no-patch", "--format=%ct +0000", commit)

    async def parents(self, commit: str) -> list[str]:
        """The parents of a commit."""
        return (await self.git.text("show", "--no-patch", "--format=%P", commit)).split()

    async def message(self, commit: str) -> str:
        """The message of a commit."""
        return await self.git.text("show", "--no-patch", "--format=%B", commit)

    async def is_ours(self, commit: str) -> bool:
        """True for a commit that an earlier repair made."""
        return await self.git.text("show", "--no-patch", "--format=%ae %ce", commit) == " ".join(
            [AUTHOR_EMAIL] * 2
        )
