"""Work that simultaneous duplicates share: one call under way for each id."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextvars import copy_context
from dataclasses import dataclass, field
from typing import Any, Generic, TypeAlias, TypeVar

from services.chassis.chain import DEADLINE
from services.chassis.errors import RequestIdReused

T = TypeVar("T")
U = TypeVar("U")

Tell: TypeAlias = Callable[[U], None]
Work: TypeAlias = Callable[[Tell[U]], Coroutine[Any, Any, T]]


@dataclass(slots=True)
class _Flight(Generic[T, U]):
    digest: str
    task: asyncio.Task[T]
    told: list[U]
    followers: list[asyncio.Queue[U | None]] = field(default_factory=list)
    waiting: int = 0


class Flights(Generic[T, U]):
    """Runs work once for all who ask for it at the same time; it tells `U` on its way and ends in `T`.

    The work goes on while at least one of them waits, and is cancelled when the last one goes away.
    It does not inherit the deadline of whoever came first: others may have more time.
    """

    def __init__(self) -> None:
        self._flights: dict[str, _Flight[T, U]] = {}
        self._ending: set[asyncio.Task[T]] = set()

    async def join(self, request_id: str, digest: str, work: Work[U, T]) -> T:
        """The result of the work under way for this id, begun now if there is none.

        RequestIdReused where the work under way belongs to another request.
        """
        flight = self._flight(request_id, digest, work)
        flight.waiting += 1
        try:
            return await asyncio.shield(flight.task)
        finally:
            self._leave(request_id, flight)

    async def follow(self, request_id: str, digest: str, work: Work[U, T]) -> AsyncGenerator[U | T, None]:
        """As `join`, with all that the work tells, also what it told before; the result comes last."""
        flight = self._flight(request_id, digest, work)
        flight.waiting += 1
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
            self._leave(request_id, flight)

    async def close(self) -> None:
        """Cancels what is under way and waits for its end."""
        tasks = [flight.task for flight in self._flights.values()] + list(self._ending)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _flight(self, request_id: str, digest: str, work: Work[U, T]) -> _Flight[T, U]:
        flight = self._flights.get(request_id)
        if flight is None:
            flight = self._flights[request_id] = self._begin(request_id, digest, work)
        elif flight.digest != digest:
            raise RequestIdReused(request_id)
        return flight

    def _begin(self, request_id: str, digest: str, work: Work[U, T]) -> _Flight[T, U]:
        told: list[U] = []
        followers: list[asyncio.Queue[U | None]] = []

        def tell(update: U) -> None:
            told.append(update)
            for follower in followers:
                follower.put_nowait(update)

        context = copy_context()
        context.run(DEADLINE.set, None)
        task = asyncio.get_running_loop().create_task(work(tell), name=f"work {request_id}", context=context)
        task.add_done_callback(lambda done: self._ended(request_id, done))
        return _Flight(digest, task, told, followers)

    def _leave(self, request_id: str, flight: _Flight[T, U]) -> None:
        flight.waiting -= 1
        if flight.waiting or flight.task.done():
            return
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
