"""Silence, clipping, offset and the two sides. Samples have the shape (n, channels), full scale at 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from services.release.review.continuity import runs

Samples = NDArray[np.float32]

SILENCE_DBFS = -60.0
_BLOCK_S = 0.05
_FULL_SCALE, _FULL_RUN = 0.9995, 3
_PLATEAU, _PLATEAU_RUN, _CORNER = 2e-4, 5, 2e-3
_LOW_BLOCK_S = 1.0 / 700.0


@dataclass(frozen=True, slots=True)
class Silences:
    """Stretches below -60 dBFS, in seconds; a wholly silent file is all leading."""

    leading_s: float
    longest_inside_s: float
    trailing_s: float


def silences(samples: Samples, sample_rate: int) -> Silences:
    """Where the sound is silent, in steps of 50 ms."""
    block = max(1, round(_BLOCK_S * sample_rate))
    count = len(samples) // block
    if count == 0:
        return Silences(len(samples) / sample_rate, 0.0, 0.0)
    power = np.zeros(count)
    for channel in range(samples.shape[1]):
        cut = samples[: count * block, channel].reshape(count, block)
        np.maximum(power, np.mean(cut**2, axis=1), out=power)
    level = np.sqrt(power)
    heard = np.flatnonzero(level > 10.0 ** (SILENCE_DBFS / 20.0))
    if not len(heard):
        return Silences(len(samples) / sample_rate, 0.0, 0.0)
    gaps = np.diff(heard) - 1
    return Silences(
        float(heard[0]) * _BLOCK_S,
        float(gaps.max(initial=0)) * _BLOCK_S,
        float(count - 1 - heard[-1]) * _BLOCK_S,
    )


def clipped(samples: Samples) -> int:
    """Samples on flat tops, at whatever level the clipping was: of the worse channel.

    These are three and more in a row at full scale, and plateaus of five and more: samples above half of the
    peak that differ by 0.0002 at most, between slopes that are ten times as steep. The tops of bass notes are
    as flat, but round at their edges.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-3:
        return 0
    worst = 0
    for channel in range(samples.shape[1]):
        side = np.abs(samples[:, channel])
        first, last = runs(side >= _FULL_SCALE)
        full = int((last - first)[last - first >= _FULL_RUN].sum())
        worst = max(worst, full, _plateaus(samples[:, channel], peak))
    return worst


def _plateaus(signal: NDArray[np.float32], peak: float) -> int:
    steps = np.abs(np.diff(signal))
    first, last = runs((steps <= _PLATEAU) & (np.abs(signal[1:]) > 0.5 * peak))
    kept = (last - first >= _PLATEAU_RUN - 1) & (first >= 1) & (last < len(steps))
    first, last = first[kept], last[kept]
    cornered = (steps[first - 1] > _CORNER) & (steps[last] > _CORNER)
    return int((last - first + 1)[cornered].sum())


def dc_offset(samples: Samples) -> float:
    """The mean of the worse channel, in parts of full scale."""
    means = [samples[:, channel].mean(dtype=np.float64) for channel in range(samples.shape[1])]
    return float(np.abs(means).max())


def correlation(samples: Samples) -> float:
    """How alike the channels are: 1 the same, 0 unrelated, -1 opposite; 1 for one channel alone."""
    if samples.shape[1] != 2:
        return 1.0
    return _likeness(samples[:, 0], samples[:, 1])


def low_correlation(samples: Samples, sample_rate: int) -> float:
    """How alike the channels are in the bass, below some 200 Hz; as `correlation`."""
    block = max(1, round(_LOW_BLOCK_S * sample_rate))
    count = len(samples) // block
    if samples.shape[1] != 2 or count == 0:
        return 1.0
    left, right = (samples[: count * block, side].reshape(count, block).mean(axis=1) for side in range(2))
    return _likeness(left, right)


def _likeness(left: NDArray[np.float32], right: NDArray[np.float32]) -> float:
    # In pieces, so that single precision is enough.
    products = np.zeros(3)
    for first in range(0, len(left), 1 << 16):
        one, other = left[first : first + (1 << 16)], right[first : first + (1 << 16)]
        products += (np.dot(one, other), np.dot(one, one), np.dot(other, other))
    power = float(np.sqrt(products[1] * products[2]))
    return float(products[0]) / power if power > 0 else 1.0


def imbalance_db(samples: Samples) -> float:
    """How much louder one channel is than the other, in dB; at most 120."""
    if samples.shape[1] != 2:
        return 0.0
    left, right = (float(np.mean(samples[:, side] ** 2, dtype=np.float64)) for side in range(2))
    if left + right <= 0:
        return 0.0
    return float(min(120.0, abs(10.0 * np.log10((left + 1e-30) / (right + 1e-30)))))
