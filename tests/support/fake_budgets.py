"""artist_db's budgets in memory: one limit for everything that is held and recorded."""

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.common.v1 import error_reason_pb2 as reasons
from services.artist_db.domain.budgets import check_hold, check_renewal
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.model_calls import OK, check_model_call
from services.chassis.errors import AppError

Key = tuple[str, int]
"""A call's id and an attempt's number."""

_TELLING = (
    "model",
    "outcome",
    "answer",
    "image",
    "prompt_tokens",
    "completion_tokens",
    "cost_micro_usd",
    "latency_ms",
)
"""What tells two records of an attempt apart."""


class BudgetSpent(AppError):
    """As artist_db tells it."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_BUDGET_SPENT


class FakeBudgets:
    """What is held for whom, until it is recorded; checks fields as artist_db does."""

    def __init__(self) -> None:
        self.calls: dict[Key, pb.ModelCall] = {}
        self.limit_micro_usd: int | None = None
        """What may be spent in all; None: everything is granted."""
        self.today = "2026-03-01"
        """Whose accounts these are."""
        self.holds: dict[Key, pb.HoldSpendRequest] = {}
        """Every hold as it was granted last, settled ones too."""
        self.held_by_others: set[Key] = set()
        """Attempts that another holder makes, as long as they are in here."""
        self._open: set[Key] = set()
        """Those of `holds` that are not settled."""
        self._asked: dict[Key, int] = {}
        """Under which number a record came that is kept under another one."""

    @property
    def spent_micro_usd(self) -> int:
        """What the recorded calls cost."""
        return sum(call.cost_micro_usd for call in self.calls.values())

    @property
    def held_micro_usd(self) -> int:
        """What is held for attempts that are not recorded yet."""
        return sum(self.holds[key].amount_micro_usd for key in self._open)

    def attempts_of(self, call_id: str) -> list[pb.ModelCall]:
        """What is recorded under one id, in order."""
        return [call for (known, _), call in sorted(self.calls.items()) if known == call_id]

    def answer_of(self, call_id: str) -> pb.ModelCall | None:
        """The first recorded answer of a call."""
        return next((call for call in self.attempts_of(call_id) if call.outcome == OK), None)

    def hold(self, request: pb.HoldSpendRequest) -> pb.HoldSpendResponse:
        """As artist_db answers; BudgetSpent where it does not fit."""
        checks = Checks()
        check_hold(checks, request)
        checks.finish()
        if not request.attempt:
            answer = self.answer_of(request.call_id)
            if answer is not None:
                return pb.HoldSpendResponse(answer=answer)
            request.attempt = self._next_number(request.call_id)
        return pb.HoldSpendResponse(granted=self._granted(request), attempt=request.attempt)

    def renew(self, request: pb.RenewHoldsRequest) -> int:
        """How many of the attempts that are named this holder holds."""
        checks = Checks()
        check_renewal(checks, request)
        checks.finish()
        named = {(attempt.call_id, attempt.attempt) for attempt in request.attempts}
        return sum(self.holds[key].holder == request.holder for key in self._open & named)

    def record(self, request: pb.RecordModelCallRequest) -> pb.ModelCall | None:
        """Keeps a record, beside another one of its number; the call's first answer, where it is another."""
        checks = Checks()
        if checks.present("call", request.HasField("call")):
            check_model_call(checks, request.call)
        checks.finish()
        call = request.call
        self._open.discard((call.call_id, call.attempt))
        number = self._keep(call)
        answer = self.answer_of(call.call_id)
        return answer if answer is not None and answer.attempt != number else None

    def strained(self, call: pb.ModelCall) -> list[pb.Budget]:
        """The budget, where the call cost something and 80 % of it is spent."""
        limit, spent = self.limit_micro_usd, self.spent_micro_usd
        if limit is None or not call.cost_micro_usd or spent * 100 < limit * 80:
            return []
        return [
            pb.Budget(
                scope=pb.BUDGET_SCOPE_ARTIST if call.artist_id else pb.BUDGET_SCOPE_DAY,
                subject=call.artist_id,
                limit_micro_usd=limit,
                spent_micro_usd=spent,
                held_micro_usd=self.held_micro_usd,
                left_micro_usd=max(0, limit - spent - self.held_micro_usd),
                source="settings",
                day=self.today,
            )
        ]

    def _granted(self, request: pb.HoldSpendRequest) -> bool:
        key = (request.call_id, request.attempt)
        if key in self.calls or key in self.held_by_others:
            return False
        if key in self._open and self.holds[key].holder != request.holder:
            return False
        held = self.holds[key].amount_micro_usd if key in self._open else 0
        limit, needed = self.limit_micro_usd, request.amount_micro_usd
        if limit is not None and needed > held:
            left = max(0, limit - self.spent_micro_usd - self.held_micro_usd + held)
            if needed > left:
                raise _spent(request, limit, left)
        self.holds[key] = request
        self._open.add(key)
        return True

    def _keep(self, call: pb.ModelCall) -> int:
        """The number under which the record is kept."""
        for kept in self.attempts_of(call.call_id):
            asked = self._asked.get((call.call_id, kept.attempt), kept.attempt)
            if asked == call.attempt and all(getattr(kept, name) == getattr(call, name) for name in _TELLING):
                return kept.attempt
        key = (call.call_id, call.attempt)
        if key in self.calls:
            key = (call.call_id, self._next_number(call.call_id))
            self._asked[key] = call.attempt
        self.calls[key] = pb.ModelCall()
        self.calls[key].CopyFrom(call)
        self.calls[key].attempt = key[1]
        return key[1]

    def _next_number(self, call_id: str) -> int:
        return max((call.attempt for call in self.attempts_of(call_id)), default=0) + 1


def _spent(request: pb.HoldSpendRequest, limit: int, left: int) -> BudgetSpent:
    """The artist's budget, where the call has an artist; else the day's."""
    scope = "artist" if request.artist_id else "day"
    amounts = {"limit_usd": limit, "left_usd": left, "needed_usd": request.amount_micro_usd}
    return BudgetSpent(
        f"the {scope}'s budget is spent",
        metadata={
            "scope": scope,
            "subject": request.artist_id,
            **{name: _usd(micro_usd) for name, micro_usd in amounts.items()},
        },
    )


def _usd(micro_usd: int) -> str:
    dollars, decimals = f"{micro_usd / 1e6:.6f}".split(".")
    return f"{dollars}.{decimals.rstrip('0'):0<2}"
