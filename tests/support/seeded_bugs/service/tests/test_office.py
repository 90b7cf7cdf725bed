"""Mail, times, caches and limits."""

import io
import json
import sys

import pytest
from mixtape import cache, limiter, lyrics, mail, schedule, timezones, worker


def test_one_look_up_serves_the_same_question_twice():
    assert cache.slugs([("Nova", "Rain"), ("Kai", "Glass"), ("Nova", "Rain")]) == [
        "nova/rain",
        "kai/glass",
        "nova/rain",
    ]


def test_a_limit_is_kept():
    gate = limiter.Limiter(calls=2, seconds=10)
    assert [gate.allows("shop", at) for at in (0, 1, 2, 12)] == [True, True, False, True]


def test_busy_callers_are_counted():
    assert limiter.busy_callers({"shop": 100, "radio": 110}, now=120) == 2


def test_lyrics_are_sorted_by_time():
    assert lyrics.sheet("[00:09.5] two\n\n[00:01] one") == [(1.0, "one"), (9.5, "two")]
    assert lyrics.chorus(["la", "rain", "la"]) == "la"


def test_mail_goes_to_everybody():
    assert mail.send(["ana@example.org", "ben@example.org"], "hello") == [5, 5]
    assert mail.greeting("Ana", 9) == "Good morning, Ana"


def test_a_deadline_passes():
    assert schedule.is_late("2026-03-01T12:00:00", "2026-03-01T12:00:01")


def test_releases_come_out_on_fridays():
    assert schedule.next_friday("2026-03-02") == "2026-03-06"
    assert schedule.days_left("2026-03-06", "2026-03-02") == 4


@pytest.mark.parametrize(
    ("local", "utc"),
    [
        ("2026-01-10T12:00:00", "2026-01-10T11:00:00+00:00"),
        ("2026-07-10T12:00:00", "2026-07-10T10:00:00+00:00"),
    ],
)
def test_the_offices_clock_knows_summer(local, utc):
    assert timezones.to_utc(local) == utc


def test_the_worker_does_jobs(monkeypatch, capsys):
    job = {"name": "mail.greeting", "arguments": {"name": "Ana", "hour": 20}}
    monkeypatch.setattr(sys, "stdin", io.StringIO(json.dumps(job) + "\n"))
    assert worker.main(["--log", "json"]) == 0
    assert worker.run(job) == "Good evening, Ana"
