"""A scheduler in a process of its own, there to be killed."""

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.scheduler.domain import StageName
from tests.support.processes import REPO, clean_environment


@dataclass(frozen=True, slots=True)
class Doomed:
    """A replica in a process of its own, which never leaves one stage."""

    process: asyncio.subprocess.Process
    port: int

    async def line(self) -> str:
        assert self.process.stdout is not None
        return (await asyncio.wait_for(self.process.stdout.readline(), 60)).decode().strip()

    async def kill(self) -> None:
        self.process.kill()
        await self.process.wait()


@asynccontextmanager
async def replica_that_stays_in(
    stage: StageName, database_url: str, peers_address: str
) -> AsyncIterator[Doomed]:
    """Runs while the block does, unless it is killed before."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.scheduler_process", database_url, peers_address, stage,
        env=clean_environment(), cwd=REPO, stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    try:
        port = await Doomed(process, 0).line()
        yield Doomed(process, int(port))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
