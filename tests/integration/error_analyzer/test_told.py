"""People are told of each new error group: once, never at the price of a batch, and not in floods."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent, IngestErrorsRequest, StackFrame
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from aiartist.notifier.v1 import notifier_pb2
from services.error_analyzer import teller
from services.error_analyzer.app import build
from services.error_analyzer.settings import Settings
from tests.support.error_store import MemoryErrorStore, error_store
from tests.support.fake_notifier import FakeNotifier
from tests.support.processes import free_port

Start = Callable[..., Any]


@pytest.fixture
async def notifier() -> AsyncIterator[FakeNotifier]:
    async with FakeNotifier.serving() as running:
        yield running


@pytest.fixture
async def start(notifier: FakeNotifier) -> AsyncIterator[Start]:
    """Starts analyzers over one store; each gives its client."""
    async with AsyncExitStack() as stack:
        _, address = await stack.enter_async_context(error_store())

        async def begin(notifier_addr: str = notifier.address) -> Any:
            settings = Settings(
                port=0, metrics_port=0, artist_db_addr=address, notifier_addr=notifier_addr, stop_grace_s=1
            )
            app = await stack.enter_async_context(await build(settings))
            channel = grpc.aio.insecure_channel(f"127.0.0.1:{app.port}")
            stack.push_async_callback(channel.close)
            return ErrorAnalyzerServiceStub(channel)

        yield begin


def event(kind: str = "ValueError", **fields: Any) -> ErrorEvent:
    values = {
        "service": "scheduler",
        "message": "stage failed",
        "exception_type": kind,
        "exception_message": "bad",
        "frames": [StackFrame(module="services.scheduler.worker", function="drive", line=12, in_app=True)],
    }
    return ErrorEvent(**{**values, **fields})


async def ingest(stub: Any, *events: ErrorEvent) -> list[str]:
    answer = await stub.IngestErrors(IngestErrorsRequest(events=events), timeout=10)
    return list(answer.fingerprints)


async def test_a_new_group_is_told_with_where_it_is_and_what_was_said(
    start: Start, notifier: FakeNotifier
) -> None:
    (fingerprint,) = await ingest(await start(), event())
    await notifier.until_told(1)
    (told,) = notifier.told.values()
    assert (told.topic, told.severity) == (notifier_pb2.TOPIC_ERROR, notifier_pb2.SEVERITY_ERROR)
    assert (told.title, told.error_fingerprint) == ("ValueError", fingerprint)
    assert told.body == "services.scheduler.worker.drive\nin scheduler: stage failed"


async def test_a_known_group_is_told_no_more(start: Start, notifier: FakeNotifier) -> None:
    stub = await start()
    for _ in range(3):
        await ingest(stub, event(), event())
    await ingest(stub, event("KeyError"))
    await notifier.until_told(2)
    assert notifier.titles == ["ValueError", "KeyError"]


async def test_two_analyzers_and_a_restart_say_it_once(
    start: Start, notifier: FakeNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def all_new(self: Any, request: Any, context: Any) -> Any:
        return artist_db_pb2.RecordErrorsResponse(
            new_fingerprints=[occurrences.fingerprint for occurrences in request.occurrences]
        )

    monkeypatch.setattr(MemoryErrorStore, "RecordErrors", all_new)
    for stub in (await start(), await start()):
        await ingest(stub, event(), event("KeyError"))
        await ingest(stub, event(f"Last{len(notifier.told)}Error"))
    await notifier.until_told(3)
    assert notifier.titles.count("ValueError") == notifier.titles.count("KeyError") == 1


async def test_no_secret_and_no_control_character_is_told(start: Start, notifier: FakeNotifier) -> None:
    secret = "sk-0123456789abcdef"
    await ingest(
        await start(), event("Bad\u2028Error\x9f", message=f"call with {secret}\x85\r" + "x" * 5_000)
    )
    await notifier.until_told(1)
    (told,) = notifier.told.values()
    assert told.title == "Bad Error\ufffd"
    assert secret not in told.body
    assert len(told.body) < 1_200
    assert not set(told.body) & set("\x85\r")


async def test_of_a_flood_the_first_are_told_and_then_how_many_more_there_are(
    start: Start, notifier: FakeNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "WINDOW_S", 0.5)
    await ingest(await start(), *[event(f"Kind{n}Error") for n in range(120)])
    await notifier.until_told(21)
    assert notifier.titles == [*[f"Kind{n}Error" for n in range(20)], "100 more new kinds of errors"]
    (rest,) = [told for told in notifier.told.values() if not told.error_fingerprint]
    assert rest.topic == notifier_pb2.TOPIC_ERROR


async def test_after_a_flood_groups_are_told_by_their_names_again(
    start: Start, notifier: FakeNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(teller, "WINDOW_S", 0.2)
    stub = await start()
    await ingest(stub, *[event(f"Kind{n}Error") for n in range(21)])
    await notifier.until_told(21)
    await ingest(stub, event("LaterError"))
    await notifier.until_told(22)
    assert notifier.titles[-2:] == ["1 more new kinds of errors", "LaterError"]


async def test_batches_are_taken_also_while_notifier_is_away_and_told_when_it_is_back(
    start: Start, notifier: FakeNotifier, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.chassis.notices.FIRST_BACKOFF_S", 0.001)
    notifier.failures = 12
    (fingerprint,) = await ingest(await start(), event())
    assert fingerprint
    await notifier.until_told(1)


async def test_batches_are_taken_where_there_is_no_notifier(start: Start) -> None:
    stub = await start(f"127.0.0.1:{free_port()}")
    async with asyncio.timeout(30):
        for batch in range(10):
            await ingest(stub, *[event(f"Kind{batch}x{n}Error") for n in range(50)])


async def test_errors_of_notifier_itself_make_no_loop(start: Start, notifier: FakeNotifier) -> None:
    stub = await start()
    broken = event("TelegramError", service="notifier", message="the channel refused a message")
    # Each notice fails in the channel, and each failure is an error that is ingested.
    for _ in range(5):
        await ingest(stub, broken)
        await notifier.until_told(1)
    await ingest(stub, event("KeyError"))
    await notifier.until_told(2)
    assert notifier.titles == ["TelegramError", "KeyError"]
