"""When rules move artists: each threshold just below, at it and just above."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from pydantic import ValidationError

from services.artist_db.domain.lifecycle import Rule, State
from services.artist_db.domain.lives import (
    WARNED_DAYS,
    Life,
    Record,
    Rules,
    Ruling,
    after_run,
    idle,
    on_trial,
    paused_too_long,
    rates_from,
    row_of,
    warning_due,
)
from services.artist_db.domain.outcomes import Blame
from services.artist_db.settings import Settings

RULES = Rules()
NOW = datetime(2026, 6, 1, tzinfo=UTC)
MOMENT = timedelta(seconds=1)
ACTIVE = Life(State.ACTIVE, NOW, NOW, Rule.PERSON, "", NOW)
EVOLVING = replace(ACTIVE, state=State.EVOLVING, rule=Rule.APPROVAL)
APPROVED, REJECTED, ERROR, NONE = Blame.APPROVED, Blame.REJECTED, Blame.ERROR, Blame.NONE


def days(number: float) -> timedelta:
    return timedelta(days=number)


def of(approved: int, rejected: int, errors: int = 0, row: int = 0) -> Record:
    return Record(approved, rejected, errors, row)


def test_approved_songs_under_way_count_as_approved_and_hold_a_row_back():
    assert led(ACTIVE, replace(of(0, 10), under_way=10)) is None
    assert led(ACTIVE, replace(of(0, 10), under_way=6)) == ("approval", "EVOLVING")
    assert led(ACTIVE, replace(of(0, 9), under_way=1)) == ("approval", "PAUSED")
    assert led(ACTIVE, replace(of(0, 5, row=5), under_way=1)) is None
    assert led(ACTIVE, of(0, 5, row=5)) == ("rejections", "RETIRED")
    assert led(ACTIVE, replace(of(0, 0, errors=4), under_way=10)) is None
    assert led(ACTIVE, replace(of(0, 0, errors=5), under_way=10)) == ("errors", "PAUSED")


def led(life: Life, record: Record) -> tuple[str, str] | None:
    ruling = after_run(RULES, life, record)
    return (ruling.rule.value, ruling.target.value) if ruling else None


@pytest.mark.parametrize(
    ("life", "record", "expected"),
    [
        # Under 20 % pauses, 20 % does not.
        (ACTIVE, of(1, 9), ("approval", "PAUSED")),
        (ACTIVE, of(2, 8), ("approval", "EVOLVING")),
        (ACTIVE, of(19, 81), ("approval", "PAUSED")),
        (ACTIVE, of(20, 80), ("approval", "EVOLVING")),
        (EVOLVING, of(1, 9), ("approval", "PAUSED")),
        (EVOLVING, of(2, 8), None),
        # Under 40 % an active artist evolves, at 40 % it does not; an evolving one stays.
        (ACTIVE, of(39, 61), ("approval", "EVOLVING")),
        (ACTIVE, of(4, 6), None),
        (EVOLVING, of(39, 61), None),
        # 50 % lets an evolving artist recover, less does not.
        (EVOLVING, of(5, 5), ("recovered", "ACTIVE")),
        (EVOLVING, of(49, 51), None),
        (ACTIVE, of(5, 5), None),
        # Nine decided songs are too few, ten are enough.
        (ACTIVE, of(0, 9), None),
        (ACTIVE, of(0, 10), ("approval", "PAUSED")),
        (EVOLVING, of(9, 0), None),
        (EVOLVING, of(10, 0), ("recovered", "ACTIVE")),
        # Over 30 % errors pause, 30 % do not.
        (ACTIVE, of(7, 0, errors=3), None),
        (ACTIVE, of(6, 0, errors=4), ("errors", "PAUSED")),
        (ACTIVE, of(70, 0, errors=30), None),
        (ACTIVE, of(69, 0, errors=31), ("errors", "PAUSED")),
        (EVOLVING, of(6, 0, errors=4), ("errors", "PAUSED")),
        (ACTIVE, of(0, 0, errors=9), None),
        (ACTIVE, of(0, 0, errors=10), ("errors", "PAUSED")),
        # Errors are no rejections: the approval is of decided songs alone.
        (ACTIVE, of(9, 0, errors=4), ("errors", "PAUSED")),
        (ACTIVE, of(8, 2, errors=4), None),
        # Five rejections in a row retire, four do not, however many runs there were.
        (ACTIVE, of(0, 4, row=4), None),
        (ACTIVE, of(0, 5, row=5), ("rejections", "RETIRED")),
        (EVOLVING, of(50, 5, row=5), ("rejections", "RETIRED")),
    ],
)
def test_a_threshold_is_where_it_says(life: Life, record: Record, expected: tuple[str, str] | None) -> None:
    assert led(life, record) == expected


@pytest.mark.parametrize("state", [State.CANDIDATE, State.PAUSED, State.RETIRED])
def test_who_makes_no_songs_is_not_judged(state: State) -> None:
    assert led(replace(ACTIVE, state=state), of(0, 50, errors=50, row=50)) is None


def test_rules_that_are_off_do_nothing() -> None:
    off = Rules(enabled=False)
    paused = replace(ACTIVE, state=State.PAUSED, rule=Rule.APPROVAL, since=NOW - days(400))

    assert after_run(off, ACTIVE, of(0, 50, row=50)) is None
    assert idle(off, replace(ACTIVE, created_at=NOW), NOW + days(400), None) is None
    assert not warning_due(off, paused, NOW, NOW)
    assert paused_too_long(off, replace(paused, warned_at=NOW - days(30)), NOW, NOW) is None


def test_a_row_of_rejections_may_be_without_end() -> None:
    assert after_run(Rules(rejections_in_a_row=0), ACTIVE, of(5, 4, row=50)) is None


@pytest.mark.parametrize(
    ("life", "record", "reason"),
    [
        (ACTIVE, of(1, 11), "approval 1 of 12 in 30 days, below 20 %"),
        (ACTIVE, of(3, 9), "approval 3 of 12 in 30 days, below 40 %"),
        (EVOLVING, of(6, 6), "approval 6 of 12 in 30 days, 50 % or more"),
        (ACTIVE, of(7, 1, errors=4), "no take passed its review in 4 of 12 runs in 30 days, over 30 %"),
        (ACTIVE, of(0, 5, row=5), "5 rejections in a row"),
    ],
)
def test_a_reason_has_the_numbers(life: Life, record: Record, reason: str) -> None:
    ruling = after_run(RULES, life, record)

    assert ruling is not None
    assert ruling.reason == reason


@pytest.mark.parametrize(
    ("verdicts", "row"),
    [
        ([], 0),
        ([REJECTED], 1),
        ([REJECTED, REJECTED, APPROVED, REJECTED], 2),
        ([APPROVED, REJECTED, REJECTED], 0),
        # What expired or failed between them neither breaks nor lengthens the row.
        ([REJECTED, NONE, ERROR, REJECTED, NONE, REJECTED], 3),
        ([NONE, ERROR, NONE], 0),
    ],
)
def test_a_row_is_of_rejections_and_ends_at_an_approval(verdicts: list[Blame], row: int) -> None:
    assert row_of(verdicts) == row


def test_rates_count_what_ended_in_the_window_and_since_the_last_move() -> None:
    old = replace(ACTIVE, since=NOW - days(90), judged_from=NOW - days(90))
    moved = replace(old, since=NOW - days(3))
    undone = replace(old, judged_from=NOW - days(2))

    assert rates_from(RULES, old, NOW) == NOW - days(30)
    assert rates_from(RULES, moved, NOW) == NOW - days(3)
    assert rates_from(RULES, undone, NOW) == NOW - days(2)


QUIET = Life(
    State.ACTIVE, NOW - days(45), NOW - days(45), Rule.PERSON, "", NOW - days(45), last_run_at=NOW - days(45)
)


@pytest.mark.parametrize("state", [State.ACTIVE, State.EVOLVING])
def test_45_days_without_a_run_pause_an_artist(state: State) -> None:
    quiet = replace(QUIET, state=state)

    assert idle(RULES, quiet, NOW, None) == Ruling(Rule.IDLE, State.PAUSED, "no run for 45 days")
    assert idle(RULES, quiet, NOW - MOMENT, None) is None


@pytest.mark.parametrize("sign", ["last_run_at", "judged_from", "created_at", "since"])
def test_any_sign_of_life_begins_the_idle_days_anew(sign: str) -> None:
    assert idle(RULES, replace(QUIET, **{sign: NOW - days(45) + MOMENT}), NOW, None) is None


def test_an_artist_was_not_idle_while_the_platform_was_down() -> None:
    assert idle(RULES, QUIET, NOW, NOW - days(44)) is None
    assert idle(RULES, QUIET, NOW, NOW - days(45)) is not None


def test_an_artist_without_any_run_is_idle_too() -> None:
    assert idle(RULES, replace(QUIET, last_run_at=None), NOW, None) is not None


@pytest.mark.parametrize("state", [State.CANDIDATE, State.PAUSED, State.RETIRED])
def test_who_makes_no_songs_is_not_idle(state: State) -> None:
    assert idle(RULES, replace(QUIET, state=state), NOW, None) is None


def test_idle_days_may_be_without_end() -> None:
    assert idle(Rules(idle_days=0), QUIET, NOW + days(4_000), None) is None


PAUSED = Life(
    State.PAUSED,
    NOW - days(90),
    NOW - days(200),
    Rule.APPROVAL,
    "approval 1 of 12 in 30 days, below 20 %",
    NOW - days(200),
    warned_at=NOW - days(14),
)
THERE = NOW - days(1)


@pytest.mark.parametrize("rule", [Rule.APPROVAL, Rule.ERRORS])
def test_90_days_of_a_pause_for_its_songs_retire_a_warned_artist(rule: Rule) -> None:
    ruling = paused_too_long(RULES, replace(PAUSED, rule=rule), NOW, THERE)

    assert ruling == Ruling(
        Rule.PAUSED, State.RETIRED, "paused for 90 days, since: approval 1 of 12 in 30 days, below 20 %"
    )


@pytest.mark.parametrize(
    ("why", "life", "acted_at"),
    [
        ("it is paused a moment too short", replace(PAUSED, since=NOW - days(90) + MOMENT), THERE),
        ("it was warned a moment too late", replace(PAUSED, warned_at=NOW - days(14) + MOMENT), THERE),
        ("it was never warned", replace(PAUSED, warned_at=None), THERE),
        ("nobody was ever there", PAUSED, None),
        ("nobody was there since the warning", PAUSED, NOW - days(14)),
        (
            "nobody was there in the window",
            replace(PAUSED, warned_at=NOW - days(50)),
            NOW - days(30) - MOMENT,
        ),
        *(
            (f"{rule} paused it", replace(PAUSED, rule=rule), THERE)
            for rule in Rule
            if rule not in ("approval", "errors")
        ),
        ("it is active", replace(PAUSED, state=State.ACTIVE), THERE),
        ("it is evolving", replace(PAUSED, state=State.EVOLVING), THERE),
    ],
)
def test_a_pause_does_not_retire_where(why: str, life: Life, acted_at: datetime | None) -> None:
    assert paused_too_long(RULES, life, NOW, acted_at) is None, why


def test_a_pause_retires_up_to_the_end_of_the_window_after_somebody_was_there() -> None:
    life = replace(PAUSED, warned_at=NOW - days(50))

    assert paused_too_long(RULES, life, NOW, NOW - days(30)) is not None


def test_people_are_warned_once_14_days_before_and_only_while_they_are_there() -> None:
    since = NOW - days(90 - WARNED_DAYS)
    life = replace(PAUSED, since=since, warned_at=None)

    assert warning_due(RULES, life, NOW, THERE)
    assert not warning_due(RULES, replace(life, since=since + MOMENT), NOW, THERE)
    assert not warning_due(RULES, replace(life, warned_at=NOW), NOW, THERE)
    assert not warning_due(RULES, life, NOW, None)
    assert not warning_due(RULES, life, NOW, NOW - days(30) - MOMENT)
    assert not warning_due(RULES, replace(life, rule=Rule.IDLE), NOW, THERE)


def test_a_short_limit_still_warns_14_days_before() -> None:
    short = Rules(retire_after_paused_days=7)
    life = replace(PAUSED, since=NOW, warned_at=None)

    assert warning_due(short, life, NOW, NOW)
    assert paused_too_long(short, replace(life, warned_at=NOW), NOW + days(13), NOW + days(12)) is None
    assert paused_too_long(short, replace(life, warned_at=NOW), NOW + days(14), NOW + days(12)) is not None


def test_pauses_may_be_without_end() -> None:
    never = Rules(retire_after_paused_days=0)

    assert paused_too_long(never, PAUSED, NOW, THERE) is None
    assert not warning_due(never, replace(PAUSED, warned_at=None), NOW, THERE)


def test_only_a_pause_for_its_songs_puts_an_artist_on_trial() -> None:
    assert [rule for rule in Rule if on_trial(replace(PAUSED, rule=rule))] == [Rule.APPROVAL, Rule.ERRORS]


def test_the_usual_settings_are_the_usual_rules() -> None:
    assert Settings().life_rules() == RULES


def test_every_setting_reaches_its_rule() -> None:
    settings = Settings(
        lives_enabled=False,
        lives_pause_approval=0.11,
        lives_pause_errors=0.12,
        lives_evolve_approval=0.13,
        lives_recover_approval=0.14,
        lives_rejections_in_a_row=15,
        lives_idle_days=16,
        lives_retire_after_paused_days=17,
        lives_window_days=18,
        lives_min_runs=19,
    )

    assert settings.life_rules() == Rules(False, 0.11, 0.12, 0.13, 0.14, 15, 16, 17, 18, 19)


@pytest.mark.parametrize(("evolve", "recover"), [(0.1, 0.5), (0.6, 0.5)])
def test_thresholds_that_would_send_artists_to_and_fro_are_refused(evolve: float, recover: float) -> None:
    with pytest.raises(ValidationError, match="or artists would go to and fro"):
        Settings(lives_evolve_approval=evolve, lives_recover_approval=recover)
