"""A studio that renders seconds of noise in milliseconds: real FLAC, real loudness, real numbers.

Its functions run in worker processes, by their names.
"""

import hashlib
import os
import signal
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile

from aiartist.common.v1 import audio_pb2, brief_pb2
from services.release.music.provider import UnplayableBrief
from services.release.providers.intake import take_in
from services.release.review.likeness import MAGIC

RATE = 44_100
SECONDS = 2.0
LUFS_OF_UNIT_NOISE = 3.09
"""What the noise below measures at an RMS of 1, whatever the seed, within 0.05 LU."""


@dataclass(frozen=True, slots=True)
class TakeJob:
    """As `services.release.studio.TakeJob`."""

    brief: bytes
    seed: int
    output: Path
    source: Path | None
    provider: str
    soundfont: Path | None = None


@dataclass(frozen=True, slots=True)
class TakeResult:
    """As `services.release.studio.TakeResult`."""

    review: bytes
    provider: str
    seed: int
    sha256: str
    size_bytes: int
    fingerprint: bytes
    model: str = ""


def warm_up() -> None:
    """Nothing to load."""


def master(seed: int, *, lufs: float = -14.0, seconds: float = SECONDS) -> np.ndarray:
    """Stereo noise, softened, at this loudness; shape (frames, 2), from -1 to 1."""
    rng = np.random.default_rng(seed)
    noise = rng.uniform(-1, 1, (int(RATE * seconds), 2))
    softened = np.stack([np.convolve(channel, np.hanning(24), mode="same") for channel in noise.T], axis=-1)
    softened /= np.sqrt(np.mean(softened**2))
    return np.asarray(softened * 10 ** ((lufs - LUFS_OF_UNIT_NOISE) / 20))


def review_of(samples: np.ndarray, lufs: float = -14.0) -> audio_pb2.Review:
    """A review that passes, of noise of this loudness."""
    return audio_pb2.Review(
        passed=True,
        checks=[
            audio_pb2.ReviewCheck(
                name="integrated_loudness_lufs",
                outcome=audio_pb2.ReviewCheck.OUTCOME_PASS,
                measured=lufs,
                minimum=-14.5,
                maximum=-13.5,
                message=f"{lufs:.1f} LUFS",
            )
        ],
        duration_ms=round(len(samples) * 1000 / RATE),
        loudness_lufs=lufs,
        true_peak_dbtp=_true_peak_dbtp(samples),
        tempo_bpm=118.2,
        key="A minor",
    )


def _true_peak_dbtp(samples: np.ndarray) -> float:
    """By 4 times as many points of the same Fourier series."""
    spectrum = np.fft.rfft(samples, axis=0)
    finer = np.fft.irfft(spectrum, n=4 * len(samples), axis=0) * 4
    return float(20 * np.log10(np.abs(finer).max()))


def produce(job: TakeJob, progress: Callable[[str, int, int], None]) -> TakeResult:
    """Noise from the seed. The title steers: `flop` fails its review, `crash` kills, `hang` never ends.

    `crash late` kills once, while what people judge the take by is being made; every `echo ...` sounds alike.
    """
    title = brief_pb2.Brief.FromString(job.brief).title
    progress("rendering", 1, 2)
    if title == "crash":
        os.kill(os.getpid(), signal.SIGKILL)
    if title == "hang":
        job.output.write_bytes(b"half a file")
        progress("hanging", 1, 2)
        threading.Event().wait()
    if title == "crash late":
        threading.Thread(target=_die_after_the_preview, args=(job.output.parent,), daemon=True).start()
    if title == "unplayable":
        raise UnplayableBrief("sections: there are none")
    with (job.output.parent.parent / "renders").open("a") as log:
        log.write(f"{job.seed}\n")
    if job.source is None:
        samples = master(job.seed)
    else:
        song = brief_pb2.Brief.FromString(job.brief)
        samples = take_in(job.source, song, provider=job.provider, seed=job.seed).samples
    soundfile.write(job.output, samples, RATE, subtype="PCM_16", format="FLAC")
    review = review_of(samples)
    if title.endswith("flop"):
        review.passed = False
        review.checks[0].outcome = audio_pb2.ReviewCheck.OUTCOME_FAIL
    data = job.output.read_bytes()
    progress("done", 2, 2)
    return TakeResult(
        review=review.SerializeToString(),
        provider=job.provider,
        seed=job.seed,
        sha256=hashlib.sha256(data).hexdigest(),
        size_bytes=len(data),
        fingerprint=_fingerprint(0 if title.startswith("echo") else job.seed),
    )


def _fingerprint(seed: int) -> bytes:
    """Of 19 s; noise of 2 s would be too short to compare."""
    return MAGIC + np.random.default_rng(seed).bytes(200 * 4)


def _die_after_the_preview(folder: Path) -> None:
    """Kills this process, its cover not yet drawn; not again where a mark beside the folder says so."""
    moment = threading.Event()
    while not (folder / "preview.mp3").exists():
        moment.wait(0.001)
    mark = folder.parent / "crashed"
    if not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
