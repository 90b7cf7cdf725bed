"""Errors of the orchestrator's own."""

import math
from collections.abc import Sequence

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError
from services.orchestrator.domain import Attempt


class ModelsExhausted(AppError):
    """Every model of the role's list was tried and none gave a usable answer."""

    code = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_MODELS_EXHAUSTED
    repeated_by_channels = False

    def __init__(self, role: str, attempts: Sequence[Attempt], retry_after_s: float | None = None) -> None:
        told = "; ".join(f"{attempt.model}: {attempt.outcome}" for attempt in attempts)
        metadata = {"role": role, "attempts": told}
        if retry_after_s is not None:
            metadata["retry_after_s"] = str(math.ceil(retry_after_s))
        super().__init__(
            f"no model of the role {role!r} gave a usable answer ({told or 'none is available'})",
            metadata=metadata,
        )
        self.attempts = tuple(attempts)


class NoModelSetUp(ModelsExhausted):
    """The role has no model that could be called, now or later: its keys are missing. Waiting won't help."""

    code = grpc.StatusCode.FAILED_PRECONDITION

    def __init__(self, role: str) -> None:
        super().__init__(role, ())
