"""Work that simultaneous duplicates share."""

import asyncio

import pytest

from services.chassis.errors import RequestIdReused
from services.orchestrator.gateway.flights import Flights, Tell


class Work:
    def __init__(self) -> None:
        self.begun = 0
        self.cancelled = asyncio.Event()
        self.go = asyncio.Event()

    async def __call__(self, tell: Tell[str]) -> int:
        self.begun += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled.set()
            raise
        return self.begun


async def test_duplicates_share_one_piece_of_work() -> None:
    flights: Flights[int, str] = Flights()
    work = Work()
    callers = [asyncio.create_task(flights.join("r", "d", work)) for _ in range(3)]
    await asyncio.sleep(0)
    work.go.set()
    assert await asyncio.gather(*callers) == [1, 1, 1]


async def test_the_same_id_for_another_request_is_refused() -> None:
    flights: Flights[int, str] = Flights()
    work = Work()
    first = asyncio.create_task(flights.join("r", "d", work))
    await asyncio.sleep(0)
    with pytest.raises(RequestIdReused):
        await flights.join("r", "other", work)
    work.go.set()
    assert await first == 1


async def test_work_goes_on_for_those_who_stay_and_ends_with_the_last() -> None:
    flights: Flights[int, str] = Flights()
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
    flights: Flights[int, str] = Flights()
    work = Work()
    first = asyncio.create_task(flights.join("r", "d", work))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.gather(first, return_exceptions=True)
    work.go.set()
    assert await flights.join("r", "d", work) == 2


async def test_an_error_reaches_everybody_and_is_forgotten() -> None:
    flights: Flights[int, str] = Flights()

    async def fail(tell: Tell[str]) -> int:
        raise ValueError("no")

    results = await asyncio.gather(*(flights.join("r", "d", fail) for _ in range(2)), return_exceptions=True)
    assert [str(result) for result in results] == ["no", "no"]
    with pytest.raises(ValueError, match="no"):
        await flights.join("r", "d", fail)


class Telling:
    """Work that tells what the test puts into `words`, and ends with `end`."""

    def __init__(self) -> None:
        self.words: asyncio.Queue[str] = asyncio.Queue()

    async def __call__(self, tell: Tell[str]) -> int:
        while (word := await self.words.get()) != "end":
            tell(word)
        return 7


async def test_followers_hear_everything_also_what_was_told_before_they_came() -> None:
    flights: Flights[int, str] = Flights()
    work = Telling()
    first = flights.follow("r", "d", work)
    work.words.put_nowait("one")
    assert await anext(first) == "one"
    second = flights.follow("r", "d", work)
    assert await anext(second) == "one"
    for word in ("two", "end"):
        work.words.put_nowait(word)
    assert [told async for told in first] == ["two", 7]
    assert [told async for told in second] == ["two", 7]


async def test_work_ends_when_its_last_follower_goes_away() -> None:
    flights: Flights[int, str] = Flights()
    work = Work()
    follower = flights.follow("r", "d", work)
    hearing = asyncio.create_task(anext(follower))
    await asyncio.sleep(0)
    hearing.cancel()
    await asyncio.gather(hearing, return_exceptions=True)
    await follower.aclose()
    await work.cancelled.wait()


async def test_a_follower_gets_the_error_that_the_work_ends_with() -> None:
    flights: Flights[int, str] = Flights()

    async def fail(tell: Tell[str]) -> int:
        tell("begun")
        raise ValueError("no")

    follower = flights.follow("r", "d", fail)
    assert await anext(follower) == "begun"
    with pytest.raises(ValueError, match="no"):
        await anext(follower)
