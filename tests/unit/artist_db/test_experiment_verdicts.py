"""What is said about experiments, and when it is not."""

import math
import random

import pytest
from scipy import optimize, special

from services.artist_db.domain.experiment_posteriors import Tally, draw, probabilities_of_best, shares
from services.artist_db.domain.experiment_verdicts import (
    ENOUGH_EVIDENCE,
    Kind,
    Standing,
    log_evidence,
    ratio_mismatch,
    verdict,
)


def arm(name: str, good: int, bad: int, **fields: float) -> Standing:
    runs = good + bad
    values = {"assigned": runs, "expected": float(runs), "variance": runs / 2, "over": runs, **fields}
    return Standing(name, Tally(good, bad), runs, **values)  # type: ignore[arg-type]


def lost(share: float, over: int, missing: int) -> dict[str, float]:
    """The sums of an arm that had the same share at each of all arms' runs that are over."""
    spread = share * (1 - share)
    return {
        "over_expected": over * share,
        "over_variance": over * spread,
        "missing_expected": missing * share,
        "missing_variance": missing * spread,
    }


class Draws:
    """An experiment whose arms are drawn as artist_db draws them, and the sums that are kept of it."""

    def __init__(self, name: str, means: tuple[float, ...]) -> None:
        self.name, self.means, self.rng = name, means, random.Random(name)
        self.arms = [Standing(str(k), Tally(), 0) for k in range(len(means))]

    def run(self, number: int, missing: tuple[float, ...], excused: tuple[float, ...] = (0.0, 0.0)) -> str:
        """One run, with the chances of each arm that its outcome is missing or excused; what is said then."""
        drawn = shares(
            probabilities_of_best([s.tally for s in self.arms]), [s.assigned for s in self.arms], 0.02
        )
        arm = draw(drawn, self.name, str(number))
        is_excused, is_missing = self.rng.random() < excused[arm], self.rng.random() < missing[arm]
        good = float(self.rng.random() < self.means[arm])
        for k, (s, p) in enumerate(zip(self.arms, drawn, strict=True)):
            own, over = k == arm, not is_excused
            gone, counted = over and is_missing, over and not is_missing and own
            self.arms[k] = Standing(
                s.name,
                Tally(s.tally.successes + counted * good, s.tally.failures + counted * (1 - good)),
                s.outcomes + counted,
                s.assigned + own,
                s.expected + p,
                s.variance + p * (1 - p),
                s.over + (over and own),
                s.missing + (gone and own),
                s.over_expected + over * p,
                s.over_variance + over * p * (1 - p),
                s.missing_expected + gone * p,
                s.missing_variance + gone * p * (1 - p),
            )
        return ratio_mismatch(self.arms)


def test_evidence_is_the_mixture_over_the_best_single_mean():
    tallies = [Tally(12.5, 3.25), Tally(4.0, 9.5), Tally(0.0, 2.0)]
    good, bad = sum(t.successes for t in tallies), sum(t.failures for t in tallies)
    best = optimize.minimize_scalar(
        lambda p: -(good * math.log(p) + bad * math.log(1 - p)), bounds=(1e-9, 1 - 1e-9), method="bounded"
    )
    apart = sum(special.betaln(1 + t.successes, 1 + t.failures) for t in tallies)
    assert log_evidence(tallies) == pytest.approx(apart + best.fun, abs=1e-6)
    assert log_evidence([Tally(), Tally()]) == 0


@pytest.mark.parametrize("mean", [0.02, 0.3, 0.5])
def test_evidence_for_equal_arms_passes_twenty_in_less_than_one_case_of_twenty(mean: float):
    rng, passed = random.Random(f"equal {mean}"), 0
    for case in range(300):
        sums = [[0.0, 0.0], [0.0, 0.0]]
        for look in range(150):
            outcome = float(rng.random() < mean) if case % 2 else rng.betavariate(4 * mean, 4 * (1 - mean))
            sums[look % 2][0] += outcome
            sums[look % 2][1] += 1 - outcome
            if log_evidence([Tally(*pair) for pair in sums]) >= math.log(ENOUGH_EVIDENCE):
                passed += 1
                break
    assert passed < 15


def test_too_few_outcomes_are_said_in_those_words():
    found = verdict([arm("a", 10, 0), arm("b", 0, 3)], 10)
    assert found.kind is Kind.NOT_ENOUGH_DATA
    assert found.text == 'not enough data: arm "b" has 3 outcomes of 10'
    found = verdict([arm("a", 1, 0), arm("b", 0, 3)], 10)
    assert found.text == 'not enough data: arm "a" has 1 outcome, arm "b" has 3 outcomes of 10'


