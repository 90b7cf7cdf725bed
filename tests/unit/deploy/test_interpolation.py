"""What the dashboards' test makes of macros and variables is what Grafana makes of them."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.dashboards.interpolation import TimeRange, promql, sql, step_s

HOUR = TimeRange.up_to(datetime(2026, 3, 1, 12, 0, 0, 250_000, tzinfo=UTC), timedelta(hours=1))


def test_a_time_filter_names_both_ends_in_utc() -> None:
    assert sql("WHERE $__timeFilter(run.created_at)", HOUR, {}) == (
        "WHERE run.created_at BETWEEN '2026-03-01T11:00:00.250000Z' AND '2026-03-01T12:00:00.250000Z'"
    )


def test_values_are_quoted_and_none_ends_the_text() -> None:
    assert sql("IN (${who:sqlstring})", HOUR, {"who": ["a", "o'b"]}) == "IN ('a','o''b')"


@pytest.mark.parametrize(
    "text",
    [
        "$__timeFilter(coalesce(a, b))",
        "$__timeGroupAlias(a, 1m)",
        "$__unixEpochFilter(a)",
        "WHERE a = $who",
        "WHERE a = ${who}",
        "WHERE a = ${nobody:sqlstring}",
        "WHERE a > $__timeFrom",
    ],
)
def test_what_would_be_sent_as_nonsense_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        sql(text, HOUR, {"who": ["a"]})


def test_steps_are_no_finer_than_scrapes_and_no_finer_than_the_query_wants() -> None:
    assert step_s(HOUR) == 15
    assert step_s(HOUR, "5m") == 300
    assert step_s(TimeRange.up_to(HOUR.end, timedelta(days=7))) == 604


def test_a_rate_looks_back_over_four_scrapes_at_least() -> None:
    assert promql("rate(x[$__rate_interval])", HOUR, {}) == "rate(x[60s])"
    assert promql("increase(x[$__interval])", HOUR, {}, "5m") == "increase(x[300s])"
    assert promql("increase(x[$__range])", HOUR, {}) == "increase(x[3600s])"


def test_several_values_become_one_expression_with_nothing_special_in_it() -> None:
    assert promql('x{a=~"$who"}', HOUR, {"who": ["a.b", "c"]}) == r'x{a=~"(a\\.b|c)"}'
    assert promql('x{a=~"$who"}', HOUR, {"who": [".+"]}) == 'x{a=~".+"}'


def test_a_variable_that_the_dashboard_does_not_have_is_refused() -> None:
    with pytest.raises(ValueError, match="nobody"):
        promql('x{a=~"$nobody"}', HOUR, {})
