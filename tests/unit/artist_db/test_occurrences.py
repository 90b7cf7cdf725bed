"""How a batch of error occurrences adds up by group."""

from datetime import UTC, datetime, timedelta

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from aiartist.artist_db.v1.artist_db_pb2 import ErrorOccurrences, ErrorReport, ErrorSample
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.errors import STATUSES, GroupChange, changes, check_report, check_titles

A, B = "a" * 32, "b" * 32
NOON = datetime(2024, 5, 1, 12, tzinfo=UTC)


def sample(minutes: int | None, service: str = "scheduler") -> ErrorSample:
    message = ErrorSample(service=service, message=f"at {minutes}")
    if minutes is not None:
        message.time.FromDatetime(NOON + timedelta(minutes=minutes))
    return message


def added(*batch: ErrorOccurrences) -> list[GroupChange]:
    checks = Checks()
    result = changes(checks, batch)
    checks.finish()
    return result


def problems(*batch: ErrorOccurrences) -> dict[str, str]:
    checks = Checks()
    changes(checks, batch)
    return {violation.field: violation.description for violation in checks.found}


def test_groups_come_by_fingerprint_whatever_the_order_of_the_batch() -> None:
    batch = [ErrorOccurrences(fingerprint=f, count=1) for f in (B, A)]

    assert [change.fingerprint for change in added(*batch)] == [A, B]
    assert added(*batch) == added(*reversed(batch))


def test_occurrences_of_one_group_are_added_up() -> None:
    [change] = added(
        ErrorOccurrences(fingerprint=A, count=2, samples=[sample(5, "notifier")]),
        ErrorOccurrences(
            fingerprint=A, title="Boom", culprit="here", count=3, samples=[sample(-5), sample(1)]
        ),
    )

    assert (change.count, change.title, change.culprit) == (5, "Boom", "here")
    assert change.services == ("notifier", "scheduler")
    assert change.first_seen == NOON - timedelta(minutes=5)
    assert change.last_seen == NOON + timedelta(minutes=5)
    assert [s.message.message for s in change.samples] == ["at -5", "at 1", "at 5"]


def test_only_the_ten_newest_samples_are_kept() -> None:
    [change] = added(ErrorOccurrences(fingerprint=A, count=12, samples=[sample(m) for m in range(12)]))

    assert [s.message.message for s in change.samples] == [f"at {m}" for m in range(2, 12)]


def test_a_sample_without_a_time_is_the_newest_and_leaves_the_time_to_the_recording() -> None:
    [change] = added(ErrorOccurrences(fingerprint=A, count=2, samples=[sample(None), sample(3)]))

    assert [s.message.message for s in change.samples] == ["at 3", "at None"]
    assert (change.first_seen, change.last_seen) == (NOON + timedelta(minutes=3), None)


def test_occurrences_without_samples_have_no_times_and_services() -> None:
    [change] = added(ErrorOccurrences(fingerprint=A, count=4))

    assert (change.count, change.services, change.first_seen, change.last_seen) == (4, (), None, None)


@given(st.lists(st.tuples(st.sampled_from([A, B]), st.integers(1, 1_000)), min_size=1, max_size=20))
def test_no_count_is_lost_or_doubled_by_adding_up(batch: list[tuple[str, int]]) -> None:
    result = added(*(ErrorOccurrences(fingerprint=f, count=n) for f, n in batch))

    assert {c.fingerprint: c.count for c in result} == {
        f: sum(n for g, n in batch if g == f) for f in {f for f, _ in batch}
    }


def test_an_empty_batch_is_refused() -> None:
    assert problems() == {"occurrences": "must have at least 1 entry, has 0"}


def test_every_wrong_occurrence_is_named() -> None:
    late = ErrorSample(time=Timestamp(seconds=10**15))

    assert problems(
        ErrorOccurrences(fingerprint=A.upper(), count=1),
        ErrorOccurrences(fingerprint=B, count=0, samples=[sample(1), late]),
    ) == {
        "occurrences[0].fingerprint": f"must be 32 hex digits, is '{A.upper()}'",
        "occurrences[1].count": "must be 1 to 1,000,000,000, is 0",
        "occurrences[1].samples[1].time": (
            "must be a time in the years 1 to 9999, is seconds=1000000000000000 nanos=0"
        ),
    }


def test_only_new_groups_need_a_title() -> None:
    batch = [
        ErrorOccurrences(fingerprint=A, count=1),
        ErrorOccurrences(fingerprint=B, count=1),
        ErrorOccurrences(fingerprint=B, count=1, title="Boom"),
    ]
    checks = Checks()

    check_titles(checks, batch, [B])
    assert checks.found == []

    check_titles(checks, batch, [A, B])
    assert [(v.field, v.description) for v in checks.found] == [
        ("occurrences[0].title", "is required for a new group")
    ]


@pytest.mark.parametrize("status", STATUSES)
def test_every_status_of_the_contract_may_be_reported(status: str) -> None:
    checks = Checks()
    check_report(checks, ErrorReport(fingerprint=A, status=status))
    assert checks.found == []


def test_a_report_of_another_status_is_refused() -> None:
    checks = Checks()
    check_report(checks, ErrorReport(fingerprint="", status="done"))
    assert [v.field for v in checks.found] == ["report.fingerprint", "report.status"]
