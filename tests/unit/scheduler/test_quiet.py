"""When it is quiet: times of day, weekdays, dates, each over its own end too."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.scheduler.quiet import Quiet

MOMENTS = st.datetimes(datetime(2024, 1, 1), datetime(2031, 1, 1), timezones=st.just(UTC))


def at(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.parametrize(
    ("entry", "quiet", "loud"),
    [
        (
            "12:00-13:30",
            ["2026-03-04T12:00", "2026-03-04T13:29:59"],
            ["2026-03-04T11:59:59", "2026-03-04T13:30"],
        ),
        ("22:00-07:00", ["2026-03-04T22:00", "2026-03-05T06:59"], ["2026-03-04T21:59", "2026-03-05T07:00"]),
        ("20:00-24:00", ["2026-03-04T23:59:59"], ["2026-03-05T00:00"]),
        ("sat-sun", ["2026-03-07T00:00", "2026-03-08T23:59"], ["2026-03-06T23:59", "2026-03-09T00:00"]),
        ("fri-mon", ["2026-03-06T09:00", "2026-03-09T09:00"], ["2026-03-10T09:00", "2026-03-05T09:00"]),
        ("WED", ["2026-03-04T09:00"], ["2026-03-05T09:00"]),
        ("12-24..12-26", ["2026-12-24T00:00", "2027-12-26T23:59"], ["2026-12-23T23:59", "2026-12-27T00:00"]),
        ("12-24..01-01", ["2026-12-31T12:00", "2027-01-01T23:59"], ["2027-01-02T00:00", "2026-12-23T12:00"]),
        ("02-29", ["2028-02-29T12:00"], ["2027-02-28T12:00", "2027-03-01T12:00"]),
    ],
)
def test_a_period_covers_what_it_says_and_no_more(entry: str, quiet: list[str], loud: list[str]) -> None:
    period = Quiet.parse(entry)
    assert [moment for moment in quiet if not period.covers(at(moment))] == []
    assert [moment for moment in loud if period.covers(at(moment))] == []


@pytest.mark.parametrize(
    "entry",
    [
        "night", "7-9", "25:00-07:00", "22:00-07:60", "24:00-07:00", "22:00-24:01", "07:00-07:00", "sam-sun",
        "sat-", "sat..sun", "13-01", "02-30", "12-24-12-26", "12-24..", "22:00-07:00 sat", "-", "",
        "١٢:00-13:00",
    ],
)  # fmt: skip
def test_what_is_no_period_is_refused_by_name(entry: str) -> None:
    with pytest.raises(
        ValueError, match="is no quiet period: expected are times such as 22:00-07:00"
    ) as caught:
        Quiet.parse(f"sun,{entry}")
    assert str(caught.value).startswith(repr(entry))


def test_several_periods_are_all_quiet() -> None:
    quiet = Quiet.parse(" 22:00-07:00 , sun,12-24..12-26 ")
    covered = ["2026-03-04T23:00", "2026-03-08T12:00", "2026-12-25T12:00", "2026-03-04T12:00"]
    assert [quiet.covers(at(moment)) for moment in covered] == [True, True, True, False]


@given(MOMENTS)
def test_without_periods_it_is_never_quiet(moment: datetime) -> None:
    assert not Quiet.parse("").covers(moment)
    assert not Quiet().covers(moment)


@given(MOMENTS)
def test_a_period_and_the_one_that_begins_where_it_ends_share_the_day(moment: datetime) -> None:
    night, day = Quiet.parse("22:00-07:00"), Quiet.parse("07:00-22:00")
    assert night.covers(moment) != day.covers(moment)


@given(MOMENTS)
def test_nobody_waits_longer_than_the_period(moment: datetime) -> None:
    quiet = Quiet.parse("22:00-07:00,sat-sun")
    hours = [moment + timedelta(hours=n) for n in range(24 * 4)]
    assert not all(quiet.covers(hour) for hour in hours)


def test_the_clocks_of_the_zone_count_in_summer_and_in_winter() -> None:
    quiet = Quiet.parse("22:00-23:00", "Europe/Berlin")
    assert quiet.covers(at("2026-01-15T21:30"))
    assert quiet.covers(at("2026-07-15T20:30"))
    assert not quiet.covers(at("2026-07-15T21:30"))


@pytest.mark.parametrize("zone", ["Atlantis/Poseidonis", "../etc/passwd", "", "Europe"])
def test_an_unknown_zone_is_refused_by_name(zone: str) -> None:
    with pytest.raises(ValueError, match="is no time zone, such as UTC or Europe/Berlin"):
        Quiet.parse("sun", zone)
