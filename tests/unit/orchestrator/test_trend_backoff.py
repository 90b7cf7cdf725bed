"""When charts are asked for again."""

import pytest

from services.orchestrator.trends.backoff import FIRST_S, LONGEST_S, PAUSE_S, Backoff
from services.orchestrator.trends.source import RateLimited

EVERY_S = 21_600


class Clock:
    """Time as the test has it."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(("failures", "usual_s"), [(0, FIRST_S), (1, 600), (3, 2_400), (500, EVERY_S)])
def test_each_failure_doubles_the_wait_up_to_the_usual_one(failures: int, usual_s: int) -> None:
    waits = {Backoff(EVERY_S).again_s(None, failures, "unreachable", None) for _ in range(50)}
    assert all(0.89 * usual_s <= wait <= 1.11 * usual_s for wait in waits)
    assert len(waits) > 1, "not all at the same time"


def test_a_chart_that_came_is_asked_for_after_the_usual_wait_and_a_file_after_its_own() -> None:
    backoff = Backoff(EVERY_S)
    assert 0.89 * EVERY_S <= backoff.again_s(None, 7, "ok", None) <= 1.11 * EVERY_S
    assert 53 <= backoff.again_s(60, 0, "ok", None) <= 67
    assert 53 <= backoff.again_s(60, 9, "bad_shape", None) <= 67


def test_a_source_is_never_asked_earlier_than_it_said() -> None:
    assert Backoff(EVERY_S).again_s(None, 0, "rate_limited", 50_000.0) >= 50_000


def test_a_source_that_was_asked_too_often_is_left_alone_for_as_long_as_it_said() -> None:
    clock = Clock()
    backoff = Backoff(EVERY_S, clock)
    assert backoff.pause("deezer", RateLimited("slow down", 120.0)) == 120.0
    paused = backoff.paused("deezer")
    assert paused is not None
    assert (str(paused), paused.retry_after_s) == ("slow down", 120.0)
    assert backoff.paused("apple_music") is None
    clock.now += 120
    assert backoff.paused("deezer") is None


def test_a_pause_is_not_made_shorter_and_never_longer_than_a_day() -> None:
    backoff = Backoff(EVERY_S, Clock())
    assert backoff.pause("deezer", RateLimited("no", 900.0)) == 900.0
    assert backoff.pause("deezer", RateLimited("no")) == 900.0
    assert backoff.pause("youtube", RateLimited("no")) == PAUSE_S
    assert backoff.pause("last_fm", RateLimited("no", 1e12)) == LONGEST_S
