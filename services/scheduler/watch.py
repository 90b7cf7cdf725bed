"""WatchRun: the kept events in order, and the newest progress between them."""

import asyncio
import time
from collections.abc import AsyncIterator

from aiartist.scheduler.v1 import scheduler_pb2
from services.chassis.errors import FieldViolation, InvalidInput, NotFound
from services.scheduler.convert import event_to_proto, progress_to_proto
from services.scheduler.domain import RunState
from services.scheduler.store import Store

POLL_S = 0.3
HEARTBEAT_S = 10.0


async def watch(
    store: Store, run_id: str, resume_token: str, closing: asyncio.Event
) -> AsyncIterator[scheduler_pb2.WatchRunResponse]:
    """Ends when the run is final and all was told, or the service stops. NotFound, InvalidInput."""
    sequence = _sequence_of(resume_token)
    told_progress = None
    told_at = time.monotonic()
    while not closing.is_set():
        events, state = await store.events_after(run_id, sequence)
        if state is None:
            raise NotFound("run", run_id)
        for event in events:
            sequence = event.sequence
            yield scheduler_pb2.WatchRunResponse(event=event_to_proto(event), resume_token=str(sequence))
        if state.final:
            return
        progress = None if state is RunState.AWAITING_APPROVAL else await store.progress(run_id)
        if progress is not None and progress.step and progress != told_progress:
            told_progress = progress
            message = progress_to_proto(progress, state)
            yield scheduler_pb2.WatchRunResponse(event=message, resume_token=str(sequence))
            told_at = time.monotonic()
        if events:
            told_at = time.monotonic()
        elif time.monotonic() - told_at >= HEARTBEAT_S:
            told_at = time.monotonic()
            yield scheduler_pb2.WatchRunResponse(resume_token=str(sequence))
        await asyncio.sleep(POLL_S)


def _sequence_of(resume_token: str) -> int:
    if not resume_token:
        return 0
    if not resume_token.isascii() or not resume_token.isdigit() or len(resume_token) > 18:
        raise InvalidInput([FieldViolation("resume_token", "is not one that WatchRun gave out")])
    return int(resume_token)
