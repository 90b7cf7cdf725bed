"""Errors of the orchestrator's own."""

from collections.abc import Sequence

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError
from services.orchestrator.domain import Attempt


class ModelsExhausted(AppError):
    """Every model of the role's list was tried and none gave a usable answer."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_MODELS_EXHAUSTED

    def __init__(self, role: str, attempts: Sequence[Attempt]) -> None:
        told = "; ".join(f"{attempt.model}: {attempt.outcome}" for attempt in attempts)
        super().__init__(
            f"no model of the role {role!r} gave a usable answer ({told or 'none is available'})",
            metadata={"role": role, "attempts": told},
        )
        self.attempts = tuple(attempts)
