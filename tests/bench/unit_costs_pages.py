"""What the catalogue's pages cost with each publication to a folder: all of them are looked at."""

import os
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from services.release.package.layout import MANIFEST
from services.release.pool import WorkerPool
from services.release.targets.pages.catalogue import CataloguePages
from services.release.targets.pages.facts import Card
from tests.bench.harness import middle

SIZES = (1_000, 10_000, 50_000)
ROUNDS = 3


async def pages() -> list[tuple[int, float]]:
    """For so many releases in the folder: seconds of one refresh where nothing is new but the index."""
    found = []
    async with WorkerPool.open(1) as pool:
        shown = CataloguePages("A label", pool)
        with TemporaryDirectory(prefix="aiartist-bench-") as name:
            for size in SIZES:
                _publish(Path(name), size, shown._edition)
                await shown.refresh(Path(name))
                found.append((size, middle([await _once(shown, Path(name)) for _ in range(ROUNDS)])))
    return found


async def _once(shown: CataloguePages, catalogue: Path) -> float:
    began = time.perf_counter()
    await shown.refresh(catalogue)
    return time.perf_counter() - began


def _publish(catalogue: Path, count: int, edition: str) -> None:
    """So many releases with their cards and thumbnails; their packages are empty, as nobody reads those."""
    covers = catalogue / "pages" / "covers"
    covers.mkdir(parents=True, exist_ok=True)
    for number in range(len(os.listdir(covers)), count):
        release_id = f"rel_{number:026d}"
        (catalogue / release_id).mkdir()
        (catalogue / release_id / MANIFEST).touch()
        (covers / f"{release_id}.jpg").touch()
        card = Card(release_id, f"Song {number}", "Artist", "pop", "2026-03-08", f"2026-03-08T{number:09d}",
                    180_000, False, False, "0" * 64)  # fmt: skip
        (catalogue / "pages" / f"{release_id}.json").write_bytes(card.to_json(edition))
