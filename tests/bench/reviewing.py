"""The review of a song of three minutes beside plain librosa, and a take's comparison with very many.

All of it on one thread, in seconds of a processor: what else the machine does is not measured.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import contextmanager
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np

from aiartist.common.v1 import brief_pb2
from services.release import studio
from services.release.review.fingerprint import similarity
from services.release.review.likeness import MAGIC, Index, words
from services.release.review.reviewer import review
from tests.bench.harness import line, middle
from tests.support.postgres import TestServer
from tests.support.songs import CHORUS, OTHER_VERSE, VERSE, Form, Kind, make_brief

BESIDE = Path(sys.prefix) / "bench-release" / "bin" / "python"
"""`make bench-release` puts it there, with librosa and pyloudnorm."""
SECONDS, ROUNDS = 180, 3
GENRES = ("pop", "ambient")
TAKES = (1_000, 10_000)
_FORM: Form = [
    (Kind.KIND_INTRO, 0, []),
    (Kind.KIND_VERSE, 0, VERSE),
    (Kind.KIND_CHORUS, 0, CHORUS),
    (Kind.KIND_VERSE, 0, OTHER_VERSE),
    (Kind.KIND_CHORUS, 0, CHORUS),
    (Kind.KIND_OUTRO, 0, []),
]
_FRAMES_A_SECOND = 44_100 / 4_096
_ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "NUMBA_NUM_THREADS": "1"}


async def reviewing(server: TestServer, beside: Path = BESIDE) -> None:
    with tempfile.TemporaryDirectory(prefix="aiartist-bench-") as folder, _one_thread():
        for genre in GENRES:
            await _one_song(genre, Path(folder), beside)
    await asyncio.to_thread(_catalogue)


async def _one_song(genre: str, folder: Path, beside: Path) -> None:
    brief = make_brief(genre, form=_FORM, target_duration_ms=SECONDS * 1_000)
    song = folder / f"{genre}.flac"
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:

        async def away(work: Callable[..., Any], *arguments: Any) -> Any:
            return await asyncio.to_thread(pool.submit(work, *arguments).result)

        # Produced by the process that reviews afterwards: it is as warm as a worker.
        await away(_produce, brief.SerializeToString(), song)
        ours = [await away(_reviewed, song, brief.SerializeToString()) for _ in range(ROUNDS)]
    line(f"The review of a song of {SECONDS} s ({genre}, {brief.key}, {brief.tempo_bpm} bpm), on one core")
    own = middle([took for took, _ in ours])
    line(f"  this review        {own:7.2f} s   {_found(ours[0][1])}")
    if not beside.exists():
        line("  librosa is left out: make bench-release installs it.")
        return
    script = Path(__file__).with_name("reviewing_librosa.py")
    process = await asyncio.create_subprocess_exec(
        beside, script, song, str(ROUNDS + 1), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    if process.returncode:
        raise RuntimeError(f"{beside} ended with {process.returncode}")
    first, *rounds = map(json.loads, output.splitlines())
    plain = middle([_whole(found) for found in rounds])
    line(f"  librosa            {plain:7.2f} s   {_found(first)}")
    line(f"  librosa, first time{_whole(first):7.2f} s")
    steps = {step: middle([found["seconds"][step] for found in rounds]) for step in first["seconds"]}
    line(f"    of which {', '.join(f'{step} {took:.2f}' for step, took in steps.items())}")
    line(f"  {plain / own:.1f} times as long")
    line()


def _catalogue() -> None:
    """A new take against the whole catalogue: looked up, and compared with each."""
    rng = np.random.default_rng(1)
    length = round(SECONDS * _FRAMES_A_SECOND)
    known = [rng.integers(0, 1 << 32, length, dtype=np.uint32) for _ in range(max(TAKES))]
    copy = known[500][11:] ^ (rng.random(length - 11) < 0.9).astype(np.uint32) * np.uint32(0x00410208)
    pair = [MAGIC + take.astype(">u4").tobytes() for take in known[:2]]
    each = middle([_seconds(similarity, *pair) for _ in range(9)])
    line(f"A take of {SECONDS} s against the catalogue")
    for count in TAKES:
        index = Index().with_added(known[:count])
        found = index.likest(words(MAGIC + copy.astype(">u4").tobytes()))
        assert found is not None
        assert found.place == 500
        took = [_seconds(index.likest, query) for query in (copy, *known[:8])]
        line(
            f"  {count:6,} takes: looked up in {middle(took) * 1e3:6.1f} ms, "
            f"each compared would be {each * count:6.1f} s; {index.size_bytes / 1e6:6.1f} MB"
        )
    line()


def _seconds(work: Callable[..., object], *arguments: object) -> float:
    began = time.process_time()
    work(*arguments)
    return time.process_time() - began


def _produce(brief: bytes, song: Path) -> None:
    studio.produce(studio.TakeJob(brief, 1, song), lambda *update: None)


def _reviewed(song: Path, brief: bytes) -> tuple[float, dict[str, Any]]:
    began = time.process_time()
    found = review(song, brief_pb2.Brief.FromString(brief)).review
    facts = ("tempo_bpm", "key", "loudness_lufs", "true_peak_dbtp")
    return time.process_time() - began, {fact: getattr(found, fact) for fact in facts}


def _whole(found: dict[str, Any]) -> float:
    seconds: Sequence[float] = list(found["seconds"].values())
    return sum(seconds)


def _found(facts: dict[str, Any]) -> str:
    return (
        f"{facts['tempo_bpm']:.1f} bpm, {facts['key']}, {facts['loudness_lufs']:.1f} LUFS, "
        f"{facts['true_peak_dbtp']:.1f} dBTP"
    )


@contextmanager
def _one_thread() -> Iterator[None]:
    """For all that is started here, whoever it is: as many cores would be no comparison of work."""
    kept = {name: os.environ.get(name) for name in _ONE_THREAD}
    os.environ.update(_ONE_THREAD)
    try:
        yield
    finally:
        for name, value in kept.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
