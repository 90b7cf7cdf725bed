"""Model calls as artist_db keeps them.

Looked up before a call, what it may cost held against the budgets, and recorded before its answer is
used; the record settles what was held.
"""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, TypeVar

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.clients import deadline_s
from services.chassis.errors import AppError, DependencyUnavailable, RemoteError, remote_error
from services.chassis.ids import derived_id, new_id
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.orchestrator.domain import Answer, Attempt, Completion, Picture, Question, Usage
from services.orchestrator.gateway.teller import Teller
from services.orchestrator.upstream.pictures import media_type_of

CALL_TIMEOUT_S = 5.0
RECORD_TRIES = 6
FIRST_BACKOFF_S = 0.1
MOST_RENEWED = 1_000
"""Attempts in one renewal."""

T = TypeVar("T")

_log = get_logger("ledger")


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded under a call's id."""

    answer: Answer | None
    digest: str
    """Of the question that `answer` belongs to."""
    attempts: int
    """The number of the last attempt recorded; 0: none."""


@dataclass(frozen=True, slots=True)
class Held:
    """What came of a hold."""

    number: int
    """Of the attempt that it is for."""
    granted: bool
    """False: another replica makes this very attempt."""
    known: Known | None = None
    """What is recorded, where the call was answered before: nothing is held then."""


