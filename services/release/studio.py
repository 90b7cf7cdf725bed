"""The studio: one take from brief to reviewed master. Pure CPU work, made for a process of its own."""

import hashlib
import io
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
from numpy.typing import NDArray

from aiartist.common.v1 import brief_pb2
from services.release.mastering import master
from services.release.music.builtin import BuiltinProvider
from services.release.music.provider import MusicProvider, ProgressFn, Rendering
from services.release.providers.intake import take_in
from services.release.review.reviewer import review

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

    source: Path | None = None
    """A provider's file, to be mastered and reviewed; None: the song is rendered here."""

    provider: str = BuiltinProvider.name
    """Who made the source."""

    soundfont: Path | None = None
    """A SoundFont 2 file that a song rendered here takes natural instruments from."""


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
    model: str = ""
    """As `Rendering.model`."""


def produce(job: TakeJob, progress: ProgressFn) -> TakeResult:
    """Renders or reads, masters, writes and reviews one take.

    The file appears whole or not at all: FLAC, 44.1 kHz, stereo, 24 bit. The review reads what was written.
    The same job gives the same bytes. Raises `UnplayableBrief`, `UnusableSong`, `Unmasterable`, or `OSError`
    where the file can't be written.
    """
    brief = brief_pb2.Brief.FromString(job.brief)
    rendering = _rendering(job, brief, progress)
    progress("mastering", _SHARE, 100)
    mastered = master(rendering.samples, rendering.sample_rate)
    progress("writing", 80, 100)
    data = encode_flac(mastered.samples, rendering.sample_rate)
    write_whole(data, job.output)
    progress("reviewing", 85, 100)
    reviewed = review(job.output, brief)
    progress("reviewed", 100, 100)
    return TakeResult(
        review=reviewed.review.SerializeToString(deterministic=True),
        provider=rendering.provider,
        seed=job.seed,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        fingerprint=reviewed.fingerprint,
        model=rendering.model,
    )


def _rendering(job: TakeJob, brief: brief_pb2.Brief, progress: ProgressFn) -> Rendering:
    if job.source is not None:
        progress("reading the song", 0, 100)
        return take_in(job.source, brief, provider=job.provider, seed=job.seed)
    provider: MusicProvider = BuiltinProvider(job.soundfont)
    return provider.render(brief, seed=job.seed, progress=_scaled(progress))


def warm_up() -> None:
    """Produces a song of two bars and throws it away: the first real one finds every library loaded."""
    brief = brief_pb2.Brief(title="warm-up", genre="pop", tempo_bpm=120, key="C major")
    brief.sections.add(kind=brief_pb2.Section.KIND_CHORUS, bars=2, lines=["one two three"])
    with tempfile.TemporaryDirectory() as folder:
        produce(TakeJob(brief.SerializeToString(), 1, Path(folder) / "take.flac"), _quiet)


def _quiet(step: str, done: int, total: int) -> None:
    """Progress that nobody wants to see."""


def encode_flac(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """Samples of shape (n, 2) as a FLAC file of 24 bits."""
    file = io.BytesIO()
    soundfile.write(file, samples, sample_rate, format="FLAC", subtype="PCM_24", compression_level=0.5)
    return file.getvalue()


def write_whole(data: bytes, path: Path) -> None:
    """Writes a file so that the path holds the old one or the whole new one, also after a crash.

    Raises `OSError`, for example where the disk is full; then nothing is left behind.
    """
    draft = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with draft.open("wb") as file:
            file.write(data)
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
