"""Whether it is music at all: hum, tones and noise do not move; a stuck player repeats itself."""

from dataclasses import dataclass

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

from services.release.review.likeness import BITS, Words

_SIZE = 8_192
_LOW_HZ, _HIGH_HZ, _BANDS = 50.0, 12_000.0, 32
# Frames that are so much quieter than the loudest are rests.
_QUIET = 1e-4
_FLOOR_DB = 70.0
# Bands with fewer bins say nothing about noise.
_LEAST_BINS = 8
_BANDWIDTH_DB = 80.0
_SHORTEST_LAG, _LEAST_FRAMES = 11, 220


@dataclass(frozen=True, slots=True)
class Character:
    """What the spectrum of a whole recording says."""

    movement_db: float
    """How much the levels of third-octaves vary in time, as their standard deviation in dB.

    A tone has 0, noise 1.6, music 8 and more.
    """

    noisiness: float
    """How flat the spectrum is within bands, 0 to 1: a tone has 0, noise of any colour 0.6."""

    bandwidth_hz: float
    """The highest frequency within 80 dB of the strongest."""


def character(mono: NDArray[np.float32], sample_rate: int) -> Character | None:
    """None for silence and for less than a second."""
    frames = len(mono) // _SIZE
    if frames < 4:
        return None
    window = np.hanning(_SIZE).astype(np.float32)
    f = np.fft.rfftfreq(_SIZE, 1.0 / sample_rate)
    edges = np.searchsorted(f, np.geomspace(_LOW_HZ, min(_HIGH_HZ, sample_rate * 0.45), _BANDS + 1))
    wide = np.diff(edges) >= _LEAST_BINS
    total = np.zeros(len(f))
    levels, flat, weight = [], 0.0, 0.0
    for first in range(0, frames, 64):
        cut = mono[first * _SIZE : min(first + 64, frames) * _SIZE].reshape(-1, _SIZE)
        power = np.abs(scipy.fft.rfft(cut * window, axis=1)) ** 2
        total += power.sum(axis=0, dtype=np.float64)
        bands = _summed(power, edges)
        levels.append(bands)
        # The geometric mean of a band, beside its arithmetic mean.
        logs = _summed(np.log(power + np.float32(1e-20)), edges) / np.diff(edges)
        flat += float((np.exp(logs) * np.diff(edges))[:, wide].sum())
        weight += float(bands[:, wide].sum())
    bands = np.concatenate(levels)
    loud = bands.sum(axis=1)
    if loud.max() <= 1e-9:
        return None
    db = 10.0 * np.log10(bands[loud > loud.max() * _QUIET] + 1e-12)
    smooth = scipy.ndimage.uniform_filter1d(10.0 * np.log10(total + 1e-12), 16)
    return Character(
        movement_db=float(np.maximum(db, db.max() - _FLOOR_DB).std(axis=0).mean()),
        noisiness=flat / max(weight, 1e-12),
        bandwidth_hz=float(f[np.flatnonzero(smooth > smooth.max() - _BANDWIDTH_DB)[-1]]),
    )


def _summed(power: NDArray[np.float32], edges: NDArray[np.intp]) -> NDArray[np.float32]:
    return np.add.reduceat(power[:, : edges[-1]], edges[:-1], axis=1)


def repetition(frames: Words) -> float:
    """How alike a recording is to itself some time later, 0 to 1, at the best distance.

    The distance is 1 s at least and half of the recording at most; 0 for less than 20 s. A loop that is
    played again and again has 0.9.
    """
    if len(frames) < _LEAST_FRAMES:
        return 0.0
    best = 0.0
    for lag in range(_SHORTEST_LAG, len(frames) // 2):
        apart = np.bitwise_count(frames[lag:] ^ frames[:-lag])
        best = max(best, 1.0 - 2.0 * float(apart.mean()) / BITS)
    return best
