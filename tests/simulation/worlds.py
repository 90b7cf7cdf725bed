"""Worlds of listeners with hidden taste, and ways to choose the arm of each run in them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from services.artist_db.domain.experiment_posteriors import (
    Tally,
    draw,
    probabilities_of_best,
    shares,
)
from services.artist_db.domain.experiment_verdicts import Kind, Standing, verdict
from services.artist_db.domain.experiments import DEFAULT_FLOOR, DEFAULT_MIN_OUTCOMES

RUNS = 300
MIN_OUTCOMES = DEFAULT_MIN_OUTCOMES
FLOOR = DEFAULT_FLOOR


@dataclass(frozen=True, slots=True)
class World:
    """What listeners think of each arm, and how each artist's songs fare beside that."""

    seed: int
    arms: tuple[float, ...]
    """The chance that a song of an average artist made this way is liked."""
    artists: tuple[float, ...]
    """What an artist adds to that chance, whatever the arm."""

    def taste(self, arm: int, run: int) -> float:
        """The chance that this run's song is liked, made this way."""
        return min(max(self.arms[arm] + self.artists[run % len(self.artists)], 0.0), 1.0)

    def regret(self, arm: int, run: int) -> float:
        """What is lost, on average, where this run gets this arm and not the best one."""
        return max(self.taste(other, run) for other in range(len(self.arms))) - self.taste(arm, run)

    def outcome(self, arm: int, run: int) -> float:
        """How this run's song does, made this way: the same whoever chose the arm.

        Of every third world a share of checks passed, any number from 0 to 1; else liked or not.
        """
        luck = random.Random(f"{self.seed} {arm} {run}")
        taste = self.taste(arm, run)
        if self.seed % 3 == 0 and 0.0 < taste < 1.0:
            return luck.betavariate(4.0 * taste, 4.0 * (1.0 - taste))
        return float(luck.random() < taste)


def world_of(seed: int, *, equal: bool = False) -> World:
    """2 to 4 arms with means from 0.1 to 0.9, and 1 to 6 artists."""
    rng = random.Random(f"world {seed}")
    count = 2 + seed % 3
    arms = [rng.uniform(0.1, 0.9) for _ in range(count)]
    artists = [rng.uniform(-0.08, 0.08) for _ in range(rng.randint(1, 6))]
    if equal:
        # Of one artist, so that all outcomes have one mean: that is what is called equal.
        arms, artists = [arms[0]] * count, [0.0]
    return World(seed, tuple(arms), tuple(artists))


@dataclass(slots=True)
class Ledger:
    """What has been counted of each arm."""

    count: int
    successes: list[float] = field(init=False)
    failures: list[float] = field(init=False)
    outcomes: list[int] = field(init=False)
    assigned: list[int] = field(init=False)
    expected: list[float] = field(init=False)
    variance: list[float] = field(init=False)

    def __post_init__(self) -> None:
        self.successes, self.failures = [0.0] * self.count, [0.0] * self.count
        self.outcomes, self.assigned = [0] * self.count, [0] * self.count
        self.expected, self.variance = [0.0] * self.count, [0.0] * self.count

    def add(self, arm: int, outcome: float) -> None:
        self.successes[arm] += outcome
        self.failures[arm] += 1.0 - outcome
        self.outcomes[arm] += 1

    def tallies(self) -> list[Tally]:
        return [Tally(s, f) for s, f in zip(self.successes, self.failures, strict=True)]

    def standings(self) -> list[Standing]:
        return [
            Standing(
                name=str(k),
                tally=tally,
                outcomes=self.outcomes[k],
                assigned=self.assigned[k],
                expected=self.expected[k],
                variance=self.variance[k],
                over=self.outcomes[k],
            )
            for k, tally in enumerate(self.tallies())
        ]


Chooser = Callable[[World, Ledger, int], int]


def ours(world: World, ledger: Ledger, run: int) -> int:
    """As artist_db does it, by the same functions."""
    drawn = shares(probabilities_of_best(ledger.tallies()), ledger.assigned, FLOOR)
    for k, share in enumerate(drawn):
        ledger.expected[k] += share
        ledger.variance[k] += share * (1.0 - share)
    return draw(drawn, f"exp_{world.seed}", f"run_{run}")


def thompson(world: World, ledger: Ledger, run: int) -> int:
    """The textbook's: a number from each arm's belief, and the arm of the highest; without a floor."""
    luck = random.Random(f"thompson {world.seed} {run}")
    drawn = [luck.betavariate(1.0 + t.successes, 1.0 + t.failures) for t in ledger.tallies()]
    return drawn.index(max(drawn))


def uniform(world: World, ledger: Ledger, run: int) -> int:
    """Each arm alike."""
    return random.Random(f"uniform {world.seed} {run}").randrange(ledger.count)


@dataclass(frozen=True, slots=True)
class Course:
    """What became of one experiment."""

    regret: tuple[float, ...]
    """Added up, after each run."""
    winner: str
    """The first winner that was named; empty: none was."""
    called_at: int
    """After which run; 0: never."""
    mismatch: str
    """The first alarm about numbers of runs; empty: there was none."""


def course(world: World, choose: Chooser, *, every: int = 1, judged: bool = False) -> Course:
    """`RUNS` runs; outcomes are heard of after every `every`-th run, those until then at once.

    Where it is `judged`, somebody looks after every run.
    """
    ledger, waiting = Ledger(len(world.arms)), list[tuple[int, float]]()
    regret, sum_so_far, winner, called_at, mismatch = list[float](), 0.0, "", 0, ""
    for run in range(RUNS):
        arm = choose(world, ledger, run)
        ledger.assigned[arm] += 1
        sum_so_far += world.regret(arm, run)
        regret.append(sum_so_far)
        waiting.append((arm, world.outcome(arm, run)))
        if (run + 1) % every == 0:
            for told in waiting:
                ledger.add(*told)
            waiting.clear()
        if judged:
            found = verdict(ledger.standings(), MIN_OUTCOMES)
            mismatch = mismatch or found.mismatch
            if found.kind is Kind.WINNER and not winner:
                winner, called_at = found.winner, run + 1
    return Course(tuple(regret), winner, called_at, mismatch)


def mean_course(courses: Sequence[Course]) -> list[float]:
    """Mean regret after each run."""
    return [sum(values) / len(courses) for values in zip(*(c.regret for c in courses), strict=True)]
