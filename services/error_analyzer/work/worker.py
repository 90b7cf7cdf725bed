"""Claims steps, has them done one at a time in each lane, and keeps what came of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.errors import remote_error
from services.chassis.ids import new_id
from services.chassis.logs import get_logger
from services.chassis.outage import Outage
from services.error_analyzer import metrics
from services.error_analyzer.domain import RepairUnavailable
from services.error_analyzer.news import News
from services.error_analyzer.setup import Limits
from services.error_analyzer.work.desk import UNAVAILABLE_RETRY_S
from services.error_analyzer.work.outcome import Outcome, Task

CALL_TIMEOUT_S = 10.0
POLL_S = 3.0
"""What is due in this process already is told by News."""
LEASE_S = 60.0
RENEW_S = 15.0
MOST_TAKEOVERS = 2
"""An attempt that was taken over so often is tried once more, and never again."""
_MOST_TRIES_TO_FINISH = 20

Handler = Callable[[Task], Awaitable[Outcome]]
_log = get_logger("error_analyzer.work")


@dataclass(frozen=True, slots=True)
class Lane:
    """Kinds of steps that wait for each other. `failed`: what is left of one that ended in a bug of ours."""

    name: str
    kinds: Sequence[db.ErrorStep.Kind.ValueType]
    handle: Handler
    failed: Callable[[Task, str], Outcome]
    finishes: bool = False
    """True: what is under way at `closing` is done to its end, for it changes a repository."""


class LostLease(Exception):
    """Somebody else has the step, or it is no longer to be done."""


class Worker:
    """One task for each lane. Any number of processes may have them: artist_db hands a step to one."""

    def __init__(
        self,
        artist_db: ArtistDbServiceStub,
        *,
        limits: Limits,
        news: News,
        closing: asyncio.Event,
    ) -> None:
        self._artist_db = artist_db
        self._limits = limits
        self._closing = closing
        self._holder = new_id("worker")
        self._news = news

    async def run(self, lane: Lane) -> None:
        """Does what is due in a lane until `closing`; a step under way then goes to whoever comes next."""
        away = Outage(_log, "artist_db")
        while not self._closing.is_set():
            try:
                task = await self._claim(lane)
            except grpc.aio.AioRpcError as error:
                away.noticed(remote_error(error))
                task = None
            else:
                away.over()
            if task is None:
                await self._news.wait(self._closing, most_s=POLL_S)
            elif lane.finishes:
                await self._do(lane, task)
            elif not await self._until_closing(self._do(lane, task)):
                await self._hand_back(task)

    async def _claim(self, lane: Lane) -> Task | None:
        claimed = await self._artist_db.ClaimErrorStep(
            # Without an id: an answer that is lost costs a lease, and keeping all answers would cost more.
            db.ClaimErrorStepRequest(
                holder=self._holder,
                lease_ms=round(LEASE_S * 1000),
                kinds=lane.kinds,
                analyses_per_hour=self._limits.analyses_per_hour,
                fixes_per_hour=self._limits.fixes_per_hour,
            ),
            timeout=CALL_TIMEOUT_S,
        )
        return Task(claimed) if claimed.HasField("group") else None

    async def _until_closing(self, work: Awaitable[None]) -> bool:
        """False where `closing` came first: the work was stopped."""
        doing = asyncio.ensure_future(work)
        closing = asyncio.create_task(self._closing.wait())
        try:
            await asyncio.wait((doing, closing), return_when=asyncio.FIRST_COMPLETED)
            stopped = not doing.done()
        finally:
            closing.cancel()
            if not doing.done():
                doing.cancel()
        with suppress(asyncio.CancelledError):
            await doing
        return not stopped

    async def _hand_back(self, task: Task) -> None:
        """So that the next one need not wait for the lease to end."""
        back = Outcome(next=task.postponed(0, "the process that had it was stopped"))
        try:
            await self._finish(task, back)
        except grpc.aio.AioRpcError as error:
            _log.info("a step waits for its lease to end", detail=str(remote_error(error)))

    async def _do(self, lane: Lane, task: Task) -> None:
        kind = db.ErrorStep.Kind.Name(task.step.kind).removeprefix("KIND_").lower()
        began = time.monotonic()
        try:
            outcome = await self._under_lease(lane, task)
            await self.keep(task, outcome)
        except LostLease as error:
            _log.warning("a step was lost", kind=kind, error=task.group.fingerprint, detail=str(error))
        except grpc.aio.AioRpcError as error:
            # What artist_db does not take now it would not take later either.
            _log.error(
                "what came of a step was refused", kind=kind, error=task.group.fingerprint, exc_info=error
            )
            with suppress(LostLease, grpc.aio.AioRpcError):
                await self.keep(task, lane.failed(task, "what came of it could not be kept"))
        else:
            self._news.announce()
        finally:
            metrics.STEP_SECONDS.labels(kind).observe(time.monotonic() - began)

    async def _under_lease(self, lane: Lane, task: Task) -> Outcome:
        doing = asyncio.ensure_future(self._outcome(lane, task))
        renewing = asyncio.create_task(self._renew(task))
        try:
            await asyncio.wait((doing, renewing), return_when=asyncio.FIRST_COMPLETED)
            if renewing.done():
                renewing.result()
            return await doing
        finally:
            renewing.cancel()
            if not doing.done():
                doing.cancel()
                with suppress(asyncio.CancelledError):
                    await doing

    async def _outcome(self, lane: Lane, task: Task) -> Outcome:
        if task.step.takeovers > MOST_TAKEOVERS and not lane.finishes:
            return lane.failed(task, f"it ended the process that worked on it, {task.step.takeovers} times")
        try:
            return await lane.handle(task)
        except RepairUnavailable as error:
            _log.warning("a repair has to wait", error=task.group.fingerprint, detail=str(error))
            return Outcome(next=task.postponed(UNAVAILABLE_RETRY_S, str(error)))
        except (LostLease, grpc.aio.AioRpcError):
            raise
        except Exception as error:  # noqa: BLE001 - a bug in one step must not end what repairs the others
            _log.error("a step failed", error=task.group.fingerprint, exc_info=error)
            return lane.failed(task, f"this step failed: {type(error).__name__}; the log has more")

    async def _renew(self, task: Task) -> None:
        """Until cancelled; LostLease where somebody else has the step. While artist_db is away it goes on."""
        while True:
            await asyncio.sleep(RENEW_S)
            request = db.RenewErrorStepRequest(
                fingerprint=task.group.fingerprint,
                attempt_id=task.step.attempt_id,
                holder=self._holder,
                lease_ms=round(LEASE_S * 1000),
            )
            try:
                await self._artist_db.RenewErrorStep(request, timeout=CALL_TIMEOUT_S)
            except grpc.aio.AioRpcError as error:
                _lost_or_away(error)

    async def keep(self, task: Task, outcome: Outcome, *, goes_on: bool = False) -> None:
        """Keeps what came of a step, as soon as artist_db takes it; LostLease where it is no longer ours."""
        # Under one id a report is kept once, also where an answer got lost.
        request_id = new_id("finish") if outcome.report is not None else ""
        for _ in range(_MOST_TRIES_TO_FINISH):
            try:
                group = await self._finish(task, outcome, goes_on=goes_on, request_id=request_id)
            except grpc.aio.AioRpcError as error:
                _lost_or_away(error)
                await asyncio.sleep(POLL_S)
            else:
                if outcome.tell is not None:
                    outcome.tell(group)
                return
        raise LostLease("artist_db did not take what came of it in time")

    async def note(self, task: Task, report: db.ErrorReport) -> None:
        """Keeps a report while the step goes on."""
        await self.keep(task, Outcome(report), goes_on=True)
        self._news.announce()

    async def _finish(
        self, task: Task, outcome: Outcome, *, goes_on: bool = False, request_id: str = ""
    ) -> db.ErrorGroup:
        request = db.FinishErrorStepRequest(
            request_id=request_id,
            fingerprint=task.group.fingerprint,
            attempt_id=task.step.attempt_id,
            holder=self._holder,
            report=outcome.report,
            goes_on=goes_on,
        )
        if (then := outcome.next) is not None:
            request.next.kind, request.next.reason = then.kind, then.reason
            request.next_in_ms, request.postponed = round(then.in_s * 1000), then.postponed
            if then.postponed:
                request.next.requested_by, request.next.forced = task.step.requested_by, task.step.forced
        return (await self._artist_db.FinishErrorStep(request, timeout=CALL_TIMEOUT_S)).group


def _lost_or_away(error: grpc.aio.AioRpcError) -> None:
    """LostLease where artist_db says so; the error itself where another try would not help."""
    remote = remote_error(error)
    if remote.remote_code is grpc.StatusCode.FAILED_PRECONDITION:
        raise LostLease("another process has it, or it is not to be done any more") from error
    if not remote.retryable:
        raise error
