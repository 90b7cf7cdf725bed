"""Work that simultaneous calls share, whatever it tells on its way."""

import asyncio
from contextlib import AsyncExitStack

import pytest

from services.chassis.chain import DEADLINE
from services.chassis.errors import RequestIdReused
from services.chassis.flights import Flight, Hangar


class Work:
    """Something that takes until it is allowed to end, and a moment to clean up."""

    def __init__(self) -> None:
        self.begun = 0
        self.cleaned_up = 0
        self.allowed = asyncio.Event()

    def begin(self) -> Flight[int]:
        self.begun += 1
        return Flight("r", self._run(self.begun))

    async def _run(self, number: int) -> int:
        try:
            await self.allowed.wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned_up += 1
        return number


async def test_whoever_comes_meanwhile_comes_aboard_and_the_last_one_ends_it() -> None:
    hangar: Hangar[Flight[int]] = Hangar()
    work = Work()
    async with AsyncExitStack() as stack:
        first = await stack.enter_async_context(hangar.aboard("r", "d", work.begin))
        async with hangar.aboard("r", "d", work.begin) as second:
            assert second is first
        assert not first.abandoned
    assert first.abandoned
    assert work.begun == 1


async def test_another_request_under_the_same_id_is_refused() -> None:
    hangar: Hangar[Flight[int]] = Hangar()
    work = Work()
    async with hangar.aboard("r", "d", work.begin):
        with pytest.raises(RequestIdReused):
            async with hangar.aboard("r", "other", work.begin):
                pass
        async with hangar.aboard("another", "other", work.begin):
            pass
    assert work.begun == 2


async def test_abandoned_work_has_cleaned_up_before_the_next_begins() -> None:
    hangar: Hangar[Flight[int]] = Hangar()
    work = Work()
    async with hangar.aboard("r", "d", work.begin):
        await asyncio.sleep(0)
    assert work.cleaned_up == 0
    async with hangar.aboard("r", "d", work.begin) as flight:
        assert (work.begun, work.cleaned_up) == (2, 1)
        work.allowed.set()
        assert await flight.task == 2


async def test_what_has_landed_is_begun_anew() -> None:
    hangar: Hangar[Flight[int]] = Hangar()
    work = Work()
    work.allowed.set()
    for number in (1, 2):
        async with hangar.aboard("r", "d", work.begin) as flight:
            assert await flight.task == number


async def test_work_has_its_own_time_and_not_that_of_who_came_first() -> None:
    async def left() -> float | None:
        return DEADLINE.get()

    token = DEADLINE.set(1.0)
    hangar: Hangar[Flight[float | None]] = Hangar()
    async with hangar.aboard("r", "d", lambda: Flight("r", left())) as flight:
        assert await flight.task is None
    DEADLINE.reset(token)


async def test_closing_ends_what_is_under_way() -> None:
    hangar: Hangar[Flight[int]] = Hangar()
    work = Work()
    async with hangar.aboard("r", "d", work.begin) as flight:
        await asyncio.sleep(0)
        await hangar.close()
        assert flight.task.cancelled()
    assert work.cleaned_up == 1
