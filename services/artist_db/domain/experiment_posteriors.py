"""What outcomes say about arms, and which arm the next run gets.

An arm's outcomes are numbers r from 0 to 1. Each adds r to its successes and 1 - r to its failures; with a
uniform prior what is believed about the arm's mean is Beta(1 + successes, 1 + failures). An outcome between
0 and 1 counts as a toss of a coin with that chance would on average (Agrawal and Goyal 2012, "Analysis of
Thompson Sampling for the Multi-armed Bandit Problem", for any outcomes from 0 to 1): a coin has the largest
variance that a mean allows, so the belief is at least as wide as it need be.

The next run gets an arm with the probability that the arm is the best one (Thompson 1933, "On the
Likelihood that One Unknown Probability Exceeds Another in View of the Evidence of Two Samples"). That is an
integral, computed here without chance: whoever asks again gets the same number.
"""

import hashlib
import math
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate
from operator import mul

_DEPTH = 17.0
"""How far below its peak, in natural logarithms, a density counts for nothing: 4e-8."""
_CELL = 0.8
"""Length of a cell of the grid, in standard deviations; each has a point in its middle too."""
_FINE_CELL = 0.15
"""The same where a single place is looked for, not a whole integral: errors don't even out there."""


@dataclass(frozen=True, slots=True)
class Tally:
    """An arm's outcomes r, added up: the sums of r and of 1 - r. Neither is below 0."""

    successes: float = 0.0
    failures: float = 0.0

    @property
    def count(self) -> float:
        """How many outcomes."""
        return self.successes + self.failures

    @property
    def mean(self) -> float:
        """The outcomes' mean; 0 where there are none."""
        return self.successes / self.count if self.count else 0.0


@dataclass(frozen=True, slots=True)
class _Belief:
    """Beta(a, b) of x, seen over t = ln(x / (1 - x)): without poles, and a uniform one has tails as well."""

    a: float
    b: float
    peak: float
    """Log density at the mode, up to the constant that normalising takes care of."""
    low: float
    high: float
    """Between these is all of it but about 1e-7."""
    step: float
    """Length of a cell in which it is smooth."""

    @classmethod
    def of(cls, tally: Tally, cell: float = _CELL) -> "_Belief":
        a, b = 1.0 + max(tally.successes, 0.0), 1.0 + max(tally.failures, 0.0)
        mode, deviation = math.log(a / b), math.sqrt(1.0 / a + 1.0 / b)
        peak = _log_density(a, b, mode)
        low = high = mode
        # Log-concave: once it is that deep it stays so.
        while peak - _log_density(a, b, low) < _DEPTH:
            low -= deviation
        while peak - _log_density(a, b, high) < _DEPTH:
            high += deviation
        return cls(a, b, peak, low, high, cell * deviation)


@dataclass(frozen=True, slots=True)
class _Curve:
    """A belief on a grid: densities and their running integral, both normalised, at each point."""

    density: list[float]
    below: list[float]


@lru_cache(maxsize=1024)
def interval(tally: Tally, mass: float = 0.95) -> tuple[float, float]:
    """The equal-tailed credible interval of an arm's mean that holds `mass` of the belief."""
    belief = _Belief.of(tally, _FINE_CELL)
    points, lengths = _grid([belief])
    curve = _curve(belief, points, lengths)
    tail = (1.0 - mass) / 2.0
    return _quantile(points, curve, tail), _quantile(points, curve, 1.0 - tail)


def probabilities_of_best(tallies: Sequence[Tally]) -> tuple[float, ...]:
    """For each of at least one arm: how probable it is that no other has a higher mean. They add up to 1.

    Right to 3e-4 for 2 to 6 arms with 0 to 100,000 outcomes each.
    """
    return _probabilities_of_best(tuple(tallies))


@lru_cache(maxsize=1024)
def _probabilities_of_best(tallies: tuple[Tally, ...]) -> tuple[float, ...]:
    beliefs = [_Belief.of(tally) for tally in tallies]
    points, lengths = _grid(beliefs)
    curves = [_curve(belief, points, lengths) for belief in beliefs]
    weights = _weights(lengths)
    ones = [1.0] * len(points)
    # All arms before, and all after: a product without one arm can't be had by dividing, there are zeros.
    before = list(accumulate((c.below for c in curves[:-1]), _times, initial=ones))
    after = list(accumulate((c.below for c in curves[:0:-1]), _times, initial=ones))[::-1]
    found = [
        sum(map(mul, weights, map(mul, curve.density, map(mul, early, late))))
        for curve, early, late in zip(curves, before, after, strict=True)
    ]
    total = sum(found)
    return tuple(probability / total for probability in found)


