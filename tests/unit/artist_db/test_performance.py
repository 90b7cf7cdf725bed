"""What a number of a platform must be, and in which form names of releases are compared."""

from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from aiartist.artist_db.v1 import performance_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.performance import (
    Found,
    Kind,
    Name,
    isrc_key,
    metric_name,
    metric_of,
    read,
    title_key,
    upc_key,
    why_unmatched,
)

TODAY = datetime(2026, 3, 10, tzinfo=UTC).date()
EARNINGS = pb.METRIC_EARNINGS


def entry(**changes: Any) -> pb.PerformanceEntry:
    fields: dict[str, Any] = {"platform": "spotify", "metric": pb.METRIC_STREAMS, "day": "2026-03-01"}
    return pb.PerformanceEntry(**{**fields, **changes})


def wrong(*entries: pb.PerformanceEntry, source: str = "") -> list[str]:
    checks = Checks()
    read(checks, pb.RecordPerformanceRequest(entries=entries, source=source), TODAY)
    return [violation.field for violation in checks.found]


@pytest.mark.parametrize(
    ("field", "changes"),
    [
        ("day", {"day": ""}),
        ("day", {"day": "01.03.2026"}),
        ("day", {"day": "2026-02-30"}),
        ("day", {"day": "1999-12-31"}),
        ("day", {"day": str(TODAY + timedelta(days=2))}),
        ("platform", {"platform": ""}),
        ("platform", {"platform": "Apple Music"}),
        ("platform", {"platform": "x" * 41}),
        ("metric", {"metric": pb.METRIC_UNSPECIFIED}),
        ("metric", {"metric": 99}),
        ("value", {"value": -1}),
        ("value", {"value": 10**12 + 1}),
        ("value", {"metric": EARNINGS, "value": -(10**15) - 1}),
        ("title", {"title": " "}),
        ("title", {"title": "a\0b"}),
        ("artist_name", {"title": "a", "artist_name": "x" * 1_001}),
    ],
)
def test_a_number_that_can_not_be_is_refused_by_its_field(field: str, changes: dict[str, Any]) -> None:
    names = {} if "title" in changes else {"release_id": "rel_1"}

    assert wrong(entry(release_id="rel_0"), entry(**names, **changes)) == [f"entries[1].{field}"]


def test_what_may_be_is_taken() -> None:
    assert not wrong(
        entry(release_id="rel_1", day="2000-01-01", value=10**12),
        entry(isrc="QZABC2600001", day=str(TODAY + timedelta(days=1))),
        entry(upc="no code at all", metric=EARNINGS, value=-(10**15)),
    )


def test_an_entry_without_a_release_and_one_source_of_two_lines_are_named_together() -> None:
    assert wrong(entry(), source="a\nb") == ["source", "entries[0].release"]


@pytest.mark.parametrize("amount", [0, 5_001])
def test_one_to_five_thousand_numbers_are_taken(amount: int) -> None:
    assert wrong(*[entry(release_id="rel_1")] * amount) == ["entries"]


def test_names_are_compared_by_what_they_mean() -> None:
    assert isrc_key("qz-abc-26-00001") == isrc_key(" QZABC 2600001") == "QZABC2600001"
    assert upc_key("012345678905") == upc_key("0012345678905") == upc_key("1234567-8905") == "12345678905"
    assert title_key(" Straße  nach Süden") == title_key("STRASSE NACH SU\u0308DEN\t")
    assert [isrc_key("QZABC26000"), upc_key("1.23E+11"), upc_key("00000000")] == ["", "", ""]


def test_every_metric_keeps_its_name() -> None:
    metrics = [number for number in pb.Metric.values() if number]
    assert [metric_of(metric_name(number)) for number in metrics] == metrics


@pytest.mark.parametrize(
    ("name", "found", "why"),
    [
        (Name(Kind.TITLE, "a"), Found("rel_1", 1), ""),
        (Name(Kind.TITLE, "a", "b"), Found("rel_1", 2), "2 releases of this artist have this title"),
        (Name(Kind.UPC, ""), None, "this is no UPC or EAN"),
        (Name(Kind.RELEASE_ID, "rel_1"), None, "no release has this id"),
    ],
)
def test_what_has_no_release_is_told_why(name: Name, found: Found | None, why: str) -> None:
    assert why_unmatched(name, found) == why


def test_days_are_days_of_the_calendar() -> None:
    checks = Checks()
    numbers = read(checks, pb.RecordPerformanceRequest(entries=[entry(title="A", value=3)]), TODAY)
    assert [(number.name, number.day, number.value) for number in numbers] == [
        (Name(Kind.TITLE, "a"), date(2026, 3, 1), 3)
    ]
