"""Errors of the scheduler's own.

AppError
  StaleDigest            FAILED_PRECONDITION  the decision is about other content than what waits
"""

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError


class StaleDigest(AppError):
    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_STALE_DIGEST

    def __init__(self, run_id: str, *, given: str, current: str) -> None:
        super().__init__(
            f"the decision is about {given}, but run {run_id!r} waits with {current}; look at it again",
            metadata={"run_id": run_id, "given": given, "current": current},
        )
