"""Numbers and days as people's programs write them."""

from datetime import date
from decimal import Decimal

import pytest

from aiartist.artist_db.v1.performance_pb2 import Metric
from cli.performance_kinds import store
from cli.performance_values import DayOrder, amount, count, day, decimal_mark, month_end


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1,234", 1_234),
        ("1.234.567", 1_234_567),
        ("1 234", 1_234),
        ("1\u202f234", 1_234),
        ("12.0", 12),
        ("-3", -3),
        ("(4)", -4),
        ("\u22125", -5),
    ],
)
def test_whole_numbers_are_read_however_they_are_grouped(text: str, value: int):
    assert count(text) == value


@pytest.mark.parametrize("text", ["1.5", "12,34", "1,2345", "", "ten", "1e3", "٣", "0x10", "--"])
def test_what_is_no_whole_number_is_none(text: str):
    with pytest.raises(ValueError, match="whole number"):
        count(text)


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1,234.56", ".", "1234.56"),
        ("1.234,56", ",", "1234.56"),
        ("$12.30", ".", "12.30"),
        ("(4.10)", ".", "-4.10"),
        ("1.2E-05", ".", "0.000012"),
        (".5", ".", "0.5"),
        ("0,0042", ",", "0.0042"),
    ],
)
def test_amounts_are_read_with_their_decimal_mark(text: str, mark: str, value: str):
    assert amount(text, mark) == Decimal(value)


@pytest.mark.parametrize("text", ["", ".", "NaN", "Infinity", "1,23", "1.2.3", "€5", "1e999", "e5", "E-5"])
def test_what_is_no_amount_is_none(text: str):
    with pytest.raises(ValueError, match="expected a number"):
        amount(text, ".")


def test_a_decimal_mark_is_the_one_that_can_be_nothing_else():
    assert decimal_mark(["1,234", "0.5"], usual=",") == "."
    assert decimal_mark(["1.234", "0,52"], usual=".") == ","
    assert decimal_mark(["1.234,5"], usual=".") == ","
    assert decimal_mark(["1.234", "7"], usual=",") == ","


@pytest.mark.parametrize(
    "text",
    [
        *("2026-03-04", "2026/3/4", "20260304", "2026-03-04T10:00:00Z", "2026-03-04 13:18:00"),
        *("4.3.2026", "04. 03. 2026", "Mar 4, 2026", "March 4 2026", "4 Mar 2026", "4 Mar. 2026", "4/3/26"),
    ],
)
def test_days_are_read_in_the_usual_forms(text: str):
    assert day(text, DayOrder.DAY_FIRST) == date(2026, 3, 4)


@pytest.mark.parametrize("text", ["", "soon", "2026-13-01", "31.2.2026", "Ma 4, 2026", "4/3", "0000-01-01"])
def test_what_is_no_day_is_none(text: str):
    with pytest.raises(ValueError, match=r"expected|calendar"):
        day(text, None)


@pytest.mark.parametrize(
    "text", ["2026-02", "2026/2", "202602", "02/2026", "Feb 2026", "February 2026", "Feb-26", "2026-02-01"]
)
def test_months_end_on_their_last_day(text: str):
    assert month_end(text) == date(2026, 2, 28)


@pytest.mark.parametrize(
    ("name", "platform", "metric"),
    [
        ("Spotify", "spotify", "STREAMS"),
        ("iTunes Songs", "itunes", "DOWNLOADS"),
        ("iTunes Match", "itunes", "STREAMS"),
        ("Amazon (Downloads)", "amazon_music", "DOWNLOADS"),
        ("Amazon Unlimited", "amazon_music", "STREAMS"),
        ("YouTube (Red)", "youtube", "STREAMS"),
        ("Tencent / QQ", "tencent_qq", "STREAMS"),
        ("  ", "unknown", "STREAMS"),
    ],
)
def test_stores_become_platforms(name: str, platform: str, metric: str):
    assert store(name) == (platform, Metric.Value(f"METRIC_{metric}"))
