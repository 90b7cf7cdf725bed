"""Calls a second, latency and memory of each way to ask a model that answers at once."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from statistics import quantiles

from tests.bench.harness import line, middle
from tests.bench.orchestrator_bed import Contender, Measured

ROUNDS = 5
SECONDS = 3.0
WARM_UP_S = 2.0
CALLERS = (1, 16)

RATE_OF_SDK = 0.9
RATE_OF_PROXY = 4.0
ADDED_P50_MS = 2.0
MEMORY_MB = 300.0


async def rates(contenders: Mapping[str, Contender]) -> None:
    """Measures all of them in turns, so that a busy machine is busy for each, and prints a table."""
    line(f"Model calls that are answered at once, {ROUNDS} rounds of {SECONDS:g} s each, in turns")
    for contender in contenders.values():
        await contender.measure(callers=max(CALLERS), seconds=WARM_UP_S)
    found = {callers: await _rounds(contenders, callers) for callers in CALLERS}
    memory = {
        name: max(m.memory_bytes for of_callers in found.values() for m in of_callers[name]) / 1e6
        for name in contenders
    }
    _table(contenders, found, memory)
    for name in ("direct", "over litellm"):
        _goals(contenders[name].name, name, found, memory[name])
    line()


async def _rounds(contenders: Mapping[str, Contender], callers: int) -> dict[str, list[Measured]]:
    found: dict[str, list[Measured]] = defaultdict(list)
    names = list(contenders)
    for turn in range(ROUNDS):
        # Nobody is always the one after the slowest.
        for name in names[turn % len(names) :] + names[: turn % len(names)]:
            found[name].append(await contenders[name].measure(callers=callers, seconds=SECONDS))
    return found


def _table(
    contenders: Mapping[str, Contender],
    found: Mapping[int, Mapping[str, Sequence[Measured]]],
    memory: Mapping[str, float],
) -> None:
    titles = [f"{callers} caller{'s' * (callers > 1)}" for callers in found]
    line(f"  {'':<28}" + "".join(f"{title:^30}" for title in titles))
    line(f"  {'':<28}" + "   calls/s   p50 ms   p99 ms  " * len(found) + "     memory")
    for name, contender in contenders.items():
        cells = ""
        for of_callers in found.values():
            rounds = of_callers[name]
            p50, p99 = percentiles([ms for measured in rounds for ms in measured.latencies_ms])
            cells += f"{middle([measured.rate for measured in rounds]):10.0f}{p50:9.2f}{p99:9.2f}  "
        line(f"  {contender.name:<28}{cells}{memory[name]:8.0f} MB")
        failed = sum((Counter(m.failed) for rounds in found.values() for m in rounds[name]), Counter())
        if failed:
            line(f"    without the right answer: {dict(failed)}")


def _goals(
    title: str, name: str, found: Mapping[int, Mapping[str, Sequence[Measured]]], memory: float
) -> None:
    for callers, of_callers in found.items():
        ours = of_callers[name]
        of_sdk = _ratio(ours, of_callers["sdk"])
        goal(
            f"{title}, {callers}: rate of the SDK's",
            f"{of_sdk:.2f}",
            f">= {RATE_OF_SDK}",
            of_sdk >= RATE_OF_SDK,
        )
        if "proxy" in of_callers:
            of_proxy = _ratio(ours, of_callers["proxy"])
            goal(
                f"{title}, {callers}: rate of the proxy's",
                f"{of_proxy:.1f}", f">= {RATE_OF_PROXY:g}", of_proxy >= RATE_OF_PROXY,
            )  # fmt: skip
        pairs = zip(ours, of_callers["sdk"], strict=True)
        added = middle([percentiles(a.latencies_ms)[0] - percentiles(b.latencies_ms)[0] for a, b in pairs])
        goal(
            f"{title}, {callers}: p50 over the SDK's",
            f"{added:+.2f} ms", f"<= {ADDED_P50_MS:g} ms", added <= ADDED_P50_MS,
        )  # fmt: skip
    goal(f"{title}: memory", f"{memory:.0f} MB", f"< {MEMORY_MB:g} MB", memory < MEMORY_MB)


def _ratio(ours: Sequence[Measured], theirs: Sequence[Measured]) -> float:
    return middle([a.rate / b.rate for a, b in zip(ours, theirs, strict=True)])


def goal(what: str, found: str, wanted: str, met: bool) -> None:
    """One goal's line; nothing is asserted: how fast a machine is, is not a defect."""
    line(f"  {what:<50}{found:>12}  goal {wanted:<9}  {'met' if met else 'not met'}")


def percentiles(values: Sequence[float]) -> tuple[float, float]:
    """The 50th and the 99th; not a number where there is nothing to measure."""
    if len(values) < 2:
        return (values[0], values[0]) if values else (float("nan"), float("nan"))
    cut = quantiles(values, n=100, method="inclusive")
    return cut[49], cut[98]
