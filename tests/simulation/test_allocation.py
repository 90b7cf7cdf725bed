"""Experiments in two hundred worlds of listeners with hidden taste.

What chooses and judges here is what artist_db chooses and judges with; only listeners are made up.
"""

import sys

import pytest

from tests.simulation.plot import plot
from tests.simulation.worlds import Course, World, course, mean_course, ours, thompson, uniform, world_of

pytestmark = pytest.mark.simulation

WORLDS = 200
DELAY = 20
"""Runs whose outcomes are heard of together: about a week of a small label."""
MOST_FALSE = 0.05


@pytest.fixture(scope="module")
def worlds() -> list[World]:
    return [world_of(seed) for seed in range(WORLDS)]


@pytest.fixture(scope="module")
def our_courses(worlds: list[World]) -> list[Course]:
    return [course(world, ours, judged=True) for world in worlds]


def say(text: str) -> None:
    """For whoever runs this, past pytest's capture."""
    sys.stdout.write(f"\n{text}\n")


def _curves(title: str, ours_: list[Course], worlds: list[World], every: int) -> dict[str, list[float]]:
    curves = {
        "ours": mean_course(ours_),
        "thompson": mean_course([course(world, thompson, every=every) for world in worlds]),
        "uniform": mean_course([course(world, uniform, every=every) for world in worlds]),
    }
    say(plot(title, curves))
    ratio = curves["ours"][-1] / curves["thompson"][-1]
    even = curves["ours"][-1] / curves["uniform"][-1]
    say(f"  ours is {ratio:.2f} times Thompson's, {even:.2f} of uniform's")
    return curves


def test_regret_is_near_the_textbook_samplers_and_far_below_even_shares(
    worlds: list[World], our_courses: list[Course], capsys: pytest.CaptureFixture[str]
):
    with capsys.disabled():
        curves = _curves("Mean regret over 200 worlds, outcomes at once", our_courses, worlds, 1)
    assert curves["ours"][-1] <= 1.2 * curves["thompson"][-1]
    assert curves["ours"][-1] < curves["uniform"][-1]


def test_regret_stays_near_it_where_outcomes_come_late(
    worlds: list[World], capsys: pytest.CaptureFixture[str]
):
    late = [course(world, ours, every=DELAY) for world in worlds]
    with capsys.disabled():
        curves = _curves(f"The same, outcomes of {DELAY} runs at once", late, worlds, DELAY)
    assert curves["ours"][-1] <= 1.2 * curves["thompson"][-1]
    assert curves["ours"][-1] < curves["uniform"][-1]


def test_equal_arms_have_a_winner_in_less_than_one_world_of_twenty(capsys: pytest.CaptureFixture[str]):
    courses = [course(world_of(seed, equal=True), ours, judged=True) for seed in range(WORLDS)]
    called = sum(bool(one.winner) for one in courses)
    with capsys.disabled():
        say(f"  equal arms, a look after every run: {called} false winners in {WORLDS} worlds")
    assert called < MOST_FALSE * WORLDS
    assert [one.mismatch for one in courses if one.mismatch] == []


def test_different_arms_have_winners_and_nearly_always_the_right_one(
    worlds: list[World], our_courses: list[Course], capsys: pytest.CaptureFixture[str]
):
    named = [
        (int(one.winner) == max(range(len(world.arms)), key=world.arms.__getitem__), one.called_at)
        for world, one in zip(worlds, our_courses, strict=True)
        if one.winner
    ]
    right = sum(is_right for is_right, _ in named)
    middle = sorted(run for _, run in named)[len(named) // 2]
    with capsys.disabled():
        say(
            f"  different arms: a winner in {len(named)} of {WORLDS} worlds, the right one in {right}, "
            f"half of them by run {middle}"
        )
    assert right >= 0.95 * len(named)
    assert len(named) > 2 * MOST_FALSE * WORLDS
    assert [one.mismatch for one in our_courses if one.mismatch] == []
