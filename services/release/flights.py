"""Simultaneous calls with one request id share one piece of work."""

import asyncio
import contextvars
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from services.chassis.chain import DEADLINE
from services.chassis.errors import DependencyUnavailable, RequestIdReused
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
        self._flights: dict[str, _Flight] = {}

    @classmethod
    @asynccontextmanager
    async def open(cls) -> AsyncIterator[Self]:
        """All work is over after the block, cancelled where need be."""
        flights = cls()
        try:
            yield flights
        finally:
            await flights._close()

    async def follow(
        self, request_id: str, digest: str, work: Callable[[Report], Awaitable[T]]
    ) -> AsyncGenerator[Step | Landed[T], None]:
        """Starts `work`, or joins it where it runs; steps, then the result, once, last.

        RequestIdReused where the same id runs with another digest. Raises what `work` raised.
        """
        while (flight := self._flights.get(request_id)) is not None and flight.abandoned:
            await asyncio.wait([flight.task])
        if flight is None:
            flight = self._flights[request_id] = _Flight(digest, work)
            flight.task.add_done_callback(lambda task: self._ended(request_id, task))
        elif flight.digest != digest:
            raise RequestIdReused(request_id)
        flight.followers += 1
        try:
            async for step in flight.steps():
                yield step
            if flight.task.cancelled():
                raise DependencyUnavailable("release", "the release service is stopping; repeat the call")
            yield Landed(flight.task.result())
        finally:
            flight.followers -= 1
            if not flight.followers:
                flight.task.cancel()

    def _ended(self, request_id: str, task: asyncio.Task[Any]) -> None:
        del self._flights[request_id]
        if not task.cancelled():
            # Marks it as seen: the followers may all be gone.
            task.exception()

    async def _close(self) -> None:
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


class _Flight:
    def __init__(self, digest: str, work: Callable[[Report], Awaitable[Any]]) -> None:
        self.digest = digest
        self.followers = 0
        self._latest = Step("starting", 0, 0)
        self._version = 1
        self._news = asyncio.Event()
        # The first caller's deadline must not end what others wait for; each caller has its own.
        context = contextvars.copy_context()
        context.run(DEADLINE.set, None)
        self.task: asyncio.Task[Any] = asyncio.create_task(self._run(work), context=context)

    @property
    def abandoned(self) -> bool:
        """True from the moment when the last follower left."""
        return self.task.cancelling() > 0

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
