"""What a watch of errors leaves out, and how it is woken."""

import asyncio

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1.error_analyzer_pb2 import WatchErrorsRequest
from services.chassis.errors import InvalidInput
from services.error_analyzer.news import News
from services.error_analyzer.statuses import STATUSES
from services.error_analyzer.watching import Filter


def test_without_a_filter_everything_is_wanted() -> None:
    wanted = Filter.of(WatchErrorsRequest())
    assert all(wanted.status(db.ErrorReport(status=status)) for status in STATUSES)
    assert wanted.group(db.ErrorGroup(services=["release"]))


def test_a_filter_keeps_its_statuses_and_its_service() -> None:
    wanted = Filter.of(WatchErrorsRequest(service="release", statuses=["new", "reverted"]))
    assert [status for status in STATUSES if wanted.status(db.ErrorReport(status=status))] == [
        "new",
        "reverted",
    ]
    assert wanted.group(db.ErrorGroup(services=["scheduler", "release"]))
    assert not wanted.group(db.ErrorGroup(services=["released"]))


def test_a_status_that_there_is_not_and_a_service_too_long_are_both_named() -> None:
    with pytest.raises(InvalidInput) as refused:
        Filter.of(WatchErrorsRequest(service="x" * 61, statuses=["new", "done"]))
    assert [violation.field for violation in refused.value.violations] == ["statuses[1]", "service"]


async def test_news_wake_everybody_who_waits_and_nobody_who_comes_later() -> None:
    news, closing = News(), asyncio.Event()
    waiting = [asyncio.create_task(news.wait(closing, most_s=30)) for _ in range(3)]
    await asyncio.sleep(0)
    news.announce()
    async with asyncio.timeout(10):
        await asyncio.gather(*waiting)
    later = asyncio.create_task(news.wait(closing, most_s=30))
    _, pending = await asyncio.wait([later], timeout=0.05)
    assert pending == {later}
    closing.set()
    async with asyncio.timeout(10):
        await later
