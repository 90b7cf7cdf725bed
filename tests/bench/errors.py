"""How fast log lines find their error groups, and in how much memory, beside Drain3 on the same lines.

One process each, one core each, in seconds of a processor: what else the machine does is not measured.
"""

import asyncio
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tests.bench.harness import line, middle
from tests.support.log_worlds import World, strange_lines
from tests.support.postgres import TestServer

BESIDE = Path(sys.prefix) / "bench-errors" / "bin" / "python"
"""`make bench-errors` puts it there, with drain3."""
LINES, MANY, ROUNDS = 100_000, 1_000_000, 3
SEED = 7
_OWN = (sys.executable, "-m", "tests.bench.errors_own")
_DRAIN = (str(BESIDE), str(Path(__file__).with_name("errors_drain.py")))


async def errors(server: TestServer) -> None:
    world = World(SEED)
    told = sum(not fault.name.startswith("raised") for fault in world.faults)
    with tempfile.TemporaryDirectory(prefix="aiartist-bench-") as folder:
        few, many, odd, odder = (Path(folder) / name for name in ("few", "many", "odd", "odder"))
        _write(few, world.lines(LINES))
        _write(many, world.lines(MANY))
        _write(odd, (("", text) for text in strange_lines(SEED, LINES)))
        _write(odder, (("", text) for text in strange_lines(SEED, MANY)))
        line(
            f"{LINES:,} log lines of {told} faults, {few.stat().st_size / LINES:.0f} bytes each, on one core"
        )
        own = await _measured("this grouping", [*_OWN, few, "lines"])
        await _measured("  with redaction", [*_OWN, few, "redacted"])
        if BESIDE.exists():
            for name, how in (("Drain3, its masks", "masked"), ("Drain3, no masks", "plain")):
                drain = await _measured(name, [*_DRAIN, few, how])
                line(f"    takes {drain / own:.1f} times as long as this grouping")
        else:
            line("  Drain3 is left out: make bench-errors installs it.")
        line()
        line(f"{MANY:,} lines of the same faults")
        await _measured("this grouping", [*_OWN, many, "lines"], rounds=1)
        if BESIDE.exists():
            await _measured("Drain3, its masks", [*_DRAIN, many, "masked"], rounds=1)
        line()
        line(f"{LINES:,} and {MANY:,} lines of which no two are alike")
        await _measured("this grouping", [*_OWN, odd, "lines"], rounds=1)
        await _measured("this grouping", [*_OWN, odder, "lines"], rounds=1)
    line()


def _write(path: Path, rows: Iterator[tuple[str, str]]) -> None:
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{fault}\t{text}\n" for fault, text in rows)


async def _measured(name: str, command: Sequence[str | Path], rounds: int = ROUNDS) -> float:
    """The seconds of the middle one of some rounds; prints these and what was found."""
    found = [await _found(command) for _ in range(rounds)]
    took = middle([one["seconds"] for one in found])
    first = found[0]
    line(
        f"  {name:18} {first['lines'] / took:9,.0f} lines/s   {first['grown_bytes'] / 1e6:6.1f} MB more"
        f"   {first['groups']:5} groups, {first['split']} faults in several, "
        f"{first['mixed']} groups of several"
    )
    return took


async def _found(command: Sequence[str | Path]) -> dict[str, Any]:
    process = await asyncio.create_subprocess_exec(*command, stdout=asyncio.subprocess.PIPE)
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{command[0]} ended with {process.returncode}")
    result: dict[str, Any] = json.loads(output)
    return result
