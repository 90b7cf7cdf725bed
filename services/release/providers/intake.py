"""A song from outside becomes a rendering like our own: decoded whole, 44.1 kHz, stereo, and looked at first.

Providers call songs finished that are empty, silent or seconds long. That is theirs to answer for, so it is
found here, before a master is made of it and the review is asked. Made for a worker process.
"""

from functools import lru_cache
from math import gcd
from pathlib import Path

import numpy as np
import scipy.signal
import soundfile
from numpy.typing import NDArray

from aiartist.common.v1 import brief_pb2
from services.release.music.provider import SAMPLE_RATE, Rendering
from services.release.providers.provider import Outcome
from services.release.providers.words import wanted_s
from services.release.review.decode import decode

Samples = NDArray[np.float32]

SHORTEST_S, LONGEST_S = 10.0, 900.0
"""Where nobody said what is wanted; and nothing is longer."""
SHORTEST_SHARE, LONGEST_SHARE = 0.25, 4.0
"""Of the wanted length. Nearer than that, the review tells how well it fits."""
SILENCE = 1e-3
"""Full scale is 1: a song that never gets over -60 dBFS is none."""
_RATES_HZ = (16_000, 192_000)

_STOP_DB, _HALF_TAPS = 110.0, 64
_PASS = 0.955
"""Of the lower Nyquist frequency: the filter's middle. At 48 kHz it passes 20 kHz and stops at 22.05."""


class UnusableSong(Exception):
    """A provider's file that is no song; `str()` says why."""

    def __init__(self, outcome: Outcome, reason: str) -> None:
        super().__init__(reason)
        self.outcome: Outcome = outcome


def take_in(path: Path, brief: brief_pb2.Brief, *, provider: str, seed: int) -> Rendering:
    """Reads a provider's song. UnusableSong where it is none; OSError where the file can't be opened."""
    _check_header(path)
    decoded = decode(path)
    samples, rate = decoded.samples, decoded.sample_rate
    if len(samples) == 0 or rate == 0:
        raise UnusableSong("bad_audio" if decoded.fault else "empty_song", decoded.fault or "it has no sound")
    if decoded.fault:
        raise UnusableSong("bad_audio", decoded.fault)
    if not _RATES_HZ[0] <= rate <= _RATES_HZ[1]:
        raise UnusableSong("bad_audio", f"it has {rate:,} samples a second")
    if not np.isfinite(samples).all():
        raise UnusableSong("bad_audio", "it contains numbers that are not finite")
    _check_length(len(samples) / rate, brief)
    if float(np.abs(samples).max()) < SILENCE:
        raise UnusableSong("empty_song", "it is silent from its beginning to its end")
    stereo = np.repeat(samples, 2, axis=1) if samples.shape[1] == 1 else samples
    return Rendering(resampled(stereo, rate), SAMPLE_RATE, provider, seed)


def _check_header(path: Path) -> None:
    """Before it is decoded: a small file can claim to be days long, on many channels."""
    try:
        told = soundfile.info(path)
    except soundfile.LibsndfileError:
        # Decoding tells what is wrong with it.
        return
    if told.duration > LONGEST_S:
        raise UnusableSong("bad_audio", f"it goes on for {told.duration:.0f} s")
    if told.channels > 2:
        raise UnusableSong("bad_audio", f"it has {told.channels} channels")


def resampled(samples: Samples, rate: int) -> Samples:
    """The same sound at 44.1 kHz, of shape (n, 2).

    By a linear-phase FIR filter in its polyphase form. Measured from 48 kHz: flat within 0.01 dB up to
    20 kHz, what would alias is lowered by 60 dB at 22.1 kHz and by 110 dB from 23 kHz on, and what is added
    stays below -120 dB. At 44.1 kHz nothing is changed.
    """
    if rate == SAMPLE_RATE:
        return np.ascontiguousarray(samples)
    common = gcd(rate, SAMPLE_RATE)
    up, down = SAMPLE_RATE // common, rate // common
    made = scipy.signal.resample_poly(samples, up, down, axis=0, window=_filter(max(up, down)))
    return np.ascontiguousarray(made, dtype=np.float32)


@lru_cache(4)
def _filter(factor: int) -> Samples:
    taps = 2 * _HALF_TAPS * factor + 1
    beta = scipy.signal.kaiser_beta(_STOP_DB)
    made = scipy.signal.firwin(taps, _PASS / factor, window=("kaiser", beta))
    return np.asarray(made, dtype=np.float32)


def _check_length(seconds: float, brief: brief_pb2.Brief) -> None:
    wanted = wanted_s(brief)
    least = wanted * SHORTEST_SHARE if wanted else SHORTEST_S
    most = min(LONGEST_S, wanted * LONGEST_SHARE) if wanted else LONGEST_S
    if seconds < least:
        raise UnusableSong("empty_song", f"it ends after {seconds:.1f} s; the least is {least:.1f} s")
    if seconds > most:
        raise UnusableSong("bad_audio", f"it goes on for {seconds:.0f} s; the most is {most:.0f} s")
