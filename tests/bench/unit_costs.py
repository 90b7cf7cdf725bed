"""What one artist, run, take, release and message cost, and what the hot queries cost among very many.

`docs/scaling.md` is arithmetic on what is printed here. Seconds are this machine's; bytes and pages are not.
"""

from collections.abc import Iterable, Sequence

from tests.bench.harness import fresh_database, line
from tests.bench.unit_costs_cadence import cadence
from tests.bench.unit_costs_pages import pages
from tests.bench.unit_costs_queries import SIZES, Cost, query_costs
from tests.bench.unit_costs_rows import Table, clone_label, table_sizes
from tests.bench.unit_costs_runs import SERVICES, Measured, measure_runs
from tests.support.postgres import TestServer

RUNS = 4
CLONES = 2_500
"""Of a label with four runs: ten thousand runs."""
_MB = 1_000_000


async def unit_costs(server: TestServer) -> None:
    """`make bench-scaling`: some twenty minutes on two cores, a third of it videos."""
    async with fresh_database(server) as dsn:
        measured = await measure_runs(server, dsn, RUNS)
        _tell_runs(measured)
        before = await table_sizes(dsn)
        await clone_label(dsn, CLONES)
        _tell_rows(before, await table_sizes(dsn), measured.runs)
    async with fresh_database(server) as dsn:
        _tell_queries([await query_costs(dsn, size) for size in SIZES])
    async with fresh_database(server) as dsn:
        for artists, seconds, cpu in await cadence(dsn):
            line(f"  who is due among {artists:7,} artists?  {seconds:7.2f} s, {cpu:.2f} s of a core")
        line()
    for releases, seconds in await pages():
        line(f"  the pages of a folder with {releases:7,} releases, at each publication  {seconds:7.2f} s")
    line()


def _tell_runs(measured: Measured) -> None:
    line(
        f"One run, the middle of {measured.runs}, a song of {measured.song_s:.0f} s by the built-in provider"
    )
    line(f"  CPU seconds by stage {' '.join(f'{name:>14}' for name in SERVICES)}   wall")
    for stage, cost in measured.stages.items():
        cells = " ".join(f"{cost.cpu_s.get(name, 0):14.2f}" for name in SERVICES)
        line(f"  {stage:<20} {cells} {cost.wall_s:6.1f}")
    line(f"  {'memory at rest, MB':<20} {' '.join(f'{measured.memory[n] / _MB:14.0f}' for n in SERVICES)}")
    line(f"  {'CPU at rest, s/h':<20} {' '.join(f'{measured.idle_cpu[n] * 3600:14.1f}' for n in SERVICES)}")
    connections = ", ".join(f"{count} {name}" for name, count in measured.connections.items())
    line(f"  connections at rest, one replica of each: {connections}")
    line(
        f"  models: {measured.calls:.1f} calls, {measured.tokens_in:,.0f} tokens in, "
        f"{measured.tokens_out:,.0f} out"
    )
    for kind, size in measured.artifacts.items():
        line(f"  bytes of {kind:<34} {size / _MB:8.2f} MB")
    line()


def _tell_rows(before: dict[str, Table], after: dict[str, Table], runs: int) -> None:
    line(f"Rows, from a label of {runs} runs that was cloned {CLONES:,} times: table, TOAST and indexes")
    line(f"  {'table':<34} {'rows a run':>10} {'bytes a row':>12} {'of it indexes':>13} {'bytes a run':>12}")
    total = 0.0
    for name, table in sorted(after.items(), key=lambda pair: -pair[1].bytes):
        if table.rows < CLONES or name not in before:
            continue
        a_run, a_row = before[name].rows / runs, table.bytes / table.rows
        total += a_run * a_row
        share = table.index_bytes / table.bytes
        line(f"  {name:<34} {a_run:10.2f} {a_row:12.0f} {share:13.0%} {a_run * a_row:12.0f}")
    line(f"  {'all':<34} {'':>10} {'':>12} {'':>13} {total:12.0f}")
    line()


def _tell_queries(columns: Sequence[dict[str, Cost]]) -> None:
    line(
        "Hot queries: milliseconds in the server and pages of 8 KiB touched, the middle of seven, caches warm"
    )
    line(f"  {'':<46} {' '.join(f'{size:>18,}' for size in SIZES)}   pages grow, read by")
    for name, first in columns[0].items():
        costs = [column[name] for column in columns]
        cells = " ".join(f"{cost.milliseconds:9.2f} {cost.pages:8,}" for cost in costs)
        growth = costs[-1].pages / max(1, first.pages)
        line(f"  {name:<46} {cells}  x{growth:5.1f} {_access(costs[-1])}")
    line()


def _access(cost: Cost) -> str:
    whole: Iterable[str] = (f"WHOLE {table}" for table in sorted(cost.read_whole))
    return ", ".join([*sorted(cost.indexes), *whole])
