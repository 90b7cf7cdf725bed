"""Spectra: band-limited waveforms and filters, drawn where they are simplest to draw.

A waveform is built by placing its partials on the bins of an inverse FFT. It then has no aliasing, loops
without a seam, may be as many detuned oscillators as wanted at no cost, and any filter is a multiplication.
"""

from collections.abc import Callable
from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from services.release.music.provider import SAMPLE_RATE
from services.release.music.synth.envelopes import Signal

Curve = NDArray[np.float64]
Weights = Callable[[NDArray[np.float64]], NDArray[np.float64]]
"""Amplitude of the harmonics by their number, from 1."""

CEILING_HZ = 19_000.0


def hertz(pitch: float) -> float:
    """Frequency of a MIDI pitch."""
    return float(440.0 * 2.0 ** ((pitch - 69.0) / 12.0))


def saw(h: NDArray[np.float64]) -> NDArray[np.float64]:
    return 1.0 / h


def square(h: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(h % 2 == 1, 1.0 / h, 0.0)


def hollow(h: NDArray[np.float64]) -> NDArray[np.float64]:
    """Between a triangle and a square, with a little of the even harmonics."""
    return np.where(h % 2 == 1, 1.0 / h**1.5, 0.12 / h**1.3)


def warm(h: NDArray[np.float64]) -> NDArray[np.float64]:
    """A saw that was left in the sun."""
    return 1.0 / h**1.45


def reed(h: NDArray[np.float64]) -> NDArray[np.float64]:
    """Strong low harmonics, a dip, then a bright edge."""
    return (1.0 / h) * (1.0 + 0.8 * np.exp(-(((h - 9.0) / 4.0) ** 2)))


def drawbars(*levels: float) -> Weights:
    """An organ's harmonics 1, 2, 3, ... by level."""

    def weights(h: NDArray[np.float64]) -> NDArray[np.float64]:
        padded = np.zeros(int(h.max()) + 1)
        padded[1 : len(levels) + 1] = levels[: len(padded) - 1]
        return padded[h.astype(np.int64)]

    return weights


def low_pass(f: Curve, cutoff: float, *, order: int = 4, resonance: float = 0.0) -> Curve:
    """Gain of a low-pass with a resonant bump of `resonance` (0 to about 2) at its edge."""
    ratio = f / cutoff
    gain = 1.0 / np.sqrt(1.0 + ratio ** (2 * order))
    if resonance:
        gain = gain * (1.0 + resonance * np.exp(-((np.log2(np.maximum(ratio, 1e-6)) / 0.35) ** 2)))
    return gain


def high_pass(f: Curve, cutoff: float, *, order: int = 2) -> Curve:
    """Gain of a Butterworth high-pass."""
    ratio = np.maximum(f, 1e-9) / cutoff
    return ratio**order / np.sqrt(1.0 + ratio ** (2 * order))


def bell(f: Curve, centre: float, octaves: float) -> Curve:
    """1 at `centre`, falling to either side within `octaves`."""
    return cast(Curve, np.exp(-((np.log2(np.maximum(f, 1e-6) / centre) / octaves) ** 2)))


def loudness_weight(f: Curve) -> Curve:
    """Roughly how loud a frequency is heard (amplitude): less below 100 Hz, more from 2 kHz, less on top."""
    return (
        high_pass(f, 70.0, order=1)
        * (1.0 + 0.6 * (f**2 / (f**2 + 1_700.0**2)))
        * low_pass(f, 13_000.0, order=2)
    )


def frequencies(n: int) -> Curve:
    """Of the bins of a real FFT over `n` samples, in Hz."""
    return np.fft.rfftfreq(n, 1.0 / SAMPLE_RATE).astype(np.float64)


def synthesise(spectrum: NDArray[np.complex128], n: int) -> Signal:
    """The waveform of a spectrum, as float32."""
    return cast(Signal, scipy.fft.irfft(spectrum.astype(np.complex64), n))


def filtered(signal: Signal, gain: Weights, *, pad: float = 0.05) -> Signal:
    """Any filter, given as gain by frequency in Hz, over the last axis; zero phase, length kept."""
    length = signal.shape[-1]
    n = scipy.fft.next_fast_len(length + int(pad * SAMPLE_RATE), real=True)
    curve = gain(frequencies(n)).astype(np.float32)
    return cast(Signal, scipy.fft.irfft(scipy.fft.rfft(signal, n) * curve, n)[..., :length])


HOP = 256
_WINDOW = 1024
_SIZE = 2048
# As many frames at once as the processor's cache holds.
_CHUNK = 64
BINS = _SIZE // 2 + 1


def moving_filter(signal: Signal, weights: NDArray[np.float32], table: NDArray[np.float32]) -> Signal:
    """A filter that changes all the time: frame by frame a mixture of the gains in `table`.

    `signal` is (2, n), `table` (k, BINS) gains by frequency, `weights` (frames, k), a frame each HOP samples.
    """
    total = signal.shape[-1]
    frames = frame_count(total)
    window = np.hanning(_WINDOW + 1)[:-1].astype(np.float32)
    # Hann windows a quarter apart add up to 2.
    halved = table * np.float32(0.5)
    out = np.zeros((2, (frames - 1) * HOP + _SIZE), dtype=np.float32)
    for side in range(2):
        padded = np.zeros((frames - 1) * HOP + _WINDOW, dtype=np.float32)
        padded[_WINDOW - HOP : _WINDOW - HOP + total] = signal[side]
        cut = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)[::HOP]
        for first in range(0, frames, _CHUNK):
            last = min(first + _CHUNK, frames)
            spectrum = scipy.fft.rfft(cut[first:last] * window, _SIZE, axis=-1)
            spectrum *= weights[first:last] @ halved
            shaped = scipy.fft.irfft(spectrum, _SIZE, axis=-1)
            # Every eighth frame stands clear of the one before, so eight additions put all of them back.
            for phase in range(min(_SIZE // HOP, last - first)):
                group = shaped[phase :: _SIZE // HOP].reshape(-1)
                start = (first + phase) * HOP
                out[side, start : start + len(group)] += group
    return out[:, _WINDOW - HOP : _WINDOW - HOP + total]


def frame_count(total: int) -> int:
    """Frames of `moving_filter` over `total` samples."""
    return -(-(total + _WINDOW - HOP) // HOP)


def between(position: NDArray[np.float32], levels: int) -> NDArray[np.float32]:
    """Weights (len(position), levels) that blend the two levels next to a position from 0 to levels - 1."""
    clipped = np.clip(position, 0.0, levels - 1)[:, None]
    return np.maximum(0.0, 1.0 - np.abs(clipped - np.arange(levels, dtype=np.float32))).astype(np.float32)


def unison(
    frequency: float, weights: Weights, *, voices: int, cents: float, spread: float, rng: np.random.Generator
) -> tuple[NDArray[np.complex128], int]:
    """Spectrum (2, n // 2 + 1) and length n of oscillators detuned over +-`cents`, panned by `spread`.

    One oscillator loops over 48 exact periods. Several need a loop that is long enough for their beating:
    there the tuning is exact to 0.2 Hz.
    """
    if voices == 1:
        n = 2 * round(24 * SAMPLE_RATE / frequency)
        cycles = [48]
    else:
        n = 1 << 17
        offsets = np.linspace(-1.0, 1.0, voices) * cents
        cycles = [max(1, round(frequency * 2.0 ** (c / 1200.0) * n / SAMPLE_RATE)) for c in offsets]
    spectrum = np.zeros((2, n // 2 + 1), dtype=np.complex128)
    pans = np.linspace(-spread, spread, voices) if voices > 1 else np.zeros(1)
    # Neighbours in pitch must not be neighbours in space, or the image leans.
    pans = pans[rng.permutation(voices)]
    for count, pan in zip(cycles, pans, strict=True):
        top = int(CEILING_HZ * n / SAMPLE_RATE / count)
        if top < 1:
            continue
        h = np.arange(1, top + 1, dtype=np.float64)
        start = rng.random() if voices > 1 else 0.0
        partials = weights(h) * np.exp(2j * np.pi * (start * h - 0.25))
        angle = (pan + 1.0) * np.pi / 4
        bins = h.astype(np.int64) * count
        spectrum[0, bins] += partials * np.cos(angle)
        spectrum[1, bins] += partials * np.sin(angle)
    return spectrum, n


def spread_partials(
    frequency: float, weights: Weights, *, cents: float, rng: np.random.Generator
) -> tuple[NDArray[np.complex128], int]:
    """Like `unison`, but each harmonic is a narrow band of noise `cents` wide: many players, one note.

    Left and right share half of it.
    """
    n = 1 << 17
    f = frequencies(n)
    h = np.arange(1, max(2, int(CEILING_HZ / frequency)), dtype=np.float64)
    magnitude = np.zeros(len(f))
    for number, weight in zip(h, weights(h), strict=True):
        centre = number * frequency
        # Higher harmonics of many players differ by as many cents, so by more Hz.
        width = centre * (2.0 ** (cents / 1200.0) - 1.0)
        first, last = np.searchsorted(f, [centre - 3 * width, centre + 3 * width])
        band = f[first:last]
        magnitude[first:last] += weight * np.exp(-(((band - centre) / width) ** 2)) / np.sqrt(width)
    phases = rng.random((3, len(f)))
    common = np.exp(2j * np.pi * phases[0])
    sides = np.exp(2j * np.pi * phases[1:])
    return magnitude * (0.7 * common + 0.7 * sides), n
