"""What error_analyzer raises on purpose, beside the chassis' errors."""

from typing import ClassVar

import grpc

from aiartist.common.v1 import error_reason_pb2 as reasons
from services.chassis.errors import AppError


class RepairOff(AppError):
    """The settings do not allow a repair of this kind."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.FAILED_PRECONDITION
    reason: ClassVar[reasons.ErrorReason.ValueType] = reasons.ERROR_REASON_REPAIR_OFF

    def __init__(self, message: str, *, mode: str, needed: str, setting: str) -> None:
        super().__init__(message, metadata={"mode": mode, "needed": needed, "setting": setting})
