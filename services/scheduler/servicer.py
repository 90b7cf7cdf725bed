"""SchedulerService: contract to domain and back, nothing more."""

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any, TypeAlias, TypeVar

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc, artist_state_pb2
from aiartist.common.v1 import decision_pb2
from aiartist.scheduler.v1 import scheduler_pb2, scheduler_pb2_grpc
from services.chassis import tracing
from services.chassis.clients import deadline_s
from services.chassis.database import Connection
from services.chassis.errors import FieldViolation, InvalidInput, NotFound, WrongState, remote_error
from services.chassis.idempotency import once
from services.chassis.ids import new_id
from services.chassis.paging import page_request
from services.scheduler import metrics, traces
from services.scheduler.admission import Admission
from services.scheduler.convert import run_to_proto, state_from_proto, status_to_proto, verdict_from_proto
from services.scheduler.domain import Change, Decision, Machine, Run, RunState, Take, Verdict
from services.scheduler.errors import StaleDigest
from services.scheduler.store import Store
from services.scheduler.waiting import Bell
from services.scheduler.watch import watch

MAX_TEXT = 1_000
MAX_TAKES = 5
ARTIST_DB_TIMEOUT_S = 5.0
_PERSONS_VERDICTS = {
    decision_pb2.VERDICT_APPROVED,
    decision_pb2.VERDICT_REJECTED,
    decision_pb2.VERDICT_REGENERATE_TAKE,
    decision_pb2.VERDICT_REGENERATE_BRIEF,
}

_RunRequest: TypeAlias = (
    scheduler_pb2.DecideRunRequest | scheduler_pb2.CancelRunRequest | scheduler_pb2.RetryRunRequest
)
Response = TypeVar(
    "Response",
    scheduler_pb2.DecideRunResponse,
    scheduler_pb2.CancelRunResponse,
    scheduler_pb2.RetryRunResponse,
)


