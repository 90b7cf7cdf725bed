"""The one place where an exception becomes what a client may see of it."""

import errno
from collections.abc import Iterator
from typing import Any

import asyncpg
import grpc
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from google.rpc import status_pb2

from services.chassis import logs
from services.chassis.database import connection_lost
from services.chassis.errors import (
    AppError,
    DependencyUnavailable,
    FieldViolation,
    InvalidInput,
    RemoteError,
    StorageError,
    remote_error,
)
from services.chassis.ids import new_id

_log = logs.get_logger("rpc")

_UNSTORABLE_TEXT = (asyncpg.CharacterNotInRepertoireError, asyncpg.UntranslatableCharacterError)

_LOST_A_RACE = (
    asyncpg.DeadlockDetectedError,
    asyncpg.SerializationError,
    # A migration gave a table another column meanwhile; the driver has forgotten the old plan by now.
    asyncpg.InvalidCachedStatementError,
)
_ABOUT_OUR_TOKEN = (grpc.StatusCode.UNAUTHENTICATED, grpc.StatusCode.PERMISSION_DENIED)
"""Another service refuses this one's `AIARTIST_TOKEN`: nothing that the caller could mend."""


def status_of(error: BaseException, request: object) -> status_pb2.Status:
    """The status that a client may see; anything unexpected is logged under an error id."""
    remote = remote_error(error) if isinstance(error, grpc.aio.AioRpcError) else error
    if isinstance(remote, RemoteError):
        if remote.from_platform and remote.remote_code not in _ABOUT_OUR_TOKEN:
            return remote.status()
        if remote.retryable:
            _log.warning("a service does not answer", code=remote.remote_code.name, detail=remote.message)
            return DependencyUnavailable("service", "a service that this call needs does not answer").status()
    elif isinstance(error, AppError):
        return error.status()
    if isinstance(error, _UNSTORABLE_TEXT) and isinstance(request, Message):
        fields = list(_fields_with_nul(MessageToDict(request, preserving_proto_field_name=True)))
        if fields:
            return InvalidInput([FieldViolation(f, "must not hold a NUL character") for f in fields]).status()
    if _disk_full(error):
        return StorageError(
            "the disk is full; make room and repeat", cause="no space left on device"
        ).status()
    if connection_lost(error) or isinstance(error, _LOST_A_RACE):
        _log.warning("the database does not answer", detail=f"{type(error).__name__}: {error}")
        return DependencyUnavailable("database", "the database does not answer; repeat the call").status()
    error_id = new_id("err")
    _log.error("unexpected error", error_id=error_id, exc_info=error)
    return AppError(
        f"an unexpected error; the log has it as {error_id}", metadata={"error_id": error_id}
    ).status()


def _disk_full(error: BaseException) -> bool:
    if isinstance(error, OSError):
        return error.errno in (errno.ENOSPC, errno.EDQUOT)
    return isinstance(error, asyncpg.DiskFullError)


def _fields_with_nul(value: Any, path: str = "") -> Iterator[str]:
    """Paths of the texts that PostgreSQL can't store."""
    if isinstance(value, str):
        if "\0" in value:
            yield path
    elif isinstance(value, dict):
        for name, inner in value.items():
            yield from _fields_with_nul(inner, f"{path}.{name}" if path else name)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from _fields_with_nul(inner, f"{path}[{number}]")
