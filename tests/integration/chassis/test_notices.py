"""Notices are on their way to notifier: in order, each once, and in nobody's way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import grpc
import pytest

from aiartist.notifier.v1 import notifier_pb2
from services.chassis import notices
from services.chassis.errors import AppError, FieldViolation, InvalidInput, RequestIdReused
from services.chassis.notices import Notices
from tests.support.captured_logs import CapturedLogs, captured_logs
from tests.support.fake_notifier import FakeNotifier


@pytest.fixture(autouse=True)
def nobody_waits_long(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notices, "FIRST_BACKOFF_S", 0.001)
    monkeypatch.setattr(notices, "LONGEST_BACKOFF_S", 0.01)


@pytest.fixture
def captured() -> Iterator[CapturedLogs]:
    with captured_logs(level="info") as found:
        yield found


@pytest.fixture
async def notifier() -> AsyncIterator[FakeNotifier]:
    async with FakeNotifier.serving() as running:
        yield running


@asynccontextmanager
async def sending(notifier: FakeNotifier) -> AsyncIterator[Notices]:
    async with grpc.aio.insecure_channel(notifier.address) as channel:
        made = Notices(channel)
        task = asyncio.create_task(made.run())
        try:
            yield made
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)


def notice(number: int, **fields: str) -> notifier_pb2.NotifyRequest:
    return notifier_pb2.NotifyRequest(
        **{"request_id": f"n-{number}", "title": f"Notice {number}", **fields}  # type: ignore[arg-type]
    )


async def test_notices_come_in_order(notifier: FakeNotifier) -> None:
    async with sending(notifier) as made:
        for number in range(50):
            assert made.tell(notice(number))
        await notifier.until_told(50)
    assert notifier.titles == [f"Notice {number}" for number in range(50)]


async def test_what_notifier_could_not_take_comes_when_it_is_back_and_the_outage_is_told_once(
    notifier: FakeNotifier, captured: CapturedLogs
) -> None:
    notifier.failures = 20
    async with sending(notifier) as made:
        made.tell(notice(1))
        made.tell(notice(2))
        await notifier.until_told(2)
    assert notifier.titles == ["Notice 1", "Notice 2"]
    assert len(captured.of("notifier does not answer; trying again")) == 1


async def test_too_many_are_dropped_and_nobody_waits(notifier: FakeNotifier, captured: CapturedLogs) -> None:
    async with grpc.aio.insecure_channel(notifier.address) as channel:
        made = Notices(channel)
        taken = [made.tell(notice(number)) for number in range(notices.MOST_WAITING + 2)]
    assert taken == [True] * notices.MOST_WAITING + [False] * 2
    assert len(captured.of("a notice was dropped: too many wait for notifier")) == 2


@pytest.mark.parametrize(
    ("refusal", "is_logged"),
    [(InvalidInput([FieldViolation("title", "must be one line")]), True), (RequestIdReused("n-1"), False)],
)
async def test_a_refused_notice_does_not_keep_the_others_back(
    notifier: FakeNotifier,
    captured: CapturedLogs,
    monkeypatch: pytest.MonkeyPatch,
    refusal: AppError,
    is_logged: bool,
) -> None:
    takes = FakeNotifier.Notify

    async def refuse_the_first(self: FakeNotifier, request: notifier_pb2.NotifyRequest, context: object):
        if request.request_id == "n-1":
            raise refusal
        return await takes(self, request, context)

    monkeypatch.setattr(FakeNotifier, "Notify", refuse_the_first)
    async with FakeNotifier.serving() as picky, sending(picky) as made:
        made.tell(notice(1))
        made.tell(notice(2))
        await picky.until_told(1)
        assert picky.titles == ["Notice 2"]
    assert bool(captured.of("notifier refuses a notice")) is is_logged


async def test_a_notice_is_cut_and_cleaned_to_what_notifier_takes(notifier: FakeNotifier) -> None:
    async with sending(notifier) as made:
        made.tell(
            notice(1, title=" One\r\n\ttitle\x00 " + "t" * 300, body="a\nb\tc\x1b[31m\u2028" + "b" * 5_000)
        )
        made.tell(notice(2, title="\u2028\n"))
        await notifier.until_told(2)
    first, second = notifier.told.values()
    assert first.title.startswith("One title\ufffd ttt")
    assert len(first.title) == notices.MAX_TITLE
    assert first.body.startswith("a\nb\tc\ufffd[31m\ufffdbbb")
    assert len(first.body) == notices.MAX_BODY
    assert second.title == "(no title)"
