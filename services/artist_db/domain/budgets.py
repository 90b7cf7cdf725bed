"""Budgets: whose spending they limit, what is left of one, and how it is told."""

import shlex
from dataclasses import dataclass
from enum import StrEnum
from typing import Self

from aiartist.artist_db.v1.artist_db_pb2 import HoldSpendRequest, RenewHoldsRequest, SetBudgetRequest
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.model_calls import MAX_ATTEMPT, MAX_COST_MICRO_USD

MICRO_USD = 1_000_000
"""Millionths in a US dollar."""
MAX_LIMIT_MICRO_USD = 10**12
"""A million dollars."""
STRAINED_PERCENT = 80
"""Of so much of a budget is told that it is spent."""
MIN_LEASE_MS = 1_000
MAX_LEASE_MS = 600_000
MAX_RENEWALS = 1_000
"""Attempts in one renewal."""


class Scope(StrEnum):
    """As in `BudgetScope`, without its prefix; in the order in which accounts are locked."""

    ARTIST = "artist"
    DAY = "day"
    RUN = "run"


class Source(StrEnum):
    """Where a limit comes from."""

    OWN = "own"
    SCOPE = "scope"
    SETTINGS = "settings"


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits that count where nobody set one, in millionths of a US dollar."""

    artist: int
    day: int
    run: int

    @classmethod
    def of_usd(cls, *, artist: float, day: float, run: float) -> Self:
        """From US dollars, to the nearest millionth."""
        return cls(*(round(usd * MICRO_USD) for usd in (artist, day, run)))

    def of(self, scope: Scope) -> int:
        """That of one scope."""
        return {Scope.ARTIST: self.artist, Scope.DAY: self.day, Scope.RUN: self.run}[scope]


@dataclass(frozen=True, slots=True)
class Shortage:
    """A budget that a call does not fit; amounts in millionths of a US dollar."""

    scope: Scope
    subject: str
    """The artist's or run's id; empty for the day's."""
    limit: int
    left: int
    needed: int
    """The most that the call may cost."""

    @property
    def text(self) -> str:
        """For people: what is left, what is needed, and the command that raises the limit."""
        whose, target = {
            Scope.ARTIST: ("the artist's budget for today", f"artist --artist {shlex.quote(self.subject)}"),
            Scope.DAY: ("the label's budget for today", "day"),
            Scope.RUN: ("the run's budget", f"run --run {shlex.quote(self.subject)}"),
        }[self.scope]
        return (
            f"{whose} has ${usd(self.left)} left of ${usd(self.limit)}; "
            f"this call may cost up to ${usd(self.needed)}; "
            f"raise it with: aiartist budget set {target} USD"
        )


def usd(micro_usd: int) -> str:
    """Dollars with as many decimals as the amount has, at least two: `5.00`, `0.0015`."""
    dollars, rest = divmod(micro_usd, MICRO_USD)
    return f"{dollars}.{f'{rest:06}'.rstrip('0'):0<2}"


def left(limit: int, used: int) -> int:
    """What may still be spent, never below 0; `used` is what is spent and held."""
    return max(0, limit - used)


def check_hold(checks: Checks, request: HoldSpendRequest) -> None:
    """Notes what is wrong with a wish to hold."""
    checks.id("call_id", request.call_id)
    checks.number("attempt", request.attempt, least=0, most=MAX_ATTEMPT)
    checks.number("amount_micro_usd", request.amount_micro_usd, least=1, most=MAX_COST_MICRO_USD)
    checks.filter("artist_id", request.artist_id)
    checks.filter("run_id", request.run_id)
    _check_lease(checks, request)


def check_renewal(checks: Checks, request: RenewHoldsRequest) -> None:
    """Notes what is wrong with a wish to go on holding."""
    _check_lease(checks, request)
    checks.count("attempts", request.attempts, most=MAX_RENEWALS)
    # Of too many, that they are too many says enough.
    for number, named in enumerate(request.attempts[:MAX_RENEWALS]):
        checks.id(f"attempts[{number}].call_id", named.call_id)
        checks.number(f"attempts[{number}].attempt", named.attempt, least=1, most=MAX_ATTEMPT)


def _check_lease(checks: Checks, request: HoldSpendRequest | RenewHoldsRequest) -> None:
    """Notes what is wrong with who holds, and for how long."""
    checks.id("holder", request.holder)
    checks.number("lease_ms", request.lease_ms, least=MIN_LEASE_MS, most=MAX_LEASE_MS)


def check_budget(checks: Checks, request: SetBudgetRequest, scope: Scope | None) -> None:
    """Notes what is wrong with a budget; `scope` is None where the request names none that is known."""
    checks.id("request_id", request.request_id)
    if scope is None:
        checks.add("scope", f"must be day, artist or run, is {request.scope}")
    if scope is Scope.DAY and request.subject:
        checks.add("subject", "must be empty for the day's budget: there is one for the whole label")
    else:
        checks.filter("subject", request.subject)
    checks.number("limit_micro_usd", request.limit_micro_usd, least=0, most=MAX_LIMIT_MICRO_USD)
