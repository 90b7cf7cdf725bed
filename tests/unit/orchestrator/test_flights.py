"""Work that simultaneous duplicates share."""

import asyncio

import pytest

from services.chassis.errors import RequestIdReused
from services.orchestrator.flights import Flights


class Work:
    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self) -> int:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self.begun


async def test_duplicates_share_one_piece_of_work() -> None:
    flights: Flights[int] = Flights()
    work = Work()
    callers = [asyncio.create_task(flights.join("r", "d", work)) for _ in range(3)]
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*callers) == [1, 1, 1]


async def test_the_same_id_for_another_request_is_refused() -> None:
    flights: Flights[int] = Flights()
    work = Work()
    first = asyncio.create_task(flights.join("r", "d", work))
    await asyncio.sleep(0)
    with pytest.raises(RequestIdReused):
        await flights.join("r", "other", work)
    work.go.set()
    assert await first == 1


async def test_work_goes_on_for_those_who_stay_and_ends_with_the_last() -> None:
    flights: Flights[int] = Flights()
    work = Work()
    first, second = (asyncio.create_task(flights.join("r", "d", work)) for _ in range(2))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    assert not work.cancelled.is_set()
    second.cancel()
    await asyncio.gather(second, return_exceptions=True)
    await work.cancelled.wait()


async def test_whoever_comes_after_the_last_left_begins_anew() -> None:
    flights: Flights[int] = Flights()
    work = Work()
    first = asyncio.create_task(flights.join("r", "d", work))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    work.go.set()
    assert await flights.join("r", "d", work) == 2


async def test_an_error_reaches_everybody_and_is_forgotten() -> None:
    flights: Flights[int] = Flights()

    async def fail() -> int:
        raise ValueError("no")

    results = await asyncio.gather(*(flights.join("r", "d", fail) for _ in range(2)), return_exceptions=True)
    assert [str(result) for result in results] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await flights.join("r", "d", fail)
