"""ErrorAnalyzerService over a real server, with a store that speaks the real protocol."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import grpc
import pytest

from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent, IngestErrorsRequest, StackFrame
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from services.chassis.errors import DependencyUnavailable, remote_error
from services.error_analyzer.app import build
from services.error_analyzer.settings import Settings
from tests.support.error_store import MemoryErrorStore, error_store
from tests.support.metrics import metric


@dataclass
class RunningAnalyzer:
    stub: Any
    store: MemoryErrorStore


@pytest.fixture
async def analyzer() -> AsyncIterator[RunningAnalyzer]:
    async with error_store() as (store, address):
        settings = Settings(port=0, metrics_port=0, artist_db_addr=address, stop_grace_s=1)
        async with (
            await build(settings) as app,
            grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as wire,
        ):
            yield RunningAnalyzer(ErrorAnalyzerServiceStub(wire), store)


def event(kind: str = "ValueError", **fields: Any) -> ErrorEvent:
    made = ErrorEvent(
        service="scheduler",
        message="stage failed",
        exception_type=kind,
        exception_message="bad",
        frames=[StackFrame(module="services.scheduler.worker", function="drive", line=12, in_app=True)],
        context={"run_id": "run_1"},
        code_version="1.0",
        error_id="err_1",
    )
    made.time.FromSeconds(1_760_000_000)
    for name, value in fields.items():
        setattr(made, name, value)
    return made


def batch(*events: ErrorEvent, request_id: str = "ship-1", dropped: int = 0) -> IngestErrorsRequest:
    return IngestErrorsRequest(request_id=request_id, events=events, dropped=dropped)


async def refused(call: Any) -> grpc.aio.AioRpcError:
    with pytest.raises(grpc.aio.AioRpcError) as error:
        await call
    return error.value


async def test_the_fingerprints_come_back_in_the_order_of_the_events(analyzer: RunningAnalyzer):
    response = await analyzer.stub.IngestErrors(batch(event("A"), event("B"), event("A")))
    first, second, third = response.fingerprints
    assert first == third != second
    assert (analyzer.store.count(first), analyzer.store.count(second)) == (2, 1)


async def test_one_batch_is_one_call_with_one_entry_for_each_group(analyzer: RunningAnalyzer):
    await analyzer.stub.IngestErrors(batch(*[event("A"), event("B")] * 100))
    (request,) = analyzer.store.requests
    assert [(o.title, o.culprit, o.count) for o in request.occurrences] == [
        ("A", "services.scheduler.worker.drive", 100),
        ("B", "services.scheduler.worker.drive", 100),
    ]


async def test_a_stored_sample_says_what_the_event_said(analyzer: RunningAnalyzer):
    await analyzer.stub.IngestErrors(batch(event()))
    sample = analyzer.store.requests[0].occurrences[0].samples[0]
    assert sample.service == "scheduler"
    assert sample.text == "services.scheduler.worker.drive:12\nValueError: bad"
    assert dict(sample.context) == {"run_id": "run_1"}
    assert (sample.code_version, sample.error_id, sample.time.seconds) == ("1.0", "err_1", 1_760_000_000)


async def test_an_event_without_a_time_is_left_to_the_database_clock(analyzer: RunningAnalyzer):
    timeless = event()
    timeless.ClearField("time")
    await analyzer.stub.IngestErrors(batch(timeless))
    assert not analyzer.store.requests[0].occurrences[0].samples[0].HasField("time")


async def test_an_error_without_frames_of_ours_names_its_service_as_culprit(analyzer: RunningAnalyzer):
    plain = ErrorEvent(service="release", message="queue is 12 deep")
    await analyzer.stub.IngestErrors(batch(plain))
    (occurrences,) = analyzer.store.requests[0].occurrences
    assert (occurrences.title, occurrences.culprit) == ("queue is <number> deep", "release")


async def test_no_secret_reaches_the_store(analyzer: RunningAnalyzer):
    secret = "sk-0123456789abcdef"
    leaking = event(message=f"call with {secret}", exception_message=f"key {secret} refused")
    leaking.context["url"] = f"postgresql://u:{secret}@db/x"
    await analyzer.stub.IngestErrors(batch(leaking))
    assert secret.encode() not in analyzer.store.requests[0].SerializeToString()


async def test_the_same_batch_again_counts_once(analyzer: RunningAnalyzer):
    first = await analyzer.stub.IngestErrors(batch(event(), event()))
    again = await analyzer.stub.IngestErrors(batch(event(), event()))
    assert again == first
    assert analyzer.store.count(first.fingerprints[0]) == 2


async def test_a_request_id_with_another_batch_is_refused_by_its_own_name(analyzer: RunningAnalyzer):
    await analyzer.stub.IngestErrors(batch(event("A")))
    remote = remote_error(await refused(analyzer.stub.IngestErrors(batch(event("B")))))
    assert remote.remote_reason == "ERROR_REASON_REQUEST_ID_REUSED"
    assert remote.metadata == {"request_id": "ship-1"}


async def test_batches_without_a_request_id_all_count(analyzer: RunningAnalyzer):
    for _ in range(2):
        response = await analyzer.stub.IngestErrors(batch(event(), request_id=""))
    assert analyzer.store.count(response.fingerprints[0]) == 2


async def test_every_broken_event_is_named_and_nothing_is_stored(analyzer: RunningAnalyzer):
    timeless = event()
    timeless.time.seconds = 10**18
    broken = batch(event(), ErrorEvent(), event(message=" "), timeless, event(service="a b"))
    error = await refused(analyzer.stub.IngestErrors(broken))
    assert error.code() is grpc.StatusCode.INVALID_ARGUMENT
    assert [violation.field for violation in remote_error(error).violations] == [
        "events[1].service",
        "events[1].message",
        "events[2].message",
        "events[3].time",
        "events[4].service",
    ]
    assert not analyzer.store.requests


@pytest.mark.parametrize("count", [0, 501])
async def test_a_batch_has_1_to_500_events(analyzer: RunningAnalyzer, count: int):
    error = await refused(analyzer.stub.IngestErrors(batch(*[event()] * count)))
    assert [violation.field for violation in remote_error(error).violations] == ["events"]


async def test_a_batch_of_500_broken_events_names_only_the_first_fields(analyzer: RunningAnalyzer):
    error = await refused(analyzer.stub.IngestErrors(batch(*[ErrorEvent()] * 500)))
    assert len(remote_error(error).violations) == 20


async def test_where_artist_db_is_in_trouble_the_sender_hears_its_reason(analyzer: RunningAnalyzer):
    analyzer.store.failing = DependencyUnavailable("database")
    error = await refused(analyzer.stub.IngestErrors(batch(event())))
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert remote_error(error).metadata == {"dependency": "database"}


async def test_where_artist_db_is_gone_the_sender_may_try_again():
    async with error_store() as (_, address):
        pass
    settings = Settings(port=0, metrics_port=0, artist_db_addr=address, stop_grace_s=1)
    async with (
        await build(settings) as app,
        grpc.aio.insecure_channel(f"127.0.0.1:{app.port}") as wire,
    ):
        error = await refused(ErrorAnalyzerServiceStub(wire).IngestErrors(batch(event())))
    remote = remote_error(error)
    assert error.code() is grpc.StatusCode.UNAVAILABLE
    assert remote.metadata == {"dependency": "artist_db"}


def test_the_analyzer_never_ships_its_errors_to_itself(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("AIARTIST_SHIP_ERRORS", "true")
    assert Settings.load().ship_errors is False


async def test_errors_are_counted_by_service_and_strangers_names_make_no_series(analyzer: RunningAnalyzer):
    def taken(service: str) -> float | None:
        return metric("aiartist_error_analyzer_events_total", service=service)

    ours, others = taken("release") or 0.0, taken("other") or 0.0
    sent = [event(service="release"), event(service="release"), event(service="a-client-s-idea")]
    await analyzer.stub.IngestErrors(batch(*sent, request_id="ship-metrics"))
    assert (taken("release"), taken("other")) == (ours + 2, others + 1)
    assert taken("a-client-s-idea") is None