class Ledger:
    """Reads and writes model calls in artist_db. `lease_s`: how long a hold outlives this process."""

    def __init__(self, channel: grpc.aio.Channel, teller: Teller, *, lease_s: float = 10.0) -> None:
        self._stub = ArtistDbServiceStub(channel)
        self._teller = teller
        self._holder = new_id("orc")
        self._lease_s = lease_s
        self._under_way: set[tuple[str, int]] = set()
        """Attempts that are held for and not recorded yet."""
        self._writing: dict[asyncio.Task[Any], str] = {}

    async def known(self, call_id: str) -> Known:
        """What is recorded under this id; DependencyUnavailable where artist_db does not answer."""
        await self._settled(call_id)
        try:
            found = await self._stub.GetModelAnswer(
                pb.GetModelAnswerRequest(call_id=call_id), timeout=deadline_s(CALL_TIMEOUT_S)
            )
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_code is grpc.StatusCode.NOT_FOUND and remote.from_platform:
                return Known(None, "", int(remote.metadata.get("attempts", "0")))
            raise _unavailable(remote) from error
        return _known(found.call)

    async def hold(self, question: Question, model: str, number: int, amount_micro_usd: int) -> Held:
        """Holds what an attempt may cost; number 0: the next one, unless the question was answered before.

        What is granted stays this process's until the attempt is recorded. A caller who goes away
        meanwhile leaves nothing held.

        RemoteError with ERROR_REASON_BUDGET_SPENT where it does not fit a budget, DependencyUnavailable
        where artist_db does not answer.
        """
        id = call_id(question.request_id)
        await self._settled(id)
        request = pb.HoldSpendRequest(
            call_id=id,
            attempt=number,
            amount_micro_usd=amount_micro_usd,
            artist_id=question.artist_id,
            run_id=question.run_id,
            holder=self._holder,
            lease_ms=self._lease_ms,
        )
        holding = asyncio.create_task(self._hold(request))
        try:
            return await asyncio.shield(holding)
        except asyncio.CancelledError:
            self._track(id, self._let_go(question, model, holding))
            raise

    async def renew(self) -> None:
        """Prolongs the leases of the calls under way, until cancelled."""
        away = Outage(_log, "artist_db")
        while True:
            await asyncio.sleep(self._lease_s / 4)
            under_way = [pb.AttemptId(call_id=id, attempt=attempt) for id, attempt in self._under_way]
            for first in range(0, len(under_way), MOST_RENEWED):
                request = pb.RenewHoldsRequest(
                    holder=self._holder,
                    lease_ms=self._lease_ms,
                    attempts=under_way[first : first + MOST_RENEWED],
                )
                try:
                    await self._stub.RenewHolds(request, timeout=CALL_TIMEOUT_S)
                except grpc.aio.AioRpcError as error:
                    away.noticed(error)
                else:
                    away.over()

    async def record(
        self, question: Question, number: int, attempt: Attempt, answer: Completion | None = None
    ) -> Known | None:
        """Keeps one attempt, with its answer where it succeeded, and settles what was held for it.

        Gives the question's answer where another one than this was recorded first: the one to hand out.
        Goes on to its end also where the caller goes away. Repeats while artist_db is away for a short
        time; DependencyUnavailable after that.
        """
        return await asyncio.shield(self.begin_record(question, number, attempt, answer))

    def begin_record(
        self, question: Question, number: int, attempt: Attempt, answer: Completion | None = None
    ) -> "asyncio.Task[Known | None]":
        """As `record`, without waiting for it."""
        call = pb.ModelCall(
            call_id=call_id(question.request_id),
            attempt=number,
            role=question.role,
            model=attempt.model,
            artist_id=question.artist_id,
            run_id=question.run_id,
            outcome=attempt.outcome,
            prompt_tokens=attempt.usage.prompt_tokens,
            completion_tokens=attempt.usage.completion_tokens,
            cost_micro_usd=attempt.usage.cost_micro_usd,
            latency_ms=attempt.latency_ms,
            prompt_hash=question.prompt_hash,
            request_digest=question.digest,
            answer=answer.text if answer else "",
            image=answer.picture.data if answer and answer.picture else b"",
            detail=attempt.detail,
        )
        return self._track(call.call_id, self._write(call))

    async def close(self) -> None:
        """Waits for what is being written."""
        await asyncio.gather(*self._writing, return_exceptions=True)

    @property
    def _lease_ms(self) -> int:
        return round(self._lease_s * 1_000)

    async def _settled(self, call_id: str) -> None:
        """Waits for the records of a call's attempts whose callers went away: they take numbers."""
        under_way = [task for task, id in self._writing.items() if id == call_id]
        if under_way:
            await asyncio.gather(*under_way, return_exceptions=True)

    def _track(self, call_id: str, work: Coroutine[Any, Any, T]) -> "asyncio.Task[T]":
        """Work that goes on whoever goes away, and that the call's next attempt waits for."""
        task = asyncio.create_task(work, name=f"record {call_id}")
        self._writing[task] = call_id
        task.add_done_callback(self._ended)
        return task

    def _ended(self, task: "asyncio.Task[Any]") -> None:
        del self._writing[task]
        if not task.cancelled():
            # Logged where it failed; whoever waits for the task gets it too.
            task.exception()

    async def _hold(self, request: pb.HoldSpendRequest) -> Held:
        try:
            held = await self._stub.HoldSpend(request, timeout=CALL_TIMEOUT_S)
        except grpc.aio.AioRpcError as error:
            raise _unavailable(remote_error(error)) from error
        if held.granted:
            self._under_way.add((request.call_id, held.attempt))
        return Held(held.attempt, held.granted, _known(held.answer) if held.HasField("answer") else None)

    async def _let_go(self, question: Question, model: str, holding: "asyncio.Task[Held]") -> None:
        """Settles what was held for a caller who went away before the call was made."""
        try:
            held = await holding
        except AppError as error:
            _log.debug("nothing was held", call_id=call_id(question.request_id), detail=error.message)
            return
        if held.granted:
            attempt = Attempt(model, "cancelled", 0, "the caller went away before the call")
            await self.begin_record(question, held.number, attempt)

    async def _write(self, call: pb.ModelCall) -> Known | None:
        request = pb.RecordModelCallRequest(call=call)
        try:
            for attempt in range(1, RECORD_TRIES + 1):
                try:
                    recorded = await self._stub.RecordModelCall(request, timeout=CALL_TIMEOUT_S)
                except grpc.aio.AioRpcError as error:
                    remote = remote_error(error)
                    if not remote.retryable or attempt == RECORD_TRIES:
                        _log.error(
                            "a model call could not be recorded", call_id=call.call_id, detail=remote.message
                        )
                        raise _unavailable(remote) from error
                    await asyncio.sleep(FIRST_BACKOFF_S * 2 ** (attempt - 1))
                else:
                    for budget in recorded.strained:
                        self._teller.budget_strained(budget)
                    return _known(recorded.answer) if recorded.HasField("answer") else None
            raise AssertionError("the last try returns or raises")
        finally:
            self._under_way.discard((call.call_id, call.attempt))


def _known(call: pb.ModelCall) -> Known:
    usage = Usage(call.prompt_tokens, call.completion_tokens, call.cost_micro_usd)
    attempt = Attempt(call.model, "ok", call.latency_ms, usage=usage)
    picture = Picture(call.image, media_type_of(call.image) or "") if call.image else None
    answer = Answer(
        call.answer,
        call.model,
        usage,
        (attempt,),
        call.prompt_hash,
        replayed=True,
        picture=picture,
        digest=call.request_digest,
    )
    return Known(answer, call.request_digest, call.attempt)


def call_id(request_id: str) -> str:
    """The id under which the calls of a question are recorded."""
    return derived_id("mdl", request_id)


def _unavailable(remote: RemoteError) -> Exception:
    if remote.from_platform:
        return remote
    return DependencyUnavailable("artist_db")
