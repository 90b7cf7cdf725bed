"""The orchestrator and the budgets as the command line sees them: in memory, told what to answer."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import error_reason_pb2 as reasons
from aiartist.orchestrator.v1 import orchestrator_pb2 as orch
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceServicer
from services.chassis.errors import AppError, FieldViolation, InvalidInput

DOLLAR = 1_000_000
"""In millionths of a US dollar."""
TODAY = "2026-03-01"


class BudgetSpent(AppError):
    """As the orchestrator refuses what does not fit a budget."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_BUDGET_SPENT


class ModelsExhausted(AppError):
    """As the orchestrator gives up."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_MODELS_EXHAUSTED


class FakeBudgets:
    """The budgets' part of artist_db: limits by scope and subject, the empty subject for a whole scope."""

    def __init__(self) -> None:
        self.requests: list[Any] = []
        self.limits: dict[tuple[int, str], int] = {}
        self.settings = {
            db.BUDGET_SCOPE_DAY: 20 * DOLLAR,
            db.BUDGET_SCOPE_ARTIST: 5 * DOLLAR,
            db.BUDGET_SCOPE_RUN: 2 * DOLLAR,
        }
        self.spent: dict[tuple[int, str], int] = {}
        self.held: dict[tuple[int, str], int] = {}

    def budget(self, scope: db.BudgetScope.ValueType, subject: str = "") -> db.Budget:
        limit, source = self.settings[scope], "settings"
        if (scope, "") in self.limits:
            limit, source = self.limits[scope, ""], "scope" if subject else "own"
        if subject and (scope, subject) in self.limits:
            limit, source = self.limits[scope, subject], "own"
        spent, held = self.spent.get((scope, subject), 0), self.held.get((scope, subject), 0)
        return db.Budget(
            scope=scope,
            subject=subject,
            limit_micro_usd=limit,
            spent_micro_usd=spent,
            held_micro_usd=held,
            left_micro_usd=max(0, limit - spent - held),
            source=source,
            day="" if scope == db.BUDGET_SCOPE_RUN else TODAY,
        )

    async def GetBudgets(self, request: db.GetBudgetsRequest, context: Any) -> db.GetBudgetsResponse:
        self.requests.append(request)
        budgets = [self.budget(db.BUDGET_SCOPE_DAY)]
        if request.artist_id:
            budgets.append(self.budget(db.BUDGET_SCOPE_ARTIST, request.artist_id))
        if request.run_id:
            budgets.append(self.budget(db.BUDGET_SCOPE_RUN, request.run_id))
        return db.GetBudgetsResponse(budgets=budgets)

    async def SetBudget(self, request: db.SetBudgetRequest, context: Any) -> db.SetBudgetResponse:
        self.requests.append(request)
        if not request.request_id:
            raise InvalidInput([FieldViolation("request_id", "is required")])
        key = (request.scope, request.subject)
        if request.HasField("limit_micro_usd"):
            self.limits[key] = request.limit_micro_usd
        else:
            self.limits.pop(key, None)
        return db.SetBudgetResponse(budget=self.budget(request.scope, request.subject))


class FakeOrchestrator(OrchestratorServiceServicer):
    """ListModels and GenerateStream: it tells `models`, and `script` to whoever asks."""

    def __init__(self) -> None:
        self.models = orch.ListModelsResponse()
        self.script: list[orch.GenerateStreamResponse | Exception] = []
        self.requests: list[orch.GenerateStreamRequest] = []
        self.stays_open = False
        """The next streams stay open and silent after the script."""
        self.silent = asyncio.Event()
        """Set when a stream came that far."""
        self.stopped = asyncio.Event()
        """Set when a client stopped a call that was under way."""

    def add(self, name: str, **fields: Any) -> orch.Model:
        """Configures a model that can be called."""
        fields = {"litellm_model": f"openai/{name}", "kind": "chat", "available": True, **fields}
        model = self.models.models.add(name=name, concurrency=8, price="free", **fields)
        model.breaker.state = model.breaker.state or orch.Breaker.STATE_CLOSED
        return model

    def says(self, *texts: str, **answer: Any) -> None:
        """Lets the next streams tell these texts, and end with the answer that they make."""
        self.script += [orch.GenerateStreamResponse(text=text) for text in texts]
        whole = orch.GenerateResponse(**{"text": "".join(texts), "model": "openai/one", **answer})
        self.script.append(orch.GenerateStreamResponse(answer=whole))

    async def ListModels(self, request: orch.ListModelsRequest, context: Any) -> orch.ListModelsResponse:
        return self.models

    async def GenerateStream(
        self, request: orch.GenerateStreamRequest, context: Any
    ) -> AsyncIterator[orch.GenerateStreamResponse]:
        self.requests.append(request)
        for entry in self.script:
            if isinstance(entry, Exception):
                raise entry
            yield entry
        if self.stays_open:
            self.silent.set()
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                self.stopped.set()
                raise
