"""WatchRun: the kept events in order, and the newest progress between them."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import suppress

from aiartist.scheduler.v1 import scheduler_pb2
from services.chassis.errors import FieldViolation, InvalidInput, NotFound
from services.scheduler.convert import event_to_proto, progress_to_proto
from services.scheduler.store import Store

POLL_S = 0.3
HEARTBEAT_S = 10.0
_NOT_OURS = FieldViolation("resume_token", "is not one that WatchRun gave out for this run")


async def watch(
    store: Store, run_id: str, resume_token: str, closing: asyncio.Event
) -> AsyncIterator[scheduler_pb2.WatchRunResponse]:
    """Ends when the run is final and all was told, or the service stops. NotFound, InvalidInput."""
    sequence = _sequence_of(resume_token)
    told_progress = None
    told_at = time.monotonic()
    while not closing.is_set():
        news = await store.news(run_id, sequence)
        if news is None:
            raise NotFound("run", run_id)
        if sequence > news.last_sequence:
            raise InvalidInput([_NOT_OURS])
        for event in news.events:
            sequence = event.sequence
            told_at = time.monotonic()
            yield scheduler_pb2.WatchRunResponse(event=event_to_proto(event), resume_token=str(sequence))
        if news.state.final:
            return
        if news.progress is not None and news.progress != told_progress:
            told_progress = news.progress
            told_at = time.monotonic()
            message = progress_to_proto(news.progress, news.state)
            yield scheduler_pb2.WatchRunResponse(event=message, resume_token=str(sequence))
        elif time.monotonic() - told_at >= HEARTBEAT_S:
            told_at = time.monotonic()
            yield scheduler_pb2.WatchRunResponse(resume_token=str(sequence))
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), POLL_S)


def _sequence_of(resume_token: str) -> int:
    if not resume_token:
        return 0
    if not resume_token.isascii() or not resume_token.isdigit() or len(resume_token) > 18:
        raise InvalidInput([_NOT_OURS])
    return int(resume_token)
