"""Fingerprints: whether two recordings are the same one, whatever their level, encoding or start.

A fingerprint has 32 bits for each 0.093 s of sound: for each pair of neighbouring bands, whether their
difference grew since the frame before (after Haitsma and Kalker, 2002). Level cancels out of it, and so
does a gentle filter.
"""

import numpy as np
import scipy.fft
from numpy.typing import NDArray

_MAGIC = b"afp1"
_SIZE_S, _HOP_S = 32_768 / 44_100, 4_096 / 44_100
_LOW_HZ, _HIGH_HZ = 180.0, 5_000.0
_BITS = 32
# Shorter overlaps say nothing: about 6 s.
_LEAST_FRAMES = 64


def fingerprint(samples: NDArray[np.float32], sample_rate: int) -> bytes:
    """The fingerprint of a recording of shape (n, channels), 43 bytes a second; bare for less than 1 s.

    The sample rate must be 11,025 Hz at least, and may differ from one recording to the other.
    """
    mono = samples.mean(axis=1)
    hop, size = round(_HOP_S * sample_rate), round(_SIZE_S * sample_rate)
    frames = max(0, (len(mono) - size) // hop + 1)
    if frames < 2:
        return _MAGIC
    f = np.fft.rfftfreq(size, 1.0 / sample_rate)
    edges = np.searchsorted(f, np.geomspace(_LOW_HZ, _HIGH_HZ, _BITS + 2))
    window = np.hanning(size).astype(np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(mono, size)[::hop][:frames]
    energy = []
    for first in range(0, frames, 64):
        power = np.abs(scipy.fft.rfft(cut[first : first + 64] * window, axis=1)) ** 2
        energy.append(np.log(np.add.reduceat(power, edges[:-1], axis=1) + 1e-9))
    bands = np.concatenate(energy)
    slope = np.diff(bands, axis=1)
    bits = np.diff(slope, axis=0) > 0
    return _MAGIC + np.packbits(bits, axis=1).tobytes()


def similarity(one: bytes, other: bytes) -> float:
    """How alike two recordings are, 0 to 1: 1 for the same bits at some offset, near 0 for unrelated ones.

    It is one minus twice the share of bits that differ, at the best offset. Raises `ValueError` for what is
    no fingerprint.
    """
    a, b = _signs(one), _signs(other)
    if len(a) < _LEAST_FRAMES or len(b) < _LEAST_FRAMES:
        return 0.0
    n = scipy.fft.next_fast_len(len(a) + len(b), real=True)
    spectra = scipy.fft.rfft(a, n, axis=0) * np.conj(scipy.fft.rfft(b, n, axis=0))
    agreement = scipy.fft.irfft(spectra.sum(axis=1), n)
    lags = np.arange(n)
    lags = np.where(lags > n // 2, lags - n, lags)
    overlap = np.minimum(len(a), len(b) + lags) - np.maximum(0, lags)
    # Half of the shorter one must take part, or chance has too many tries.
    enough = overlap >= max(_LEAST_FRAMES, min(len(a), len(b)) // 2)
    alike = agreement[enough] / (overlap[enough] * _BITS)
    return float(min(1.0, max(0.0, alike.max(initial=0.0))))


def _signs(data: bytes) -> NDArray[np.float32]:
    """The bits as -1 and 1, (frames, 32)."""
    if data[: len(_MAGIC)] != _MAGIC or (len(data) - len(_MAGIC)) % (_BITS // 8):
        raise ValueError("not a fingerprint of this version")
    bits = np.unpackbits(np.frombuffer(data[len(_MAGIC) :], dtype=np.uint8)).reshape(-1, _BITS)
    return bits.astype(np.float32) * 2.0 - 1.0
