"""What can be said about an experiment, however often somebody looks.

Evidence that the arms differ is an e-value: what a uniform prior over each arm's own mean makes of its
outcomes, over the most that any one mean for all could make of them,

    E = prod_k integral q^s_k (1 - q)^f_k dq  /  max_p p^S (1 - p)^F,

s_k and f_k being an arm's successes and failures, S and F their sums (Wasserman, Ramdas and Balakrishnan
2020, "Universal inference"). If all means are equal, E rises above 20 at any time, in however many looks and
under whatever allocation that does not see the future, with a chance of at most 1 in 20 (Ville 1939, "Étude
critique de la notion de collectif"): for the true p the quotient is a martingale of outcomes that are 0 or 1,
and the maximum over p can only make it smaller. For outcomes r between 0 and 1 it is a supermartingale: each
one multiplies it by (q/p)^r ((1-q)/(1-p))^(1-r), which is convex in r, so its mean is at most what the chord
from r = 0 to r = 1 gives at the mean p, which is 1. What it takes for granted: the mean does not move in
time, outcomes come in an order that does not depend on them, and one that was counted stays.

The ratio test asks whether the runs are where the draws should have put them, and whether outcomes are
missing alike. It is looked at after each run too, so its numbers must hold at every look: the squared
deviation is weighed by a normal mixture (Robbins 1970, "Statistical methods related to the law of the
iterated logarithm"), which is exact for normal sums and near it for sums of many draws.

Outcomes are missing alike where a missing run had this arm with the chance that it was drawn with. So what is
missing is held against those chances, run by run: shares move with time, and how much is missing may, too.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

from services.artist_db.domain.experiment_posteriors import Tally, probabilities_of_best

ENOUGH_EVIDENCE = 20.0
"""A winner needs that: at most 1 in 20 experiments whose arms are equal ever has it."""
ENOUGH_BEST = 0.95
"""And the winner is the best with that probability."""
MISMATCH_P = 0.001
_MIXTURE_VARIANCE = 4.0
"""The variance, in runs, at which the ratio test is sharpest: it is to be early."""
_MOST_LOG = 690.0


class Kind(StrEnum):
    """As in `Verdict.Kind`, without its prefix."""

    NOT_ENOUGH_DATA = "NOT_ENOUGH_DATA"
    NO_DIFFERENCE = "NO_DIFFERENCE"
    WINNER = "WINNER"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is known of an arm."""

    name: str
    tally: Tally
    outcomes: int
    """Runs that followed it and have an outcome."""
    assigned: int = 0
    """Runs that it was given to."""
    expected: float = 0.0
    """How many the drawn shares p would have given it on average: the sum of p."""
    variance: float = 0.0
    """The sum of p (1 - p)."""
    over: int = 0
    """Runs that are over, were not kept from following it, and should have an outcome."""
    missing: int = 0
    """Those of them without one."""
    over_expected: float = 0.0
    """The sum of p over all arms' runs that are over."""
    over_variance: float = 0.0
    missing_expected: float = 0.0
    """The sum of p over those of them without an outcome."""
    missing_variance: float = 0.0


@dataclass(frozen=True, slots=True)
class Finding:
    """What can be said."""

    kind: Kind
    text: str
    """For people."""
    evidence: float
    """See above; at most about 1e299."""
    winner: str = ""
    """An arm's name; empty: none."""
    mismatch: str = ""
    """What is wrong with the numbers of runs, for people; empty: nothing."""


def log_evidence(tallies: Sequence[Tally]) -> float:
    """The natural logarithm of E, for 2 or more arms; 0 without outcomes."""
    apart = sum(
        math.lgamma(1.0 + t.successes) + math.lgamma(1.0 + t.failures) - math.lgamma(2.0 + t.count)
        for t in tallies
    )
    successes, failures = sum(t.successes for t in tallies), sum(t.failures for t in tallies)
    return apart - _log_share(successes, failures) - _log_share(failures, successes)


