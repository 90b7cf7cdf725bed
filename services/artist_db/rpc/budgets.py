"""Budgets and what is held on them."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.budgets import Scope, check_budget, check_hold, check_renewal
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.model_calls import OK
from services.artist_db.rpc.model_calls import answer_of
from services.artist_db.rpc.money import SCOPE_VALUES, SCOPES, MoneyRoom, budget_of
from services.artist_db.rpc.room import Context
from services.artist_db.store import budgets as store
from services.artist_db.store import model_calls
from services.chassis.database import Connection


class BudgetRpcs(MoneyRoom):
    """HoldSpend to GetBudgets."""

    async def HoldSpend(self, request: pb.HoldSpendRequest, context: Context) -> pb.HoldSpendResponse:
        checks = Checks()
        check_hold(checks, request)
        checks.finish()
        # Nearly every attempt that is not named is the first: what is recorded is looked for after.
        attempt = request.attempt or 1
        async with self._holds.acquire() as connection:
            while not await store.hold(connection, request, attempt, self._limits):
                if request.attempt:
                    return pb.HoldSpendResponse(attempt=attempt)
                last = await model_calls.answer_or_last(connection, request.call_id)
                if last is not None and last["outcome"] == OK:
                    return pb.HoldSpendResponse(answer=answer_of(last))
                if last is None or last["attempt"] < attempt:
                    # Not recorded, so another holder makes it.
                    return pb.HoldSpendResponse(attempt=attempt)
                attempt = last["attempt"] + 1
            return pb.HoldSpendResponse(granted=True, attempt=attempt)

    async def RenewHolds(self, request: pb.RenewHoldsRequest, context: Context) -> pb.RenewHoldsResponse:
        checks = Checks()
        check_renewal(checks, request)
        checks.finish()
        async with self._holds.acquire() as connection:
            return pb.RenewHoldsResponse(holds=await store.renew(connection, request))

    async def SetBudget(self, request: pb.SetBudgetRequest, context: Context) -> pb.SetBudgetResponse:
        checks = Checks()
        check_budget(checks, request, SCOPES.get(request.scope))
        checks.finish()
        scope = SCOPES[request.scope]

        async def set_budget(connection: Connection) -> pb.SetBudgetResponse:
            limit = request.limit_micro_usd if request.HasField("limit_micro_usd") else None
            await store.set_limit(connection, scope, request.subject, limit)
            return pb.SetBudgetResponse(budget=await self._budget(connection, scope, request.subject))

        return await self._change(request, pb.SetBudgetResponse, set_budget)

    async def GetBudgets(self, request: pb.GetBudgetsRequest, context: Context) -> pb.GetBudgetsResponse:
        checks = Checks()
        checks.filter("artist_id", request.artist_id)
        checks.filter("run_id", request.run_id)
        checks.finish()
        async with self._db.acquire() as connection:
            rows = await store.accounts(
                connection, artist_id=request.artist_id, run_id=request.run_id, limits=self._limits
            )
        return pb.GetBudgetsResponse(budgets=map(budget_of, rows))

    async def _budget(self, connection: Connection, scope: Scope, subject: str) -> pb.Budget:
        """One budget; for a whole scope of artists or runs only its limit."""
        if scope is not Scope.DAY and not subject:
            limit = await store.limit_of_scope(connection, scope, self._limits)
            return pb.Budget(scope=SCOPE_VALUES[scope], limit_micro_usd=limit.micro_usd, source=limit.source)
        rows = await store.accounts(
            connection,
            artist_id=subject if scope is Scope.ARTIST else "",
            run_id=subject if scope is Scope.RUN else "",
            limits=self._limits,
        )
        return budget_of(next(row for row in rows if row["scope"] == scope))
