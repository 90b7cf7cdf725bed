"""Errors of artist_db's own."""

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.artist_db.domain.budgets import Shortage, usd
from services.chassis.errors import AppError, NotFound


class NoAnswer(NotFound):
    """No attempt of a model call succeeded; `attempts` is the number of the last one that is recorded.

    {"kind": "model answer", "id": "mdl_1f", "attempts": "2"}
    """

    def __init__(self, call_id: str, attempts: int) -> None:
        super().__init__("model answer", call_id)
        self.metadata["attempts"] = str(attempts)


class BudgetSpent(AppError):
    """A call may cost more than is left of a budget.

    {"scope": "artist", "subject": "art_1f", "limit_usd": "5.00", "left_usd": "0.02", "needed_usd": "0.10"}
    """

    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_BUDGET_SPENT

    def __init__(self, shortage: Shortage) -> None:
        super().__init__(
            shortage.text,
            metadata={
                "scope": shortage.scope,
                "subject": shortage.subject,
                "limit_usd": usd(shortage.limit),
                "left_usd": usd(shortage.left),
                "needed_usd": usd(shortage.needed),
            },
        )
