"""How values read for people."""

import time

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.scheduler.v1.scheduler_pb2 import RUN_STATE_AWAITING_APPROVAL
from cli.texts import amount, clock, duration, moment, plain, printable, run_state, short_moment, shortened


@pytest.fixture(autouse=True)
def berlin(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("TZ", "Europe/Berlin")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (-1, "0.0 s"),
        (0, "0.0 s"),
        (4.24, "4.2 s"),
        (59.4, "59.4 s"),
        (59.6, "1m 00s"),
        (72, "1m 12s"),
        (3_599, "59m 59s"),
        (3_600, "1h 00m"),
        (7_500, "2h 05m"),
        (86_400, "1d 0h"),
        (273_600, "3d 4h"),
    ],
)
def test_durations(seconds: float, expected: str):
    assert duration(seconds) == expected


def test_times_are_local():
    noon = Timestamp(seconds=1_772_366_400)
    assert moment(noon) == "2026-03-01 13:00:00"
    assert clock(noon) == "13:00:00"


def test_a_time_of_another_year_shows_the_year():
    assert short_moment(Timestamp(seconds=946_728_000)) == " 2000-01-01"


def test_an_absent_time_is_a_dash():
    assert moment(Timestamp()) == short_moment(Timestamp()) == "–"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Nova Vale", "Nova Vale"),
        ("\x1b[31mred", "\ufffd[31mred"),
        ("two\nlines\tof it", "two lines of it"),
        ("a\u202eb\x9bc", "a\ufffdb\ufffdc"),
    ],
)
def test_text_from_elsewhere_commands_no_terminal(text: str, expected: str):
    assert plain(text) == expected


def test_long_text_ends_in_an_ellipsis():
    assert shortened("abcdef", 6) == "abcdef"
    assert shortened("abcdefg", 6) == "abcde…"


def test_states_read_as_words():
    assert run_state(RUN_STATE_AWAITING_APPROVAL) == "awaiting approval"


@pytest.mark.parametrize(
    ("micro_usd", "expected"),
    [
        (0, "$0.00"),
        (42, "$0.000042"),
        (500_000, "$0.50"),
        (5_000_000, "$5.00"),
        (1_234_567, "$1.234567"),
        (10**12, "$1,000,000.00"),
    ],
)
def test_amounts_show_cents_and_what_is_smaller(micro_usd: int, expected: str):
    assert amount(micro_usd) == expected


def test_text_of_several_lines_keeps_them_and_commands_no_terminal():
    assert printable("one\r\n\ttwo\x1b[2J\n") == "one\n\ttwo\ufffd[2J\n"
