"""Turning pages of a list that services give out by token, with an entry's id in the button."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.notifier.panel import pages
from services.notifier.panel.pages import Page, page_after


class Service:
    """Gives out a list as services do: so many after a token, which holds the last one given."""

    def __init__(self, entries: Sequence[str]) -> None:
        self.entries = list(entries)
        self.sizes: list[int] = []

    async def fetch(self, size: int, token: str) -> tuple[Sequence[str], str]:
        self.sizes.append(size)
        start = self.entries.index(token) + 1 if token else 0
        page = self.entries[start : start + size]
        return page, page[-1] if start + size < len(self.entries) else ""

    async def page(self, anchor: str = "", size: int = 7) -> Page[str]:
        return await page_after(self.fetch, anchor, str, size=size)


async def turned(service: Service, size: int = 7) -> list[Sequence[str]]:
    """All pages, by the button to the next."""
    page = await service.page(size=size)
    found = [page.items]
    while page.after is not None:
        page = await service.page(page.after, size)
        found.append(page.items)
    return found


def numbered(count: int) -> list[str]:
    return [f"{number:04}" for number in range(count)]


@given(st.integers(0, 40), st.integers(1, 9))
async def test_every_entry_is_on_one_page(count: int, size: int) -> None:
    service = Service(numbered(count))
    assert [entry for page in await turned(service, size) for entry in page] == service.entries


async def test_pages_lead_back_the_way_they_came() -> None:
    service = Service(numbered(30))
    forward = [await service.page()]
    while forward[-1].after is not None:
        forward.append(await service.page(forward[-1].after))
    for earlier, page in zip(forward[-2::-1], forward[:0:-1], strict=True):
        assert page.before is not None
        assert (await service.page(page.before)).items == earlier.items
    assert forward[0].before is None


async def test_what_comes_in_at_the_top_meanwhile_moves_no_page() -> None:
    service = Service(numbered(20))
    first = await service.page()
    service.entries[:0] = ["new 1", "new 2", "new 3"]
    assert first.after is not None
    second = await service.page(first.after)
    assert [*first.items, *second.items] == numbered(14)


async def test_the_first_page_costs_one_small_call() -> None:
    service = Service(numbered(600))
    await service.page()
    assert service.sizes == [8]


async def test_a_page_whose_entry_is_gone_is_the_first_and_says_so() -> None:
    service = Service(numbered(20))
    page = await service.page("gone")
    assert (page.anew, page.items) == (True, numbered(20)[:7])


async def test_after_the_last_entry_stands_the_last_page() -> None:
    service = Service(numbered(20))
    page = await service.page("0019")
    assert page.items == numbered(20)[-7:]
    assert page.after is None


async def test_a_list_is_walked_so_far_and_the_rest_is_told_of(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pages, "STEP", 10)
    monkeypatch.setattr(pages, "MOST", 30)
    service = Service(numbered(100))
    page = await service.page()
    seen = [*page.items]
    while page.after is not None:
        page = await service.page(page.after)
        seen += page.items
    assert page.cut_off
    assert seen == numbered(100)[: len(seen)]
    assert 30 <= len(seen) < 40


async def test_an_empty_list_is_an_empty_page() -> None:
    page = await Service([]).page()
    assert (list(page.items), page.span, page.before, page.after) == ([], "", None, None)


async def test_a_page_among_others_says_where_it_is() -> None:
    service = Service(numbered(20))
    assert (await service.page("0006")).span == "8–14"
