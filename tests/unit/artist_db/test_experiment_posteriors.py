"""Posteriors against SciPy's, and what a run's arm is drawn by."""

import random
from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from services.artist_db.domain.experiment_posteriors import (
    Tally,
    draw,
    interval,
    probabilities_of_best,
    shares,
)

TALLIES = [
    (0.0, 0.0),
    (0.0, 5.0),
    (0.5, 0.25),
    (3.3, 8.7),
    (150.0, 150.0),
    (100_000.0, 0.0),
    (0.0, 100_000.0),
    (50_000.0, 50_000.0),
    (99_990.0, 10.0),
]


def exact_best(tallies: list[Tally]) -> list[float]:
    """The same integral by Gauss-Legendre between many quantiles of every arm's belief."""
    beliefs = [stats.beta(1 + t.successes, 1 + t.failures) for t in tallies]
    tails = np.logspace(-14, -3, 60)
    levels = np.concatenate([[0, 1], tails, 1 - tails, np.linspace(0.001, 0.999, 400)])
    edges = np.unique(np.concatenate([belief.ppf(levels) for belief in beliefs] + [[0, 1]]))
    nodes, weights = np.polynomial.legendre.leggauss(6)
    half = (edges[1:, None] - edges[:-1, None]) / 2
    x = (edges[1:, None] + edges[:-1, None]) / 2 + half * nodes
    below = [belief.cdf(x) for belief in beliefs]
    return [
        float(
            (
                belief.pdf(x) * np.prod([b for j, b in enumerate(below) if j != k], axis=0) * half * weights
            ).sum()
        )
        for k, belief in enumerate(beliefs)
    ]


@pytest.mark.parametrize(("successes", "failures"), TALLIES)
def test_an_interval_is_that_of_the_beta_distribution(successes: float, failures: float):
    low, high = interval(Tally(successes, failures))
    expected = stats.beta(1 + successes, 1 + failures).ppf([0.025, 0.975])
    width = expected[1] - expected[0]
    assert (low - expected[0]) / width == pytest.approx(0, abs=1e-4)
    assert (high - expected[1]) / width == pytest.approx(0, abs=1e-4)


@pytest.mark.parametrize("seed", range(12))
def test_the_probability_of_being_best_is_the_integral(seed: int):
    rng = random.Random(seed)
    tallies = []
    for _ in range(2 + seed % 5):
        count, mean = rng.choice([0, 1, 10, 300, 5_000, 100_000]), rng.uniform(0.4, 0.5)
        tallies.append(Tally(count * mean, count * (1 - mean)))
    found = probabilities_of_best(tallies)
    assert sum(found) == pytest.approx(1)
    assert list(found) == pytest.approx(exact_best(tallies), abs=3e-4)


def test_equal_arms_are_equally_likely_the_best():
    for count in (0.0, 7.5, 40_000.0):
        assert probabilities_of_best([Tally(count, count)] * 4) == pytest.approx([0.25] * 4)


def test_arms_far_apart_leave_no_doubt():
    best = probabilities_of_best([Tally(90_000, 10_000), Tally(10, 90), Tally(1_000, 99_000)])
    assert best == pytest.approx((1, 0, 0), abs=1e-9)


def test_an_arm_below_its_floor_gets_it_and_the_others_share_the_rest():
    assert shares([0.9, 0.09, 0.01], [60, 39, 1], 0.05) == pytest.approx([0.95 * 10 / 11, 0.95 / 11, 0.05])


def test_an_arm_that_had_its_floor_is_not_forced():
    assert shares([0.99, 0.01], [90, 10], 0.05) == pytest.approx([0.99, 0.01])


def test_more_arms_than_the_floor_has_room_for_get_even_parts():
    assert shares([1.0, 0, 0, 0, 0, 0], [0] * 6, 0.2) == pytest.approx([1 / 6] * 6)


@given(
    st.lists(st.tuples(st.floats(0, 1), st.integers(0, 1_000)), min_size=2, max_size=6),
    st.floats(0.001, 0.2),
)
def test_shares_are_probabilities_that_keep_the_floor(arms: list[tuple[float, int]], floor: float):
    weights = [weight + 1e-9 for weight, _ in arms]
    best, assigned = [weight / sum(weights) for weight in weights], [runs for _, runs in arms]
    found = shares(best, assigned, floor)
    assert sum(found) == pytest.approx(1)
    for share, runs in zip(found, assigned, strict=True):
        assert share >= 0
        if runs < min(floor, 1 / len(arms)) * sum(assigned):
            assert share >= min(floor, 1 / len(arms)) - 1e-9


def test_a_draw_depends_on_experiment_and_run_alone_and_follows_the_shares():
    drawn = [0.2, 0.0, 0.5, 0.3]
    found = [draw(drawn, "exp_1", f"run_{n}") for n in range(4_000)]
    assert found == [draw(drawn, "exp_1", f"run_{n}") for n in range(4_000)]
    assert found != [draw(drawn, "exp_2", f"run_{n}") for n in range(4_000)]
    counts = Counter(found)
    assert counts[1] == 0
    assert stats.chisquare([counts[0], counts[2], counts[3]], [800, 2_000, 1_200]).pvalue > 1e-4
