"""Keyset pages: an opaque token holds the last row's keys, bound to the list's filters."""

import base64
import hashlib
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from services.chassis.errors import FieldViolation, InvalidInput, PageTokenError

DEFAULT_SIZE = 50
MAX_SIZE = 500

Row = TypeVar("Row")


class _ListRequest(Protocol):
    @property
    def page_size(self) -> int: ...
    @property
    def page_token(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a list: how many rows, after which keys."""

    size: int
    after: tuple[str, ...] | None
    _filters: str

    def next_token(self, keys: Sequence[str]) -> str:
        """The token of the page after the row with these keys."""
        return base64.urlsafe_b64encode(json.dumps([self._filters, *keys]).encode()).decode()

    def cut(self, rows: Sequence[Row], key: Callable[[Row], Sequence[str]]) -> tuple[list[Row], str]:
        """The page's rows and the next token, from `size + 1` rows or fewer."""
        if len(rows) <= self.size:
            return list(rows), ""
        kept = list(rows[: self.size])
        return kept, self.next_token(key(kept[-1]))


def page_request(
    request: _ListRequest,
    *,
    filters: Sequence[object] = (),
    keys: int = 2,
    most: int = MAX_SIZE,
    usual: int = DEFAULT_SIZE,
) -> Page:
    """Reads `page_size` and `page_token`. InvalidInput or PageTokenError where they are wrong.

    Lists of large rows have a lower `most`, so that a page fits a message.
    """
    if not 0 <= request.page_size <= most:
        raise InvalidInput([FieldViolation("page_size", f"must be 1 to {most}, is {request.page_size}")])
    fingerprint = hashlib.sha256(repr(tuple(filters)).encode()).hexdigest()[:16]
    after: tuple[str, ...] | None = None
    if request.page_token:
        try:
            told, *values = json.loads(base64.urlsafe_b64decode(request.page_token.encode()))
        except (ValueError, TypeError, RecursionError) as error:
            raise PageTokenError from error
        if told != fingerprint or len(values) != keys or not all(isinstance(v, str) for v in values):
            raise PageTokenError
        after = tuple(values)
    return Page(request.page_size or usual, after, fingerprint)
