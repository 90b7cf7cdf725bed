"""Effects that happen once: the response is kept in the transaction of the effect."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.database import Connection
from services.chassis.errors import FieldViolation, InvalidInput, RequestIdReused
from services.chassis.ids import digest_of

MAX_REQUEST_ID = 200

Response = TypeVar("Response", bound=Message)


async def once(
    connection: Connection,
    request: Message,
    response_type: type[Response],
    effect: Callable[[], Awaitable[Response]],
) -> Response:
    """Runs `effect` in this transaction, or gives what it gave for the same `request_id` before.

    An empty `request_id` always runs it. RequestIdReused where the id came with another request.
    Two equal calls at once: the second waits for the first.
    """
    request_id: str = getattr(request, "request_id")  # noqa: B009 - Message has no such attribute for mypy
    if not request_id:
        return await effect()
    if len(request_id) > MAX_REQUEST_ID:
        raise InvalidInput([FieldViolation("request_id", f"must have at most {MAX_REQUEST_ID} characters")])
    if "\0" in request_id:
        raise InvalidInput([FieldViolation("request_id", "must have no character U+0000")])
    digest = f"{request.DESCRIPTOR.full_name}:{digest_of(request)}"
    # By schema: an id that a service passes on to another one must not make the two wait for each other.
    await connection.execute(
        "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || ' ' || $1, 0))", request_id
    )
    known = await connection.fetchrow(
        "SELECT request_digest, response FROM idempotency WHERE request_id = $1", request_id
    )
    if known is not None:
        if known["request_digest"] != digest:
            raise RequestIdReused(request_id)
        return response_type.FromString(known["response"])
    response = await effect()
    await connection.execute(
        "INSERT INTO idempotency (request_id, request_digest, response) VALUES ($1, $2, $3)",
        request_id,
        digest,
        response.SerializeToString(),
    )
    return response
