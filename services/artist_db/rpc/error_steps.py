"""What is to be done about error groups, and by whom."""

from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.error_reports import NEW
from services.artist_db.domain.error_steps import (
    Kind,
    check_change,
    check_claim,
    check_finish,
    check_lease,
)
from services.artist_db.domain.errors import check_fingerprint
from services.artist_db.rpc.error_groups import current, whole
from services.artist_db.rpc.room import Context, Room
from services.artist_db.store import error_reports, errors
from services.artist_db.store import error_steps as store
from services.chassis.database import Connection
from services.chassis.errors import FieldViolation, InvalidInput, NotFound, WrongState


class _NothingDue(Exception):
    """Ends a claim without a trace: who looks every other second leaves no answer behind each time."""

    def __init__(self, response: pb.ClaimErrorStepResponse) -> None:
        super().__init__()
        self.response = response


class ErrorStepRpcs(Room):
    """ChangeErrorGroup, ClaimErrorStep, RenewErrorStep, FinishErrorStep."""

    async def ChangeErrorGroup(
        self, request: pb.ChangeErrorGroupRequest, context: Context
    ) -> pb.ChangeErrorGroupResponse:
        checks = Checks()
        check_change(checks, request)
        checks.finish()
        expected = list(request.expected_statuses)
        next = request.step if request.HasField("step") else None

        async def change(connection: Connection) -> pb.ChangeErrorGroupResponse:
            group = await _locked(connection, request.report.fingerprint)
            fingerprint, status = group["fingerprint"], group["status"] or NEW
            if expected and status not in expected:
                raise WrongState("error group", fingerprint, state=status, expected=" or ".join(expected))
            step = await store.locked(connection, fingerprint)
            if step is not None and step["held"]:
                raise WrongState(
                    "error group",
                    fingerprint,
                    state=f"{step['kind']} UNDER WAY",
                    expected="no step under way",
                )
            if next is not None and (next.forced or next.requested_by):
                await store.forget_tries(connection, fingerprint)
            await store.set_next(connection, fingerprint, next)
            await error_reports.save(connection, fingerprint, request.report)
            return pb.ChangeErrorGroupResponse(group=await current(connection, fingerprint))

        return await self._change(request, pb.ChangeErrorGroupResponse, change)

    async def ClaimErrorStep(
        self, request: pb.ClaimErrorStepRequest, context: Context
    ) -> pb.ClaimErrorStepResponse:
        checks = Checks()
        check_claim(checks, request)
        checks.finish()
        kinds = list(dict.fromkeys(map(Kind.of, request.kinds))) or list(Kind)
        limits = {Kind.ANALYZE: request.analyses_per_hour, Kind.FIX: request.fixes_per_hour}

        async def claim(connection: Connection) -> pb.ClaimErrorStepResponse:
            response = pb.ClaimErrorStepResponse()
            response.now.FromDatetime(await connection.fetchval("SELECT now()"))
            fingerprint = await store.claim(
                connection, holder=request.holder, lease_ms=request.lease_ms, kinds=kinds, limits=limits
            )
            if fingerprint is None:
                raise _NothingDue(response)
            response.group.CopyFrom(await whole(connection, fingerprint))
            if response.group.step.kind == pb.ErrorStep.KIND_WATCH:
                since, before = await store.around_fix(connection, fingerprint)
                response.errors_since_fix, response.errors_before_fix = since, before
            return response

        try:
            return await self._change(request, pb.ClaimErrorStepResponse, claim)
        except _NothingDue as nothing:
            return nothing.response

    async def RenewErrorStep(
        self, request: pb.RenewErrorStepRequest, context: Context
    ) -> pb.RenewErrorStepResponse:
        checks = Checks()
        check_fingerprint(checks, "fingerprint", request.fingerprint)
        checks.id("attempt_id", request.attempt_id)
        check_lease(checks, request.holder, request.lease_ms)
        checks.finish()
        async with self._db.acquire() as connection:
            held = await store.renew(
                connection, attempt_id=request.attempt_id, holder=request.holder, lease_ms=request.lease_ms
            )
        if not held:
            raise _not_held(request.attempt_id, request.holder)
        return pb.RenewErrorStepResponse()

    async def FinishErrorStep(
        self, request: pb.FinishErrorStepRequest, context: Context
    ) -> pb.FinishErrorStepResponse:
        checks = Checks()
        check_finish(checks, request)
        checks.finish()

        async def finish(connection: Connection) -> pb.FinishErrorStepResponse:
            group = await _locked(connection, request.fingerprint)
            fingerprint = group["fingerprint"]
            step = await store.locked(connection, fingerprint)
            if step is None or (step["attempt_id"], step["holder"]) != (request.attempt_id, request.holder):
                raise _not_held(request.attempt_id, request.holder)
            if not request.goes_on:
                await _let_go(connection, request, fingerprint, step)
            if request.HasField("report"):
                await error_reports.save(connection, fingerprint, request.report)
            if step["kind"] == Kind.WATCH and not request.goes_on and not request.HasField("next"):
                await store.keep_fix(connection, fingerprint)
            return pb.FinishErrorStepResponse(group=await current(connection, fingerprint))

        return await self._change(request, pb.FinishErrorStepResponse, finish)


async def _let_go(
    connection: Connection, request: pb.FinishErrorStepRequest, fingerprint: str, step: Any
) -> None:
    if not request.postponed:
        next = request.next if request.HasField("next") else None
        await store.set_next(connection, fingerprint, next, in_ms=request.next_in_ms)
        return
    if Kind.of(request.next.kind) != step["kind"]:
        expected = f"must be that of the step that is postponed, KIND_{step['kind']}"
        raise InvalidInput([FieldViolation("next.kind", expected)])
    await store.postpone(connection, fingerprint, request.next.reason, in_ms=request.next_in_ms)


async def _locked(connection: Connection, fingerprint: str) -> errors.Row:
    group = await errors.lock(connection, fingerprint)
    if group is None:
        raise NotFound("error group", fingerprint)
    return group


def _not_held(attempt_id: str, holder: str) -> WrongState:
    return WrongState("attempt", attempt_id, state="ENDED OR TAKEN OVER", expected=f"a lease of {holder}")
