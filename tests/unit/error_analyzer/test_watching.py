"""What a watch of errors leaves out, and how it is woken."""

import asyncio
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1.error_analyzer_pb2 import WatchErrorsRequest
from services.chassis.errors import DependencyUnavailable, InvalidInput
from services.error_analyzer import watching
from services.error_analyzer.news import News
from services.error_analyzer.statuses import STATUSES
from services.error_analyzer.watching import Filter, Watching


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


A, B = "a" * 32, "b" * 32


class Slow:
    """In the place of artist_db: three reports of two groups, and `B` is read when `may_read` is set."""

    def __init__(self) -> None:
        self.reports = [
            db.ErrorReport(fingerprint=fingerprint, status=status, sequence=sequence)
            for sequence, (fingerprint, status) in enumerate(
                [(A, "new"), (A, "analyzed"), (B, "new"), (A, "ignored")], start=1
            )
        ]
        self.reads: list[str] = []
        self.away = False
        self.may_read = asyncio.Event()

    async def ListErrorReports(self, request: Any, timeout: float) -> db.ListErrorReportsResponse:
        if not request.HasField("after_sequence"):
            return db.ListErrorReportsResponse(reports=self.reports[-1:])
        left = [report for report in self.reports if report.sequence > request.after_sequence]
        return db.ListErrorReportsResponse(reports=left)

    async def GetErrorGroup(self, request: Any, timeout: float) -> db.GetErrorGroupResponse:
        self.reads.append(request.fingerprint)
        if request.fingerprint == B:
            await self.may_read.wait()
            if self.away:
                self.away = False
                raise DependencyUnavailable("artist_db")
        group = db.ErrorGroup(fingerprint=request.fingerprint, services=["release"], status="ignored")
        return db.GetErrorGroupResponse(group=group)


async def told_of(messages: Any, number: int) -> list[tuple[int, str, str]]:
    """The next messages: sequence, group, status; of a heartbeat the sequence alone."""
    told = []
    async with asyncio.timeout(10):
        for _ in range(number):
            message = await anext(messages)
            assert message.group.report.status == message.group.status
            told.append((message.sequence, message.group.fingerprint[:1], message.group.status))
    return told


async def test_a_change_is_told_before_the_next_one_is_read_and_a_group_is_read_once_a_page() -> None:
    slow: Any = Slow()
    messages = aiter(Watching(slow, News(), asyncio.Event()).watch(WatchErrorsRequest(after_sequence=0)))
    assert await told_of(messages, 3) == [(0, "", ""), (1, "a", "new"), (2, "a", "analyzed")]
    slow.may_read.set()
    assert await told_of(messages, 2) == [(3, "b", "new"), (4, "a", "ignored")]
    assert slow.reads == [A, B]


async def test_where_the_next_change_is_not_to_be_had_those_before_are_not_told_twice(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    slow: Any = Slow()
    slow.may_read.set()
    slow.away = True
    messages = aiter(Watching(slow, News(), asyncio.Event()).watch(WatchErrorsRequest(after_sequence=0)))
    assert [sequence for sequence, _, _ in await told_of(messages, 5)] == [0, 1, 2, 3, 4]
    assert slow.reads == [A, B, B]


async def test_heartbeats_go_on_while_a_page_of_what_nobody_wants_is_read(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(watching, "HEARTBEAT_S", 0.0)
    slow: Any = Slow()
    request = WatchErrorsRequest(after_sequence=0, service="scheduler")
    messages = aiter(Watching(slow, News(), asyncio.Event()).watch(request))
    assert await told_of(messages, 3) == [(0, "", ""), (1, "", ""), (2, "", "")]
