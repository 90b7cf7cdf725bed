"""Tells notifier which questions are over and how runs ended: kept as rows until it has taken them."""

import asyncio

import grpc

from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis import logs, tracing
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.errors import remote_error
from services.chassis.notices import tidied
from services.chassis.outage import Outage
from services.chassis.tracing import TraceContext
from services.scheduler import traces
from services.scheduler.convert import decision_to_proto
from services.scheduler.domain import Run, RunState
from services.scheduler.records import ClosingRecord
from services.scheduler.stages.streams import SHORT_CALL_S
from services.scheduler.store import Store
from services.scheduler.waiting import Bell, first_of

BATCH = 50
AGAIN_S = 5.0
"""How long to leave notifier alone after it did not answer."""

_HOPELESS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS)
"""Says that what it is told is itself wrong, now and for ever."""
MOST_REASON = 1_000

_log = logs.get_logger("scheduler.announce")


class Announcer:
    """Any replica may tell; notifier takes the same request id once."""

    def __init__(
        self,
        store: Store,
        notifier: notifier_pb2_grpc.NotifierServiceStub,
        over: Bell,
        closing: asyncio.Event,
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._closing = closing
        self._asked = over.listener()

    async def run(self, every_s: float) -> None:
        """Tells whenever there is something, and looks every so often for what other replicas left."""
        database, notifier = Outage(_log, "the database"), Outage(_log, "notifier")
        while not self._closing.is_set():
            self._asked.clear()
            try:
                more = await self.tell()
            except DATABASE_TROUBLE as error:
                database.noticed(error)
                await first_of(self._closing, timeout_s=AGAIN_S)
            except grpc.aio.AioRpcError as error:
                notifier.noticed(remote_error(error))
                await first_of(self._closing, timeout_s=AGAIN_S)
            else:
                database.over()
                notifier.over()
                if not more:
                    await first_of(self._asked, self._closing, timeout_s=every_s)

    async def tell(self) -> bool:
        """Tells one batch of each kind; True where there may be more."""
        # First what people could still press.
        more = await self._close_questions()
        return await self._tell_of_ends() or more

    async def _close_questions(self) -> bool:
        closings = await self._store.untold_closings(BATCH)
        told: list[ClosingRecord] = []
        try:
            for closing in closings:
                await self._close(closing)
                told.append(closing)
        finally:
            if told:
                await self._store.forget_closings(told)
        return len(closings) == BATCH

    async def _close(self, closing: ClosingRecord) -> None:
        request = notifier_pb2.CloseApprovalRequest(
            request_id=closing.request_id,
            run_id=closing.run_id,
            content_digest=closing.content_digest,
            decision=decision_to_proto(closing.decision),
            reason=closing.reason[:MOST_REASON],
        )
        try:
            with tracing.continued(traces.SERVICE, TraceContext.parse(closing.traceparent)):
                await self._notifier.CloseApproval(request, timeout=SHORT_CALL_S)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _HOPELESS:
                raise
            _log.error("notifier refuses to close a question", run_id=closing.run_id, detail=error.details())

    async def _tell_of_ends(self) -> bool:
        runs = await self._store.unannounced(BATCH)
        told: list[Run] = []
        try:
            for run in runs:
                await self._tell_of(run)
                told.append(run)
        finally:
            if told:
                await self._store.mark_announced(told)
        return len(runs) == BATCH

    async def _tell_of(self, run: Run) -> None:
        try:
            with tracing.continued(traces.SERVICE, traces.context_of(run)):
                await self._notifier.Notify(_notice(run), timeout=SHORT_CALL_S)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _HOPELESS:
                raise
            # Kept, it would come first for ever, and nobody would hear of any other run.
            _log.error("notifier refuses to tell of a run", run_id=run.id, detail=error.details())


_TOPICS = {
    RunState.RELEASED: notifier_pb2.TOPIC_RELEASED,
    RunState.FAILED: notifier_pb2.TOPIC_FAILED,
}
"""By how a run ended; the others just ended."""


def _notice(run: Run) -> notifier_pb2.NotifyRequest:
    song = f"“{' '.join(run.title.split())}”" if run.title else f"run {run.id}"
    failed = run.state is RunState.FAILED
    body = run.error.message if failed and run.error else run.location
    if run.state is RunState.REJECTED and run.decision:
        body = run.decision.reason
    return tidied(
        notifier_pb2.NotifyRequest(
            # The end's own, also where the run has changed since: it is looked back on.
            request_id=f"{run.id}/announce/{run.ended_version or run.version}",
            severity=notifier_pb2.SEVERITY_ERROR if failed else notifier_pb2.SEVERITY_INFO,
            title=f"{song}: {run.state.lower()}",
            body=body,
            run_id=run.id,
            artist_id=run.artist_id,
            topic=_TOPICS.get(run.state, notifier_pb2.TOPIC_ENDED),
        )
    )
