"""Budgets: limits, what is left, and how money is told."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.budgets import (
    Limits,
    Scope,
    Shortage,
    check_budget,
    check_hold,
    check_renewal,
    left,
    usd,
)
from services.artist_db.domain.checks import Checks
from services.artist_db.errors import BudgetSpent
from services.artist_db.settings import Settings


@pytest.mark.parametrize(
    ("micro_usd", "text"),
    [
        (0, "0.00"),
        (1, "0.000001"),
        (1_500, "0.0015"),
        (20_000, "0.02"),
        (100_000, "0.10"),
        (5_000_000, "5.00"),
        (10**12, "1000000.00"),
    ],
)
def test_money_is_told_exactly_with_at_least_two_decimals(micro_usd: int, text: str) -> None:
    assert usd(micro_usd) == text


@given(st.integers(0, 10**18))
def test_no_amount_is_rounded(micro_usd: int) -> None:
    dollars, decimals = usd(micro_usd).split(".")

    assert int(dollars) * 10**6 + int(decimals.ljust(6, "0")) == micro_usd


@pytest.mark.parametrize(("limit", "used", "expected"), [(10, 3, 7), (10, 10, 0), (10, 12, 0), (0, 0, 0)])
def test_what_is_left_is_never_below_nothing(limit: int, used: int, expected: int) -> None:
    assert left(limit, used) == expected


def test_a_shortage_names_the_budget_what_is_missing_and_the_command_that_helps() -> None:
    def told(scope: Scope, subject: str) -> str:
        return Shortage(scope, subject, limit=5_000_000, left=20_000, needed=100_000).text

    amounts = "has $0.02 left of $5.00; this call may cost up to $0.10; raise it with: aiartist budget set"
    assert told(Scope.ARTIST, "art_1f") == (
        f"the artist's budget for today {amounts} artist --artist art_1f USD"
    )
    assert told(Scope.DAY, "") == f"the label's budget for today {amounts} day USD"
    assert told(Scope.RUN, "run_1f") == f"the run's budget {amounts} run --run run_1f USD"


def test_a_command_that_is_told_can_be_pasted_whatever_the_id() -> None:
    told = Shortage(Scope.RUN, "run; rm -r /", limit=1, left=0, needed=1).text

    assert told.endswith("aiartist budget set run --run 'run; rm -r /' USD")


def test_a_spent_budget_is_told_to_programs_as_the_contract_says() -> None:
    error = BudgetSpent(Shortage(Scope.ARTIST, "art_1f", limit=5_000_000, left=20_000, needed=100_000))

    assert error.metadata == {
        "scope": "artist",
        "subject": "art_1f",
        "limit_usd": "5.00",
        "left_usd": "0.02",
        "needed_usd": "0.10",
    }


def test_limits_of_the_settings_are_kept_in_millionths() -> None:
    settings = Settings(budget_day_usd=0.1, budget_artist_usd=0.000001, budget_run_usd=0)

    limits = settings.budget_limits()

    assert limits == Limits(artist=1, day=100_000, run=0)
    assert [limits.of(scope) for scope in Scope] == [1, 100_000, 0]


def test_limits_come_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIARTIST_BUDGET_ARTIST_USD", "0.25")

    assert Settings.load().budget_limits() == Limits(artist=250_000, day=10_000_000, run=2_000_000)


@pytest.mark.parametrize("field", ["budget_day_usd", "budget_artist_usd", "budget_run_usd"])
@pytest.mark.parametrize("value", [-0.01, 1_000_000.01, float("inf"), float("nan")])
def test_limits_that_are_no_sum_of_money_are_refused(field: str, value: float) -> None:
    with pytest.raises(ValidationError):
        Settings(**{field: value})


def test_scopes_are_named_in_the_order_in_which_accounts_are_locked() -> None:
    assert list(Scope) == sorted(Scope)


def fields_of(checks: Checks) -> list[str]:
    return [violation.field for violation in checks.found]


def test_a_hold_needs_a_call_an_amount_a_holder_and_a_lease() -> None:
    checks = Checks()
    check_hold(checks, pb.HoldSpendRequest(artist_id="a\n", run_id="r\n"))

    assert fields_of(checks) == [
        "call_id",
        "amount_micro_usd",
        "artist_id",
        "run_id",
        "holder",
        "lease_ms",
    ]


@pytest.mark.parametrize(("lease_ms", "wrong"), [(999, 1), (1_000, 0), (600_000, 0), (600_001, 1)])
def test_a_lease_is_a_second_to_ten_minutes_long(lease_ms: int, wrong: int) -> None:
    checks = Checks()
    check_renewal(checks, pb.RenewHoldsRequest(holder="a", lease_ms=lease_ms))

    assert fields_of(checks) == ["lease_ms"] * wrong


@pytest.mark.parametrize(
    ("scope", "request_", "wrong"),
    [
        (Scope.DAY, pb.SetBudgetRequest(request_id="r", limit_micro_usd=10**12), []),
        (Scope.ARTIST, pb.SetBudgetRequest(request_id="r", subject="art_1"), []),
        (Scope.ARTIST, pb.SetBudgetRequest(request_id="r", limit_micro_usd=0), []),
        (Scope.DAY, pb.SetBudgetRequest(request_id="r", subject="art_1"), ["subject"]),
        (Scope.RUN, pb.SetBudgetRequest(request_id="r", subject="a\0"), ["subject"]),
        (Scope.RUN, pb.SetBudgetRequest(request_id="r", limit_micro_usd=10**12 + 1), ["limit_micro_usd"]),
        (None, pb.SetBudgetRequest(scope=9), ["request_id", "scope"]),
    ],
)
def test_a_budget_has_a_scope_that_fits_its_subject_and_a_limit_within_a_million(
    scope: Scope | None, request_: pb.SetBudgetRequest, wrong: list[str]
) -> None:
    checks = Checks()
    check_budget(checks, request_, scope)

    assert fields_of(checks) == wrong
