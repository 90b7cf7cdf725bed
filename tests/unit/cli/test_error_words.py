"""How errors read on the command line: bars of hours, moments, lines of a diff and of a watch."""

from datetime import UTC, datetime, timedelta

import pytest

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from cli.error_card import diff_lines
from cli.error_watch import line_of
from cli.error_words import moment_of, sparkline
from cli.failures import Failure


def hours(*counts: tuple[int, int]) -> list[db.ErrorHour]:
    """Counts by the number of the hour."""
    made = []
    for number, count in counts:
        hour = db.ErrorHour(service="release", count=count)
        hour.hour.FromSeconds(3600 * (500_000 + number))
        made.append(hour)
    return made


def test_each_hour_from_the_first_to_the_last_has_a_bar_as_high_as_its_share() -> None:
    assert sparkline(hours((0, 80), (1, 40), (3, 1))) == "█▄ ▁"


def test_the_services_of_an_hour_are_one_bar() -> None:
    assert sparkline(hours((0, 2), (0, 2), (1, 8))) == "▄█"


def test_where_nothing_is_known_there_is_no_bar() -> None:
    assert sparkline([]) == ""


@pytest.mark.parametrize(
    ("given", "back"), [("30m", timedelta(minutes=30)), ("2h", timedelta(hours=2)), ("3d", timedelta(days=3))]
)
def test_so_long_ago_is_a_moment(given: str, back: timedelta) -> None:
    assert abs(datetime.now(UTC) - back - moment_of("--since", given)) < timedelta(minutes=1)


def test_a_date_with_a_zone_is_that_moment() -> None:
    assert moment_of("--since", "2026-03-01T14:00+01:00") == datetime(2026, 3, 1, 13, 0, tzinfo=UTC)


@pytest.mark.parametrize("given", ["yesterday", "0h", "5 h", "2026-13-01", "999999d", ""])
def test_what_is_no_moment_is_said_with_what_would_be_one(given: str) -> None:
    with pytest.raises(Failure, match="--since") as refused:
        moment_of("--since", given)
    assert refused.value.exit_code == 2


def test_lines_of_a_diff_have_the_colours_that_they_have_everywhere() -> None:
    lines = list(diff_lines("--- a/x\n+++ b/x\n@@ -1 +1 @@\n-a\n+b\x1b[0m\n c\n"))
    assert [str(line.style) for line in lines] == ["bold", "bold", "cyan", "red", "green", ""]
    assert "\x1b" not in lines[4].plain


def test_a_change_is_one_line_whatever_a_model_wrote() -> None:
    report = db.ErrorReport(status="fix_failed", by="cli:vera", reason="no\nuse \x1b[31m" + "x" * 500)
    told = line_of(
        pb.WatchErrorsResponse(group=db.ErrorGroup(fingerprint="a" * 32, title="K\x07", report=report))
    )
    assert "fix failed by cli:vera: no use" in told
    assert told.isprintable()
    assert len(told) < 220