class SchedulerServicer(scheduler_pb2_grpc.SchedulerServiceServicer):
    """Serves runs."""

    def __init__(
        self,
        store: Store,
        machine: Machine,
        admission: Admission,
        over: Bell,
        artist_db: artist_db_pb2_grpc.ArtistDbServiceStub,
        closing: asyncio.Event,
    ) -> None:
        self._store = store
        self._admission = admission
        self._over = over
        self._machine = machine
        self._artist_db = artist_db
        self._closing = closing

    async def StartRun(
        self, request: scheduler_pb2.StartRunRequest, context: Any
    ) -> scheduler_pb2.StartRunResponse:
        _check(request, required=("artist_id",), texts=("note",))
        if request.takes > MAX_TAKES:
            raise InvalidInput([FieldViolation("takes", f"must be 0 to {MAX_TAKES}, is {request.takes}")])
        found = await self._artist_db.GetArtist(
            artist_db_pb2.GetArtistRequest(artist_id=request.artist_id),
            timeout=deadline_s(ARTIST_DB_TIMEOUT_S),
        )
        artist = found.artist

        async def start(connection: Connection) -> scheduler_pb2.StartRunResponse:
            if artist.state not in (
                artist_state_pb2.ARTIST_STATE_ACTIVE,
                artist_state_pb2.ARTIST_STATE_EVOLVING,
            ):
                state = artist_state_pb2.ArtistState.Name(artist.state).removeprefix("ARTIST_STATE_")
                raise WrongState("artist", artist.id, state=state, expected="ACTIVE or EVOLVING")
            run = self._machine.new(
                new_id("run"),
                artist.id,
                autopilot=request.autopilot if request.HasField("autopilot") else artist.autopilot_enabled,
                started_by="operator",
                note=request.note,
                takes=request.takes,
                traceparent=tracing.traceparent(),
            )
            started = await self._store.insert(connection, run)
            assert started is not None, "only a due time can be taken"
            metrics.RUNS_STARTED.labels("operator").inc()
            return scheduler_pb2.StartRunResponse(run=run_to_proto(started))

        async with self._store.transaction() as connection:
            response = await once(
                connection, request, scheduler_pb2.StartRunResponse, lambda: start(connection)
            )
        self._admission.wake()
        return response

    async def GetRun(
        self, request: scheduler_pb2.GetRunRequest, context: Any
    ) -> scheduler_pb2.GetRunResponse:
        _check(request, required=("run_id",))
        run = _found(await self._store.read(request.run_id), request.run_id)
        return scheduler_pb2.GetRunResponse(run=run_to_proto(run, await self._store.stages(run.id)))

    async def ListRuns(
        self, request: scheduler_pb2.ListRunsRequest, context: Any
    ) -> scheduler_pb2.ListRunsResponse:
        states = [_known_state(state, number) for number, state in enumerate(request.states)]
        page = page_request(request, filters=(request.artist_id, sorted(states)))
        runs, token = await self._store.page(page, artist_id=request.artist_id, states=states)
        return scheduler_pb2.ListRunsResponse(runs=[run_to_proto(run) for run in runs], next_page_token=token)

    async def GetStatus(
        self, request: scheduler_pb2.GetStatusRequest, context: Any
    ) -> scheduler_pb2.GetStatusResponse:
        return status_to_proto(await self._store.status())

    async def WatchRun(
        self, request: scheduler_pb2.WatchRunRequest, context: Any
    ) -> AsyncIterator[scheduler_pb2.WatchRunResponse]:
        _check(request, required=("run_id",))
        async for update in watch(self._store, request.run_id, request.resume_token, self._closing):
            yield update

    async def DecideRun(
        self, request: scheduler_pb2.DecideRunRequest, context: Any
    ) -> scheduler_pb2.DecideRunResponse:
        _check(request, required=("run_id", "content_digest", "decided_by"), texts=("reason",))
        if request.verdict not in _PERSONS_VERDICTS:
            expected = "must be APPROVED, REJECTED, REGENERATE_TAKE or REGENERATE_BRIEF"
            raise InvalidInput([FieldViolation("verdict", expected)])
        verdict = verdict_from_proto(request.verdict)
        if verdict is Verdict.REJECTED and not request.reason.strip():
            raise InvalidInput([FieldViolation("reason", "is required for a rejection")])
        # Before the transaction: no lock waits for another service.
        picked = await self._take_of(request) if verdict is Verdict.APPROVED and request.take_id else None

        def decide(run: Run) -> Change:
            if run.state is not RunState.AWAITING_APPROVAL:
                raise WrongState("run", run.id, state=run.state, expected=RunState.AWAITING_APPROVAL)
            other = bool(request.take_id) and request.take_id != run.take_id
            if other and picked is None:
                expected = (
                    "must be a take of this run that passed its review"
                    if verdict is Verdict.APPROVED
                    else "must be empty or the newest take's: only APPROVED picks another one"
                )
                raise InvalidInput([FieldViolation("take_id", expected)])
            take = picked if other else None
            current = run.content_digest if take is None else take.content_digest
            if current != request.content_digest:
                raise StaleDigest(run.id, given=request.content_digest, current=current)
            metrics.DECISIONS.labels(verdict.lower()).inc()
            decision = Decision(verdict, current, request.decided_by, request.reason.strip())
            return self._machine.decide(run, decision, take)

        return await self._change(request, scheduler_pb2.DecideRunResponse, decide)

    async def CancelRun(
        self, request: scheduler_pb2.CancelRunRequest, context: Any
    ) -> scheduler_pb2.CancelRunResponse:
        _check(request, required=("run_id",), texts=("reason",))

        def cancel(run: Run) -> Change:
            if run.state.final:
                raise WrongState("run", run.id, state=run.state, expected="a run that is not over")
            return self._machine.cancel(run, request.reason.strip())

        return await self._change(request, scheduler_pb2.CancelRunResponse, cancel)

    async def RetryRun(
        self, request: scheduler_pb2.RetryRunRequest, context: Any
    ) -> scheduler_pb2.RetryRunResponse:
        _check(request, required=("run_id",))

        def retry(run: Run) -> Change:
            if run.state is not RunState.FAILED:
                raise WrongState("run", run.id, state=run.state, expected=RunState.FAILED)
            return self._machine.retry(run)

        return await self._change(request, scheduler_pb2.RetryRunResponse, retry)

    async def _take_of(self, request: scheduler_pb2.DecideRunRequest) -> Take | None:
        """The take that a person picked; None where it is none of the run's that passed its review."""
        try:
            found = await self._artist_db.GetTake(
                artist_db_pb2.GetTakeRequest(take_id=request.take_id),
                timeout=deadline_s(ARTIST_DB_TIMEOUT_S),
            )
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_code is grpc.StatusCode.NOT_FOUND and remote.from_platform:
                return None
            raise
        take = found.take
        if take.run_id != request.run_id or not take.review.passed:
            return None
        brief = await self._artist_db.GetBrief(
            artist_db_pb2.GetBriefRequest(brief_id=take.brief_id), timeout=deadline_s(ARTIST_DB_TIMEOUT_S)
        )
        return Take(take.id, take.brief_id, take.content_digest, brief.brief.brief.title)

    async def _change(
        self, request: _RunRequest, response_type: type[Response], step: Callable[[Run], Change]
    ) -> Response:
        """One step of one run, under its lock, once for each request id."""

        steps: list[tuple[Run, Run]] = []

        async def effect(connection: Connection) -> Response:
            run = _found(await self._store.lock(connection, request.run_id), request.run_id)
            saved = await self._store.write(connection, step(run))
            assert saved is not None, "the run is locked"
            steps.append((run, saved))
            return response_type(run=run_to_proto(saved))

        async with self._store.transaction() as connection:
            response = await once(connection, request, response_type, lambda: effect(connection))
        for before, after in steps:
            traces.tell_of_call(before, after)
        self._admission.wake()
        self._over.ring()
        return response


def _found(run: Run | None, run_id: str) -> Run:
    if run is None:
        raise NotFound("run", run_id)
    return run


def _check(request: Any, *, required: tuple[str, ...], texts: tuple[str, ...] = ()) -> None:
    violations = [FieldViolation(f, "is required") for f in required if not getattr(request, f).strip()]
    violations += [
        FieldViolation(f, f"must have at most {MAX_TEXT} characters")
        for f in texts
        if len(getattr(request, f)) > MAX_TEXT
    ]
    if violations:
        raise InvalidInput(violations)


def _known_state(state: scheduler_pb2.RunState.ValueType, number: int) -> RunState:
    try:
        return state_from_proto(state)
    except ValueError as error:
        raise InvalidInput([FieldViolation(f"states[{number}]", "is not a state of a run")]) from error
