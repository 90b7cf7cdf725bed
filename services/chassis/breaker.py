"""Keeps calls away from a provider that fails: the circuit breaker of M. Nygard's *Release It!*.

closed     every call is made
open       none is, until the cool-down is over
half-open  one is, the probe: its end closes the breaker, or opens it again
"""

import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

LONGEST_S = 3_600.0
"""A provider that wants to be left alone for longer is asked once an hour all the same."""


class State(StrEnum):
    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class BreakerOpen(Exception):
    """The provider is not to be called now."""


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call."""

    period: int
    """Between which changes of state it was given."""
    probe: bool


@dataclass(frozen=True, slots=True)
class Opened:
    """Why and when a breaker opened."""

    outcome: str
    detail: str
    at: datetime


class Breaker:
    """One provider's breaker; for one event loop."""

    def __init__(
        self, *, failures: int, cooldown_s: float, bench_s: float, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._threshold = failures
        self._cooldown_s = cooldown_s
        self._bench_s = bench_s
        self._clock = clock
        self._period = 0
        self._until: float | None = None
        self._probing = False
        self.failures = 0
        """Since the last success."""
        self.probes = 0
        """Since the start."""
        self.last_opened: Opened | None = None

    @property
    def state(self) -> State:
        if self._until is None:
            return State.CLOSED
        if self._probing or self._clock() >= self._until:
            return State.HALF_OPEN
        return State.OPEN

    @property
    def retry_in_s(self) -> float:
        """Seconds until a call may be tried; 0: now."""
        return 0.0 if self._until is None else max(0.0, self._until - self._clock())

    @property
    def retry_at(self) -> datetime | None:
        """When a call may be tried, while the breaker is open."""
        return datetime.now(UTC) + timedelta(seconds=self.retry_in_s) if self.state is State.OPEN else None

    @property
    def admits(self) -> bool:
        """True where a call may be made now."""
        return self.state is not State.OPEN and not self._probing

    def check(self) -> None:
        """BreakerOpen where a call is not to be made now."""
        if not self.admits:
            raise BreakerOpen

    def enter(self) -> Permit:
        """Leave for one call, which must end with `succeeded`, `failed` or `left`; or BreakerOpen."""
        self.check()
        if self._until is not None:
            self._probing = True
        return Permit(self._period, probe=self._until is not None)

    def begun(self, permit: Permit) -> None:
        """The call goes out."""
        self.probes += permit.probe

    def succeeded(self, permit: Permit) -> None:
        """The provider answered, well or badly."""
        if permit.period != self._period:
            return
        self.failures = 0
        if permit.probe:
            self._until = None
            self._probing = False
            self._period += 1

    def failed(
        self,
        permit: Permit,
        outcome: str,
        detail: str,
        *,
        retry_after_s: float | None = None,
        must_be_mended: bool = False,
    ) -> bool:
        """The provider did not answer; True where the breaker opened because of it.

        `must_be_mended`: somebody has to do something first, so it opens at once and for the longer time.
        The end of a call that was begun before the breaker opened changes nothing, unless the provider
        now asks for more patience.
        """
        wait_s = self._wait_s(retry_after_s, must_be_mended)
        if permit.period != self._period:
            if self._until is not None and retry_after_s is not None:
                self._until = max(self._until, self._clock() + wait_s)
            return False
        self.failures += 1
        self._probing = False
        at_once = permit.probe or must_be_mended or retry_after_s is not None
        if not at_once and self.failures < self._threshold:
            return False
        self._until = self._clock() + wait_s
        self._period += 1
        self.last_opened = Opened(outcome, detail, datetime.now(UTC))
        return True

    def left(self, permit: Permit) -> None:
        """The call ended without a verdict on the provider."""
        if permit.probe and permit.period == self._period:
            self._probing = False

    def _wait_s(self, retry_after_s: float | None, must_be_mended: bool) -> float:
        if retry_after_s is not None:
            return min(max(0.0, retry_after_s), LONGEST_S)
        return self._bench_s if must_be_mended else self._cooldown_s
