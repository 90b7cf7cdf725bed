"""How a batch of error occurrences adds up by group."""

from datetime import UTC, datetime, timedelta

from google.protobuf.timestamp_pb2 import Timestamp
from hypothesis import given
from hypothesis import strategies as st

from aiartist.artist_db.v1.artist_db_pb2 import ErrorHour, ErrorOccurrences, ErrorSample
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.errors import GroupChange, Hour, changes, check_titles

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


def test_occurrences_of_untitled_new_groups_are_named() -> None:
    batch = [ErrorOccurrences(fingerprint=A, count=1), ErrorOccurrences(fingerprint=B, count=1)]
    checks = Checks()

    check_titles(checks, batch, [A])

    assert [(v.field, v.description) for v in checks.found] == [
        ("occurrences[0].title", "is required for a new group")
    ]


def hour(hours: int, count: int, service: str = "scheduler") -> ErrorHour:
    message = ErrorHour(service=service, count=count)
    message.hour.FromDatetime(NOON + timedelta(hours=hours))
    return message


def test_hours_of_one_group_are_added_up_by_hour_and_service() -> None:
    [change] = added(
        ErrorOccurrences(fingerprint=A, count=5, hours=[hour(0, 2), hour(1, 3, "release")]),
        ErrorOccurrences(fingerprint=A, count=4, hours=[hour(0, 4)]),
    )

    assert change.hours == (
        Hour(NOON, "scheduler", 6),
        Hour(NOON + timedelta(hours=1), "release", 3),
    )
    assert change.services == ("release", "scheduler")


def test_without_hours_all_is_of_the_hour_of_the_recording_and_of_the_first_sample_s_service() -> None:
    [change] = added(ErrorOccurrences(fingerprint=A, count=7, samples=[sample(0, "release"), sample(1)]))

    assert change.hours == (Hour(None, "release", 7),)


def test_hours_that_do_not_add_up_or_have_no_hour_are_refused() -> None:
    assert problems(
        ErrorOccurrences(fingerprint=A, count=5, hours=[hour(0, 2), ErrorHour(service="x", count=2)])
    ) == {
        "occurrences[0].hours[1].hour": "is required",
        "occurrences[0].hours": "must add up to the count, 5, add up to 4",
    }


def test_the_newest_twenty_releases_are_kept_in_the_order_in_which_they_came() -> None:
    [change] = added(
        ErrorOccurrences(fingerprint=A, count=1, code_versions=["v0", "v1", "v0"]),
        ErrorOccurrences(fingerprint=A, count=1, code_versions=[f"v{n}" for n in range(2, 22)]),
    )

    assert change.code_versions == tuple(f"v{n}" for n in range(2, 22))


def test_the_releases_of_a_caller_that_does_not_name_them_are_those_of_its_samples() -> None:
    samples = [ErrorSample(code_version="v1"), ErrorSample(), ErrorSample(code_version="v2")]

    [change] = added(ErrorOccurrences(fingerprint=A, count=3, samples=samples))

    assert change.code_versions == ("v1", "v2")


def test_texts_and_samples_that_are_too_long_are_refused() -> None:
    given = ErrorOccurrences(
        fingerprint=A,
        count=1,
        title="x" * 4_001,
        template="x" * 4_001,
        code_versions=["x" * 1_001],
        absorbs=["B"],
        samples=[ErrorSample(text="x" * 200_001)],
    )

    assert list(problems(given)) == [
        "occurrences[0].title",
        "occurrences[0].template",
        "occurrences[0].code_versions[0]",
        "occurrences[0].absorbs[0]",
        "occurrences[0].samples[0]",
    ]
