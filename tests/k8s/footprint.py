"""What each service's process needs, from runs on this machine: `python -m tests.k8s.footprint [--video]`.

Starts one process a service as its container does, the local model too, makes songs one after the other, and
prints for each process tree: resident memory when idle and at most, processor time per song, and the
busiest five seconds. docs/kubernetes.md has the figures and what followed from them.
"""

import argparse
import asyncio
import secrets
import tempfile
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from aiartist.artist_db.v1.artist_db_pb2 import CreateArtistRequest
from aiartist.scheduler.v1 import scheduler_pb2 as pb
from tests.support.label import Label, persona
from tests.support.postgres import TestServer, fresh_database
from tests.support.processes import (
    SERVICES,
    Process,
    clean_environment,
    free_port,
    ports_environment,
    process,
)

SAMPLE_S = 0.5
WINDOW_SAMPLES = 10
MIB = 1 << 20


@dataclass(slots=True)
class Footprint:
    """The samples of one process and its children."""

    target: str
    root: psutil.Process
    idle_rss: int = 0
    rss: list[int] = field(default_factory=list)
    cpu_s: list[float] = field(default_factory=list)

    def sample(self) -> None:
        """Resident memory now, in bytes, and processor time so far, in seconds.

        Pages that parent and child share count twice: the figure is at most too large.
        """
        rss, cpu = 0, 0.0
        with suppress(psutil.NoSuchProcess):
            times = self.root.cpu_times()
            cpu += times.children_user + times.children_system
            for member in (self.root, *self.root.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    rss += member.memory_info().rss
                    own = member.cpu_times()
                    cpu += own.user + own.system
        self.rss.append(rss)
        self.cpu_s.append(cpu)

    def row(self, songs: int) -> str:
        used = self.cpu_s[-1] - self.cpu_s[0]
        steps = zip(self.cpu_s, self.cpu_s[WINDOW_SAMPLES:], strict=False)
        busiest = max((late - early for early, late in steps), default=0.0) / (SAMPLE_S * WINDOW_SAMPLES)
        return (
            f"| {self.target} | {self.idle_rss / MIB:.0f} | {max(self.rss) / MIB:.0f} | {used / songs:.1f} "
            f"| {busiest * 1000:.0f} |"
        )


async def measure(songs: int, seconds: int, video: str) -> Sequence[Footprint]:
    """The footprints over so many songs of this length, with autopilot."""
    with tempfile.TemporaryDirectory(prefix="aiartist-footprint-") as name:
        folder = Path(name)
        with TestServer.shared(folder) as server:
            await server.make_template()
            database = await asyncio.to_thread(lambda: fresh_database(server))
            url = await asyncio.to_thread(database.__enter__)
            try:
                return await _with_processes(folder, url, songs, seconds, video)
            finally:
                await asyncio.to_thread(database.__exit__, None, None, None)


async def _with_processes(
    folder: Path, url: str, songs: int, seconds: int, video: str
) -> Sequence[Footprint]:
    port = str(free_port())
    environment = clean_environment(
        **ports_environment(),
        AIARTIST_DATA_DIR=str(folder / "data"),
        AIARTIST_DATABASE_URL=url,
        AIARTIST_MODEL_PORT=port,
        AIARTIST_MODEL_URL=f"http://127.0.0.1:{port}/v1",
        AIARTIST_LOG_FORMAT="json",
        AIARTIST_TOKEN=secrets.token_hex(16),
    )
    environment["AIARTIST_RELEASE_VIDEO"] = video
    label = Label(environment, folder / "data" / "releases")
    async with AsyncExitStack() as stack:
        stack.push_async_callback(label.close)
        running: list[Process] = []
        for target in ("model", *SERVICES):
            started = process(target, environment, folder / f"{target}.log")
            running.append(await stack.enter_async_context(started))
        for one in running:
            if one.target in SERVICES:
                await one.ready(one.target)
        # The imports that readiness does not wait for, and the first worker's warm-up.
        await asyncio.sleep(30)
        found = [Footprint(one.target, psutil.Process(one.running.pid)) for one in running]
        for footprint in found:
            footprint.sample()
            footprint.idle_rss = footprint.rss[0]
        sampling = asyncio.create_task(_keep_sampling(found))
        try:
            wanted = CreateArtistRequest(persona=persona(target_duration_ms=seconds * 1000))
            artist_id = (await label.artists.CreateArtist(wanted, timeout=10)).artist.id
            for _ in range(songs):
                await label.until(await label.start(artist_id), pb.RUN_STATE_RELEASED, within_s=1800)
        finally:
            sampling.cancel()
        for footprint in found:
            footprint.sample()
        return found


async def _keep_sampling(found: Sequence[Footprint]) -> None:
    following = time.monotonic()
    while True:
        for footprint in found:
            footprint.sample()
        following += SAMPLE_S
        await asyncio.sleep(max(0.0, following - time.monotonic()))


def main() -> None:
    """Prints a table in Markdown."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--songs", type=int, default=2)
    parser.add_argument("--seconds", type=int, default=60, help="of a song, about")
    parser.add_argument("--video", action="store_true", help="with both videos; takes minutes")
    arguments = parser.parse_args()
    video = "landscape,portrait" if arguments.video else "off"
    found = asyncio.run(measure(arguments.songs, arguments.seconds, video))
    print("| process | idle MiB | at most MiB | CPU s per song | busiest 5 s, millicores |")  # noqa: T201
    print("|---|---|---|---|---|")  # noqa: T201
    for footprint in found:
        print(footprint.row(arguments.songs))  # noqa: T201


if __name__ == "__main__":
    main()
