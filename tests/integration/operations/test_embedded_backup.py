"""A label of a laptop, whose PostgreSQL came with the platform, by the commands of the page."""

import asyncio
import sys
from pathlib import Path

from tests.support.command import environment
from tests.support.processes import REPO

SECONDS = 60.0


async def embedded(data: Path, *command: str | Path) -> tuple[int, str]:
    """`embedded.py COMMAND`: status and all that was told."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", REPO / "deploy" / "backup" / "embedded.py", *command,
        env=environment(AIARTIST_DATA_DIR=str(data), AIARTIST_BACKUP_RESERVE_BYTES="1048576"), cwd=REPO,
        stdin=asyncio.subprocess.DEVNULL, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    try:
        async with asyncio.timeout(SECONDS):
            told, _ = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    assert process.returncode is not None
    return process.returncode, told.decode()


async def test_a_laptops_label_is_backed_up_and_restored(tmp_path: Path) -> None:
    data, to = tmp_path / "data", tmp_path / "backups"
    scripts = REPO / "deploy" / "backup"
    status, told = await embedded(data, sys.executable, "-W", "ignore", "-m", "cli", "migrate")
    assert status == 0, told
    status, told = await embedded(data, scripts / "backup.sh", "--to", to)
    assert status == 0, told
    backup = Path(told.splitlines()[-1].partition(":")[0])

    status, told = await embedded(data, scripts / "restore.sh", backup)
    assert status == 1
    assert "is not empty" in told
    status, told = await embedded(data, scripts / "restore.sh", "--replace", backup)
    assert status == 0, told


async def test_without_a_command_it_says_how_it_is_called(tmp_path: Path) -> None:
    status, told = await embedded(tmp_path / "data")
    assert status == 2
    assert "which command?" in told
    assert not (tmp_path / "data").exists()
