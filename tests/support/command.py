"""The `aiartist` command as a test runs it: as a process of its own, or in this one."""

import asyncio
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from typer.testing import CliRunner

from cli.main import app

ROOT = Path(__file__).parents[2]
SECONDS = 60.0
_KEPT = ("PATH", "HOME", "LANG", "TMPDIR")


@dataclass(frozen=True, slots=True)
class Finished:
    """How a command ended."""

    code: int
    stdout: str
    stderr: str


def environment(**changes: str) -> dict[str, str]:
    """A process's environment without anything of this machine that the command would read."""
    kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": os.pathsep.join([str(ROOT), str(ROOT / "gen")]),
        "TZ": "Europe/Berlin",
        "PYTHONWARNINGS": "error",
        **changes,
    }


async def start_command(*arguments: str, env: Mapping[str, str] | None = None) -> asyncio.subprocess.Process:
    """The command as a process, under way."""
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "cli",
        *arguments,
        env=environment(**(env or {})),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )


async def end_of(process: asyncio.subprocess.Process, stdin: str = "") -> Finished:
    """What it printed and how it ended; killed where it does not end."""
    try:
        stdout, stderr = await asyncio.wait_for(process.communicate(stdin.encode()), SECONDS)
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    return Finished(process.returncode or 0, stdout.decode(), stderr.decode())


async def run_command(*arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Finished:
    """The command as a process of its own, to its end."""
    return await end_of(await start_command(*arguments, env=env), stdin)


async def invoke(*arguments: str, env: Mapping[str, str] | None = None, stdin: str = "") -> Finished:
    """The command in this process, in a thread with a loop of its own; quicker than a process."""
    cleared = {name: None for name in os.environ if name.startswith("AIARTIST_") or name.endswith("_API_KEY")}
    result = await asyncio.to_thread(
        CliRunner().invoke, app, list(arguments), env={**cleared, **(env or {})}, input=stdin
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return Finished(result.exit_code, result.stdout, result.stderr)
