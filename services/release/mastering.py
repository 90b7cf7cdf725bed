"""Mastering: from a mix at any level to a master at -14 LUFS that stays below -1 dBTP."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy.ndimage
import scipy.signal
from numpy.typing import NDArray

from services.release.music.synth.effects import by_sample
from services.release.review.loudness import (
    gated_lufs,
    true_peak_dbtp,
    true_peaks,
    weighted_power,
)

TARGET_LUFS = -14.0
CEILING_DBTP = -1.0

_TOLERANCE_LU = 0.1
_ROUNDS = 6
_BLOCK = 32
# Left for what interpolating the gain and rounding to 24 bits can add.
_MARGIN_DB = 0.12
_SILENCE = 1e-7

# Octave bands of a balanced master in relation to its whole, in dB.
_BALANCE = {
    31.5: -17.0,
    63.0: -7.0,
    125.0: -7.5,
    250.0: -8.5,
    500.0: -9.5,
    1_000.0: -11.5,
    2_000.0: -14.0,
    4_000.0: -16.5,
    8_000.0: -20.0,
    16_000.0: -27.0,
}
_FIR_TAPS = 2_047

Samples = NDArray[np.float32]


class Unmasterable(ValueError):
    """There is nothing to master: the sound is silent, too short or broken; `str()` says which."""


@dataclass(frozen=True, slots=True)
class Master:
    """A finished master."""

    samples: Samples
    """Shape (n, 2)."""

    loudness_lufs: float
    true_peak_dbtp: float
    gain_db: float
    """What was added before the limiter."""


def master(samples: Samples, sample_rate: int) -> Master:
    """Masters a stereo mix of shape (n, 2).

    Removes DC and rumble, brings the tonal balance half-way towards a usual one (by 4 dB at most), makes
    the low end mono, and finds the gain at which the limited sound has the target loudness. Raises
    `Unmasterable`.
    """
    if samples.ndim != 2 or samples.shape[1] != 2:
        raise Unmasterable(f"the sound has the shape {samples.shape}, not (n, 2)")
    if not np.isfinite(samples).all():
        raise Unmasterable("the sound contains numbers that are not finite")
    if len(samples) < sample_rate:
        raise Unmasterable(f"the sound is {len(samples) / sample_rate:.2f} s long, less than 1 s")
    loudest = float(np.abs(samples - samples.mean(axis=0)).max())
    if loudest < _SILENCE:
        raise Unmasterable("the sound is silent")
    balanced = balance(samples * np.float32(0.5 / loudest), sample_rate)
    return _bring_to_level(balanced, sample_rate)


def balance(samples: Samples, sample_rate: int) -> Samples:
    """High-pass, tonal balance and a mono low end; length and level stay about the same."""
    sos = scipy.signal.butter(4, 24.0, "high", fs=sample_rate, output="sos")
    middle = (samples[:, 0] + samples[:, 1]) * np.float32(0.5)
    side = (samples[:, 0] - samples[:, 1]) * np.float32(0.5)
    with ThreadPoolExecutor(2) as pool:
        middle, side = pool.map(lambda part: _high_passed(part, sos), (middle, side))
    centres, wanted_db = _correction(middle, sample_rate)
    grid = np.linspace(0.0, sample_rate / 2, 1_025)
    gains = 10.0 ** (np.interp(np.log(np.maximum(grid, 1.0)), np.log(centres), wanted_db) / 20.0)
    low_mono = (grid / 110.0) ** 2 / np.sqrt(1.0 + (grid / 110.0) ** 4)
    with ThreadPoolExecutor(2) as pool:
        shaped = pool.map(
            lambda part, wanted: _shaped(part, grid, wanted, sample_rate),
            (middle, side),
            (gains, gains * low_mono),
        )
        middle, side = shaped
    return np.stack([middle + side, middle - side], axis=1)


def _high_passed(signal: Samples, sos: NDArray[np.float64]) -> Samples:
    return cast(Samples, scipy.signal.sosfilt(sos, signal).astype(np.float32))


def _correction(mono: Samples, sample_rate: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Half of what lacks to a usual balance, in dB by octave band."""
    size = 8_192
    starts = np.arange(0, max(1, len(mono) - size), size * 2)
    window = np.hanning(size).astype(np.float32)
    cut = np.stack([np.resize(mono[start : start + size], size) for start in starts]) * window
    power = np.mean(np.abs(np.fft.rfft(cut, axis=1)) ** 2, axis=0)
    f = np.fft.rfftfreq(size, 1.0 / sample_rate)
    centres = np.array(list(_BALANCE))
    bands = np.array([power[(f >= c / np.sqrt(2)) & (f < c * np.sqrt(2))].sum() for c in centres])
    measured = 10.0 * np.log10(bands / bands.sum() + 1e-9)
    lacking = np.array(list(_BALANCE.values())) - measured
    # What isn't there can't be brought out: an empty band would only give noise.
    lacking[measured < -60.0] = 0.0
    return centres, np.clip(0.5 * lacking, -4.0, 4.0)


