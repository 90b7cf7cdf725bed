"""A process that publishes one release, and is killed at a moment that it is told: `python FILE JOB`.

The job, a JSON file, has the service's `settings`, the `release` (a file with the message) and `kill_at`: the
number of the call to the file system, counted from the beginning of the work, at which the process kills
itself; 0: never. It prints `begin` when its work begins and, where it lives on, at last how many calls there
were.
"""

import asyncio
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1 import release_pb2 as pb
from services.release.artifacts import ArtifactStore
from services.release.pool import WorkerPool
from services.release.settings import Settings
from services.release.targets.configured import open_targets
from services.release.targets.publisher import Publisher
from tests.support.packages import quiet

_COUNTED = (
    "open",
    "os.rename",
    "os.mkdir",
    "os.rmdir",
    "os.remove",
    "os.scandir",
    "os.listdir",
    "socket.connect",
)


class Books:
    """artist_db, as far as a publisher asks it."""

    def __init__(self, release: db.StoredRelease) -> None:
        self.kept = release

    async def release(self, release_id: str) -> db.StoredRelease:
        return self.kept

    async def admit(self, release_id: str, most_a_week: int, *, only_ask: bool = False) -> None:
        """There is no cap."""

    async def record_publication(
        self, request_id: str, release_id: str, target: str, location: str, **_: Any
    ) -> None:
        self.kept.publications.add(target=target, location=location)


class Moments:
    """Counts calls to the file system, and kills at one of them."""

    def __init__(self, kill_at: int) -> None:
        self.count = 0
        self._kill_at = kill_at
        self._counting = False
        sys.addaudithook(self._hook)

    def begin(self) -> None:
        sys.stdout.write("begin\n")
        sys.stdout.flush()
        self._counting = True

    def end(self) -> None:
        self._counting = False

    def _hook(self, event: str, _arguments: Any) -> None:
        if self._counting and event in _COUNTED:
            self.count += 1
            if self.count == self._kill_at:
                os.kill(os.getpid(), signal.SIGKILL)


async def publish(job: dict[str, Any], moments: Moments | None = None) -> Books:
    """Publishes the job's release, here."""
    settings = Settings(**job["settings"])
    books = Books(db.StoredRelease.FromString(await asyncio.to_thread(Path(job["release"]).read_bytes)))
    store = ArtifactStore.open(settings.artifact_store_url)
    records: Any = books
    async with WorkerPool.open(1, None) as pool:
        publisher = Publisher(
            records, store, open_targets(settings, pool), settings.scratch_dir, most_a_week=0
        )
        if moments:
            moments.begin()
        await publisher.publish(pb.PublishReleaseRequest(request_id="r", release_id=books.kept.id), quiet)
        if moments:
            moments.end()
    return books


def main() -> None:
    job = json.loads(Path(sys.argv[1]).read_text())
    moments = Moments(job["kill_at"])
    asyncio.run(publish(job, moments))
    sys.stdout.write(f"{moments.count}\n")


if __name__ == "__main__":
    main()
