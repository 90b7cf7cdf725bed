"""The studio: one take from brief to reviewed master. Pure CPU work, made for a process of its own."""

import hashlib
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from services.release.mastering import master
from services.release.music.builtin import BuiltinProvider
from services.release.music.provider import MusicProvider, ProgressFn
from services.release.review import review

from aiartist.common.v1 import brief_pb2

_SHARE = 60
"""Of 100 units of progress, so many are the provider's."""


@dataclass(frozen=True, slots=True)
class TakeJob:
    """What to produce; travels to another process."""

    brief: bytes
    """A serialised `aiartist.common.v1.Brief`."""

    seed: int
    """Another number gives another rendering of the same brief."""

    output: Path
    """Where the FLAC goes; its folder exists. Replaced if it is there."""

    catalogue: tuple[bytes, ...] = ()
    """Fingerprints of earlier takes of other briefs."""


@dataclass(frozen=True, slots=True)
class TakeResult:
    """What came of it."""

    review: bytes
    """A serialised `aiartist.common.v1.Review`; it may say that the take failed."""

    provider: str
    seed: int
    sha256: str
    """Of the file, 64 hex digits."""

    size_bytes: int
    fingerprint: bytes


def produce(job: TakeJob, progress: ProgressFn) -> TakeResult:
    """Renders, masters, writes and reviews one take.

    The file appears whole or not at all: FLAC, 44.1 kHz, stereo, 24 bit. The review reads what was written. The same job gives
    the same bytes. Raises `UnplayableBrief`, `Unmasterable`, or `OSError` where the file can't be written.
    """
    provider: MusicProvider = BuiltinProvider()
    brief = brief_pb2.Brief.FromString(job.brief)
    rendering = provider.render(brief, seed=job.seed, progress=_scaled(progress))
    progress("mastering", _SHARE, 100)
    mastered = master(rendering.samples, rendering.sample_rate)
    progress("writing", 80, 100)
    write_flac(mastered.samples, rendering.sample_rate, job.output)
    progress("reviewing", 85, 100)
    reviewed = review(job.output, brief, job.catalogue)
    data = job.output.read_bytes()
    progress("reviewed", 100, 100)
    return TakeResult(
        review=reviewed.review.SerializeToString(deterministic=True),
        provider=rendering.provider,
        seed=job.seed,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        fingerprint=reviewed.fingerprint,
    )


def warm_up() -> None:
    """Loads what the first take would otherwise wait for: the numeric libraries' own lazy parts."""
    noise = np.random.default_rng(1).standard_normal((44_100, 2)).astype(np.float32) * np.float32(0.1)
    master(noise, 44_100)


def write_flac(samples: NDArray[np.float32], sample_rate: int, path: Path) -> None:
    """Writes (n, 2) as 24-bit FLAC, so that the path holds the old file or the whole new one, also after a crash."""
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            soundfile.write(
                file, samples, sample_rate, format="FLAC", subtype="PCM_24", compression_level=0.5
            )
            file.flush()
            os.fsync(file.fileno())
        draft.replace(path)
    finally:
        draft.unlink(missing_ok=True)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _scaled(progress: ProgressFn) -> Callable[[str, int, int], None]:
    def report(step: str, done: int, total: int) -> None:
        progress(step, _SHARE * done // max(1, total), 100)

    return report
