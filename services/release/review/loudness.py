"""Loudness and true peak, after ITU-R BS.1770-4 and EBU Tech 3342.

Samples are float arrays of shape (n, channels).
"""

from functools import cache
from typing import cast

import numpy as np
import scipy.signal
from numpy.typing import NDArray

Samples = NDArray[np.float32]

SILENT_LUFS = -120.0
"""What silence measures here, where the standard says minus infinity."""

_HOP_S = 0.1
_TAPS = 24
_PHASES = 4
_BLOCK = 32


def integrated_lufs(samples: Samples, sample_rate: int) -> float:
    """Integrated loudness in LUFS; `SILENT_LUFS` for silence and for less than 0.4 s."""
    return gated_lufs(weighted_power(samples, sample_rate))


def weighted_power(samples: Samples, sample_rate: int) -> NDArray[np.float64]:
    """K-weighted power of all channels together, a value for each tenth of a second."""
    hop = round(_HOP_S * sample_rate)
    count = len(samples) // hop
    power = np.zeros(count)
    for channel in range(samples.shape[1]):
        heard = scipy.signal.sosfilt(_k_weighting(sample_rate), samples[:, channel])
        power += np.mean(heard[: count * hop].reshape(count, hop) ** 2, axis=1)
    return power


def gated_lufs(power: NDArray[np.float64]) -> float:
    """Integrated loudness from `weighted_power`: 0.4 s blocks, gated at -70 LUFS and 10 LU below the rest."""
    if len(power) < 4:
        return SILENT_LUFS
    blocks = _running_mean(power, 4)
    kept = blocks[_lufs(blocks) > -70.0]
    if not len(kept):
        return SILENT_LUFS
    kept = kept[_lufs(kept) > _lufs(kept.mean()) - 10.0]
    return float(_lufs(kept.mean()))


def range_lu(power: NDArray[np.float64]) -> float:
    """Loudness range in LU from `weighted_power`: the 10th to the 95th percentile of windows of 3 s."""
    if len(power) < 30:
        return 0.0
    windows = _lufs(_running_mean(power, 30))
    kept = windows[windows > -70.0]
    if not len(kept):
        return 0.0
    kept = kept[kept > _lufs(np.mean(10.0 ** ((kept + 0.691) / 10.0))) - 20.0]
    low, high = np.percentile(kept, [10, 95])
    return float(high - low)


def true_peaks(samples: Samples, block: int) -> NDArray[np.float32]:
    """The highest peak of any channel, between the samples too, in each block of `block` samples."""
    peaks = np.zeros(-(-len(samples) // block), dtype=np.float32)
    bank = _interpolator(block)
    # Chunks that stay in the processor's cache.
    step = max(1, 16_384 // block)
    for channel in range(samples.shape[1]):
        rows = _rows(samples[:, channel], block)
        for first in range(0, len(rows), step):
            chunk = np.ascontiguousarray(rows[first : first + step])
            high = np.abs(chunk @ bank).max(axis=1)
            np.maximum(peaks[first : first + len(high)], high, out=peaks[first : first + len(high)])
    return peaks


def true_peak_dbtp(samples: Samples) -> float:
    """The highest true peak in dBTP.

    Interpolation can raise a block above its own samples and its neighbours' by a known factor only, so that
    most blocks of most music can't hold the highest peak and are left out.
    """
    peak = float(np.abs(samples).max(initial=0.0))
    overshoot = float(np.abs(_taps(_PHASES // 2)).sum()) * 1.001
    bank = _interpolator(_BLOCK)
    for channel in range(samples.shape[1]):
        rows = _rows(samples[:, channel], _BLOCK)
        own = np.abs(rows[:, _TAPS // 2 : _TAPS // 2 + _BLOCK]).max(axis=1, initial=0.0)
        around = np.maximum(own, np.maximum(np.append(own[1:], 0.0), np.append(0.0, own[:-1])))
        chosen = np.flatnonzero(around * overshoot > peak)
        # So few at once that the multiplication stays on one core: to wake the others costs more.
        for first in range(0, len(chosen), 32):
            peak = max(peak, float(np.abs(rows[chosen[first : first + 32]] @ bank).max()))
    return float(20.0 * np.log10(max(peak, 1e-6)))


def _rows(signal: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """A view of the blocks, each with what its interpolation needs of its neighbours."""
    count = -(-len(signal) // block)
    padded = np.zeros(count * block + _TAPS, dtype=np.float32)
    padded[_TAPS // 2 : _TAPS // 2 + len(signal)] = signal
    return np.lib.stride_tricks.sliding_window_view(padded, block + _TAPS - 1)[::block][:count]


def _taps(phase: int) -> NDArray[np.float32]:
    """A windowed sinc that looks `phase` quarters of a sample ahead."""
    x = np.arange(_TAPS) - _TAPS // 2 - phase / _PHASES
    inside = np.maximum(0.0, 1.0 - (x / (_TAPS // 2 + 0.5)) ** 2)
    taps = np.sinc(x) * np.i0(8.0 * np.sqrt(inside)) / np.i0(8.0)
    return cast(NDArray[np.float32], (taps / taps.sum()).astype(np.float32))


@cache
def _interpolator(block: int) -> NDArray[np.float32]:
    """A matrix from a block of samples and its surroundings to the block at four times the sample rate."""
    bank = np.zeros((block + _TAPS - 1, block * _PHASES), dtype=np.float32)
    for phase in range(_PHASES):
        for place in range(block):
            bank[place : place + _TAPS, place * _PHASES + phase] = _taps(phase)
    return bank


def _k_weighting(sample_rate: int) -> NDArray[np.float64]:
    """The standard's two filters as second-order sections, for any sample rate."""
    k = np.tan(np.pi * 1681.974450955533 / sample_rate)
    q, gain = 0.7071752369554196, 10.0 ** (3.999843853973347 / 20.0)
    boost = gain**0.4996667741545416
    a0 = 1.0 + k / q + k * k
    shelf = [
        (gain + boost * k / q + k * k) / a0,
        2.0 * (k * k - gain) / a0,
        (gain - boost * k / q + k * k) / a0,
        1.0,
        2.0 * (k * k - 1.0) / a0,
        (1.0 - k / q + k * k) / a0,
    ]
    k, q = np.tan(np.pi * 38.13547087602444 / sample_rate), 0.5003270373238773
    a0 = 1.0 + k / q + k * k
    high_pass = [1.0, -2.0, 1.0, 1.0, 2.0 * (k * k - 1.0) / a0, (1.0 - k / q + k * k) / a0]
    return np.array([shelf, high_pass])


def _lufs(power: NDArray[np.float64] | np.floating) -> NDArray[np.float64]:
    return np.asarray(-0.691 + 10.0 * np.log10(np.maximum(power, 1e-15)), dtype=np.float64)


def _running_mean(values: NDArray[np.float64], width: int) -> NDArray[np.float64]:
    sums = np.cumsum(np.concatenate([[0.0], values]))
    return np.asarray((sums[width:] - sums[:-width]) / width, dtype=np.float64)
