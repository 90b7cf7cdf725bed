"""Tempo from the sound alone."""

from typing import cast

import numpy as np
import scipy.fft
import scipy.ndimage
from numpy.typing import NDArray

_SIZE, _HOP = 2_048, 512
_SLOWEST, _FASTEST = 40.0, 220.0

# Where people hear the beat when several tempi fit, and how firmly (in octaves).
_USUAL, _WIDTH = 112.0, 1.2
# The kick, the snare and the hats each have a rhythm of their own, which their sum would hide.
_GROUPS = 6

# Bars have four beats, so music repeats after 1, 2, 4, 8 ... beats and is divided by halves; after 3, 6 or
# 12 beats it repeats less.
_REPEATS = (
    *((multiple, 1.0) for multiple in (1.0, 2.0, 4.0, 8.0, 16.0)),
    *((multiple, 0.5) for multiple in (0.25, 0.5)),
    *((multiple, -0.5) for multiple in (3.0, 6.0, 12.0)),
)


def onset_strength(mono: NDArray[np.float32], sample_rate: int) -> NDArray[np.float64]:
    """How much begins at each moment, (frames, 6) from low to high, a frame each 512 samples.

    It is the rise of the log spectrum, less what is usual around the moment.
    """
    frames = max(0, (len(mono) - _SIZE) // _HOP)
    if frames < 16:
        return np.zeros((0, _GROUPS))
    cut = np.lib.stride_tricks.sliding_window_view(mono, _SIZE)[::_HOP][:frames]
    window = np.hanning(_SIZE).astype(np.float32)
    filters = _bands(sample_rate)
    levels = []
    for first in range(0, frames, 256):
        spectrum = np.abs(scipy.fft.rfft(cut[first : first + 256] * window, axis=1))
        levels.append(np.log1p(100.0 * (spectrum**2 @ filters)))
    rise = np.maximum(0.0, np.diff(np.concatenate(levels), axis=0))
    grouped = rise.reshape(len(rise), _GROUPS, -1).mean(axis=2)
    usual = scipy.ndimage.uniform_filter1d(grouped, 43, axis=0, mode="nearest")
    return cast(NDArray[np.float64], np.maximum(0.0, grouped - usual))


def tempo_bpm(mono: NDArray[np.float32], sample_rate: int) -> float:
    """The tempo in beats a minute, 40 to 220; may be an octave off. 0 where there is no pulse."""
    strength = onset_strength(mono, sample_rate)
    if len(strength) < 200 or not strength.any():
        return 0.0
    rate = sample_rate / _HOP
    likeness = _likeness(strength)
    candidates = np.exp(np.arange(np.log(_SLOWEST), np.log(_FASTEST), 0.004))
    scores = np.zeros(len(candidates))
    for multiple, weight in _REPEATS:
        scores += weight * _at(likeness, 60.0 * rate / candidates * multiple)
    prior = np.exp(-0.5 * (np.log2(candidates / _USUAL) / _WIDTH) ** 2)
    best = candidates[int(np.argmax(np.maximum(scores, 0.0) * prior))]
    near = best * np.linspace(0.985, 1.015, 121)
    return float(near[int(np.argmax(_fine(likeness, 60.0 * rate / near)))])


def _likeness(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """How alike the onsets are to themselves some frames later: the mean over the groups, 1 at no lag."""
    total = len(strength)
    centred = strength - strength.mean(axis=0)
    n = scipy.fft.next_fast_len(2 * total, real=True)
    each = scipy.fft.irfft(np.abs(scipy.fft.rfft(centred, n, axis=0)) ** 2, n, axis=0)[:total]
    mean = (each / (each[0] + 1e-12)).mean(axis=1)
    # Long lags have fewer pairs; this puts them on one scale.
    return cast(NDArray[np.float64], mean * total / np.maximum(total - np.arange(total), total // 4))


def _fine(likeness: NDArray[np.float64], beats: NDArray[np.float64]) -> NDArray[np.float64]:
    """How well the sound repeats over many bars: sharp enough for a thousandth."""
    total = np.zeros(len(beats))
    for multiple in (1, 2, 4, 8, 12, 16, 24, 32, 48, 64):
        if beats[0] * multiple < len(likeness) * 0.75:
            total += _at(likeness, beats * multiple)
    return total


def _at(likeness: NDArray[np.float64], lags: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.interp(lags, np.arange(len(likeness)), likeness, right=0.0)


def _bands(sample_rate: int) -> NDArray[np.float32]:
    """Overlapping triangles on a logarithmic scale from 40 Hz to 16 kHz, (bins, bands)."""
    edges = np.geomspace(40.0, min(16_000.0, sample_rate / 2), 38)
    f = np.fft.rfftfreq(_SIZE, 1.0 / sample_rate)
    rows = []
    for low, centre, high in zip(edges, edges[1:], edges[2:], strict=False):
        row = np.clip(np.minimum((f - low) / (centre - low), (high - f) / (high - centre)), 0.0, 1.0)
        if not row.any():
            row[np.argmin(np.abs(f - centre))] = 1.0
        rows.append(row / row.sum())
    return np.stack(rows, axis=1).astype(np.float32)
