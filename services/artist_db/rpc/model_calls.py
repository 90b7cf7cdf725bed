"""Model calls and spend."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.common.v1.brief_pb2 import ModelUse
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.model_calls import OK, check_model_call
from services.artist_db.errors import NoAnswer
from services.artist_db.rpc.money import MoneyRoom, budget_of
from services.artist_db.rpc.room import Context, time_and_number
from services.artist_db.store import budgets
from services.artist_db.store import model_calls as store
from services.chassis.paging import page_request


class ModelCallRpcs(MoneyRoom):
    """RecordModelCall to GetSpend."""

    async def RecordModelCall(
        self, request: pb.RecordModelCallRequest, context: Context
    ) -> pb.RecordModelCallResponse:
        checks = Checks()
        if checks.present("call", request.HasField("call")):
            check_model_call(checks, request.call)
        checks.finish()
        call = request.call
        async with self._db.acquire() as connection:
            kept = await store.record(connection, call)
            strained = (
                await budgets.strained(
                    connection,
                    artist_id=call.artist_id,
                    run_id=call.run_id,
                    day=kept.day,
                    limits=self._limits,
                )
                if call.cost_micro_usd
                else []
            )
        return pb.RecordModelCallResponse(
            answer=answer_of(kept.first) if kept.first is not None else None,
            strained=map(budget_of, strained),
        )

    async def GetModelAnswer(
        self, request: pb.GetModelAnswerRequest, context: Context
    ) -> pb.GetModelAnswerResponse:
        checks = Checks()
        checks.id("call_id", request.call_id)
        checks.finish()
        async with self._db.acquire() as connection:
            row = await store.answer_or_last(connection, request.call_id)
        if row is None or row["outcome"] != OK:
            raise NoAnswer(request.call_id, row["attempt"] if row is not None else 0)
        return pb.GetModelAnswerResponse(call=answer_of(row))

    async def ListModelCalls(
        self, request: pb.ListModelCallsRequest, context: Context
    ) -> pb.ListModelCallsResponse:
        checks = Checks()
        checks.filter("run_id", request.run_id)
        checks.finish()
        page = page_request(request, filters=("model calls", request.run_id))
        async with self._db.acquire() as connection:
            found = await store.page(
                connection, run_id=request.run_id, after=time_and_number(page), limit=page.size + 1
            )
        rows, token = page.cut(found, key=lambda row: (row["created_at"].isoformat(), str(row["id"])))
        return pb.ListModelCallsResponse(calls=map(_call_of, rows), next_page_token=token)

    async def GetSpend(self, request: pb.GetSpendRequest, context: Context) -> pb.GetSpendResponse:
        checks = Checks()
        checks.filter("artist_id", request.artist_id)
        checks.filter("run_id", request.run_id)
        since = checks.time("since", request.since) if request.HasField("since") else None
        checks.finish()
        async with self._db.acquire() as connection:
            rows = await store.spend(
                connection, artist_id=request.artist_id, run_id=request.run_id, since=since
            )
        uses = [ModelUse(**row) for row in rows]
        return pb.GetSpendResponse(uses=uses, total_cost_micro_usd=sum(use.cost_micro_usd for use in uses))


def answer_of(row: store.Row) -> pb.ModelCall:
    """A call with its answer."""
    call = _call_of(row)
    call.answer = row["answer"].decode()
    call.image = row["image"] or b""
    return call


def _call_of(row: store.Row) -> pb.ModelCall:
    call = pb.ModelCall(
        call_id=row["call_id"],
        attempt=row["attempt"],
        role=row["role"],
        model=row["model"],
        artist_id=row["artist_id"],
        run_id=row["run_id"],
        outcome=row["outcome"],
        prompt_tokens=row["prompt_tokens"],
        completion_tokens=row["completion_tokens"],
        cost_micro_usd=row["cost_micro_usd"],
        latency_ms=row["latency_ms"],
        prompt_hash=row["prompt_hash"],
        request_digest=row["request_digest"],
        detail=row["detail"],
    )
    call.created_at.FromDatetime(row["created_at"])
    return call
