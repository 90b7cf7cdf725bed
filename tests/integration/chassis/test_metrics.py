"""What every service tells of itself: its build, readiness, pool and loop, and what it samples."""

import asyncio
from pathlib import Path

import asyncpg
import pytest

from services.chassis import metrics_sampling
from services.chassis.database import Database
from services.chassis.errors import SetupError
from services.chassis.metrics_sampling import keep_sampled, rest_after
from services.chassis.migrations import migrate
from services.chassis.version import VERSION
from tests.support.captured_logs import captured_logs
from tests.support.echo_service import running_echo
from tests.support.metrics import metric, until

POOL = "aiartist_db_pool_connections"
FAILED = "aiartist_samples_failed_total"


@pytest.fixture
async def url(empty_database_url: str, tmp_path: Path) -> str:
    await migrate(empty_database_url, schema="echo", folder=tmp_path)
    return empty_database_url


async def test_a_service_tells_its_version_and_whether_it_is_ready() -> None:
    async with running_echo() as service:
        name = service.app.name
        assert metric("aiartist_build_info", service=name, version=VERSION) == 1
        await until(lambda: metric("aiartist_ready", service=name) == 1)
    assert metric("aiartist_ready", service=name) == 0


async def test_the_loop_of_a_running_service_is_measured() -> None:
    before = metric("aiartist_event_loop_lag_seconds_count") or 0.0
    async with running_echo():
        await until(lambda: (metric("aiartist_event_loop_lag_seconds_count") or 0.0) > before)


async def test_a_pool_shows_its_size_and_what_is_in_use(url: str) -> None:
    async with Database.open(url, schema="echo", pool_size=2) as database:
        assert metric("aiartist_db_pool_size", service="echo") == 2
        assert metric(POOL, service="echo", state="used") == 0
        assert metric(POOL, service="echo", state="idle") == 1
        async with database.acquire():
            assert metric(POOL, service="echo", state="used") == 1
            assert metric("aiartist_db_pools_exhausted", service="echo") == 0
            async with database.acquire():
                assert metric(POOL, service="echo", state="used") == 2
                assert metric("aiartist_db_pools_exhausted", service="echo") == 1


async def test_a_small_pool_is_exhausted_beside_a_large_one_that_is_not(url: str) -> None:
    async with (
        Database.open(url, schema="echo", pool_size=9),
        Database.open(url, schema="echo", pool_size=1) as small,
        small.acquire(),
    ):
        assert metric("aiartist_db_pool_size", service="echo") == 10
        assert metric("aiartist_db_pools_exhausted", service="echo") == 1


async def test_pools_that_were_closed_or_never_open_leave_nothing(empty_database_url: str, url: str) -> None:
    for _ in range(3):
        async with Database.open(url, schema="echo"):
            pass
    with pytest.raises(SetupError):
        async with Database.open(url, schema="missing"):
            pass
    for service in ("echo", "missing"):
        assert metric("aiartist_db_pool_size", service=service) is None
        assert metric(POOL, service=service, state="idle") is None


async def test_a_sample_is_taken_at_once_and_again_until_the_service_closes() -> None:
    closing, taken = asyncio.Event(), 0

    async def sample() -> None:
        nonlocal taken
        taken += 1
        if taken == 3:
            closing.set()

    await keep_sampled("echo", sample, closing, every_s=0)
    assert taken == 3


@pytest.mark.parametrize(
    ("error", "logged"),
    [
        (asyncpg.CannotConnectNowError("starting up"), "the database, asked for metrics, does not answer"),
        (ZeroDivisionError("a bug"), "metrics could not be sampled"),
    ],
    ids=["the database is away", "a bug"],
)
async def test_a_sample_that_fails_is_counted_and_told_and_the_next_one_is_taken(
    error: Exception, logged: str
) -> None:
    closing, tries = asyncio.Event(), 0
    before = metric(FAILED, service="echo") or 0.0

    async def sample() -> None:
        nonlocal tries
        tries += 1
        if tries == 1:
            raise error
        closing.set()

    with captured_logs() as captured:
        await keep_sampled("echo", sample, closing, every_s=0)
    assert tries == 2
    assert metric(FAILED, service="echo") == before + 1
    assert logged in captured.text


async def test_a_sample_that_hangs_is_given_up_and_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(metrics_sampling, "TIMEOUT_S", 0.01)
    closing = asyncio.Event()
    before = metric(FAILED, service="echo") or 0.0
    sampling = asyncio.create_task(keep_sampled("echo", asyncio.Event().wait, closing, every_s=0))
    await until(lambda: (metric(FAILED, service="echo") or 0.0) >= before + 2)
    closing.set()
    await sampling


def test_samples_that_take_long_are_taken_less_often() -> None:
    assert rest_after(0.02, every_s=15) == 15
    assert rest_after(3, every_s=15) == 60
