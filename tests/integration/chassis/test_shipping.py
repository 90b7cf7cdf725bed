"""Errors go to error_analyzer: in batches, bounded, once, and never in anybody's way."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest

from aiartist.error_analyzer.v1 import error_analyzer_pb2, error_analyzer_pb2_grpc
from services.chassis import logs, shipping
from services.chassis.clients import open_channel
from services.chassis.lifecycle import shipping as error_shipping
from services.chassis.metrics import SHIPPED
from services.chassis.settings import ChassisSettings
from services.chassis.shipping import BATCH, BUFFER, ErrorShipper
from tests.support.captured_logs import CapturedLogs
from tests.support.processes import free_port

log = logs.get_logger("test")


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch, captured: CapturedLogs) -> Iterator[None]:
    monkeypatch.setattr(shipping, "INTERVAL_S", 0.01)
    yield
    logs.set_error_sink(None)


class Analyzer(error_analyzer_pb2_grpc.ErrorAnalyzerServiceServicer):
    """Takes each batch once, as the real one does; fails as often as it is told to."""

    def __init__(self) -> None:
        self.requests: list[error_analyzer_pb2.IngestErrorsRequest] = []
        """Every call, batches that came again included."""
        self.arrived = asyncio.Event()
        self.failures: list[grpc.StatusCode] = []
        self.poison = ""
        self.accepted: list[str] = []

    async def IngestErrors(self, request: Any, context: Any) -> error_analyzer_pb2.IngestErrorsResponse:
        self.requests.append(request)
        if self.failures:
            await context.abort(self.failures.pop(), "not now")
        if self.poison in (event.message for event in request.events):
            await context.abort(grpc.StatusCode.INVALID_ARGUMENT, "poison")
        self.accepted += [event.message for event in request.events]
        self.arrived.set()
        return error_analyzer_pb2.IngestErrorsResponse()

    @property
    def batches(self) -> list[error_analyzer_pb2.IngestErrorsRequest]:
        """Each batch once; one id always comes with one batch."""
        found: dict[str, error_analyzer_pb2.IngestErrorsRequest] = {}
        for request in self.requests:
            assert found.setdefault(request.request_id, request) == request
        return list(found.values())

    @property
    def messages(self) -> list[str]:
        return [event.message for batch in self.batches for event in batch.events]


@asynccontextmanager
async def analyzer(port: int = 0, *, most: int = -1) -> AsyncIterator[tuple[Analyzer, str]]:
    """`most`: bytes of a message that it takes."""
    servicer = Analyzer()
    limit = ("grpc.max_receive_message_length", most)
    server = grpc.aio.server(options=[("grpc.so_reuseport", 0), limit])
    error_analyzer_pb2_grpc.add_ErrorAnalyzerServiceServicer_to_server(servicer, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield servicer, f"127.0.0.1:{bound}"
    finally:
        await server.stop(None)


def settings(address: str) -> ChassisSettings:
    return ChassisSettings(error_analyzer_addr=address)


async def test_what_is_logged_as_an_error_arrives() -> None:
    async with analyzer() as (taken, address), error_shipping(settings(address), default_service="echo"):
        with logs.bind_context(service="scheduler", run_id="run_1"):
            log.error("stage failed", attempt=2)
        log.warning("not this one")
        await asyncio.wait_for(taken.arrived.wait(), 30)
    (batch,) = taken.batches
    (event,) = batch.events
    assert (event.service, event.message) == ("scheduler", "stage failed")
    assert dict(event.context) == {"run_id": "run_1", "attempt": "2", "component": "test"}
    assert batch.request_id
    assert batch.dropped == 0


async def test_an_error_outside_of_any_call_is_of_the_process_own_service() -> None:
    async with analyzer() as (taken, address), error_shipping(settings(address), default_service="echo"):
        log.error("e")
        await asyncio.wait_for(taken.arrived.wait(), 30)
    assert taken.requests[0].events[0].service == "echo"


async def test_what_was_not_sent_yet_is_sent_at_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "INTERVAL_S", 3_600)
    async with analyzer() as (taken, address):
        async with error_shipping(settings(address), default_service="echo"):
            log.error("the last words")
        assert taken.messages == ["the last words"]


async def test_errors_go_in_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "INTERVAL_S", 3_600)
    async with analyzer() as (taken, address):
        async with error_shipping(settings(address), default_service="echo"):
            for number in range(2 * BATCH + 1):
                log.error(f"e{number}")
        assert [len(batch.events) for batch in taken.batches] == [BATCH, BATCH, 1]
        assert taken.messages == [f"e{number}" for number in range(2 * BATCH + 1)]


async def test_error_analyzer_does_not_ship_to_itself() -> None:
    async with analyzer() as (taken, address):
        async with error_shipping(settings(address), default_service="error_analyzer"):
            log.error("its own")
            with logs.bind_context(service="error_analyzer"):
                log.error("its own too")
            with logs.bind_context(service="scheduler"):
                log.error("another's")
        assert taken.messages == ["another's"]


async def test_nothing_is_shipped_where_it_is_switched_off(captured: CapturedLogs) -> None:
    async with analyzer() as (taken, address):
        switched_off = ChassisSettings(error_analyzer_addr=address, ship_errors=False)
        async with error_shipping(switched_off, default_service="echo"):
            log.error("stays here")
        assert taken.requests == []
    assert captured.of("stays here")


def dropped() -> float:
    return SHIPPED.labels("dropped")._value.get()


async def test_while_error_analyzer_is_away_errors_wait_and_too_many_are_dropped_and_counted() -> None:
    port = free_port()
    before = dropped()
    async with error_shipping(settings(f"127.0.0.1:{port}"), default_service="echo"):
        for number in range(BUFFER + 7):
            log.error(f"e{number}")
        assert dropped() == before + 7
        async with analyzer(port) as (taken, _):
            async with asyncio.timeout(30):
                while len(taken.messages) < BUFFER:
                    await asyncio.sleep(0.01)
    assert taken.messages == [f"e{number}" for number in range(BUFFER)]
    assert sum(batch.dropped for batch in taken.batches) == 7


async def test_a_service_stops_though_error_analyzer_is_away() -> None:
    async with (
        asyncio.timeout(30),
        error_shipping(settings(f"127.0.0.1:{free_port()}"), default_service="echo"),
    ):
        log.error("nobody hears it")


async def test_a_batch_whose_answer_was_lost_is_sent_again_under_the_same_id() -> None:
    async with analyzer() as (taken, address), error_shipping(settings(address), default_service="echo"):
        taken.failures = [grpc.StatusCode.INTERNAL] * 2
        log.error("first")
        async with asyncio.timeout(30):
            while not taken.requests:
                await asyncio.sleep(0)
            log.error("second")
            while "second" not in taken.messages:
                await asyncio.sleep(0)
    assert [[event.message for event in batch.events] for batch in taken.batches] == [["first"], ["second"]]
    assert len([request for request in taken.requests if request == taken.batches[0]]) >= 3


async def test_a_batch_that_is_refused_for_good_is_dropped_and_the_next_one_goes_on() -> None:
    before = dropped()
    async with analyzer() as (taken, address), error_shipping(settings(address), default_service="echo"):
        taken.failures = [grpc.StatusCode.INVALID_ARGUMENT]
        log.error("poison")
        async with asyncio.timeout(30):
            while not taken.requests:
                await asyncio.sleep(0)
            log.error("fine")
            await taken.arrived.wait()
    assert taken.messages == ["poison", "fine"]
    assert [batch.dropped for batch in taken.batches] == [0, 1]
    assert dropped() == before + 1


async def test_a_batch_is_closed_at_four_mebibytes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "INTERVAL_S", 3_600)
    large = {f"field_{n}": "\N{SNOWMAN}" * 500 for n in range(100)}
    async with analyzer() as (taken, address):
        async with error_shipping(settings(address), default_service="echo"):
            for number in range(BATCH):
                log.error(f"e{number}", **large)
        assert taken.messages == [f"e{number}" for number in range(BATCH)]
    assert len(taken.batches) > 1
    assert all(batch.ByteSize() < shipping.BATCH_BYTES + 1_000 for batch in taken.batches)


async def test_a_batch_that_is_too_large_is_halved_and_what_is_too_large_by_itself_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shipping, "INTERVAL_S", 3_600)
    before = dropped()
    async with analyzer(most=4_000) as (taken, address):
        async with asyncio.timeout(30), error_shipping(settings(address), default_service="echo"):
            for number in range(40):
                extra = {f"f{n}": "x" * 500 for n in range(10)} if number == 7 else {}
                log.error(f"e{number}", **extra)
        assert taken.messages == [f"e{number}" for number in range(40) if number != 7]
    assert dropped() == before + 1


async def test_a_batch_whose_sending_itself_is_refused_for_its_size_does_not_stop_the_others(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(shipping, "INTERVAL_S", 3_600)
    async with analyzer() as (taken, address):
        options = [("grpc.max_send_message_length", 300)]
        async with asyncio.timeout(30), grpc.aio.insecure_channel(address, options=options) as channel:
            shipper = ErrorShipper(channel, default_service="echo")
            for number in range(20):
                shipper.take({"event": f"e{number}", "level": "error"})
            await shipper.flush()
    assert taken.messages == [f"e{number}" for number in range(20)]


async def test_while_error_analyzer_has_too_much_to_do_a_batch_is_sent_again_as_it_is() -> None:
    before = dropped()
    async with analyzer() as (taken, address), error_shipping(settings(address), default_service="echo"):
        taken.failures = [grpc.StatusCode.RESOURCE_EXHAUSTED] * 2
        log.error("first")
        await asyncio.wait_for(taken.arrived.wait(), 30)
    assert taken.messages == ["first"]
    assert len(taken.requests) >= 3
    assert dropped() == before


async def test_one_error_that_is_refused_takes_no_other_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shipping, "INTERVAL_S", 3_600)
    async with analyzer() as (taken, address):
        taken.poison = "e3"
        async with error_shipping(settings(address), default_service="echo"):
            for number in range(8):
                log.error(f"e{number}")
    assert taken.accepted == [f"e{number}" for number in range(8) if number != 3]


class Unprintable:
    def __str__(self) -> str:
        raise RuntimeError("no text for you")


async def test_taking_an_error_never_raises_and_never_waits() -> None:
    before = dropped()
    async with open_channel(f"127.0.0.1:{free_port()}", ChassisSettings()) as channel:
        shipper = ErrorShipper(channel, default_service="echo")
        shipper.take({"event": "odd", "detail": Unprintable()})
        shipper.take({"event": "odd", "service": Unprintable()})
        shipper.take({})
        await asyncio.gather(*(asyncio.to_thread(shipper.take, {"event": f"e{n}"}) for n in range(50)))
        assert len(shipper._buffer) == 51
    assert dropped() == before + 2
