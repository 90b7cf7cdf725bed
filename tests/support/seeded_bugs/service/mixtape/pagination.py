"""Long lists a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Page:
    """Some items, and where the next page begins; no cursor: this is the last."""

    items: Sequence[str]
    next_cursor: str = ""


def page(items: Sequence[str], size: int, cursor: str = "") -> Page:
    """The page of a sorted list that begins at a cursor."""
    if size < 1:
        raise ValueError("a page has at least one item")
    start = items.index(cursor) if cursor else 0
    end = start + size
    if end > len(items):
        return Page(items[start:])
    return Page(items[start:end], items[end])


def pages(count: int, size: int) -> int:
    """How many pages so many items need."""
    return -(-count // size)
