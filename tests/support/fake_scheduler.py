"""The scheduler as the command line sees it: runs in memory, and watches that can be told to break off."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc

from aiartist.common.v1.decision_pb2 import VERDICT_APPROVED, VERDICT_REJECTED
from aiartist.scheduler.v1 import scheduler_pb2 as sched
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceServicer
from services.chassis.errors import NotFound, WrongState
from services.chassis.ids import derived_id
from services.chassis.paging import page_request

NOON = 1_772_366_400
"""2026-03-01 12:00 UTC, when everything here happens."""


def event(
    sequence: int, type: sched.RunEvent.Type.ValueType, state: sched.RunState.ValueType, **fields: Any
) -> sched.RunEvent:
    """A run's event, a second after the one before."""
    made = sched.RunEvent(sequence=sequence, type=type, state=state, **fields)
    made.time.seconds = NOON + sequence
    return made


class FakeScheduler(SchedulerServiceServicer):
    """Runs by id, newest last; a watch tells a run's `events` and breaks off where `cuts` says so."""

    def __init__(self) -> None:
        self.runs: dict[str, sched.Run] = {}
        self.events: dict[str, list[sched.RunEvent]] = {}
        self.requests: list[Any] = []
        self.cuts: list[int] = []
        """The next watches end with UNAVAILABLE after so many events each."""
        self.ends_as: sched.RunState.ValueType = sched.RUN_STATE_UNSPECIFIED
        """Where new runs are when their watch ends."""
        self.ends_early = False
        """The next watch ends in order after one event, as where the server is being stopped."""
        self.stays_open = False
        """The next watches stay open and silent after the last event."""
        self.silent = asyncio.Event()
        """Set when a watch came that far."""

    def add(
        self, name: str, state: sched.RunState.ValueType = sched.RUN_STATE_QUEUED, **fields: Any
    ) -> sched.Run:
        run = sched.Run(id=derived_id("run", name), state=state, **fields)
        run.created_at.seconds = run.updated_at.seconds = NOON
        self.runs[run.id] = run
        return run

    def _found(self, run_id: str) -> sched.Run:
        if run_id not in self.runs:
            raise NotFound("run", run_id)
        return self.runs[run_id]

    async def StartRun(self, request: sched.StartRunRequest, context: Any) -> sched.StartRunResponse:
        self.requests.append(request)
        run = self.add(
            f"run {len(self.runs)}",
            artist_id=request.artist_id,
            autopilot=request.autopilot,
            takes_wanted=request.takes or 1,
        )
        return sched.StartRunResponse(run=run)

    async def GetRun(self, request: sched.GetRunRequest, context: Any) -> sched.GetRunResponse:
        return sched.GetRunResponse(run=self._found(request.run_id))

    async def ListRuns(self, request: sched.ListRunsRequest, context: Any) -> sched.ListRunsResponse:
        self.requests.append(request)
        page = page_request(request, keys=1)
        rows = list(enumerate(self.runs.values()))[::-1]
        rows = [row for row in rows if page.after is None or row[0] < int(page.after[0])]
        rows = [row for row in rows if not request.states or row[1].state in request.states]
        rows = [row for row in rows if not request.artist_id or row[1].artist_id == request.artist_id]
        kept, token = page.cut(rows[: page.size + 1], key=lambda row: (f"{row[0]}",))
        return sched.ListRunsResponse(runs=[run for _, run in kept], next_page_token=token)

    async def GetStatus(self, request: sched.GetStatusRequest, context: Any) -> sched.GetStatusResponse:
        counts = Counter(run.state for run in self.runs.values())
        runs = [sched.StateCount(state=state, count=count) for state, count in sorted(counts.items())]
        status = sched.GetStatusResponse(runs=runs, places=2)
        if counts[sched.RUN_STATE_AWAITING_APPROVAL]:
            status.waiting_since.seconds = NOON
        return status

    async def WatchRun(
        self, request: sched.WatchRunRequest, context: Any
    ) -> AsyncIterator[sched.WatchRunResponse]:
        self.requests.append(request)
        run = self._found(request.run_id)
        left = self.cuts.pop(0) if self.cuts else None
        token = request.resume_token
        yield sched.WatchRunResponse(resume_token=token)
        for told in self.events.get(run.id, []):
            if told.sequence <= int(request.resume_token or 0) and told.sequence:
                continue
            if left == 0:
                await context.abort(grpc.StatusCode.UNAVAILABLE, "the server went away")
            left = None if left is None else left - 1
            # Progress is not kept: going on after it is going on after the event before.
            token = f"{told.sequence}" if told.sequence else token
            yield sched.WatchRunResponse(event=told, resume_token=token)
            if self.ends_early:
                self.ends_early = False
                return
        if self.ends_as:
            run.state = self.ends_as
        if self.stays_open:
            self.silent.set()
            await asyncio.Event().wait()

    async def DecideRun(self, request: sched.DecideRunRequest, context: Any) -> sched.DecideRunResponse:
        self.requests.append(request)
        run = self._found(request.run_id)
        self._require(run, "AWAITING_APPROVAL")
        if request.verdict == VERDICT_APPROVED:
            run.state = sched.RUN_STATE_RELEASING
        elif request.verdict == VERDICT_REJECTED:
            run.state = sched.RUN_STATE_REJECTED
        else:
            run.state = sched.RUN_STATE_PRODUCING
        return sched.DecideRunResponse(run=run)

    async def CancelRun(self, request: sched.CancelRunRequest, context: Any) -> sched.CancelRunResponse:
        self.requests.append(request)
        run = self._found(request.run_id)
        run.state = sched.RUN_STATE_CANCELLED
        return sched.CancelRunResponse(run=run)

    async def RetryRun(self, request: sched.RetryRunRequest, context: Any) -> sched.RetryRunResponse:
        self.requests.append(request)
        run = self._found(request.run_id)
        self._require(run, "FAILED")
        run.state = sched.RUN_STATE_PRODUCING
        return sched.RetryRunResponse(run=run)

    @staticmethod
    def _require(run: sched.Run, expected: str) -> None:
        now = sched.RunState.Name(run.state).removeprefix("RUN_STATE_")
        if now != expected:
            raise WrongState("run", run.id, state=now, expected=expected)
