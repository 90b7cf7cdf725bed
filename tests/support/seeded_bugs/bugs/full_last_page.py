"""One too far."""

from tests.support.seeded_bugs.bug import Bug, Job

BUG = Bug(
    id="full_last_page",
    kind="off by one",
    function="mixtape.pagination.page",
    error="IndexError: list index out of range",
    log="plain",
    jobs=(Job("pagination.page", {"items": ["a", "b", "c", "d"], "size": 2, "cursor": "c"}),),
    cause="page() takes a last page that is just full for one that has another behind it.",
    severity="medium",
    evidence="    if end > len(items):",
    note="Where end equals the length, items[end] does not exist.",
    before="""\
    if end > len(items):
""",
    after="""\
    if end >= len(items):
""",
    test="""\
from mixtape import pagination


def test_a_full_last_page_is_the_last():
    last = pagination.page(["a", "b", "c", "d"], 2, "c")
    assert (last.items, last.next_cursor) == (["c", "d"], "")
""",
    explanation="A page that ends where the list ends has no next one.",
)
