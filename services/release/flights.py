"""Simultaneous calls with one request id share one piece of work."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from services.chassis import flights
from services.chassis.errors import DependencyUnavailable
from services.release.worker import Report, Step

T = TypeVar("T")

_PAUSE_S = 0.25
"""Least time between two steps that a follower is told of."""
_HEARTBEAT_S = 5.0


@dataclass(frozen=True, slots=True)
class Landed(Generic[T]):
    """The work's result."""

    value: T


class Flights:
    """Work in progress by request id. Work that nobody waits for any more is cancelled."""

    def __init__(self) -> None:
        self._hangar: flights.Hangar[_Flight] = flights.Hangar()

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """All work is over after the block, cancelled where need be."""
        opened = cls()
        try:
            yield opened
        finally:
            await opened._hangar.close()

    async def follow(
        self, request_id: str, digest: str, work: Callable[[Report], Awaitable[T]]
    ) -> AsyncGenerator[Step | Landed[T], None]:
        """Starts `work`, or joins it where it runs; steps, then the result, once, last.

        RequestIdReused where the same id runs with another digest. Raises what `work` raised.
        """
        async with self._hangar.aboard(request_id, digest, lambda: _Flight(request_id, work)) as flight:
            async for step in flight.steps():
                yield step
            if flight.task.cancelled():
                raise DependencyUnavailable("release", "the release service is stopping; repeat the call")
            yield Landed(flight.task.result())


class _Flight(flights.Flight[Any]):
    """Work of which the newest step counts."""

    def __init__(self, request_id: str, work: Callable[[Report], Awaitable[Any]]) -> None:
        self._latest = Step("starting", 0, 0)
        self._version = 1
        self._news = asyncio.Event()
        super().__init__(request_id, self._run(work))

    async def steps(self) -> AsyncIterator[Step]:
        """The newest step, a few times a second at most, and again as a heartbeat; until the end."""
        seen = 0
        while not self.task.done():
            if self._version == seen:
                news = asyncio.create_task(self._news.wait())
                try:
                    await asyncio.wait(
                        [self.task, news], timeout=_HEARTBEAT_S, return_when=asyncio.FIRST_COMPLETED
                    )
                finally:
                    news.cancel()
            if not self.task.done():
                seen = self._version
                yield self._latest
                await asyncio.wait([self.task], timeout=_PAUSE_S)
            self._news.clear()

    async def _run(self, work: Callable[[Report], Awaitable[Any]]) -> Any:
        return await work(self._report)

    def _report(self, step: str, done: int, total: int) -> None:
        new = Step(step, done, total)
        if new != self._latest:
            self._latest = new
            self._version += 1
            self._news.set()