def _shaped(
    signal: Samples, grid: NDArray[np.float64], gains: NDArray[np.float64], sample_rate: int
) -> Samples:
    taps = scipy.signal.firwin2(_FIR_TAPS, grid, gains, fs=sample_rate).astype(np.float32)
    return cast(Samples, scipy.signal.oaconvolve(signal, taps, mode="same").astype(np.float32))


def _bring_to_level(samples: Samples, sample_rate: int) -> Master:
    peaks = true_peaks(samples, _BLOCK).astype(np.float64)
    power = weighted_power(samples, sample_rate)
    target, ceiling_db = TARGET_LUFS, CEILING_DBTP - _MARGIN_DB
    best: Master | None = None
    for _ in range(_ROUNDS):
        gain_db = _find_gain(peaks, power, target, ceiling_db, sample_rate)
        curve = _limiter_gain(peaks, gain_db, ceiling_db, sample_rate)
        limited = samples * by_sample(curve * 10.0 ** (gain_db / 20.0), _BLOCK, len(samples))[:, None]
        loudness = gated_lufs(weighted_power(limited, sample_rate))
        peak = true_peak_dbtp(limited)
        made = Master(limited, loudness, peak, gain_db)
        if best is None or _distance(made) < _distance(best):
            best = made
        if _distance(made) == 0.0:
            break
        target += TARGET_LUFS - loudness
        ceiling_db -= max(0.0, peak - (CEILING_DBTP - _MARGIN_DB / 2))
    if best is None or best.loudness_lufs < -70.0:
        raise Unmasterable("the sound is silent but for moments too short to have a loudness")
    return best


def _distance(made: Master) -> float:
    """How far a master is from both targets, 0 where it meets them."""
    off = abs(made.loudness_lufs - TARGET_LUFS)
    over = max(0.0, made.true_peak_dbtp - (CEILING_DBTP - _MARGIN_DB / 2))
    return (0.0 if off <= _TOLERANCE_LU else off) + 10.0 * over


def _find_gain(
    peaks: NDArray[np.float64], power: NDArray[np.float64], target: float, ceiling_db: float, sample_rate: int
) -> float:
    """The gain in dB that should give the target loudness after limiting.

    It is found on block values alone: the limiter's gain moves slowly, so the loudness of the limited sound
    is nearly that of the blocks' powers times its square.
    """
    low, high = -60.0, 60.0
    per_block = _BLOCK / sample_rate * 10.0
    for _ in range(14):
        middle = (low + high) / 2
        curve = _limiter_gain(peaks, middle, ceiling_db, sample_rate)
        tenths = np.interp(
            (np.arange(len(power)) + 0.5) / per_block, np.arange(len(curve)), _tenths(curve, per_block)
        )
        loudness = gated_lufs(power * tenths * 10.0 ** (middle / 10.0))
        low, high = (middle, high) if loudness < target else (low, middle)
    return (low + high) / 2


def _tenths(curve: NDArray[np.float64], per_block: float) -> NDArray[np.float64]:
    """The squared gain, averaged over a tenth of a second around each block."""
    return cast(NDArray[np.float64], scipy.ndimage.uniform_filter1d(curve**2, max(1, round(1.0 / per_block))))


def _limiter_gain(
    peaks: NDArray[np.float64], gain_db: float, ceiling_db: float, sample_rate: int
) -> NDArray[np.float64]:
    """The limiter's gain for each block, 1 where it does nothing.

    It looks 2 ms ahead, falls smoothly, and recovers in about 90 ms. A minimum over the neighbours before the
    smoothing keeps the result below what every single block needs.
    """
    ceiling = 10.0 ** ((ceiling_db - gain_db) / 20.0)
    needed = np.minimum(1.0, ceiling / np.maximum(peaks, 1e-12))
    ahead = 3
    held = scipy.ndimage.minimum_filter1d(needed, 2 * ahead + 3)
    reduction = _recovering(-20.0 * np.log10(held), 0.09 * sample_rate / _BLOCK)
    smooth = scipy.ndimage.uniform_filter1d(10.0 ** (-reduction / 20.0), 2 * ahead + 1)
    return cast(NDArray[np.float64], smooth)


def _recovering(reduction: NDArray[np.float64], blocks: float) -> NDArray[np.float64]:
    """The reduction in dB, each value fading by e over `blocks`; the greatest that still lasts counts."""
    slope = np.arange(len(reduction)) / blocks
    return cast(
        NDArray[np.float64],
        np.exp(np.maximum.accumulate(np.log(np.maximum(reduction, 1e-6)) + slope) - slope),
    )
