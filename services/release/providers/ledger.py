"""Orders of songs as artist_db keeps them, so that none is paid twice.

What an order may cost is held against the budgets, the order is made, and the task that it gave is recorded
as the answer of a call before anything else happens with it: whoever repeats the take finds the task and goes
on asking for it. A task that will never give a usable song is given up: recorded as the failed first attempt
of the next call, under which the next order is made.
"""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.clients import deadline_s
from services.chassis.errors import DependencyUnavailable, RemoteError, RequestIdReused, remote_error
from services.chassis.ids import derived_id, new_id
from services.chassis.logs import get_logger
from services.release.providers import metrics
from services.release.providers.provider import Order, Outcome, ProviderError, RemoteProvider
from services.release.providers.teller import Teller

if TYPE_CHECKING:
    from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub

ROLE = "music"
LEASE_S = 10.0
"""So long after the last sign of life of this process may another one make an order that this one began."""
ELSEWHERE_POLL_S = 0.25
RECORD_TRIES = 6
FIRST_BACKOFF_S = 0.1
_TIMEOUT_S = 10.0
_log = get_logger("release.providers.ledger")


@dataclass(frozen=True, slots=True)
class Ticket:
    """A task that a provider took."""

    task: str
    submitted_at: float
    """In seconds since 1970."""
    generation: int
    """Its number among the take's tasks at this provider, from 1."""
    paid_micro_usd: int
    """What these tasks cost, this one and those before it."""
    is_new: bool
    """True where it was ordered just now."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a take stands at one provider."""

    generation: int
    ticket: Ticket | None
    """The task that is under way; None: none is."""
    attempts: int
    """Recorded of the call of this generation, all of them failed."""
    paid_micro_usd: int
    """What the tasks before it cost."""


class OverBudget(ProviderError):
    """An order does not fit a budget, and was not made."""

    def __init__(self, refusal: RemoteError) -> None:
        super().__init__("over_budget", refusal.message)
        self.refusal = refusal
        """As artist_db tells it."""


