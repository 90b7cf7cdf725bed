"""artist_db's budgets in memory: one limit for everything that is held and recorded."""

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError

Key = tuple[str, int]
"""A call's id and an attempt's number."""


class BudgetSpent(AppError):
    """As artist_db tells it."""

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_BUDGET_SPENT


class FakeBudgets:
    """What is held for whom; an attempt that is recorded is settled."""

    def __init__(self) -> None:
        self.calls: dict[Key, pb.ModelCall] = {}
        self.limit_micro_usd: int | None = None
        """What may be spent in all; None: everything is granted."""
        self.holds: dict[Key, pb.HoldSpendRequest] = {}
        """Every hold that was granted, settled ones too."""
        self.held_by_others: set[Key] = set()
        """Attempts that another holder makes, as long as they are in here."""

    @property
    def spent_micro_usd(self) -> int:
        """What the recorded calls cost."""
        return sum(call.cost_micro_usd for call in self.calls.values())

    @property
    def held_micro_usd(self) -> int:
        """What is held for attempts that are not recorded yet."""
        return sum(hold.amount_micro_usd for key, hold in self.holds.items() if key not in self.calls)

    def hold(self, request: pb.HoldSpendRequest) -> pb.HoldSpendResponse:
        """As artist_db answers; BudgetSpent where it does not fit."""
        if not request.attempt:
            attempts = [
                call for (call_id, _), call in sorted(self.calls.items()) if call_id == request.call_id
            ]
            for call in attempts:
                if call.outcome == "ok":
                    return pb.HoldSpendResponse(answer=call)
            request.attempt = max((call.attempt for call in attempts), default=0) + 1
        return pb.HoldSpendResponse(granted=self._granted(request), attempt=request.attempt)

    def _granted(self, request: pb.HoldSpendRequest) -> bool:
        key = (request.call_id, request.attempt)
        if key in self.calls or key in self.held_by_others:
            return False
        if key in self.holds:
            return self.holds[key].holder == request.holder
        limit, needed = self.limit_micro_usd, request.amount_micro_usd
        if limit is not None:
            left = max(0, limit - self.spent_micro_usd - self.held_micro_usd)
            if needed > left:
                raise _spent(request, limit, left)
        self.holds[key] = request
        return True

    def renew(self, request: pb.RenewHoldsRequest) -> int:
        """How many of a holder's attempts are not recorded yet."""
        return sum(hold.holder == request.holder for key, hold in self.holds.items() if key not in self.calls)


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
