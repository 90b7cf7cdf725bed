"""A tailer that is killed at random moments counts every error once."""

import asyncio
import random
import sys
from pathlib import Path

from services.error_analyzer.app import build
from services.error_analyzer.settings import Settings
from tests.support.error_store import MemoryErrorStore, error_store
from tests.support.log_writer import LogFile, json_error
from tests.support.metrics import until
from tests.support.processes import REPO, clean_environment

KILLS = 4
LINES = 40
"""Written between two kills."""


def counted(store: MemoryErrorStore) -> int:
    return sum(store.count(fingerprint) for fingerprint in store.groups)


async def tail(*arguments: object) -> asyncio.subprocess.Process:
    return await asyncio.create_subprocess_exec(
        sys.executable, "-m", "tests.support.tailing_process", *map(str, arguments),
        cwd=REPO, env=clean_environment(),
    )  # fmt: skip


async def test_a_sigkill_at_any_moment_neither_loses_nor_repeats_an_error(tmp_path: Path) -> None:
    chance = random.Random(7)
    log = LogFile(tmp_path / "app.log")
    async with error_store() as (store, address):
        settings = Settings(port=0, metrics_port=0, artist_db_addr=address, stop_grace_s=1)
        async with await build(settings) as app:
            written, process = 0, await tail(tmp_path / "data", f"127.0.0.1:{app.port}", log.path)
            try:
                for kill in range(KILLS):
                    before = len(store.requests)
                    for _ in range(LINES):
                        written += 1
                        log.write(json_error("failed", exception="KeyError: 'x'", run_id=f"run_{written}"))
                        await asyncio.sleep(chance.uniform(0, 0.004))
                    if kill == KILLS // 2:
                        log.rename("app.log.1")
                    # Dead while a request may be on its way, answered, or noted.
                    await until(lambda n=before: len(store.requests) > n)
                    await asyncio.sleep(chance.uniform(0, 0.01))
                    process.kill()
                    await process.wait()
                    process = await tail(tmp_path / "data", f"127.0.0.1:{app.port}", log.path)
                await until(lambda: counted(store) >= written)
                log.write(json_error("the last"))
                await until(lambda: counted(store) > written)
                assert counted(store) == written + 1
            finally:
                process.kill()
                await process.wait()