class Ledger:
    """Reads and writes orders in artist_db."""

    def __init__(
        self, stub: "ArtistDbServiceStub", teller: Teller, clock: Callable[[], float] = time.time
    ) -> None:
        self._db = stub
        self._teller = teller
        self._clock = clock
        self._holder = new_id("rls")
        self._under_way: set[asyncio.Task[Any]] = set()

    async def find(self, order: Order, provider: RemoteProvider) -> Place:
        """How far this take has come at this provider, in this process or any other.

        RequestIdReused where the take's id belongs to another request.
        """
        generation, paid = 1, 0
        attempts, call = await self._known(order, provider, generation)
        while call is not None:
            if call.request_digest != order.request_digest:
                raise RequestIdReused(order.request_id)
            paid += call.cost_micro_usd
            attempts, following = await self._known(order, provider, generation + 1)
            if not attempts:
                return Place(generation, _ticket(call, generation, paid, is_new=False), 0, paid)
            generation, call = generation + 1, following
        return Place(generation, None, attempts, paid)

    async def submit(self, order: Order, provider: RemoteProvider, place: Place) -> Ticket:
        """Orders the take's next task and records it, once over all replicas.

        Goes on to its end also where the caller goes away, so that no order is lost in between. Raises
        ProviderError, OverBudget where the order does not fit a budget, and DependencyUnavailable where
        artist_db can't be asked before the order, or told after it.
        """
        task = asyncio.create_task(self._submit(order, provider, place), name=f"order {order.take_id}")
        self._under_way.add(task)
        task.add_done_callback(self._ended)
        return await asyncio.shield(task)

    async def give_up(
        self, order: Order, provider: RemoteProvider, ticket: Ticket, outcome: Outcome, detail: str
    ) -> None:
        """Notes that a task will never give a usable song: the next try orders another one."""
        call = self._call(order, provider, ticket.generation + 1, 1, outcome)
        call.detail = detail
        await self._record(call)

    async def close(self) -> None:
        """Waits for the orders under way."""
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        self._under_way.discard(task)
        if not task.cancelled():
            # Marks it as seen: the caller may be gone.
            task.exception()

    async def _submit(self, order: Order, provider: RemoteProvider, place: Place) -> Ticket:
        number = place.attempts + 1
        if not provider.price_micro_usd:
            return await self._ordered(order, provider, place, number)
        while True:
            held = await self._hold(order, provider, place)
            if held.HasField("answer"):
                # Another replica was faster.
                paid = place.paid_micro_usd + held.answer.cost_micro_usd
                return _ticket(held.answer, place.generation, paid, is_new=False)
            if held.granted:
                async with self._renewed(order, provider, place, held.attempt):
                    return await self._ordered(order, provider, place, held.attempt)
            await asyncio.sleep(ELSEWHERE_POLL_S)

    async def _ordered(self, order: Order, provider: RemoteProvider, place: Place, number: int) -> Ticket:
        call = self._call(order, provider, place.generation, number, "ok")
        started = time.perf_counter()
        try:
            # The same key for a repeat of an order of which nobody knows whether it was taken.
            task = await provider.submit(order, f"{call.call_id}-{number}")
        except ProviderError as error:
            if error.may_have_begun:
                # Not recorded, as after a kill: what may be paid stays held, and a repeat has the same key.
                raise
            call.outcome, call.detail = error.outcome, error.detail
            call.latency_ms = _elapsed_ms(started)
            await self._record(call)
            raise
        call.answer = json.dumps({"task": task, "submitted_at": round(self._clock(), 3)})
        call.cost_micro_usd = provider.price_micro_usd
        call.latency_ms = _elapsed_ms(started)
        metrics.SUBMITTED.labels(provider.name).inc()
        metrics.COST.labels(provider.name).inc(provider.price_micro_usd)
        first = await self._record(call)
        paid = place.paid_micro_usd + call.cost_micro_usd
        return _ticket(first or call, place.generation, paid, is_new=first is None)

    def _call(
        self, order: Order, provider: RemoteProvider, generation: int, number: int, outcome: Outcome
    ) -> db.ModelCall:
        return db.ModelCall(
            call_id=call_id(order, provider.name, generation),
            attempt=number,
            role=ROLE,
            model=provider.model,
            artist_id=order.artist_id,
            run_id=order.run_id,
            outcome=outcome,
            request_digest=order.request_digest,
        )

    async def _known(
        self, order: Order, provider: RemoteProvider, generation: int
    ) -> tuple[int, db.ModelCall | None]:
        """How many attempts are recorded of a call, and the one that was answered."""
        request = db.GetModelAnswerRequest(call_id=call_id(order, provider.name, generation))
        try:
            found = await self._db.GetModelAnswer(request, timeout=deadline_s(_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_code is grpc.StatusCode.NOT_FOUND and remote.from_platform:
                return int(remote.metadata.get("attempts", "0")), None
            raise _unavailable(remote) from error
        return found.call.attempt, found.call

    async def _hold(self, order: Order, provider: RemoteProvider, place: Place) -> db.HoldSpendResponse:
        request = db.HoldSpendRequest(
            call_id=call_id(order, provider.name, place.generation),
            amount_micro_usd=provider.price_micro_usd,
            artist_id=order.artist_id,
            run_id=order.run_id,
            holder=self._holder,
            lease_ms=round(LEASE_S * 1_000),
        )
        try:
            return await self._db.HoldSpend(request, timeout=_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_reason == "ERROR_REASON_BUDGET_SPENT":
                self._teller.budget_spent(remote.message, remote.metadata)
                raise OverBudget(remote) from error
            raise _unavailable(remote) from error

    @asynccontextmanager
    async def _renewed(
        self, order: Order, provider: RemoteProvider, place: Place, number: int
    ) -> AsyncIterator[None]:
        """Keeps the hold this process's while the order is made."""
        attempt = db.AttemptId(call_id=call_id(order, provider.name, place.generation), attempt=number)
        renewing = asyncio.create_task(self._renew(attempt), name=f"lease {order.take_id}")
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _renew(self, attempt: db.AttemptId) -> None:
        request = db.RenewHoldsRequest(
            holder=self._holder, lease_ms=round(LEASE_S * 1_000), attempts=[attempt]
        )
        while True:
            await asyncio.sleep(LEASE_S / 4)
            try:
                await self._db.RenewHolds(request, timeout=LEASE_S / 4)
            except grpc.aio.AioRpcError as error:
                _log.warning("a lease could not be renewed", detail=error.details())

    async def _record(self, call: db.ModelCall) -> db.ModelCall | None:
        """Keeps a call, whatever it takes while artist_db is away for a short time; its first answer, where
        that is another one."""
        request = db.RecordModelCallRequest(call=call)
        for attempt in range(1, RECORD_TRIES + 1):
            try:
                recorded = await self._db.RecordModelCall(request, timeout=_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                remote = remote_error(error)
                if not remote.retryable or attempt == RECORD_TRIES:
                    _log.error("an order could not be recorded", call_id=call.call_id, detail=remote.message)
                    raise _unavailable(remote) from error
                await asyncio.sleep(FIRST_BACKOFF_S * 2 ** (attempt - 1))
            else:
                for budget in recorded.strained:
                    self._teller.budget_strained(budget)
                return recorded.answer if recorded.HasField("answer") else None
        raise AssertionError("the last try returns or raises")


def call_id(order: Order, provider: str, generation: int) -> str:
    """Under which id a take's n-th order at a provider is recorded."""
    return derived_id("mus", f"{order.take_id}/{provider}/{generation}")


def _ticket(call: db.ModelCall, generation: int, paid: int, *, is_new: bool) -> Ticket:
    kept = json.loads(call.answer)
    return Ticket(str(kept["task"]), float(kept["submitted_at"]), generation, paid, is_new)


def _elapsed_ms(started: float) -> int:
    return round((time.perf_counter() - started) * 1_000)


def _unavailable(remote: RemoteError) -> Exception:
    return remote if remote.from_platform else DependencyUnavailable("artist_db")
