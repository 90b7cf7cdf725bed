"""Shared work: one piece for all who ask for the same at once."""

import asyncio

import pytest

from services.chassis.errors import RequestIdReused
from services.release.flights import Flights, Landed
from services.release.worker import Report, Step


class Work:
    """Something that takes until it is allowed to end."""

    def __init__(self) -> None:
        self.begun = 0
        self.ended = 0
        self.started = asyncio.Event()
        self.allowed = asyncio.Event()
        self.report: Report | None = None

    async def __call__(self, report: Report) -> str:
        self.begun += 1
        self.report = report
        self.started.set()
        try:
            await self.allowed.wait()
        finally:
            self.ended += 1
        return "made"


async def collect(flights: Flights, work: Work, digest: str = "d") -> list[Step | Landed[str]]:
    return [update async for update in flights.follow("r-1", digest, work)]


async def test_simultaneous_calls_share_one_piece_of_work() -> None:
    work = Work()
    async with Flights.open() as flights:
        calls = [asyncio.create_task(collect(flights, work)) for _ in range(3)]
        await work.started.wait()
        work.allowed.set()
        results = await asyncio.gather(*calls)
    assert work.begun == 1
    assert [updates[-1] for updates in results] == [Landed("made")] * 3


async def test_the_same_id_with_another_request_is_refused_while_it_runs() -> None:
    work = Work()
    async with Flights.open() as flights:
        first = asyncio.create_task(collect(flights, work))
        await work.started.wait()
        with pytest.raises(RequestIdReused):
            await collect(flights, work, digest="other")
        work.allowed.set()
        assert (await first)[-1] == Landed("made")


async def test_steps_reach_every_follower() -> None:
    work = Work()
    async with Flights.open() as flights:
        following = flights.follow("r-1", "d", work)
        assert await anext(following) == Step("starting", 0, 0)
        await work.started.wait()
        assert work.report is not None
        work.report("verse 2", 1, 4)
        assert await anext(following) == Step("verse 2", 1, 4)
        work.allowed.set()
        assert await anext(following) == Landed("made")


async def test_work_that_nobody_waits_for_is_cancelled() -> None:
    work = Work()
    async with Flights.open() as flights:
        call = asyncio.create_task(collect(flights, work))
        await work.started.wait()
        call.cancel()
        await asyncio.wait([call])
        while not work.ended:
            await asyncio.sleep(0)
    assert not work.allowed.is_set()


async def test_one_caller_s_leaving_does_not_disturb_the_others() -> None:
    work = Work()
    async with Flights.open() as flights:
        leaving, staying = (asyncio.create_task(collect(flights, work)) for _ in range(2))
        await work.started.wait()
        leaving.cancel()
        await asyncio.wait([leaving])
        work.allowed.set()
        assert (await staying)[-1] == Landed("made")


async def test_a_new_call_waits_until_abandoned_work_has_cleaned_up() -> None:
    order: list[str] = []
    started = asyncio.Event()

    async def slow_to_leave(_report: Report) -> str:
        started.set()
        try:
            await asyncio.Event().wait()
        finally:
            for _ in range(5):
                await asyncio.sleep(0)
            order.append("cleaned up")
        return "never"

    async def next_one(_report: Report) -> str:
        order.append("began")
        return "made"

    async with Flights.open() as flights:
        first = asyncio.create_task(anext_of(flights, slow_to_leave))
        await started.wait()
        first.cancel()
        await asyncio.wait([first])
        updates = [update async for update in flights.follow("r-1", "d", next_one)]
    assert order == ["cleaned up", "began"]
    assert updates[-1] == Landed("made")


async def anext_of(flights: Flights, work: object) -> None:
    async for _ in flights.follow("r-1", "d", work):  # type: ignore[arg-type]
        continue


async def test_what_the_work_raises_reaches_every_caller() -> None:
    async def fails(_report: Report) -> str:
        raise LookupError("no such brief")

    async with Flights.open() as flights:
        calls = [asyncio.create_task(anext_of(flights, fails)) for _ in range(2)]
        results = await asyncio.gather(*calls, return_exceptions=True)
    assert [str(result) for result in results] == ["no such brief"] * 2


async def test_closing_ends_work_in_progress() -> None:
    work = Work()
    async with Flights.open() as flights:
        call = asyncio.create_task(collect(flights, work))
        await work.started.wait()
    assert work.ended == 1
    with pytest.raises(Exception, match="stopping"):
        await call
