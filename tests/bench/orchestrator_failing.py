"""What a first model that fails costs the calls that get their answer from the second."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.bench.harness import line, middle
from tests.bench.orchestrator_bed import Contender, Measured
from tests.bench.orchestrator_models import COOLDOWN_S, HANG_TIMEOUT_S, RETRY_AFTER_S
from tests.bench.orchestrator_rate import goal, percentiles
from tests.support.fake_upstream import UpstreamProcess

SLICES = 6
SECONDS = 5.0
CALLERS = 4
WARM_UP_S = 2.0
P50_BESIDE_HEALTHY = 1.1

_TITLES = {
    "dead": "dead: every connection is refused",
    "hanging": f"hanging: nothing is ever answered; given up after {HANG_TIMEOUT_S:g} s",
    "storming": f"storming: every answer is 429 with Retry-After {RETRY_AFTER_S} s",
}


@dataclass(frozen=True, slots=True)
class Pair:
    """Who asks a list with a failing first model, and the same list without it."""

    failing: Contender
    healthy: Contender


@dataclass(frozen=True, slots=True)
class _Found:
    """What was measured of a pair, slice by slice."""

    failing: list[Measured] = field(default_factory=list)
    healthy: list[Measured] = field(default_factory=list)


async def failing_first_models(pairs: Mapping[str, Mapping[str, Pair]], upstream: UpstreamProcess) -> None:
    """Each pair by how the model fails and by who asks (`service`, `router`), in turns; prints tables."""
    line(
        f"A list whose first model fails, {SLICES * SECONDS:g} s at {CALLERS} callers (cool-down"
        f" {COOLDOWN_S:g} s), in turns with the same list without it"
    )
    for pair in next(iter(pairs.values())).values():
        await pair.healthy.measure(callers=CALLERS, seconds=WARM_UP_S)
    for failing, by_who in pairs.items():
        found = {who: _Found() for who in by_who}
        for _ in range(SLICES):
            for who, pair in by_who.items():
                found[who].failing.append(await pair.failing.measure(callers=CALLERS, seconds=SECONDS))
                found[who].healthy.append(await pair.healthy.measure(callers=CALLERS, seconds=SECONDS))
        asked = (await upstream.stats())["asked"]
        line(f"  {_TITLES[failing]}")
        line(f"  {'':<17}{'the failing list':^28}{'the list without it':^28}     the failing model")
        line(f"  {'':<17}" + "   calls/s   p50 ms   p99 ms" * 2 + "     was called")
        for who, of_who in found.items():
            _row(by_who[who].failing.name, of_who, _calls_of_it(failing, who, of_who, asked))
        ours = found["service"]
        ratio = _p50_beside_healthy(ours)
        goal(
            "this service: p50 beside the list without it", f"{ratio:.3f}",
            f"<= {P50_BESIDE_HEALTHY:g}", ratio <= P50_BESIDE_HEALTHY,
        )  # fmt: skip
        line()


def _row(name: str, found: _Found, calls: str) -> None:
    cells = ""
    for slices in (found.failing, found.healthy):
        p50, p99 = percentiles([ms for measured in slices for ms in measured.latencies_ms])
        cells += f"{middle([measured.rate for measured in slices]):10.1f}{p50:9.1f}{p99:9.1f}"
    line(f"  {name:<17}{cells}     {calls}")
    failed = sum((Counter(measured.failed) for measured in found.failing), Counter())
    if failed:
        line(f"    without the right answer: {dict(failed)}")


def _calls_of_it(failing: str, who: str, found: _Found, asked: Mapping[str, int]) -> str:
    answered = sum(len(measured.samples) for measured in found.failing)
    if failing != "dead":
        return f"{asked.get(f'{failing}-{who}', 0)} times in {answered} calls, counted by it"
    if who == "service":
        failures = sum(failures for measured in found.failing for _, _, failures in measured.samples)
        return f"{failures} times in {answered} calls, by their answers"
    return f"not told, in {answered} calls"


def _p50_beside_healthy(found: _Found) -> float:
    """Slice by slice; of the first only what began after one call had found out. NaN where nothing did."""
    ratios = []
    for number, (failing, healthy) in enumerate(zip(found.failing, found.healthy, strict=True)):
        samples = failing.samples if number else _after_the_first(failing.samples)
        if samples:
            p50, _ = percentiles([took * 1_000 for _, took, _ in samples])
            ratios.append(p50 / percentiles(healthy.latencies_ms)[0])
    return middle(ratios) if ratios else float("nan")


def _after_the_first(samples: Sequence[tuple[float, float, int]]) -> list[tuple[float, float, int]]:
    known = min((began + took for began, took, _ in samples), default=0.0)
    return [sample for sample in samples if sample[0] >= known]
