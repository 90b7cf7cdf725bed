"""Calls of artist_db: their failures as this service tells them."""

from collections.abc import Awaitable
from typing import TypeVar

import grpc

from services.chassis.errors import DependencyUnavailable, RequestIdReused, remote_error

CALL_TIMEOUT_S = 10.0

Answer = TypeVar("Answer")


async def asked(call: Awaitable[Answer], *, request_id: str = "") -> Answer:
    """The answer of artist_db.

    DependencyUnavailable where it is away, RequestIdReused under the id that our own client sent, else
    RemoteError with what it said.
    """
    try:
        return await call
    except grpc.aio.AioRpcError as error:
        remote = remote_error(error)
        if remote.remote_reason == "ERROR_REASON_REQUEST_ID_REUSED":
            raise RequestIdReused(request_id) from error
        if remote.retryable and not remote.from_platform:
            raise DependencyUnavailable("artist_db") from error
        raise remote from error
