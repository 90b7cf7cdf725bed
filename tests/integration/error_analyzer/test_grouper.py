"""Batches are grouped with what all processes know, and count once, however often they come again."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1.error_analyzer_pb2 import ErrorEvent, IngestErrorsRequest
from services.chassis.errors import DependencyUnavailable, RemoteError, RequestIdReused
from services.error_analyzer.grouping import Batch, Grouper, group_events, grouper
from services.error_analyzer.grouping.digest import line_fingerprint
from tests.support.error_store import MemoryErrorStore, error_store, real_error_store

NAMES = [
    f"{first}{last}" for first in ("ba", "de", "ki", "lo", "mu") for last in ("na", "pe", "ri", "so", "tu")
]
FAMILY = line_fingerprint("login of <*> failed")


@pytest.fixture
async def stub(database_url: str) -> AsyncIterator[ArtistDbServiceStub]:
    async with real_error_store(database_url) as (_, client):
        yield client


@pytest.fixture
async def memory() -> AsyncIterator[tuple[MemoryErrorStore, ArtistDbServiceStub]]:
    async with error_store() as (store, address), grpc.aio.insecure_channel(address) as channel:
        yield store, ArtistDbServiceStub(channel)


def logins(names: Sequence[str], request_id: str) -> IngestErrorsRequest:
    events = [ErrorEvent(service="cli", message=f"login of {name} failed") for name in names]
    return IngestErrorsRequest(request_id=request_id, events=events)


async def groups(stub: ArtistDbServiceStub) -> dict[str, int]:
    listed = await stub.ListErrorGroups(db.ListErrorGroupsRequest(page_size=100))
    return {group.title: group.count for group in listed.groups}


async def test_a_family_that_is_found_after_a_restart_takes_in_the_groups_of_before(
    stub: ArtistDbServiceStub,
):
    before = await Grouper(stub).record(logins(NAMES[:19], "first"))
    assert len(await groups(stub)) == len(before.new) == 19
    after = await Grouper(stub).record(logins(NAMES[19:], "second"))
    assert set(after.batch.fingerprints) == {FAMILY}
    assert await groups(stub) == {"login of <*> failed": len(NAMES)}
    found = await stub.GetErrorGroup(db.GetErrorGroupRequest(fingerprint=before.batch.fingerprints[0]))
    assert found.group.fingerprint == FAMILY
    assert list(after.new) == []


async def test_a_batch_that_looks_different_by_now_still_counts_once(stub: ArtistDbServiceStub):
    first = logins(NAMES[:10], "first")
    knowing_little = Grouper(stub)
    await knowing_little.record(first)
    await knowing_little.record(logins(NAMES, "second"))
    for again in (knowing_little, Grouper(stub)):
        recorded = await again.record(first)
        assert set(recorded.batch.fingerprints) == {FAMILY}
        assert list(recorded.new) == []
    assert await groups(stub) == {"login of <*> failed": 10 + len(NAMES)}


async def test_what_another_process_found_is_known_after_a_while(stub: ArtistDbServiceStub):
    now = 0.0
    one, other = Grouper(stub, clock=lambda: now), Grouper(stub, clock=lambda: now)
    await one.record(logins(["ana"], ""))
    await other.record(logins(NAMES, ""))
    assert (await one.record(logins(["eve"], ""))).batch.fingerprints != [FAMILY]
    now += grouper.LEARN_EVERY_S
    assert (await one.record(logins(["eve"], ""))).batch.fingerprints == [FAMILY]
    assert await groups(stub) == {"login of <*> failed": len(NAMES) + 3}


async def test_another_batch_under_the_same_id_is_refused(stub: ArtistDbServiceStub):
    one = Grouper(stub)
    await one.record(logins(["ana"], "first"))
    with pytest.raises(RequestIdReused):
        await one.record(logins(["eve"], "first"))
    assert await groups(stub) == {"login of ana failed": 1}


async def test_what_a_family_absorbs_is_said_again_until_it_is_stored(
    memory: tuple[MemoryErrorStore, ArtistDbServiceStub],
):
    store, stub = memory
    one = Grouper(stub)
    await one.record(logins(NAMES[:19], ""))
    store.failing = DependencyUnavailable("database")
    with pytest.raises(RemoteError):
        await one.record(logins(NAMES[19:20], "lost"))
    store.failing = None
    for name in NAMES[20:22]:
        await one.record(logins([name], ""))
    absorbed = [list(request.occurrences[0].absorbs) for request in store.requests[1:]]
    assert set(absorbed[0]) >= {line_fingerprint(f"login of {name} failed") for name in NAMES[:19]}
    assert absorbed[1] == []


@pytest.mark.parametrize("kept_bytes", [1, 1_000_000], ids=["forgotten", "kept"])
async def test_a_batch_that_was_not_stored_can_be_sent_again(
    memory: tuple[MemoryErrorStore, ArtistDbServiceStub], monkeypatch: pytest.MonkeyPatch, kept_bytes: int
):
    monkeypatch.setattr(grouper, "UNRECORDED_BYTES", kept_bytes)
    store, stub = memory
    one, failure = Grouper(stub), DependencyUnavailable("database")
    for batch in (logins(NAMES[:3], "first"), logins(NAMES[3:5], "second")):
        store.failing = failure
        with pytest.raises(RemoteError):
            await one.record(batch)
        store.failing = None
        assert len((await one.record(batch)).new) == len(batch.events)


async def test_hours_versions_and_the_age_of_the_code_are_recorded(
    memory: tuple[MemoryErrorStore, ArtistDbServiceStub],
):
    store, stub = memory
    noon = datetime(2026, 1, 1, 12, 30, tzinfo=UTC)
    request = IngestErrorsRequest()
    for minutes, service, version in ((0, "cli", "1.0"), (20, "cli", "1.1"), (40, "release", "1.1")):
        event = request.events.add(
            service=service, message="broken", exception_type="ValueError", code_version=version
        )
        event.time.FromDatetime(noon + timedelta(minutes=minutes))
        event.process_started_at.FromDatetime(noon - timedelta(days=1) + timedelta(minutes=minutes))
    await Grouper(stub).record(request)
    (occurrences,) = store.requests[0].occurrences
    assert [(hour.hour.ToDatetime().hour, hour.service, hour.count) for hour in occurrences.hours] == [
        (12, "cli", 2),
        (13, "release", 1),
    ]
    assert list(occurrences.code_versions) == ["1.0", "1.1"]
    assert occurrences.code_as_of.ToDatetime(tzinfo=UTC) == noon - timedelta(days=1) + timedelta(minutes=40)
    assert (occurrences.exception_type, occurrences.template) == ("ValueError", "ValueError:")


async def test_the_time_in_which_things_settle_is_taken_off(
    memory: tuple[MemoryErrorStore, ArtistDbServiceStub],
):
    store, stub = memory
    noon = datetime(2026, 1, 1, 12, tzinfo=UTC)
    request = IngestErrorsRequest(events=[ErrorEvent(service="cli", message="broken")])
    request.events[0].time.FromDatetime(noon)
    await Grouper(stub, settle_s=90).record(request)
    (occurrences,) = store.requests[0].occurrences
    assert occurrences.code_as_of.ToDatetime(tzinfo=UTC) == noon - timedelta(seconds=90)


class SlowGrouping:
    """In the place of `group_events`: waits in its thread until it may go on."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()
        self.batches = 0

    def __call__(self, *args: Any, **options: Any) -> Batch:
        self.batches += 1
        self.begun.release()
        assert self.may_end.wait(30)
        return group_events(*args, **options)


async def test_a_batch_that_nobody_waits_for_any_more_is_grouped_before_the_next_one(
    memory: tuple[MemoryErrorStore, ArtistDbServiceStub], monkeypatch: pytest.MonkeyPatch
):
    slow = SlowGrouping()
    monkeypatch.setattr(grouper, "group_events", slow)
    _, stub = memory
    one = Grouper(stub)
    first, second = logins(NAMES[:1], "first"), logins(NAMES[1:2], "second")
    given_up = asyncio.create_task(one.record(first))
    assert await asyncio.to_thread(slow.begun.acquire, timeout=30)
    given_up.cancel()
    with pytest.raises(asyncio.CancelledError):
        await given_up
    next_one = asyncio.create_task(one.record(second))
    try:
        assert not await asyncio.to_thread(slow.begun.acquire, timeout=0.2)
    finally:
        slow.may_end.set()
    assert len((await next_one).new) == 1
    # What was grouped for nobody is not grouped again.
    assert len((await one.record(first)).new) == 1
    assert slow.batches == 2
