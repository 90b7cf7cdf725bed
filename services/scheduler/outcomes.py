"""Tells artist_db how runs ended, whatever the end: artists' lives, experiments and reflection go by it."""

import asyncio

import grpc

from aiartist.artist_db.v1 import artist_db_pb2_grpc, life_pb2
from services.chassis import logs, tracing
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.errors import remote_error
from services.chassis.outage import Outage
from services.scheduler import announce, traces
from services.scheduler.convert import decision_to_proto, timestamp
from services.scheduler.domain import Run, RunState
from services.scheduler.stages.streams import SHORT_CALL_S
from services.scheduler.store import Store
from services.scheduler.waiting import Bell, first_of

BATCH = 50
MOST_TEXT = 1_000

_HOPELESS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.NOT_FOUND)
"""Says that the outcome is itself wrong, or its artist unknown, now and for ever."""

_log = logs.get_logger("scheduler.outcomes")


class Outcomes:
    """Any replica may tell, and tell again: artist_db keeps one outcome a run, the last."""

    def __init__(
        self,
        store: Store,
        artist_db: artist_db_pb2_grpc.ArtistDbServiceStub,
        over: Bell,
        closing: asyncio.Event,
    ) -> None:
        self._store = store
        self._artist_db = artist_db
        self._closing = closing
        self._asked = over.listener()

    async def run(self, every_s: float) -> None:
        """Records whenever a run ends, and looks every so often for what other replicas left."""
        database, artist_db = Outage(_log, "the database"), Outage(_log, "artist_db")
        while not self._closing.is_set():
            self._asked.clear()
            try:
                more = await self.record_all()
            except DATABASE_TROUBLE as error:
                database.noticed(error)
                await first_of(self._closing, timeout_s=announce.AGAIN_S)
            except grpc.aio.AioRpcError as error:
                artist_db.noticed(remote_error(error))
                await first_of(self._closing, timeout_s=announce.AGAIN_S)
            else:
                database.over()
                artist_db.over()
                if not more:
                    await first_of(self._asked, self._closing, timeout_s=every_s)

    async def record_all(self) -> bool:
        """Records one batch; True where there may be more."""
        runs = await self._store.unrecorded(BATCH)
        for run in runs:
            try:
                await self.record(run)
            except grpc.aio.AioRpcError as error:
                if error.code() not in _HOPELESS:
                    raise
                # Kept, it would come first for ever, and nothing would be learned of any other run.
                _log.error("artist_db refuses an outcome", run_id=run.id, detail=error.details())
                await self._store.mark_recorded(run)
        return len(runs) == BATCH

    async def record(self, run: Run) -> None:
        """Tells of the run's last end; AioRpcError where artist_db does not take it."""
        outcome = outcome_of(
            run,
            takes=await self._store.takes_made(run.id),
            under_way=await self._store.approved_under_way(run),
        )
        request = life_pb2.RecordRunOutcomeRequest(outcome=outcome)
        with tracing.continued(traces.SERVICE, traces.context_of(run)):
            answer = await self._artist_db.RecordRunOutcome(request, timeout=SHORT_CALL_S)
        await self._store.mark_recorded(run)
        if answer.HasField("move"):
            _log.info(
                "an artist's life took a turn",
                run_id=run.id,
                artist_id=run.artist_id,
                rule=answer.move.rule,
                reason=answer.move.reason,
            )


def outcome_of(run: Run, *, takes: int, under_way: int = 0) -> life_pb2.RunOutcome:
    """How a run ended, as artist_db takes it.

    `takes`: how many it has made. `under_way`: the artist's other approved runs, not recorded yet.
    """
    failed = run.error if run.state is RunState.FAILED else None
    return life_pb2.RunOutcome(
        run_id=run.id,
        artist_id=run.artist_id,
        state=run.state,
        decision=decision_to_proto(run.decision),
        failure_reason=failed.reason if failed else "",
        failure_text=failed.message[:MOST_TEXT] if failed else "",
        failed_stage=run.stage if failed else "",
        brief_id=run.brief_id,
        take_id=run.take_id,
        release_id=run.release_id,
        title=run.title,
        takes=takes,
        # A run that ended under a version which did not count has ended once.
        ending=max(1, run.endings),
        started_at=timestamp(run.created_at),
        ended_at=timestamp(run.ended_at or run.updated_at),
        approved_under_way=under_way,
    )
