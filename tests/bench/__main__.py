"""Runs the benchmarks that are named, or every usual one: `python -m tests.bench [name ...]`."""

import asyncio
import sys
import tempfile
from pathlib import Path

import uvloop

from services.chassis import logs
from tests.bench.errors import errors
from tests.bench.get_artist import get_artist_rate
from tests.bench.harness import line
from tests.bench.orchestrator import orchestrator
from tests.bench.pressing import pressing
from tests.bench.release import release
from tests.bench.scheduler_rate import scheduler_rate
from tests.bench.tracing import tracing_rate
from tests.bench.unit_costs import unit_costs
from tests.bench.waiting_approvals import waiting_approvals
from tests.support.postgres import TestServer

BENCHMARKS = {
    "waiting-approvals": waiting_approvals,
    "scheduler-rate": scheduler_rate,
    "get-artist": get_artist_rate,
    "pressing": pressing,
    "tracing": tracing_rate,
}
ON_DEMAND = {"errors": errors, "orchestrator": orchestrator, "release": release, "scaling": unit_costs}
"""Not run where no name is given: each takes five minutes and more."""


def main(names: list[str]) -> int:
    known = {**BENCHMARKS, **ON_DEMAND}
    unknown = set(names) - set(known)
    if unknown:
        line(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(known)}")
        return 2
    logs.configure(level="error", format="json")
    with (
        tempfile.TemporaryDirectory(prefix="aiartist-bench-") as folder,
        TestServer.shared(Path(folder)) as server,
        asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
    ):
        for name in names or BENCHMARKS:
            runner.run(known[name](server))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
