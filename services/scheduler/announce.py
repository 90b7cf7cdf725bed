"""Tells people how a run ended: a job of its own, so that it is told once notifier answers."""

import grpc

from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from services.chassis import logs
from services.scheduler.domain import Run, RunState
from services.scheduler.queue import HandBack
from services.scheduler.stages.streams import SHORT_CALL_S
from services.scheduler.store import Store

AGAIN_S = 10.0

_log = logs.get_logger("scheduler.announce")


class Announcer:
    """Handles the jobs that RunQueue.announce made."""

    def __init__(self, store: Store, notifier: notifier_pb2_grpc.NotifierServiceStub) -> None:
        self._store = store
        self._notifier = notifier

    async def announce(self, payload: str) -> None:
        """`payload` is the run's id and its final state. HandBack where notifier does not answer."""
        run_id, _, state = payload.partition(" ")
        run = await self._store.read(run_id)
        if run is None:
            return
        try:
            await self._notifier.Notify(_notice(run, RunState(state)), timeout=SHORT_CALL_S)
        except grpc.aio.AioRpcError as error:
            _log.warning("notifier does not answer; telling later", run_id=run_id, code=error.code().name)
            raise HandBack(AGAIN_S) from error


def _notice(run: Run, state: RunState) -> notifier_pb2.NotifyRequest:
    song = f"“{run.title}”" if run.title else f"run {run.id}"
    failed = state is RunState.FAILED
    body = run.error.message if failed and run.error else run.location
    return notifier_pb2.NotifyRequest(
        request_id=f"{run.id}/announce/{state.lower()}/{run.version}",
        severity=notifier_pb2.SEVERITY_ERROR if failed else notifier_pb2.SEVERITY_INFO,
        title=f"{song}: {state.lower()}"[:200],
        body=body[:4000],
        run_id=run.id,
        artist_id=run.artist_id,
    )
