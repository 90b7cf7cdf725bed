"""Worker processes: they do the work, and no failure of one outlives it."""

import asyncio
import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import psutil
import pytest

from services.release.errors import JobFailed, WorkerLost
from services.release.pool import WorkerPool
from tests.support import jobs


@pytest.fixture
async def pool() -> AsyncIterator[WorkerPool]:
    async with WorkerPool.open(1) as opened:
        yield opened


async def until_it_waits(pool: WorkerPool, mark: Path) -> asyncio.Task[None]:
    """A running job that never ends, and has begun."""
    begun = asyncio.Event()
    task = asyncio.create_task(pool.run(lambda *_: begun.set(), jobs.wait_for_ever, mark))
    await begun.wait()
    return task


async def test_a_job_s_value_and_steps_come_back(pool: WorkerPool) -> None:
    steps: list[tuple[str, int, int]] = []
    assert await pool.run(lambda *step: steps.append(step), jobs.add, 1, 2) == 3
    assert steps == [("first", 1, 2), ("second", 2, 2)]


async def test_one_worker_does_one_job_after_another(pool: WorkerPool) -> None:
    assert await pool.run(None, jobs.pid) == await pool.run(None, jobs.pid) != os.getpid()


async def test_what_a_library_prints_does_not_get_between(pool: WorkerPool) -> None:
    assert await pool.run(None, jobs.chatter) == "heard"


async def test_a_job_s_exception_carries_the_worker_s_traceback(pool: WorkerPool) -> None:
    before = await pool.run(None, jobs.pid)
    with pytest.raises(JobFailed, match="a secret of this worker"):
        await pool.run(None, jobs.fail)
    assert await pool.run(None, jobs.pid) == before


async def test_a_full_disk_comes_back_as_the_system_s_own_error(pool: WorkerPool, tmp_path: Path) -> None:
    with pytest.raises(OSError, match="No space left") as caught:
        await pool.run(None, jobs.fill_the_disk, tmp_path)
    assert caught.value.filename == str(tmp_path)


async def test_a_worker_that_dies_fails_its_job_and_is_replaced(pool: WorkerPool) -> None:
    before = await pool.run(None, jobs.pid)
    with pytest.raises(WorkerLost, match="signal 9"):
        await pool.run(None, jobs.die)
    assert await pool.run(None, jobs.pid) != before


async def test_a_worker_that_was_killed_while_idle_costs_no_job(pool: WorkerPool) -> None:
    before = await pool.run(None, jobs.pid)
    process = psutil.Process(before)
    os.kill(before, signal.SIGKILL)
    await asyncio.to_thread(process.wait, 10)
    while pool.pids():
        await asyncio.sleep(0)
    assert await pool.run(None, jobs.pid) != before


async def test_cancelling_ends_the_work_and_not_only_the_wait(pool: WorkerPool, tmp_path: Path) -> None:
    task = await until_it_waits(pool, tmp_path / "mark")
    worker = int((tmp_path / "mark").read_text())
    task.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await task
    assert not psutil.pid_exists(worker)
    assert await pool.run(None, jobs.add, 1, 2) == 3


async def test_as_many_jobs_run_at_once_as_there_may_be_workers(tmp_path: Path) -> None:
    async with WorkerPool.open(2) as pool:
        both = await asyncio.gather(*(pool.run(None, jobs.meet, tmp_path, 2) for _ in range(2)))
    assert len(set(both)) == 2


async def test_closing_ends_every_process_in_the_middle_of_its_job(tmp_path: Path) -> None:
    async with WorkerPool.open(1) as pool:
        task = await until_it_waits(pool, tmp_path / "mark")
        children = [psutil.Process(pid) for pid in pool.pids()]
    assert children
    assert not any(child.is_running() for child in children)
    with pytest.raises(WorkerLost):
        await task


async def test_opening_does_not_wait_for_the_warm_up() -> None:
    async with WorkerPool.open(1, jobs.warm_up_and_die) as pool:
        with pytest.raises(WorkerLost, match="exit status 7"):
            await pool.run(None, jobs.pid)


def test_workers_end_when_their_parent_is_killed(tmp_path: Path) -> None:
    script = (
        "import sys; sys.path[:] = sys.argv.pop(1).split('\\n')\n"
        "import asyncio\n"
        "from pathlib import Path\n"
        "from services.release.pool import WorkerPool\n"
        "from tests.support import jobs\n"
        "def begun(*_): print('begun', flush=True)\n"
        "async def main():\n"
        "    async with WorkerPool.open(1) as pool:\n"
        "        await pool.run(begun, jobs.wait_for_ever, Path(sys.argv[1]))\n"
        "asyncio.run(main())\n"
    )
    mark = tmp_path / "mark"
    command = [sys.executable, "-c", script, "\n".join(sys.path), str(mark)]
    with subprocess.Popen(command, stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        assert parent.stdout.readline() == b"begun\n"
        worker = psutil.Process(int(mark.read_text()))
        parent.kill()
    psutil.wait_procs([worker], timeout=20)
    assert not worker.is_running()
