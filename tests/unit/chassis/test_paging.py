"""Pages: sizes, cuts, and tokens that belong to one list with its filters."""

import base64
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aiartist.scheduler.v1.scheduler_pb2 import ListRunsRequest
from services.chassis.errors import InvalidInput, PageTokenError
from services.chassis.paging import Page, page_request


def page(size: int = 0, token: str = "", *, filters: tuple[object, ...] = ("art_1",)) -> Page:
    return page_request(ListRunsRequest(page_size=size, page_token=token), filters=filters)


@pytest.mark.parametrize(("asked", "size"), [(0, 50), (1, 1), (500, 500)])
def test_a_page_has_the_asked_size_or_fifty_rows(asked: int, size: int) -> None:
    assert page(asked).size == size


@pytest.mark.parametrize("asked", [-1, 501, 2**31 - 1])
def test_other_sizes_are_refused_by_the_fields_name(asked: int) -> None:
    with pytest.raises(InvalidInput) as refused:
        page(asked)
    assert [v.field for v in refused.value.violations] == ["page_size"]


def test_without_a_token_a_list_begins_at_the_beginning() -> None:
    assert page().after is None


@given(st.tuples(st.text(), st.text()))
def test_a_token_gives_back_the_keys_of_the_last_row(keys: tuple[str, str]) -> None:
    assert page(token=page().next_token(keys)).after == keys


def test_a_full_page_is_cut_and_goes_on_after_its_last_row() -> None:
    rows, token = page(2).cut(["a", "b", "c"], key=lambda row: (row, f"id of {row}"))
    assert rows == ["a", "b"]
    assert page(token=token).after == ("b", "id of b")


@pytest.mark.parametrize("rows", [[], ["a"], ["a", "b"]])
def test_the_last_page_has_no_token(rows: list[str]) -> None:
    assert page(2).cut(rows, key=lambda row: (row, row)) == (rows, "")


@pytest.mark.parametrize("other", [(), ("art_2",), ("art_1", "x"), (["art_1"],), (None,)])
def test_a_token_of_other_filters_is_refused(other: tuple[object, ...]) -> None:
    token = page().next_token(("a", "b"))
    with pytest.raises(PageTokenError):
        page(token=token, filters=other)


def encoded(value: object) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


FINGERPRINT = json.loads(base64.urlsafe_b64decode(page().next_token(("a", "b"))))[0]


@pytest.mark.parametrize(
    "token",
    [
        "x",
        "ü",
        "====",
        "\0",
        base64.urlsafe_b64encode(b"\xff\xfe").decode(),
        encoded(None),
        encoded(7),
        encoded({}),
        encoded([]),
        encoded("ab"),
        encoded([FINGERPRINT]),
        encoded([FINGERPRINT, "a"]),
        encoded([FINGERPRINT, "a", "b", "c"]),
        encoded([FINGERPRINT, "a", 1]),
        encoded([FINGERPRINT, "a", None]),
        base64.urlsafe_b64encode(b"[" * 100_000).decode(),
    ],
)
def test_garbage_is_no_page_token(token: str) -> None:
    with pytest.raises(PageTokenError):
        page(token=token)


@given(st.text())
def test_no_text_breaks_the_reading_of_a_token(token: str) -> None:
    try:
        assert page(token=token).after is None
    except PageTokenError:
        assert token
