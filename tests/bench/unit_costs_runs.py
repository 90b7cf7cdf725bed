"""Real runs, a process for each service: processor time by stage and service, bytes of what comes out."""

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import parse_qs, urlsplit

import asyncpg
import grpc
import psutil

from aiartist.artist_db.v1 import artist_db_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from tests.bench.harness import line, middle
from tests.support.label import persona
from tests.support.postgres import TestServer
from tests.support.processes import Process, clean_environment, free_port, ports_environment, process

_STARTING = ("artist_db", "notifier", "error_analyzer", "model", "orchestrator", "release", "scheduler")
SERVICES = (
    "scheduler",
    "artist_db",
    "orchestrator",
    "model",
    "release",
    "notifier",
    "error_analyzer",
    "postgres",
)
SONG_MS = 180_000
FILMED_MS = 60_000
"""Videos cost by their frames: of a third of that song the rest can be told."""
REST_S = 15.0


@dataclass(slots=True)
class StageCost:
    """One stage of one run."""

    wall_s: float = 0.0
    cpu_s: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measured:
    """The middle of some runs, and the services at rest."""

    runs: int
    song_s: float
    stages: dict[str, StageCost]
    memory: dict[str, float]
    idle_cpu: dict[str, float]
    """CPU seconds a second."""
    connections: dict[str, int]
    calls: float
    tokens_in: float
    tokens_out: float
    artifacts: dict[str, float]


@dataclass(frozen=True, slots=True)
class _Platform:
    environment: Mapping[str, str]
    processes: Mapping[str, psutil.Process]

    def cpu_s(self) -> dict[str, float]:
        """Spent so far by each service, its workers and what those have run."""
        return {name: sum(map(_spent, _tree(process))) for name, process in self.processes.items()}

    def memory(self) -> dict[str, float]:
        """Of each service and its workers; shared pages count once for each process."""
        return {
            name: float(sum(one.memory_info().rss for one in _tree(process)))
            for name, process in self.processes.items()
        }


async def measure_runs(server: TestServer, dsn: str, runs: int) -> Measured:
    """Runs to warm up, `runs` - 1 without videos, and one with; all of them stay in the database."""
    with TemporaryDirectory(prefix="aiartist-bench-") as name:
        folder = Path(name)
        environment = _environment(folder, dsn)
        found: list[dict[str, StageCost]] = []
        async with _platform(server, environment, folder) as platform:
            artist_id = await _take_on(platform, "Test Pilot", SONG_MS)
            filmed_id = await _take_on(platform, "Test Film", FILMED_MS)
            await _run(platform, artist_id)
            memory, idle = platform.memory(), await _at_rest(platform)
            connections = await _connections(dsn)
            for _ in range(runs - 2):
                found.append(await _run(platform, artist_id))
                line(f"  a run: {found[-1]['whole run'].wall_s:.0f} s")
        filming = {**environment, "AIARTIST_RELEASE_VIDEO": "landscape,portrait"}
        async with _platform(server, filming, folder) as platform:
            film = await _run(platform, filmed_id)
            line(f"  a run with videos: {film['whole run'].wall_s:.0f} s")
        stages = {stage: _middle([run[stage] for run in found]) for stage in found[0]}
        for stage in ("FILM", "PACKAGE", "PUBLISH"):
            stages[f"{stage}, 2 of 1 min"] = film[stage]
        artifacts = await asyncio.to_thread(_artifacts, folder / "data")
        calls, tokens_in, tokens_out, song_s = await _facts(dsn)
    # The one that warmed up is among the rows.
    return Measured(
        runs,
        song_s,
        stages,
        memory,
        idle,
        connections,
        calls / runs,
        tokens_in / runs,
        tokens_out / runs,
        artifacts,
    )


def _environment(folder: Path, dsn: str) -> dict[str, str]:
    port = str(free_port())
    return clean_environment(
        **ports_environment(),
        AIARTIST_DATABASE_URL=dsn,
        AIARTIST_DATA_DIR=str(folder / "data"),
        AIARTIST_MODEL_PORT=port,
        AIARTIST_MODEL_URL=f"http://127.0.0.1:{port}/v1",
        AIARTIST_NOTIFIER_CHANNEL="console",
        AIARTIST_LOG_FORMAT="json",
        AIARTIST_ISRC_PREFIX="QZABC",
    )


@asynccontextmanager
async def _platform(
    server: TestServer, environment: Mapping[str, str], folder: Path
) -> AsyncIterator[_Platform]:
    async with AsyncExitStack() as stack:
        running: dict[str, Process] = {}
        for name in _STARTING:
            running[name] = await stack.enter_async_context(
                process(name, environment, folder / f"{name}.log")
            )
        for name in _STARTING:
            if name != "model":
                await running[name].ready(name)
        tops = {name: psutil.Process(one.running.pid) for name, one in running.items()}
        yield _Platform(environment, {**tops, "postgres": _postmaster(server)})
        # In order, so that no worker of a killed service outlives it.
        for name in reversed(_STARTING):
            await running[name].stop()


def _postmaster(server: TestServer) -> psutil.Process:
    (folder,) = parse_qs(urlsplit(server.address).query)["host"]
    return psutil.Process(int(Path(folder, "postmaster.pid").read_text().split()[0]))