def test_arms_that_are_alike_are_not_told_apart():
    found = verdict([arm("a", 30, 20), arm("b", 28, 22)], 10)
    assert (found.kind, found.winner) == (Kind.NO_DIFFERENCE, "")
    assert found.text.startswith("no difference yet: evidence 0.")


def test_a_clear_difference_has_a_winner():
    found = verdict([arm("a", 10, 40), arm("b", 40, 10)], 10)
    assert (found.kind, found.winner) == (Kind.WINNER, "b")
    assert found.evidence >= ENOUGH_EVIDENCE
    assert found.text.startswith('"b" is better: the best with 99.9%, evidence ')


def test_two_good_arms_beside_a_bad_one_are_no_winner():
    found = verdict([arm("a", 50, 10), arm("b", 50, 10), arm("c", 5, 55)], 10)
    assert found.kind is Kind.NO_DIFFERENCE
    assert found.evidence >= ENOUGH_EVIDENCE
    assert "the arms differ" in found.text


def test_wrong_numbers_of_runs_keep_a_winner_from_being_named():
    sums = lost(0.5, 180, 80)
    standings = [arm("a", 10, 40, **sums), arm("b", 40, 10, over=130, missing=80, **sums)]
    found = verdict(standings, 10)
    assert (found.kind, found.winner) == (Kind.NO_DIFFERENCE, "")
    assert 'arm "b" has no outcome in 80 of 130 runs, the others in 0 of 50' in found.mismatch


def test_numbers_of_runs_that_were_not_drawn_are_an_alarm():
    even = {"expected": 100.0, "variance": 50.0}
    assert not ratio_mismatch([arm("a", 50, 60, **even), arm("b", 50, 40, **even)])
    found = ratio_mismatch([arm("a", 100, 60, **even), arm("b", 20, 20, **even)])
    assert 'arm "b" has 40 runs where 100 were drawn' in found


def test_outcomes_that_are_missing_alike_are_no_alarm():
    standings = [
        arm("a", 50, 50, over=200, missing=100, **lost(0.9, 221, 111)),
        arm("b", 5, 5, over=21, missing=11, **lost(0.1, 221, 111)),
    ]
    assert ratio_mismatch(standings) == ""
    assert ratio_mismatch([arm("a", 0, 0), arm("b", 0, 0)]) == ""


def test_a_long_look_at_fair_draws_and_losses_seldom_alarms():
    rng, alarms = random.Random("fair"), 0
    for _ in range(60):
        assigned, over, missing = [0, 0], [0, 0], [0, 0]
        for run in range(1, 501):
            k = int(rng.random() < 0.2)
            assigned[k] += 1
            over[k] += 1
            missing[k] += rng.random() < 0.3
            standings = [
                Standing(
                    *(str(j), Tally(), 0, assigned[j], run * share, run * 0.16, over[j], missing[j]),
                    **lost(share, run, sum(missing)),
                )
                for j, share in enumerate((0.8, 0.2))
            ]
            if ratio_mismatch(standings):
                alarms += 1
                break
    assert alarms <= 1


def test_outcomes_that_are_missing_more_at_one_time_are_no_alarm():
    alarms = 0
    for case in range(25):
        draws = Draws(f"early {case}", (0.35, 0.75))
        found = [draws.run(n, (0.6, 0.6) if n < 60 else (0.02, 0.02)) for n in range(200)]
        alarms += any(found)
    assert alarms == 0


def test_excuses_of_one_arm_more_than_of_the_other_are_no_alarm():
    alarms = 0
    for case in range(25):
        draws = Draws(f"excused {case}", (0.5, 0.5))
        alarms += any(draws.run(n, (0.5, 0.5), excused=(0.0, 0.8)) for n in range(200))
    assert alarms == 0


def test_runs_of_one_arm_that_vanish_are_an_alarm_whatever_vanished_before():
    alarms = 0
    for case in range(8):
        draws = Draws(f"vanish {case}", (0.3, 0.7))
        found = [draws.run(n, (0.6, 0.6) if n < 30 else (0.02, 1.0)) for n in range(200)]
        assert not any(found[:30])
        alarms += "has no outcome in " in found[-1]
    # In one of them the other arm is hardly ever drawn again: there is nothing to compare with.
    assert alarms >= 7
