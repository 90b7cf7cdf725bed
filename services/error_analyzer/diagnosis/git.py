"""Asks git about a repository, and changes nothing in it.

Nothing that the repository's own configuration names is run: no hook, no pager, no monitor, no signature
checker, no filter of a diff; and nothing is fetched.
"""

import asyncio
from pathlib import Path

from services.error_analyzer.domain import RepairUnavailable

TIMEOUT_S = 15.0
MAX_OUTPUT = 64 * 1024 * 1024
_PATH = "/usr/local/bin:/usr/bin:/bin"
_HARMLESS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "core.quotePath=false",
    "log.showSignature=false",
    "protocol.allow=never",
    "submodule.recurse=false",
)


class Git:
    """One repository, named by its top folder. RepairUnavailable wherever git can't answer."""

    def __init__(self, repository: Path, *, timeout_s: float = TIMEOUT_S) -> None:
        # Git knows folders by their real paths.
        self._repository = repository.resolve()
        self._timeout_s = timeout_s

    async def ask(self, *arguments: str, most: int = MAX_OUTPUT) -> bytes:
        """What the command prints, at most `most` bytes of it."""
        options = [option for setting in _HARMLESS for option in ("-c", setting)]
        # The operator named this repository: whose files they are is no question then.
        options += ["-c", f"safe.directory={self._repository}"]
        place = ["--no-pager", "--no-optional-locks", "-C", str(self._repository)]
        try:
            process = await asyncio.create_subprocess_exec(
                "git",
                *place,
                *options,
                *arguments,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                env=self._environment(),
            )
        except OSError as error:
            raise RepairUnavailable(f"git can't be run: {error.strerror}") from error
        try:
            async with asyncio.timeout(self._timeout_s):
                printed, complaint = await _talk(process, most)
        except TimeoutError as error:
            raise RepairUnavailable(f"git {arguments[0]} took longer than {self._timeout_s:g} s") from error
        finally:
            await _end(process)
        if process.returncode and len(printed) < most:
            told = " ".join(complaint.decode(errors="replace").split())[:300]
            raise RepairUnavailable(f"git {arguments[0]} failed: {told}")
        return printed

    def _environment(self) -> dict[str, str]:
        return {
            "PATH": _PATH,
            "HOME": "/nonexistent",
            "LC_ALL": "C",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "GIT_ATTR_NOSYSTEM": "1",
            "GIT_TERMINAL_PROMPT": "0",
            "GIT_OPTIONAL_LOCKS": "0",
            "GIT_NO_LAZY_FETCH": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            # A folder that is no repository is not a part of one above it.
            "GIT_CEILING_DIRECTORIES": str(self._repository.parent),
        }


async def _talk(process: asyncio.subprocess.Process, most: int) -> tuple[bytes, bytes]:
    assert process.stdout is not None
    assert process.stderr is not None
    complaint = asyncio.create_task(process.stderr.read(64 * 1024))
    try:
        printed = bytearray()
        while len(printed) < most and (more := await process.stdout.read(1 << 16)):
            printed += more
        if len(printed) < most:
            await process.wait()
            return bytes(printed), await complaint
        return bytes(printed[:most]), b""
    finally:
        complaint.cancel()


async def _end(process: asyncio.subprocess.Process) -> None:
    if process.returncode is None:
        process.kill()
        await process.wait()
