"""Which cadences are valid."""

import pytest

from aiartist.artist_db.v1.artist_db_pb2 import Cadence
from services.artist_db.domain.cadence import check_cadence
from services.artist_db.domain.checks import Checks


def problems(cadence: Cadence) -> dict[str, str]:
    checks = Checks()
    check_cadence(checks, "cadence", cadence)
    return {violation.field: violation.description for violation in checks.found}


def test_no_cadence_is_valid() -> None:
    assert problems(Cadence()) == {}


@pytest.mark.parametrize("seconds", [60, 86_400, 31_536_000])
def test_intervals_from_a_minute_to_a_year_are_valid(seconds: int) -> None:
    assert problems(Cadence(interval_s=seconds)) == {}


@pytest.mark.parametrize(("seconds", "shown"), [(0, "0"), (59, "59"), (31_536_001, "31,536,001")])
def test_other_intervals_are_refused_with_the_bounds(seconds: int, shown: str) -> None:
    assert problems(Cadence(interval_s=seconds)) == {
        "cadence.interval_s": f"must be 60 to 31,536,000, is {shown}"
    }


@pytest.mark.parametrize(
    "cron", ["0 9 * * 1", "*/15 * * * *", "0 0 29 2 *", "0 9 * * mon-fri", "30 6 1,15 jan *", "0  9 * * 1"]
)
def test_five_cron_fields_are_valid(cron: str) -> None:
    assert problems(Cadence(cron=cron)) == {}


@pytest.mark.parametrize(
    "cron",
    [
        "",
        "daily",
        "@daily",
        "* * * *",
        "0 9 * * 1 30",
        "61 * * * *",
        "* 24 * * *",
        "*/0 * * * *",
        "0 9 * * someday",
        "0 9 * * 1\0",
        "0 9 " + "1," * 200 + "2 * *",
    ],
)
def test_what_is_no_five_field_cron_is_refused(cron: str) -> None:
    found = problems(Cadence(cron=cron))

    assert list(found) == ["cadence.cron"]
    assert found["cadence.cron"].startswith("must be five cron fields such as `0 9 * * 1`")


@pytest.mark.parametrize("cron", ["R * * * *", "H 0 * * *", "r(0-30) * * * *"])
def test_cron_fields_that_every_reader_would_read_differently_are_refused(cron: str) -> None:
    assert list(problems(Cadence(cron=cron))) == ["cadence.cron"]


def test_a_cron_that_never_comes_is_refused() -> None:
    assert problems(Cadence(cron="0 0 30 2 *")) == {
        "cadence.cron": "must name a time that comes, '0 0 30 2 *' never does"
    }
