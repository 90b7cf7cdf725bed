"""Work that simultaneous duplicates share: one call under way for each id."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from typing import Any, Generic, TypeAlias, TypeVar

from services.chassis import flights

T = TypeVar("T")
U = TypeVar("U")

Tell: TypeAlias = Callable[[U], None]
Work: TypeAlias = Callable[[Tell[U]], Coroutine[Any, Any, T]]


class _Flight(flights.Flight[T], Generic[T, U]):
    """Work that remembers what it told."""

    def __init__(self, request_id: str, work: Work[U, T]) -> None:
        self.told: list[U] = []
        self.followers: list[asyncio.Queue[U | None]] = []
        super().__init__(request_id, work(self._tell))

    def _tell(self, update: U) -> None:
        self.told.append(update)
        for follower in self.followers:
            follower.put_nowait(update)


class Flights(Generic[T, U]):
    """Runs work once for all who ask for it at the same time; it tells `U` on its way and ends in `T`.

    The work goes on while at least one of them waits, and is cancelled when the last one goes away.
    """

    def __init__(self) -> None:
        self._hangar: flights.Hangar[_Flight[T, U]] = flights.Hangar()

    async def join(self, request_id: str, digest: str, work: Work[U, T]) -> T:
        """The result of the work under way for this id, begun now if there is none.

        RequestIdReused where the work under way belongs to another request.
        """
        async with self._hangar.aboard(request_id, digest, lambda: _Flight(request_id, work)) as flight:
            return await asyncio.shield(flight.task)

    async def follow(self, request_id: str, digest: str, work: Work[U, T]) -> AsyncGenerator[U | T, None]:
        """As `join`, with all that the work tells, also what it told before; the result comes last."""
        async with self._hangar.aboard(request_id, digest, lambda: _Flight(request_id, work)) as flight:
            updates: asyncio.Queue[U | None] = asyncio.Queue()
            for update in flight.told:
                updates.put_nowait(update)
            flight.followers.append(updates)
            flight.task.add_done_callback(lambda _: updates.put_nowait(None))
            try:
                while (told := await updates.get()) is not None:
                    yield told
                yield flight.task.result()
            finally:
                flight.followers.remove(updates)

    async def close(self) -> None:
        """Cancels what is under way and waits for its end."""
        await self._hangar.close()
