"""What every room of the servicer needs."""

from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

from google.protobuf.message import Message

from services.chassis.chain import Context as Context
from services.chassis.database import Connection, Database
from services.chassis.errors import PageTokenError
from services.chassis.idempotency import once
from services.chassis.paging import Page

Response = TypeVar("Response", bound=Message)


class Room:
    """Some calls of the service, over its database."""

    def __init__(self, db: Database) -> None:
        self._db = db

    async def _change(
        self,
        request: Message,
        response_type: type[Response],
        effect: Callable[[Connection], Awaitable[Response]],
    ) -> Response:
        """Runs `effect` in a transaction, once for each `request_id`."""
        async with self._db.transaction() as connection:
            return await once(connection, request, response_type, lambda: effect(connection))


def time_and_text(page: Page) -> tuple[datetime, str] | None:
    """After which time and id a page begins; PageTokenError where the token holds something else."""
    if page.after is None:
        return None
    time, text = page.after
    return _time(time), text_key(text)


def time_and_number(page: Page) -> tuple[datetime, int] | None:
    """After which time and number a page begins; PageTokenError where the token holds something else."""
    if page.after is None:
        return None
    time, number = page.after
    return _time(time), number_key(number)


def text_key(text: str) -> str:
    """A key that is text; PageTokenError where PostgreSQL could not hold it."""
    if "\0" in text:
        raise PageTokenError
    return text


def number_key(text: str) -> int:
    """A key that is a whole number of at most 18 digits."""
    if not (text.isascii() and text.isdigit() and len(text) <= 18):
        raise PageTokenError
    return int(text)


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
        if time.tzinfo is None:
            raise PageTokenError
        # A zone may carry it out of the years that there are.
        return time.astimezone(UTC)
    except (ValueError, OverflowError) as error:
        raise PageTokenError from error
