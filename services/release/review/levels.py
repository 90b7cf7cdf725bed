"""Silence, clipping, offset and the two sides. Samples have the shape (n, channels), full scale at 1."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SILENCE_DBFS = -60.0
_BLOCK_S = 0.05


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
    """Samples on flat tops: three and more in a row at full scale, or six and more equal ones at the peak."""
    peak = float(np.abs(samples).max(initial=0.0))
    if peak < 1e-3:
        return 0
    total = 0
    for channel in range(samples.shape[1]):
        side = samples[:, channel]
        for high, run in (
            (np.abs(side) >= 0.9995, 3),
            ((np.abs(side) >= 0.98 * peak) & np.append(side[1:] == side[:-1], False), 6),
        ):
            lengths = _runs(high)
            total = max(total, int(lengths[lengths >= run].sum()))
    return total


def dc_offset(samples: Samples) -> float:
    """The mean of the worse channel, in parts of full scale."""
    means = [samples[:, channel].mean(dtype=np.float64) for channel in range(samples.shape[1])]
    return float(np.abs(means).max())


def correlation(samples: Samples) -> float:
    """How alike the channels are: 1 the same, 0 unrelated, -1 opposite; 1 for one channel alone."""
    if samples.shape[1] != 2:
        return 1.0
    left, right = samples[:, 0].astype(np.float64), samples[:, 1].astype(np.float64)
    power = float(np.sqrt(np.dot(left, left) * np.dot(right, right)))
    return float(np.dot(left, right)) / power if power > 0 else 1.0


def imbalance_db(samples: Samples) -> float:
    """How much louder one channel is than the other, in dB; at most 120."""
    if samples.shape[1] != 2:
        return 0.0
    left, right = (float(np.mean(samples[:, side] ** 2, dtype=np.float64)) for side in range(2))
    if left + right <= 0:
        return 0.0
    return float(min(120.0, abs(10.0 * np.log10((left + 1e-30) / (right + 1e-30)))))


def _runs(flags: NDArray[np.bool_]) -> NDArray[np.int64]:
    """Lengths of the runs of True."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], flags, [False]]).astype(np.int8)))
    return edges[1::2] - edges[::2]
