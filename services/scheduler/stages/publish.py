"""Publish: the release service publishes the package and reads it back, later where the week is full."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta

from aiartist.release.v1 import release_pb2, release_pb2_grpc
from services.chassis.errors import RemoteError
from services.scheduler.domain import Done, Outcome, Postponed, Run, RunError, RunState, StageName
from services.scheduler.stages import Report
from services.scheduler.stages.streams import LONG_CALL_S, result_of

WEEK_FULL = "ERROR_REASON_RELEASE_CAP"
LONGEST_WAIT = timedelta(days=8)
"""A week's cap is over after a week; whoever says more is not believed."""
SHORTEST_WAIT_S = 1.0
"""Where clocks differ a little."""


class Publish:
    name = StageName.PUBLISH
    state = RunState.RELEASING

    def __init__(
        self, release: release_pb2_grpc.ReleaseServiceStub, *, now: Callable[[], Awaitable[datetime]]
    ) -> None:
        self._release = release
        self._now = now

    async def run(self, run: Run, report: Report) -> Outcome:
        request = release_pb2.PublishReleaseRequest(request_id=run.request_id, release_id=run.release_id)
        stream = self._release.PublishRelease(request, timeout=LONG_CALL_S)
        try:
            location = (await result_of(stream, report)).publication.location
        except RemoteError as error:
            postponed = _postponed(error, await self._now()) if error.remote_reason == WEEK_FULL else None
            if postponed is None:
                raise
            return postponed
        return Done({"location": location}, location)


def _postponed(error: RemoteError, now: datetime) -> Postponed | None:
    """Until the artist's week has room again; None where the error does not say when, or no such time."""
    told = error.metadata.get("again_at", "")
    try:
        again_at = datetime.fromisoformat(told)
    except ValueError:
        return None
    wait = (again_at if again_at.tzinfo else again_at.replace(tzinfo=UTC)) - now
    if wait > LONGEST_WAIT:
        return None
    why = RunError(error.remote_reason, error.message, retryable=True)
    delay_s = max(SHORTEST_WAIT_S, wait.total_seconds())
    return Postponed(delay_s, f"waits until {told}: {error.message}", why)
