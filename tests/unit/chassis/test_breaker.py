"""The circuit breaker, by a clock that the test moves."""

import pytest

from services.chassis.breaker import LONGEST_S, Breaker, BreakerOpen, State


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def breaker(clock: Clock, *, failures: int = 1) -> Breaker:
    return Breaker(failures=failures, cooldown_s=30, bench_s=900, clock=clock)


def fail(of: Breaker, outcome: str = "timeout", retry_after_s: float | None = None) -> bool:
    return of.failed(of.enter(), outcome, "why", retry_after_s=retry_after_s)


def test_it_opens_on_a_failure_and_lets_nobody_in_until_the_cool_down_is_over(clock: Clock) -> None:
    tried = breaker(clock)
    assert fail(tried)
    assert (tried.state, tried.retry_in_s) == (State.OPEN, 30)
    with pytest.raises(BreakerOpen):
        tried.enter()
    clock.now += 29.9
    with pytest.raises(BreakerOpen):
        tried.enter()
    clock.now += 0.2
    assert tried.state is State.HALF_OPEN
    assert tried.enter().probe


def test_one_probe_a_cool_down_and_no_second_beside_it(clock: Clock) -> None:
    tried = breaker(clock)
    fail(tried)
    clock.now += 30
    probe = tried.enter()
    tried.begun(probe)
    with pytest.raises(BreakerOpen):
        tried.enter()
    assert tried.failed(probe, "unreachable", "still")
    assert (tried.state, tried.probes) == (State.OPEN, 1)
    assert tried.last_opened is not None
    assert tried.last_opened.outcome == "unreachable"
    clock.now += 30
    tried.begun(tried.enter())
    assert tried.probes == 2


def test_a_probe_that_succeeds_closes_it(clock: Clock) -> None:
    tried = breaker(clock)
    fail(tried)
    clock.now += 30
    tried.succeeded(tried.enter())
    assert (tried.state, tried.failures) == (State.CLOSED, 0)
    assert not tried.enter().probe


def test_a_probe_without_a_verdict_lets_the_next_one_try(clock: Clock) -> None:
    tried = breaker(clock)
    fail(tried)
    clock.now += 30
    tried.left(tried.enter())
    assert tried.enter().probe


def test_several_failures_in_a_row_where_so_many_are_wanted(clock: Clock) -> None:
    tried = breaker(clock, failures=3)
    assert [fail(tried), fail(tried)] == [False, False]
    tried.succeeded(tried.enter())
    assert [fail(tried), fail(tried), fail(tried)] == [False, False, True]


def test_what_somebody_must_mend_benches_the_provider_at_once(clock: Clock) -> None:
    tried = breaker(clock, failures=5)
    assert tried.failed(tried.enter(), "bad_key", "why", must_be_mended=True)
    assert tried.retry_in_s == 900


@pytest.mark.parametrize(("told", "waits"), [(0.5, 0.5), (300, 300), (10 * LONGEST_S, LONGEST_S)])
def test_a_provider_s_own_wish_goes_before_the_cool_down(clock: Clock, told: float, waits: float) -> None:
    tried = breaker(clock, failures=5)
    assert fail(tried, "rate_limited", told)
    assert tried.retry_in_s == waits


def test_calls_that_were_under_way_change_nothing_when_they_end(clock: Clock) -> None:
    tried = breaker(clock)
    first, second, third = (tried.enter() for _ in range(3))
    tried.failed(first, "timeout", "why")
    clock.now += 10
    assert not tried.failed(second, "timeout", "why")
    assert tried.retry_in_s == 20
    tried.succeeded(third)
    assert tried.state is State.OPEN


def test_a_call_that_was_under_way_can_ask_for_more_patience(clock: Clock) -> None:
    tried = breaker(clock)
    first, second = tried.enter(), tried.enter()
    tried.failed(first, "rate_limited", "why", retry_after_s=5)
    tried.failed(second, "rate_limited", "why", retry_after_s=60)
    assert tried.retry_in_s == 60
