"""Work that simultaneous duplicates share: one call under way for each id."""

import asyncio
from collections.abc import Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from services.chassis.chain import DEADLINE
from services.chassis.errors import RequestIdReused

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    digest: str
    task: asyncio.Task[T]
    waiting: int = 0


class Flights(Generic[T]):
    """Runs work once for all who ask for it at the same time.

    The work goes on while at least one of them waits, and is cancelled when the last one goes away.
    It does not inherit the deadline of whoever came first: others may have more time.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T]] = {}
        self._ending: set[asyncio.Task[T]] = set()

    async def join(self, request_id: str, digest: str, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """The result of the work under way for this id, begun now if there is none.

        RequestIdReused where the work under way belongs to another request.
        """
        flight = self._flights.get(request_id)
        if flight is None:
            context = copy_context()
            context.run(DEADLINE.set, None)
            task = asyncio.get_running_loop().create_task(work(), name=f"work {request_id}", context=context)
            flight = self._flights[request_id] = _Flight(digest, task)
            task.add_done_callback(lambda done: self._ended(request_id, done))
        elif flight.digest != digest:
            raise RequestIdReused(request_id)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            flight.waiting -= 1
            if not flight.waiting and not flight.task.done():
                self._abandon(request_id, flight)

    async def close(self) -> None:
        """Cancels what is under way and waits for its end."""
        tasks = [flight.task for flight in self._flights.values()] + list(self._ending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _abandon(self, request_id: str, flight: _Flight[T]) -> None:
        # Whoever comes next starts anew instead of joining work that is being cancelled.
        del self._flights[request_id]
        self._ending.add(flight.task)
        flight.task.cancel()

    def _ended(self, request_id: str, task: asyncio.Task[T]) -> None:
        self._ending.discard(task)
        flight = self._flights.get(request_id)
        if flight is not None and flight.task is task:
            del self._flights[request_id]
        if not task.cancelled():
            # Taken here, so that an error nobody waits for any more is not reported as forgotten.
            task.exception()
