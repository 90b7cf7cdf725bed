"""The built-in provider: seconds of audio a second, and where the time of a three-minute song goes."""

import asyncio
import os
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from itertools import pairwise
from multiprocessing import get_context
from pathlib import Path

from services.release import studio
from services.release.mastering import master
from services.release.music.builtin import BuiltinProvider
from services.release.music.genres import GENRES
from services.release.review.reviewer import review
from tests.bench.harness import line, middle
from tests.support.postgres import TestServer
from tests.support.songs import CHORUS, OTHER_VERSE, VERSE, Form, Kind, make_brief

SECONDS = 180
ROUNDS = 3
GOAL_S = 12.0
_FORM: Form = [
    (Kind.KIND_INTRO, 0, []),
    (Kind.KIND_VERSE, 0, VERSE + OTHER_VERSE),
    (Kind.KIND_PRE_CHORUS, 0, VERSE),
    (Kind.KIND_CHORUS, 0, CHORUS * 2),
    (Kind.KIND_VERSE, 0, OTHER_VERSE + VERSE),
    (Kind.KIND_CHORUS, 0, CHORUS * 2),
    (Kind.KIND_BRIDGE, 0, VERSE),
    (Kind.KIND_INSTRUMENTAL, 0, []),
    (Kind.KIND_CHORUS, 0, CHORUS * 2),
    (Kind.KIND_OUTRO, 0, []),
]


@dataclass(frozen=True, slots=True)
class Times:
    """Of one song, in seconds."""

    audio: float
    render: float
    master: float
    write: float
    review: float

    @property
    def whole(self) -> float:
        return self.render + self.master + self.write + self.review


def _quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def _measured(genre: str, folder: str, seed: int) -> Times:
    """One song, through the studio's own steps, in a process like the service's workers."""
    brief = make_brief(genre, form=_FORM, target_duration_ms=SECONDS * 1_000, seed=seed)
    marks = [time.perf_counter()]
    rendering = BuiltinProvider().render(brief, seed=seed, progress=_quiet)
    marks.append(time.perf_counter())
    mastered = master(rendering.samples, rendering.sample_rate)
    marks.append(time.perf_counter())
    path = Path(folder) / f"{genre}.flac"
    studio.write_whole(studio.encode_flac(mastered.samples, rendering.sample_rate), path)
    marks.append(time.perf_counter())
    reviewed = review(path, brief)
    marks.append(time.perf_counter())
    if not reviewed.review.passed:
        raise AssertionError(f"the {genre} song was rejected")
    render, mastering, writing, reviewing = (b - a for a, b in pairwise(marks))
    return Times(len(rendering.samples) / rendering.sample_rate, render, mastering, writing, reviewing)


async def music(server: TestServer) -> None:
    """One song of three minutes in each genre, one at a time; the middle of so many rounds."""
    line(f"A song of {SECONDS} s by the built-in provider, rendered, mastered and reviewed ({ROUNDS} rounds)")
    line("                  audio s   render   master    write   review    whole   audio s a second")
    kept = os.environ.get("OPENBLAS_NUM_THREADS")
    # As in the service's workers; a fresh interpreter reads it.
    os.environ["OPENBLAS_NUM_THREADS"] = "1"
    try:
        with (
            tempfile.TemporaryDirectory(prefix="aiartist-bench-") as folder,
            ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool,
        ):
            await asyncio.to_thread(pool.submit(studio.warm_up).result)
            whole = []
            for genre in GENRES:
                rounds = [
                    await asyncio.to_thread(pool.submit(_measured, genre, folder, seed + 1).result)
                    for seed in range(ROUNDS)
                ]
                whole.append(_tell(genre, rounds))
    finally:
        if kept is None:
            del os.environ["OPENBLAS_NUM_THREADS"]
        else:
            os.environ["OPENBLAS_NUM_THREADS"] = kept
    line(f"  middle of all genres {middle(whole):.1f} s, slowest {max(whole):.1f} s; goal {GOAL_S:.0f} s")
    line()


def _tell(genre: str, rounds: list[Times]) -> float:
    audio, render, mastering, write, reviewing = (
        middle([getattr(times, name) for times in rounds])
        for name in ("audio", "render", "master", "write", "review")
    )
    whole = middle([times.whole for times in rounds])
    steps = "".join(f"{seconds:9.2f}" for seconds in (render, mastering, write, reviewing, whole))
    line(f"  {genre:14} {audio:8.0f}{steps} {audio / whole:12.1f}")
    return whole
