"""Steps of a real artist_db, done by workers: once, under a lease, and whatever becomes of them is kept."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.error_analyzer.news import News
from services.error_analyzer.setup import Limits
from services.error_analyzer.work import Lane, Worker
from services.error_analyzer.work.outcome import Next, Outcome, Task
from tests.support.error_store import real_error_store

ANALYZE = db.ErrorStep.KIND_ANALYZE
Handle = Callable[[Task], Any]


@pytest.fixture
async def store(database_url: str) -> AsyncIterator[Any]:
    async with real_error_store(database_url) as (_, stub):
        yield stub


@dataclass
class Hand:
    """A worker and what it was given."""

    store: Any
    handle: Handle
    closing: asyncio.Event = field(default_factory=asyncio.Event)
    given: list[db.ErrorStep] = field(default_factory=list)
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @asynccontextmanager
    async def working(self) -> AsyncIterator["Hand"]:
        worker = Worker(self.store, limits=Limits(100, 100, 2), news=News(), closing=self.closing)
        running = asyncio.create_task(worker.run(Lane("analyses", [ANALYZE], self._do, _failed)))
        try:
            yield self
        finally:
            self.closing.set()
            await asyncio.wait_for(running, 20)

    async def _do(self, task: Task) -> Outcome:
        self.given.append(task.step)
        self.changed.set()
        outcome: Outcome = await self.handle(task)
        return outcome

    async def got(self, number: int) -> None:
        """Waits until it was given so many steps."""
        async with asyncio.timeout(20):
            while len(self.given) < number:
                self.changed.clear()
                await self.changed.wait()


async def explained(task: Task) -> Outcome:
    return Outcome(_report(task, "analyzed"))


async def never(task: Task) -> Outcome:
    await asyncio.Event().wait()
    raise AssertionError("nobody sets it")


async def test_each_step_is_done_by_one_worker(store: Any) -> None:
    fingerprints = await _errors(store, 8)
    one, other = Hand(store, explained), Hand(store, explained)
    async with one.working(), other.working():
        await asyncio.gather(*(_status(store, fingerprint, "analyzed") for fingerprint in fingerprints))
    attempts = [step.attempt_id for step in one.given + other.given]
    assert len(attempts) == len(set(attempts)) == 8


async def test_a_bug_in_a_step_is_a_status_and_the_next_step_is_done(store: Any) -> None:
    bad, good = await _errors(store, 2)

    async def handle(task: Task) -> Outcome:
        if task.group.fingerprint == bad:
            raise KeyError("a bug")
        return await explained(task)

    async with Hand(store, handle).working():
        await _status(store, good, "analyzed")
        failed = await _status(store, bad, "analysis_failed")
    assert "KeyError" in failed.report.reason


async def test_what_artist_db_refuses_is_a_status_too(store: Any) -> None:
    (fingerprint,) = await _errors(store, 1)

    async def handle(task: Task) -> Outcome:
        return Outcome(_report(task, "no such status"))

    async with Hand(store, handle).working():
        refused = await _status(store, fingerprint, "analysis_failed")
    assert "could not be kept" in refused.report.reason


async def test_a_worker_that_stops_hands_its_step_back_at_once(store: Any) -> None:
    (fingerprint,) = await _errors(store, 1)
    async with Hand(store, never).working() as stopped:
        await stopped.got(1)
    async with Hand(store, explained).working() as taking_over:
        await _status(store, fingerprint, "analyzed")
    assert taking_over.given[0].attempt_id == stopped.given[0].attempt_id
    assert (taking_over.given[0].tries, taking_over.given[0].takeovers) == (1, 0)


async def test_a_step_that_ends_its_holder_again_and_again_is_given_up(store: Any) -> None:
    (fingerprint,) = await _errors(store, 1)
    for _ in range(4):
        claim = db.ClaimErrorStepRequest(holder="killed", lease_ms=1_000, analyses_per_hour=9)
        async with asyncio.timeout(20):
            while not (await store.ClaimErrorStep(claim, timeout=5)).HasField("group"):
                await asyncio.sleep(0.05)
    async with Hand(store, explained).working() as careful:
        failed = await _status(store, fingerprint, "analysis_failed")
    assert "ended the process" in failed.report.reason
    assert careful.given == []


async def test_people_are_told_only_of_what_is_kept(store: Any) -> None:
    (fingerprint,) = await _errors(store, 1)
    told: list[str] = []

    async def handle(task: Task) -> Outcome:
        return Outcome(_report(task, "analyzed"), tell=lambda group: told.append(group.report.status))

    async with Hand(store, handle).working():
        await _status(store, fingerprint, "analyzed")
        async with asyncio.timeout(10):
            while not told:
                await asyncio.sleep(0.01)
    assert told == ["analyzed"]


async def test_a_postponed_step_is_the_same_attempt(store: Any) -> None:
    (fingerprint,) = await _errors(store, 1)

    async def handle(task: Task) -> Outcome:
        if task.step.postponements == 0:
            return Outcome(next=Next(ANALYZE, in_s=0.05, postponed=True, reason="no model"))
        return await explained(task)

    async with Hand(store, handle).working() as hand:
        await _status(store, fingerprint, "analyzed")
    assert len({step.attempt_id for step in hand.given}) == 1
    assert [step.tries for step in hand.given] == [1, 1]


def _report(task: Task, status: str) -> db.ErrorReport:
    return db.ErrorReport(
        fingerprint=task.group.fingerprint, status=status, cause="found", attempt_id=task.step.attempt_id
    )


def _failed(task: Task, reason: str) -> Outcome:
    report = _report(task, "analysis_failed")
    report.reason = reason
    return Outcome(report)


async def _errors(store: Any, number: int) -> list[str]:
    """Records so many new groups; their fingerprints."""
    fingerprints = [f"{index:032x}" for index in range(1, number + 1)]
    await store.RecordErrors(
        db.RecordErrorsRequest(
            request_id="errors",
            occurrences=[
                db.ErrorOccurrences(
                    fingerprint=fingerprint,
                    title="KeyError",
                    culprit="shop.till",
                    count=1,
                    samples=[db.ErrorSample(service="shop", message="failed")],
                )
                for fingerprint in fingerprints
            ],
        ),
        timeout=10,
    )
    return fingerprints


async def _status(store: Any, fingerprint: str, status: str) -> db.ErrorGroup:
    """The group, once it has this status."""
    request = db.GetErrorGroupRequest(fingerprint=fingerprint)
    async with asyncio.timeout(30):
        while True:
            group: db.ErrorGroup = (await store.GetErrorGroup(request, timeout=5)).group
            if group.status == status:
                return group
            await asyncio.sleep(0.05)
