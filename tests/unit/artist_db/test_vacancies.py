"""When the label looks for a new artist."""

from datetime import date, timedelta

import pytest

from services.artist_db.domain.lifecycle import State
from services.artist_db.domain.vacancies import Roster, die

DAYS = [date(2026, 1, 1) + timedelta(days=n) for n in range(4_000)]


@pytest.mark.parametrize(
    ("artists", "reason"),
    [
        (0, "the roster has 0 artists, its target is 3"),
        (1, "the roster has 1 artist, its target is 3"),
        (2, "the roster has 2 artists, its target is 3"),
        (3, ""),
        (4, ""),
    ],
)
def test_a_roster_below_its_target_lacks_an_artist(artists: int, reason: str) -> None:
    assert Roster(target=3).lack(artists) == reason


def test_without_a_target_nobody_is_lacking() -> None:
    assert Roster().lack(0) == ""


def test_every_replica_throws_the_same_die_on_a_day_and_another_one_the_next_day() -> None:
    thrown = [die("seed", day) for day in DAYS]

    assert thrown == [die("seed", day) for day in DAYS]
    assert len(set(thrown)) == len(DAYS)
    assert all(0 <= each < 1 for each in thrown)


def test_two_labels_do_not_throw_the_same() -> None:
    assert [die("one", day) for day in DAYS[:5]] != [die("other", day) for day in DAYS[:5]]


@pytest.mark.parametrize("probability", [0.1, 0.5, 0.9])
def test_days_are_lucky_as_often_as_the_probability_says(probability: float) -> None:
    roster = Roster(new_probability=probability)

    lucky = sum(bool(roster.luck("seed", day)) for day in DAYS)

    assert lucky / len(DAYS) == pytest.approx(probability, abs=0.03)


def test_a_probability_of_nothing_is_never_and_one_of_all_is_daily() -> None:
    assert not any(Roster(new_probability=0).luck("seed", day) for day in DAYS)
    assert all(Roster(new_probability=1).luck("seed", day) for day in DAYS)
    assert Roster(new_probability=0.05).luck("seed", DAYS[0]) in ("", "by chance, 5 % a day")


def test_an_invented_artist_is_a_candidate_unless_nobody_need_be_asked() -> None:
    assert Roster().begins_as is State.CANDIDATE
    assert Roster(ask=False).begins_as is State.ACTIVE
