"""What a request must look like."""

import pytest

from aiartist.notifier.v1.notifier_pb2 import (
    TOPIC_EXPERIMENT,
    TOPIC_PERSONA,
    NotifyRequest,
    RequestApprovalRequest,
)
from services.chassis.errors import InvalidInput
from services.notifier.validation import check_approval, check_notice

APPROVAL = {
    name: f"{name}-1"
    for name in ("request_id", "run_id", "artist_id", "brief_id", "take_id", "content_digest")
}
NOTICE = {"request_id": "r-1", "title": "hello"}


def fields_of(error: pytest.ExceptionInfo[InvalidInput]) -> list[str]:
    return [violation.field for violation in error.value.violations]


def test_an_approval_with_all_required_fields_is_fine():
    check_approval(RequestApprovalRequest(**APPROVAL))


@pytest.mark.parametrize("name", APPROVAL)
def test_an_approval_needs_each_required_field(name: str):
    with pytest.raises(InvalidInput) as error:
        check_approval(RequestApprovalRequest(**{**APPROVAL, name: ""}))
    assert fields_of(error) == [name]


def test_everything_that_an_empty_approval_lacks_is_named_at_once():
    with pytest.raises(InvalidInput) as error:
        check_approval(RequestApprovalRequest())
    assert fields_of(error) == list(APPROVAL)


def test_an_expiry_that_no_calendar_has_is_refused():
    request = RequestApprovalRequest(**APPROVAL)
    request.expires_at.seconds = 10**18
    with pytest.raises(InvalidInput) as error:
        check_approval(request)
    assert fields_of(error) == ["expires_at"]


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"request_id": ""}, "request_id"),
        ({"title": ""}, "title"),
        ({"title": "  "}, "title"),
        ({"title": "x" * 201}, "title"),
        ({"title": "two\nlines"}, "title"),
        ({"title": "nul\0"}, "title"),
        ({"body": "x" * 4_001}, "body"),
        ({"body": "\x1b[31m"}, "body"),
        ({"severity": 99}, "severity"),
        ({"run_id": "x" * 201}, "run_id"),
        ({"artist_id": "a\0"}, "artist_id"),
        ({"subject_id": "x" * 201}, "subject_id"),
        ({"topic": 99}, "topic"),
    ],
)
def test_a_notice_that_breaks_the_contract_names_the_field(changes: dict[str, object], field: str):
    with pytest.raises(InvalidInput) as error:
        check_notice(NotifyRequest(**{**NOTICE, **changes}))
    assert fields_of(error) == [field]


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"title": "x" * 200},
        {"body": "x" * 4_000},
        {"body": "two\nlines\twith a tab"},
        {"topic": TOPIC_PERSONA, "subject_id": "chg_1"},
        {"topic": TOPIC_EXPERIMENT},
    ],
)
def test_a_notice_within_the_contract_is_fine(changes: dict[str, object]):
    check_notice(NotifyRequest(**{**NOTICE, **changes}))
