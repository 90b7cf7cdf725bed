"""Pages of lists whose buttons hold no token: each says after which entry it begins.

A service's own tokens are too long for a button. So a page is found by walking the service's list from
its start to that entry, in a few large steps. What comes in at the top meanwhile neither hides an entry
nor shows one twice to who turns pages.
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from services.notifier.telegram.post import DATA_MOST, Button
from services.notifier.telegram.text import Rich, cut, italic, one_line

SIZE = 7
"""Entries on a page."""
STEP = 500
"""Entries that are asked for at a time where a page is looked for; the most that services give."""
MOST = 2_000
"""Entries that are walked; what lies beyond is for the command line."""
_BUTTON_MOST = 32

Item = TypeVar("Item")
Fetch: TypeAlias = Callable[[int, str], Awaitable[tuple[Sequence[Item], str]]]
"""Gets entries, at most so many, from a token on, and the next token."""
Place: TypeAlias = Callable[[Sequence[Item], str], int | None]
"""Where the entries after an anchor begin; None where that cannot be said yet."""


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """A part of a list."""

    items: Sequence[Item]
    first: int
    """How many entries stand before it."""
    before: str | None
    """The anchor of the page before it, empty for the start of the list; None: it is the first."""
    after: str | None
    """The anchor of the page after it; None: it is the last that is shown here."""
    anew: bool = False
    """The entry after which it should begin is not there any more: it is the first page instead."""
    cut_off: bool = False
    """There is more, which is not shown here."""

    @property
    def span(self) -> str:
        """For example `8–14`; empty where everything is on this page."""
        if self.before is None and self.after is None:
            return ""
        return f"{self.first + 1}–{self.first + len(self.items)}"


async def page_after(
    fetch: Fetch[Item],
    anchor: str,
    key: Callable[[Item], str],
    *,
    place: Place[Item] | None = None,
    size: int = SIZE,
) -> Page[Item]:
    """The page that begins after the anchor; an empty one: the first page."""
    find = place or _after_key(key)
    items: list[Item] = []
    token, start = "", None if anchor else 0
    while True:
        more, token = await fetch(STEP if anchor else size + 1, token)
        items += more
        if start is None:
            start = find(items, anchor)
        if not token or len(items) >= MOST or (start is not None and len(items) > start + size):
            break
    anew = start is None
    begin = start or 0
    if begin >= len(items) and items:
        # Nothing is left after the anchor: the end of what there is.
        begin = max(0, len(items) - size)
    shown = items[begin : begin + size]
    goes_on = bool(token) or len(items) > begin + size
    shows_more = goes_on and begin + size < MOST
    return Page(
        shown,
        begin,
        None if begin == 0 else "" if begin <= size else key(items[begin - size - 1]),
        key(shown[-1]) if shows_more else None,
        anew,
        goes_on and not shows_more,
    )


async def walk(fetch: Fetch[Item], most: int = MOST) -> tuple[list[Item], bool]:
    """Entries from the start, at most `most` or a little more, and whether these are all."""
    items: list[Item] = []
    token = ""
    while True:
        more, token = await fetch(STEP, token)
        items += more
        if not token or len(items) >= most:
            return items, not token


def turning(page: Page[Item], data: Callable[[str], str]) -> list[Button]:
    """The buttons to the pages around; `data` makes theirs from an anchor."""
    buttons = []
    if page.before is not None:
        buttons += tap("‹", data(page.before))
    if page.after is not None:
        buttons += tap("›", data(page.after))
    return buttons


def remarks(page: Page[Item], elsewhere: str) -> list[Rich]:
    """What has to be said about a page; `elsewhere` is the command that lists all."""
    said = []
    if page.anew:
        said.append(italic("The list has changed; this is its start."))
    if page.cut_off:
        said.append(italic(f"The rest is on the command line: {elsewhere}"))
    return said


def tap(text: str, data: str) -> list[Button]:
    """A button, its text cut to a phone's width; none where its data would be too long to be sent."""
    if len(data.encode()) > DATA_MOST:
        return []
    return [Button(cut(one_line(text), _BUTTON_MOST) or "–", data)]


def _after_key(key: Callable[[Item], str]) -> Place[Item]:
    def find(items: Sequence[Item], anchor: str) -> int | None:
        return next((at for at, item in enumerate(items, start=1) if key(item) == anchor), None)

    return find
