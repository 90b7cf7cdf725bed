"""What release counts: reviews, workers and their jobs."""

import asyncio
import re
from pathlib import Path

import pytest

from aiartist.common.v1 import audio_pb2
from services.release import metrics
from services.release.errors import WorkerLost
from services.release.pool import WorkerPool
from tests.support import jobs
from tests.support.metrics import metric, until

RELEASE = Path(metrics.__file__).parent
PASS, WARN, FAIL = (
    audio_pb2.ReviewCheck.OUTCOME_PASS,
    audio_pb2.ReviewCheck.OUTCOME_WARN,
    audio_pb2.ReviewCheck.OUTCOME_FAIL,
)


def review(passed: bool, **checks: audio_pb2.ReviewCheck.Outcome.ValueType) -> audio_pb2.Review:
    return audio_pb2.Review(
        passed=passed,
        checks=[audio_pb2.ReviewCheck(name=name, outcome=outcome) for name, outcome in checks.items()],
    )


def counted(check: str, outcome: str) -> float:
    return metric("aiartist_release_review_checks_total", check=check, outcome=outcome) or 0.0


def workers() -> tuple[float | None, float | None]:
    """Busy and idle."""
    gauge = "aiartist_release_workers"
    return metric(gauge, state="busy"), metric(gauge, state="idle")


def waiting() -> float | None:
    return metric("aiartist_release_jobs_waiting")


def done(job: str) -> float:
    return metric("aiartist_release_job_seconds_count", kind=job) or 0.0


def test_a_review_is_counted_with_the_checks_that_did_not_pass() -> None:
    failed = metric("aiartist_release_reviews_total", outcome="failed") or 0.0
    clipped, silent = counted("clipped_samples", "fail"), counted("longest_silence_s", "warn")
    fine = counted("dropouts", "warn") + counted("dropouts", "fail")
    metrics.count_review(review(False, clipped_samples=FAIL, longest_silence_s=WARN, dropouts=PASS))
    assert metric("aiartist_release_reviews_total", outcome="failed") == failed + 1
    assert counted("clipped_samples", "fail") == clipped + 1
    assert counted("longest_silence_s", "warn") == silent + 1
    assert counted("dropouts", "warn") + counted("dropouts", "fail") == fine


def test_a_check_that_nobody_knows_makes_no_series_of_its_own() -> None:
    before = counted("other", "fail")
    metrics.count_review(review(False, invented=FAIL))
    assert counted("other", "fail") == before + 1
    assert metric("aiartist_release_review_checks_total", check="invented", outcome="fail") is None


def test_every_check_of_a_review_has_its_series_from_the_start() -> None:
    named = set()
    for module in ("review/reviewer.py", "catalogue.py"):
        source = (RELEASE / module).read_text()
        named |= set(re.findall(r"bounded\(\s*\"(\w+)\"", source))
        named |= set(re.findall(r"\bname ?= ?\"(\w+)\"", source)) - {"release.catalogue"}
    assert named == set(metrics.CHECKS)


def test_every_job_has_its_series_from_the_start() -> None:
    given = set()
    for path in RELEASE.rglob("*.py"):
        given |= set(re.findall(r"_pool\.run\(\s*\w+,\s*(?:jobs\.)?(\w+)", path.read_text()))
    assert given == set(metrics.JOBS)


async def test_workers_are_busy_or_idle_and_who_finds_none_waits(tmp_path: Path) -> None:
    async with WorkerPool.open(1) as pool:
        assert workers() == (0, 1)
        begun = asyncio.Event()
        first = asyncio.create_task(pool.run(lambda *_: begun.set(), jobs.wait_for_ever, tmp_path / "first"))
        await begun.wait()
        second = asyncio.create_task(pool.run(None, jobs.pid))
        await until(lambda: waiting() == 1)
        assert workers() == (1, 0)
        first.cancel()
        await second
        assert waiting() == 0
        await until(lambda: workers() == (0, 1))
    assert workers() == (0, 0)


async def test_who_gives_up_waiting_is_not_counted_any_more(tmp_path: Path) -> None:
    async with WorkerPool.open(1) as pool:
        begun = asyncio.Event()
        first = asyncio.create_task(pool.run(lambda *_: begun.set(), jobs.wait_for_ever, tmp_path / "first"))
        await begun.wait()
        second = asyncio.create_task(pool.run(None, jobs.pid))
        await until(lambda: waiting() == 1)
        second.cancel()
        await asyncio.wait([second])
        assert waiting() == 0
        first.cancel()
        await asyncio.wait([first])


async def test_a_job_s_time_is_measured_also_where_its_worker_dies() -> None:
    good, lost = done("pid"), done("die")
    async with WorkerPool.open(1) as pool:
        await pool.run(None, jobs.pid)
        with pytest.raises(WorkerLost):
            await pool.run(None, jobs.die)
    assert done("pid") == good + 1
    assert done("die") == lost + 1
