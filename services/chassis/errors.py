"""Every error that a service raises on purpose; each knows its status and its reason.

    AppError
      InvalidInput           INVALID_ARGUMENT     fields of a request, all of them at once
      PageTokenError         INVALID_ARGUMENT
      NotFound               NOT_FOUND
      AlreadyExists          ALREADY_EXISTS
      RequestIdReused        ALREADY_EXISTS
      WrongState             FAILED_PRECONDITION
      EtagMismatch           ABORTED
      Unauthenticated        UNAUTHENTICATED
      RoleTooLow             PERMISSION_DENIED
      Overloaded             RESOURCE_EXHAUSTED
      StorageError           RESOURCE_EXHAUSTED
      DependencyUnavailable  UNAVAILABLE
      RemoteError            what another service answered
    SetupError               a service that cannot start; its text is for the person who started it

A service adds its own in its `errors.py`, as subclasses of AppError.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import DecodeError
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from aiartist.common.v1 import error_reason_pb2 as reasons

DOMAIN = "aiartist"
MOST_VIOLATIONS = 20
"""Fields that one error names."""


@dataclass(frozen=True, slots=True)
class FieldViolation:
    """One field of a request that is wrong: its path and what was expected."""

    field: str
    description: str


class AppError(Exception):
    """An error with a gRPC status, an `ErrorReason` and metadata; its text may reach the client."""

    code: ClassVar[grpc.StatusCode] = grpc.StatusCode.INTERNAL
    reason: ClassVar[reasons.ErrorReason.ValueType] = reasons.ERROR_REASON_INTERNAL
    repeated_by_channels: ClassVar[bool] = True
    """False: a channel that retries UNAVAILABLE by itself must not, the caller decides."""

    def __init__(
        self,
        message: str,
        *,
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
    ) -> None:
        super().__init__(message)
        self.message = message
        self.metadata: dict[str, str] = dict(metadata or {})
        self.violations = tuple(violations)

    def status(self) -> status_pb2.Status:
        """As `google.rpc.Status` with ErrorInfo, and BadRequest where fields are wrong."""
        return _status(self.code, self.message, reasons.ErrorReason.Name(self.reason), self)


class InvalidInput(AppError):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = reasons.ERROR_REASON_INVALID_INPUT

    def __init__(self, violations: Sequence[FieldViolation]) -> None:
        # A status travels in a header, and headers have a limit.
        shown = violations[:MOST_VIOLATIONS]
        more = f"; and {len(violations) - len(shown)} more" if len(violations) > len(shown) else ""
        super().__init__(
            "; ".join(f"{v.field}: {v.description}" for v in shown) + more,
            metadata={"fields": ", ".join(v.field for v in shown)},
            violations=shown,
        )


class PageTokenError(AppError):
    code = grpc.StatusCode.INVALID_ARGUMENT
    reason = reasons.ERROR_REASON_PAGE_TOKEN

    def __init__(self) -> None:
        super().__init__(
            "page_token: is not one that this list gave out for these filters; start again without one"
        )


class NotFound(AppError):
    code = grpc.StatusCode.NOT_FOUND
    reason = reasons.ERROR_REASON_NOT_FOUND

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"there is no {kind} {id!r}", metadata={"kind": kind, "id": id})


class AlreadyExists(AppError):
    code = grpc.StatusCode.ALREADY_EXISTS
    reason = reasons.ERROR_REASON_ALREADY_EXISTS

    def __init__(self, kind: str, id: str) -> None:
        super().__init__(f"{kind} {id!r} exists already", metadata={"kind": kind, "id": id})


class RequestIdReused(AppError):
    code = grpc.StatusCode.ALREADY_EXISTS
    reason = reasons.ERROR_REASON_REQUEST_ID_REUSED

    def __init__(self, request_id: str) -> None:
        super().__init__(
            f"request_id {request_id!r} was used before with another request; use a new one",
            metadata={"request_id": request_id},
        )


class WrongState(AppError):
    code = grpc.StatusCode.FAILED_PRECONDITION
    reason = reasons.ERROR_REASON_WRONG_STATE

    def __init__(self, kind: str, id: str, *, state: str, expected: str) -> None:
        super().__init__(
            f"{kind} {id!r} is {state}; this needs {expected}",
            metadata={"kind": kind, "id": id, "state": state, "expected": expected},
        )


class EtagMismatch(AppError):
    code = grpc.StatusCode.ABORTED
    reason = reasons.ERROR_REASON_ETAG_MISMATCH

    def __init__(self, kind: str, id: str, *, current: str) -> None:
        super().__init__(
            f"{kind} {id!r} was changed since it was read; read it again and repeat",
            metadata={"kind": kind, "id": id, "current": current},
        )


class Unauthenticated(AppError):
    code = grpc.StatusCode.UNAUTHENTICATED
    reason = reasons.ERROR_REASON_UNAUTHENTICATED

    def __init__(self) -> None:
        super().__init__("send a known token as metadata `authorization: Bearer <token>`")


class RoleTooLow(AppError):
    code = grpc.StatusCode.PERMISSION_DENIED
    reason = reasons.ERROR_REASON_ROLE_TOO_LOW

    def __init__(self, *, role: str, needed: str) -> None:
        super().__init__(
            f"this needs the role {needed}; the token has {role}", metadata={"role": role, "needed": needed}
        )


class Overloaded(AppError):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = reasons.ERROR_REASON_OVERLOADED

    def __init__(self, limit: int) -> None:
        super().__init__(
            f"more than {limit} calls at once; try again a little later", metadata={"limit": str(limit)}
        )


class StorageError(AppError):
    code = grpc.StatusCode.RESOURCE_EXHAUSTED
    reason = reasons.ERROR_REASON_STORAGE

    def __init__(self, message: str, *, cause: str) -> None:
        super().__init__(message, metadata={"cause": cause})


class DependencyUnavailable(AppError):
    code = grpc.StatusCode.UNAVAILABLE
    reason = reasons.ERROR_REASON_DEPENDENCY_UNAVAILABLE

    def __init__(self, dependency: str, message: str | None = None) -> None:
        super().__init__(message or f"{dependency} does not answer", metadata={"dependency": dependency})


class RemoteError(AppError):
    """What another service answered: its own status, reason, metadata and field violations."""

    def __init__(
        self,
        code: grpc.StatusCode,
        message: str,
        *,
        reason: str = "",
        metadata: Mapping[str, str] | None = None,
        violations: Sequence[FieldViolation] = (),
    ) -> None:
        super().__init__(message, metadata=metadata, violations=violations)
        self.remote_code = code
        self.remote_reason = reason

    @property
    def from_platform(self) -> bool:
        """True where the answer carried one of our reasons; else it came from the wire."""
        return bool(self.remote_reason)

    @property
    def retryable(self) -> bool:
        """True where the same call may succeed later."""
        return self.remote_code in _RETRYABLE and self.remote_reason not in _NEVER_RETRYABLE

    def status(self) -> status_pb2.Status:
        return _status(self.remote_code, self.message, self.remote_reason, self)


class SetupError(Exception):
    """A service cannot start; the text is one line that says what is wrong and what to do."""


_RETRYABLE = {
    grpc.StatusCode.UNAVAILABLE,
    grpc.StatusCode.DEADLINE_EXCEEDED,
    grpc.StatusCode.RESOURCE_EXHAUSTED,
    grpc.StatusCode.ABORTED,
    grpc.StatusCode.INTERNAL,
    grpc.StatusCode.UNKNOWN,
    grpc.StatusCode.CANCELLED,
}
_NEVER_RETRYABLE = {"ERROR_REASON_BUDGET_SPENT", "ERROR_REASON_ETAG_MISMATCH"}


def remote_error(error: grpc.aio.AioRpcError) -> RemoteError:
    """What a failed call says, with its reason, metadata and field violations where it has them."""
    reason, metadata, violations = "", {}, []
    for detail in _details(error):
        info, bad = error_details_pb2.ErrorInfo(), error_details_pb2.BadRequest()
        if detail.Unpack(info) and info.domain == DOMAIN:
            reason, metadata = info.reason, dict(info.metadata)
        elif detail.Unpack(bad):
            violations = [FieldViolation(v.field, v.description) for v in bad.field_violations]
    return RemoteError(
        error.code(),
        error.details() or error.code().name.lower(),
        reason=reason,
        metadata=metadata,
        violations=violations,
    )


def _details(error: grpc.aio.AioRpcError) -> Sequence[any_pb2.Any]:
    # An aio error has the accessors that grpc-status reads of a synchronous call.
    call: Any = error
    try:
        status = rpc_status.from_call(call)
    except (ValueError, DecodeError):
        # Something on the way changed the status, or made the details up.
        return ()
    return status.details if status is not None else ()


def _status(code: grpc.StatusCode, message: str, reason: str, error: AppError) -> status_pb2.Status:
    status = status_pb2.Status(code=code.value[0], message=message)
    info = error_details_pb2.ErrorInfo(reason=reason, domain=DOMAIN, metadata=error.metadata)
    status.details.append(_packed(info))
    if error.violations:
        bad = error_details_pb2.BadRequest(
            field_violations=[
                error_details_pb2.BadRequest.FieldViolation(field=v.field, description=v.description)
                for v in error.violations
            ]
        )
        status.details.append(_packed(bad))
    return status


def _packed(message: error_details_pb2.ErrorInfo | error_details_pb2.BadRequest) -> any_pb2.Any:
    packed = any_pb2.Any()
    packed.Pack(message, deterministic=True)
    return packed