def _tree(top: psutil.Process) -> list[psutil.Process]:
    return [top, *top.children(recursive=True)]


def _spent(one: psutil.Process) -> float:
    try:
        return float(sum(one.cpu_times()[:4]))
    except psutil.NoSuchProcess:
        # Its parent's `children_*` has it, when that has waited for it.
        return 0.0


async def _take_on(platform: _Platform, name: str, song_ms: int) -> str:
    async with grpc.aio.insecure_channel(platform.environment["AIARTIST_ARTIST_DB_ADDR"]) as channel:
        request = artist_db_pb2.CreateArtistRequest(persona=persona(name, target_duration_ms=song_ms))
        return str((await ArtistDbServiceStub(channel).CreateArtist(request, timeout=10)).artist.id)


async def _run(platform: _Platform, artist_id: str) -> dict[str, StageCost]:
    """One run to its release; what each stage took, and the whole."""
    costs: defaultdict[str, StageCost] = defaultdict(StageCost)
    async with grpc.aio.insecure_channel(platform.environment["AIARTIST_SCHEDULER_ADDR"]) as channel:
        stub = SchedulerServiceStub(channel)
        began, before = time.perf_counter(), platform.cpu_s()
        since, spent = began, before
        request = pb.StartRunRequest(artist_id=artist_id, autopilot=True)
        run_id = (await stub.StartRun(request, timeout=30)).run.id
        async for update in stub.WatchRun(pb.WatchRunRequest(run_id=run_id)):
            if update.event.type == pb.RunEvent.TYPE_STAGE_STARTED:
                since, spent = time.perf_counter(), platform.cpu_s()
            elif update.event.type == pb.RunEvent.TYPE_STAGE_SUCCEEDED:
                stage = pb.StageName.Name(update.event.stage).removeprefix("STAGE_NAME_")
                _add(costs[stage], time.perf_counter() - since, spent, platform.cpu_s())
        run = (await stub.GetRun(pb.GetRunRequest(run_id=run_id), timeout=30)).run
        assert run.state == pb.RUN_STATE_RELEASED, run
        _add(costs["whole run"], time.perf_counter() - began, before, platform.cpu_s())
    return dict(costs)


def _add(cost: StageCost, wall_s: float, before: Mapping[str, float], after: Mapping[str, float]) -> None:
    cost.wall_s += wall_s
    for name, now in after.items():
        cost.cpu_s[name] = cost.cpu_s.get(name, 0.0) + now - before[name]


def _middle(costs: Sequence[StageCost]) -> StageCost:
    names = costs[0].cpu_s
    return StageCost(
        middle([cost.wall_s for cost in costs]),
        {name: middle([cost.cpu_s[name] for cost in costs]) for name in names},
    )


async def _at_rest(platform: _Platform) -> dict[str, float]:
    before, began = platform.cpu_s(), time.perf_counter()
    await asyncio.sleep(REST_S)
    after, lasted = platform.cpu_s(), time.perf_counter() - began
    return {name: (after[name] - before[name]) / lasted for name in after}


async def _connections(dsn: str) -> dict[str, int]:
    rows = await _fetch(
        dsn,
        """
        SELECT application_name AS name, count(*) AS connections FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid() GROUP BY 1 ORDER BY 1
        """,
    )
    return {row["name"]: row["connections"] for row in rows}


async def _facts(dsn: str) -> tuple[int, int, int, float]:
    (calls,) = await _fetch(
        dsn,
        """
        SELECT count(*) AS n, sum(prompt_tokens)::bigint AS tokens_in,
            sum(completion_tokens)::bigint AS tokens_out
        FROM artist_db.model_calls
        """,
    )
    takes = await _fetch(dsn, "SELECT body FROM artist_db.takes")
    lengths = [artist_db_pb2.StoredTake.FromString(row["body"]).review.duration_ms / 1000 for row in takes]
    return calls["n"], calls["tokens_in"], calls["tokens_out"], statistics.median(lengths)


async def _fetch(dsn: str, statement: str) -> list[Any]:
    connection = await asyncpg.connect(dsn)
    try:
        return list(await connection.fetch(statement))
    finally:
        await connection.close()


def _artifacts(data: Path) -> dict[str, float]:
    """Bytes by kind, the middle of what there is."""
    found: defaultdict[str, list[int]] = defaultdict(list)
    for path in (data / "artifacts").rglob("*"):
        if path.is_file():
            found[f"a file {_kind(path.relative_to(data / 'artifacts'))}"].append(path.stat().st_size)
    for kind, folder in (("a take's files", "takes"), ("a release's files", "releases")):
        for one in (data / "artifacts" / folder).iterdir():
            size = sum(path.stat().st_size for path in one.rglob("*") if path.is_file())
            filmed = folder == "releases" and (one / "video").exists()
            found[f"{kind}, with videos" if filmed else kind].append(size)
    return {kind: statistics.median(sizes) for kind, sizes in sorted(found.items())}


def _kind(path: Path) -> str:
    """`takes/master.flac`: without the id."""
    place = "/".join([path.parts[0], *path.parts[2:-1]])
    name = path.name if path.parts[0] != "releases" else f"*{path.suffix}"
    return f"{place}/{name}"
