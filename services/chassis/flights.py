"""Work that simultaneous calls with one id share: done once for all, and only while somebody waits."""

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from contextvars import copy_context
from typing import Any, Generic, TypeVar

from services.chassis.chain import DEADLINE
from services.chassis.errors import RequestIdReused

T = TypeVar("T")


class Flight(Generic[T]):
    """Work under way. It does not inherit the deadline of whoever came first: others may have more time."""

    def __init__(self, name: str, work: Coroutine[Any, Any, T]) -> None:
        context = copy_context()
        context.run(DEADLINE.set, None)
        self.task: asyncio.Task[T] = asyncio.create_task(work, name=f"work {name}", context=context)
        self.digest = ""
        """Of the request that it is for."""
        self.aboard = 0
        """How many wait for it."""

    @property
    def abandoned(self) -> bool:
        """True from the moment when the last who waited left."""
        return self.task.cancelling() > 0


F = TypeVar("F", bound=Flight[Any])


class Hangar(Generic[F]):
    """The flights under way, by their calls' id."""

    def __init__(self) -> None:
        self._flights: dict[str, F] = {}

    @asynccontextmanager
    async def aboard(self, request_id: str, digest: str, begin: Callable[[], F]) -> AsyncIterator[F]:
        """The flight of this id, begun now where there is none; cancelled when the last one leaves the block.

        Whoever comes while abandoned work still cleans up waits for that, and begins anew. RequestIdReused
        where the flight belongs to another request.
        """
        while (flight := self._flights.get(request_id)) is not None and flight.abandoned:
            await asyncio.wait([flight.task])
        if flight is None:
            flight = self._flights[request_id] = begin()
            flight.digest = digest
            flight.task.add_done_callback(lambda task: self._landed(request_id, task))
        elif flight.digest != digest:
            raise RequestIdReused(request_id)
        flight.aboard += 1
        try:
            yield flight
        finally:
            flight.aboard -= 1
            if not flight.aboard:
                flight.task.cancel()

    async def close(self) -> None:
        """Cancels what is under way and waits for its end."""
        tasks = [flight.task for flight in self._flights.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _landed(self, request_id: str, task: "asyncio.Task[Any]") -> None:
        del self._flights[request_id]
        if not task.cancelled():
            # Taken here, so that an error nobody waits for any more is not reported as forgotten.
            task.exception()