def verdict(standings: Sequence[Standing], min_outcomes: int) -> Finding:
    """What can be said about 2 or more arms."""
    tallies = [standing.tally for standing in standings]
    evidence, mismatch = math.exp(min(log_evidence(tallies), _MOST_LOG)), ratio_mismatch(standings)
    few = [standing for standing in standings if standing.outcomes < min_outcomes]
    if few:
        told = ", ".join(_number(standing.name, standing.outcomes) for standing in few)
        return Finding(
            Kind.NOT_ENOUGH_DATA, f"not enough data: {told} of {min_outcomes:,}", evidence, mismatch=mismatch
        )
    if evidence < ENOUGH_EVIDENCE:
        return Finding(
            Kind.NO_DIFFERENCE,
            f"no difference yet: evidence {evidence:.2g}, {ENOUGH_EVIDENCE:g} is needed",
            evidence,
            mismatch=mismatch,
        )
    best = probabilities_of_best(tallies)
    first = max(range(len(best)), key=best.__getitem__)
    name = standings[first].name
    if best[first] < ENOUGH_BEST:
        text = f'no difference yet: the arms differ, but "{name}" is the best with {best[first]:.0%} only'
        return Finding(Kind.NO_DIFFERENCE, text, evidence, mismatch=mismatch)
    if mismatch:
        text = "no winner is named: the numbers of runs are not as they should be"
        return Finding(Kind.NO_DIFFERENCE, text, evidence, mismatch=mismatch)
    text = f'"{name}" is better: the best with {min(best[first], 0.999):.1%}, evidence {_short(evidence)}'
    return Finding(Kind.WINNER, text, evidence, winner=name)


def ratio_mismatch(standings: Sequence[Standing]) -> str:
    """What is wrong with the numbers of runs, or with missing outcomes, for people; empty: nothing.

    Each arm is tested, so that the smallest of their p-values is held against a part of `MISMATCH_P`.
    """
    bound = MISMATCH_P / len(standings)
    wrong = [
        f'arm "{s.name}" has {s.assigned:,} runs where {s.expected:,.0f} were drawn'
        for s in standings
        if always_valid_p(s.assigned - s.expected, s.variance) < bound
    ]
    over, missing = sum(s.over for s in standings), sum(s.missing for s in standings)
    wrong += [
        f'arm "{s.name}" has no outcome in {s.missing:,} of {s.over:,} runs, '
        f"the others in {missing - s.missing:,} of {over - s.over:,}"
        for s in standings
        if always_valid_p(*_missing_too_many(s, over)) < bound
    ]
    return "; ".join(wrong)


def always_valid_p(deviation: float, variance: float) -> float:
    """How probable a deviation of so much is, at any look so far, of a sum with this variance and mean 0."""
    spread = variance + _MIXTURE_VARIANCE
    log_odds = 0.5 * math.log(_MIXTURE_VARIANCE / spread) + deviation * deviation / (2.0 * spread)
    return min(1.0, math.exp(-log_odds)) if log_odds < _MOST_LOG else 0.0


def _missing_too_many(standing: Standing, over: int) -> tuple[float, float]:
    """By how many an arm's missing outcomes are more than usual, and the variance of that.

    What is usual is what it is among all runs, each weighed by the chance that it had of getting this arm: at
    times when the arm was seldom drawn, it does not matter how many were missing. Runs that are excused are
    in no sum, and may be more of one arm than of another.
    """
    rest, rest_expected = over - standing.over, over - standing.over_expected
    if standing.over_expected <= 0.0 or rest_expected <= 0.0:
        return 0.0, 0.0
    usual = min(max(standing.missing_expected / standing.over_expected, 0.0), 1.0)
    counted_variance = standing.over_variance - standing.missing_variance
    variance = (1.0 - usual) ** 2 * standing.missing_variance + usual**2 * counted_variance
    # Where excuses have moved the arm's part of the runs, the variance of its part has moved so too.
    moved = (standing.over / standing.over_expected) * (rest / rest_expected)
    return standing.missing - standing.over * usual, max(moved * variance, 0.0)


def _log_share(part: float, rest: float) -> float:
    return part * math.log(part / (part + rest)) if part > 0 else 0.0


def _number(name: str, outcomes: int) -> str:
    return f'arm "{name}" has {outcomes:,} outcome{"" if outcomes == 1 else "s"}'


def _short(evidence: float) -> str:
    return f"{evidence:,.0f}" if evidence < 1e6 else "over a million"
