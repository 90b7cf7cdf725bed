"""Watching errors: every change once, in order, also while artist_db is away, and until the service stops."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from services.chassis.errors import DependencyUnavailable, remote_error
from services.error_analyzer import watching
from services.error_analyzer.news import News
from services.error_analyzer.watching import Watching
from tests.support.error_desk import CALL_S, ErrorDesk, error_desk
from tests.support.error_store import real_error_store

WATCH_S = 60.0


@pytest.fixture
async def desk(database_url: str) -> AsyncIterator[ErrorDesk]:
    async with real_error_store(database_url) as (address, _), error_desk(address) as serving:
        yield serving


class Watch:
    """One watch that has begun, and what it told."""

    def __init__(self, desk: ErrorDesk, **fields: Any) -> None:
        self.call = desk.stub.WatchErrors(pb.WatchErrorsRequest(**fields), timeout=WATCH_S)
        self.messages = self.call.__aiter__()

    async def next(self) -> pb.WatchErrorsResponse:
        message: pb.WatchErrorsResponse = await asyncio.wait_for(anext(self.messages), CALL_S)
        return message

    async def change(self) -> tuple[str, str]:
        """The next change, heartbeats left out: which group, and its status."""
        while not (message := await self.next()).HasField("group"):
            continue
        return message.group.fingerprint, message.group.status


async def test_new_errors_and_each_change_of_a_status_are_told_in_order(desk: ErrorDesk) -> None:
    before = await desk.group("analyzed")
    watch = Watch(desk)
    begun = await watch.next()
    assert begun.sequence > 0
    assert not begun.HasField("group")
    error = await desk.group()
    await desk.report(error, "analyzed", cause="because", severity="high")
    ignore = pb.IgnoreErrorRequest(request_id="press-1", fingerprint=before, reason="harmless")
    await desk.stub.IgnoreError(ignore, timeout=CALL_S)
    assert [await watch.change() for _ in range(3)] == [
        (error, "new"),
        (error, "analyzed"),
        (before, "ignored"),
    ]


async def test_a_change_is_told_with_the_report_that_made_it(desk: ErrorDesk) -> None:
    error = await desk.group("analyzed", cause="the first")
    await desk.report(error, "fix_failed", cause="the second", reason="no use")
    watch = Watch(desk, after_sequence=0, statuses=["analyzed"])
    await watch.next()
    message = await watch.next()
    assert (message.group.status, message.group.report.cause) == ("analyzed", "the first")
    assert message.sequence == message.group.report.sequence
    assert not [*message.group.samples, *message.group.history]


async def test_a_watch_goes_on_after_the_last_change_that_was_told(desk: ErrorDesk) -> None:
    first = Watch(desk)
    await first.next()
    one = await desk.group()
    told = await first.next()
    first.call.cancel()
    two = await desk.group("analyzed")
    assert told.group.fingerprint == one
    second = Watch(desk, after_sequence=told.sequence)
    assert [await second.change() for _ in range(2)] == [(two, "new"), (two, "analyzed")]


async def test_a_filter_leaves_out_other_services_and_statuses(desk: ErrorDesk) -> None:
    watch = Watch(desk, service="scheduler", statuses=["analyzed"])
    await watch.next()
    await desk.group("analyzed", service="release")
    wanted = await desk.group("analyzed", service="scheduler")
    assert await watch.change() == (wanted, "analyzed")


async def test_a_sequence_from_elsewhere_is_refused(desk: ErrorDesk) -> None:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await Watch(desk, after_sequence=10**9).next()
    assert [violation.field for violation in remote_error(error.value).violations] == ["after_sequence"]


async def test_a_watch_ends_in_order_when_the_service_stops(desk: ErrorDesk) -> None:
    watch = Watch(desk)
    await watch.next()
    desk.closing.set()
    with pytest.raises(StopAsyncIteration):
        await watch.next()
    assert await watch.call.code() is grpc.StatusCode.OK


class Flaky:
    """artist_db that can be away, between a watch and the real one."""

    def __init__(self, desk: ErrorDesk) -> None:
        self._desk = desk
        self.away = False
        self.refused = asyncio.Event()

    async def ListErrorReports(self, request: Any, timeout: float) -> db.ListErrorReportsResponse:
        if self.away:
            self.refused.set()
            raise DependencyUnavailable("artist_db")
        answer: db.ListErrorReportsResponse = await self._desk.artist_db.ListErrorReports(
            request, timeout=timeout
        )
        return answer

    async def GetErrorGroup(self, request: Any, timeout: float) -> db.GetErrorGroupResponse:
        answer: db.GetErrorGroupResponse = await self._desk.artist_db.GetErrorGroup(request, timeout=timeout)
        return answer


async def test_while_artist_db_is_away_heartbeats_go_on_and_nothing_is_lost(
    desk: ErrorDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    monkeypatch.setattr(watching, "HEARTBEAT_S", 0.05)
    artist_db: Any = Flaky(desk)
    told = aiter(Watching(artist_db, News(), asyncio.Event()).watch(pb.WatchErrorsRequest()))
    begun = await anext(told)
    artist_db.away = True
    error = await desk.group()
    async with asyncio.timeout(CALL_S):
        await asyncio.gather(artist_db.refused.wait(), heartbeat := asyncio.ensure_future(anext(told)))
    assert (heartbeat.result().sequence, heartbeat.result().HasField("group")) == (begun.sequence, False)
    artist_db.away = False
    async with asyncio.timeout(CALL_S):
        while not (message := await anext(told)).HasField("group"):
            continue
    assert message.group.fingerprint == error


async def test_a_watch_ends_where_artist_db_stays_away(
    desk: ErrorDesk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watching, "POLL_S", 0.01)
    monkeypatch.setattr(watching, "PATIENCE_S", 0.05)
    artist_db: Any = Flaky(desk)
    told = aiter(Watching(artist_db, News(), asyncio.Event()).watch(pb.WatchErrorsRequest()))
    await anext(told)
    artist_db.away = True
    with pytest.raises(DependencyUnavailable):
        await asyncio.wait_for(anext(told), CALL_S)
