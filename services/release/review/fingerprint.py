"""Fingerprints: whether two recordings are the same one, whatever their level, encoding or start.

A fingerprint has 32 bits for each 0.093 s of sound: for each pair of neighbouring bands, whether their
difference grew since the frame before (after Haitsma and Kalker, 2002). Level cancels out of it, and so
does a gentle filter.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from services.release.review.likeness import BITS, MAGIC, least_overlap, words

_SIZE_S, _HOP_S = 32_768 / 44_100, 4_096 / 44_100
_LOW_HZ, _HIGH_HZ = 180.0, 5_000.0
LEAST_RATE_HZ = 11_025
MOST_S = 1_200
"""Longer recordings are known by their beginning."""


def fingerprint(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """The fingerprint of a recording of shape (n, channels), 43 bytes a second; bare for less than 1 s.

    The sample rate may differ from one recording to the other; below `LEAST_RATE_HZ` the fingerprint is bare.
    """
    mono = samples[: MOST_S * sample_rate].mean(axis=1)
    size = round(_SIZE_S * sample_rate)
    frames = int(max(0.0, (len(mono) - size) / (_HOP_S * sample_rate))) + 1
    if len(mono) < size or frames < 2 or sample_rate < LEAST_RATE_HZ:
        return MAGIC
    # No hop is a whole number of samples at every rate: each frame begins at the sample that is nearest.
    starts = np.round(np.arange(frames) * (_HOP_S * sample_rate)).astype(np.int64)
    starts = starts[starts <= len(mono) - size]
    f = np.fft.rfftfreq(size, 1.0 / sample_rate)
    edges = np.searchsorted(f, np.geomspace(_LOW_HZ, _HIGH_HZ, BITS + 2))
    window = np.hanning(size).astype(np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(mono, size)
    energy = []
    for first in range(0, len(starts), 64):
        power = np.abs(scipy.fft.rfft(cut[starts[first : first + 64]] * window, axis=1)) ** 2
        energy.append(np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-9))
    bands = np.concatenate(energy)
    slope = np.diff(bands, axis=1)
    bits = np.diff(slope, axis=0) > 0
    return MAGIC + np.packbits(bits, axis=1).tobytes()


def similarity(one: bytes, other: bytes) -> float:
    """How alike two recordings are, 0 to 1: 1 for the same bits at some offset, near 0 for unrelated ones.

    It is one minus twice the share of bits that differ, at the best offset. Raises `ValueError` for what is
    no fingerprint.
    """
    a, b = _signs(one), _signs(other)
    n = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    spectra = scipy.fft.rfft(a, n, axis=0) * np.conj(scipy.fft.rfft(b, n, axis=0))
    agreement = scipy.fft.irfft(spectra.sum(axis=1), n)
    lags = np.arange(n)
    lags = np.where(lags > n // 2, lags - n, lags)
    overlap = np.minimum(len(a), len(b) + lags) - np.maximum(0, lags)
    enough = overlap >= least_overlap(len(a), len(b))
    alike = agreement[enough] / (overlap[enough] * BITS)
    return float(min(1.0, max(0.0, alike.max(initial=0.0))))


def _signs(data: bytes) -> NDArray[np.float32]:
    """The bits as -1 and 1, (frames, 32)."""
    bits = np.unpackbits(words(data).astype(">u4").view(np.uint8)).reshape(-1, BITS)
    return bits.astype(np.float32) * 2.0 - 1.0
