"""Tells people how runs ended: kept as a mark on the run until notifier has taken it."""

import asyncio

import grpc

from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis import logs
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.errors import remote_error
from services.chassis.outage import Outage
from services.scheduler.domain import Run, RunState
from services.scheduler.stages.streams import SHORT_CALL_S
from services.scheduler.store import Store
from services.scheduler.waiting import first_of

BATCH = 50
AGAIN_S = 5.0
"""How long to leave notifier alone after it did not answer."""

_HOPELESS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS)
"""Says that the notice itself is wrong, now and for ever."""

_log = logs.get_logger("scheduler.announce")


class Announcer:
    """Any replica may tell; notifier takes the same request id once."""

    def __init__(
        self, store: Store, notifier: notifier_pb2_grpc.NotifierServiceStub, closing: asyncio.Event
    ) -> None:
        self._store = store
        self._notifier = notifier
        self._closing = closing
        self._ended = asyncio.Event()

    def wake(self) -> None:
        """A run ended."""
        self._ended.set()

    async def run(self, every_s: float) -> None:
        """Tells whenever a run ended, and looks every so often for what other replicas left."""
        database, notifier = Outage(_log, "the database"), Outage(_log, "notifier")
        while not self._closing.is_set():
            self._ended.clear()
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
                    await first_of(self._ended, self._closing, timeout_s=every_s)

    async def tell(self) -> bool:
        """Tells of one batch of runs; True where there may be more."""
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
            await self._notifier.Notify(_notice(run), timeout=SHORT_CALL_S)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _HOPELESS:
                raise
            # Kept, it would come first for ever, and nobody would hear of any other run.
            _log.error("notifier refuses to tell of a run", run_id=run.id, detail=error.details())


def _notice(run: Run) -> notifier_pb2.NotifyRequest:
    song = f"“{' '.join(run.title.split())}”" if run.title else f"run {run.id}"
    failed = run.state is RunState.FAILED
    body = run.error.message if failed and run.error else run.location
    if run.state is RunState.REJECTED and run.decision:
        body = run.decision.reason
    return notifier_pb2.NotifyRequest(
        request_id=f"{run.id}/announce/{run.version}",
        severity=notifier_pb2.SEVERITY_ERROR if failed else notifier_pb2.SEVERITY_INFO,
        title=f"{song}: {run.state.lower()}"[:200],
        body=body[:4000],
        run_id=run.id,
        artist_id=run.artist_id,
    )