def shares(best: Sequence[float], assigned: Sequence[int], floor: float) -> tuple[float, ...]:
    """The probabilities with which the arms are drawn for the next run; they add up to 1.

    Each has the probability that it is the best. An arm that has had less than `floor` of the runs so far
    gets at least `floor`, and the others that much less in proportion. An arm that has had its part, by
    whatever luck, is not forced: so the floor costs little over Thompson's own exploring. With more arms than
    `floor` has room for, an even part takes its place.
    """
    floor = min(floor, 1.0 / len(best))
    total = sum(assigned)
    poor = {k for k, runs in enumerate(assigned) if runs < floor * total or not total}
    lifted: set[int] = set()
    drawn = list(best)
    # What is taken from the others may bring one of them below the floor in turn.
    while more := {k for k in poor - lifted if drawn[k] < floor}:
        lifted |= more
        rest = [k for k in range(len(best)) if k not in lifted]
        left, whole = 1.0 - floor * len(lifted), sum(best[k] for k in rest)
        for k in lifted:
            drawn[k] = floor
        for k in rest:
            drawn[k] = left * best[k] / whole if whole else left / len(rest)
    whole = sum(drawn)
    return tuple(share / whole for share in drawn)


def draw(drawn: Sequence[float], experiment_id: str, run_id: str) -> int:
    """Which arm a run gets, by its place: the same for the same experiment, run and shares."""
    digest = hashlib.sha256(f"{experiment_id}\0{run_id}".encode()).digest()
    point = int.from_bytes(digest[:8], "big") / 2**64
    edges = list(accumulate(drawn))
    likely = [k for k, share in enumerate(drawn) if share > 0]
    # Rounding may leave the last edge a little below 1.
    return min(bisect_right(edges, point), likely[-1])


def _log_density(a: float, b: float, t: float) -> float:
    log_x = -math.log1p(math.exp(-t))
    return a * log_x + b * (log_x - t)


def _grid(beliefs: Sequence[_Belief]) -> tuple[list[float], list[float]]:
    """Points (edge, middle, edge, ..., edge) and the cells' lengths.

    As fine as the narrowest of the beliefs that have something there; one cell where none has.
    """
    starts = sorted(belief.low for belief in beliefs)
    end = max(belief.high for belief in beliefs)
    points, lengths = [starts[0]], []
    t = starts[0]
    while t < end:
        coming = next((start for start in starts if start > t), end)
        step = min((belief.step for belief in beliefs if belief.low <= t < belief.high), default=math.inf)
        edge = min(t + step, coming) if coming > t else t + step
        points += [(t + edge) / 2.0, edge]
        lengths.append(edge - t)
        t = edge
    return points, lengths


def _curve(belief: _Belief, points: Sequence[float], lengths: Sequence[float]) -> _Curve:
    exp, log1p, a, c = math.exp, math.log1p, belief.a + belief.b, -belief.peak
    b = belief.b
    # a ln x + b ln(1 - x), where ln x = -ln(1 + exp(-t)) and ln(1 - x) = ln x - t.
    density = [exp(c - a * log1p(exp(-t)) - b * t) for t in points]
    first, middle, last = density[:-1:2], density[1::2], density[2::2]
    cells = [h * (f + 4.0 * m + g) / 6.0 for h, f, m, g in zip(lengths, first, middle, last, strict=True)]
    edges = list(accumulate(cells, initial=0.0))
    total = edges[-1]
    below = [0.0] * len(points)
    below[::2] = [edge / total for edge in edges]
    # The parabola through a cell's three points, integrated over its first half.
    below[1::2] = [
        (edge + h * (5.0 * f + 8.0 * m - g) / 24.0) / total
        for edge, h, f, m, g in zip(edges, lengths, first, middle, last, strict=False)
    ]
    return _Curve([value / total for value in density], below)


def _weights(lengths: Sequence[float]) -> list[float]:
    """Simpson's, for the points of cells of these lengths."""
    weights = [0.0] * (2 * len(lengths) + 1)
    for cell, length in enumerate(lengths):
        weights[2 * cell] += length / 6.0
        weights[2 * cell + 1] += 4.0 * length / 6.0
        weights[2 * cell + 2] += length / 6.0
    return weights


def _times(these: list[float], those: list[float]) -> list[float]:
    return list(map(mul, these, those))


def _quantile(points: Sequence[float], curve: _Curve, wanted: float) -> float:
    """Where `wanted` of the belief lies below, as x."""
    cell = max(bisect_right(curve.below[::2], wanted) - 1, 0)
    cell = min(cell, len(points) // 2 - 1)
    at = 2 * cell
    start, length = points[at], points[at + 2] - points[at]
    f, m, g = curve.density[at : at + 3]
    missing = wanted - curve.below[at]
    # The integral of the same parabola up to u of the cell, which rises with u.
    low, high = 0.0, 1.0
    for _ in range(40):
        u = (low + high) / 2.0
        part = (
            length * u * (f + u * ((-3.0 * f + 4.0 * m - g) / 2.0 + u * (2.0 * f - 4.0 * m + 2.0 * g) / 3.0))
        )
        low, high = (u, high) if part < missing else (low, u)
    return 1.0 / (1.0 + math.exp(-(start + length * low)))
