"""Shapes in time."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from services.release.music.provider import SAMPLE_RATE

Signal = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Envelope:
    """Attack, decay, sustain, release; times in seconds, the sustain level 0 to 1."""

    attack: float
    decay: float
    sustain: float
    release: float

    def shape(self, held: int, total: int) -> Signal:
        """The curve of a note held for `held` samples, over `total`; ends at zero."""
        return adsr(self, held, total)


def seconds(time: float) -> int:
    """Samples in `time` seconds, at least one."""
    return max(1, round(time * SAMPLE_RATE))


def decay(total: int, time: float) -> Signal:
    """From 1 down by 60 dB in `time` seconds, over `total` samples."""
    return cast(
        Signal, np.exp(np.arange(total, dtype=np.float32) * np.float32(-6.908 / (time * SAMPLE_RATE)))
    )


def adsr(envelope: Envelope, held: int, total: int) -> Signal:
    """See `Envelope.shape`."""
    held = max(1, min(held, total))
    t = np.arange(held, dtype=np.float32)
    attack = seconds(envelope.attack)
    rise = np.minimum(t / attack, 1.0)
    # A raised cosine has no corner that would click.
    rise = 0.5 - 0.5 * np.cos(np.pi * rise)
    fall = np.exp(np.minimum(attack - t, 0.0) * np.float32(3.0 / seconds(envelope.decay)))
    curve = np.zeros(total, dtype=np.float32)
    curve[:held] = rise * (envelope.sustain + (1.0 - envelope.sustain) * fall)
    rest = total - held
    if rest:
        tail = np.exp(np.arange(rest, dtype=np.float32) * np.float32(-5.0 / seconds(envelope.release)))
        curve[held:] = curve[held - 1] * tail
    return fade_out(curve, min(total, 256))


def fade_out(signal: Signal, samples: int) -> Signal:
    """Brings the last `samples` down to zero, in place."""
    if samples:
        ramp = 0.5 + 0.5 * np.cos(np.linspace(0.0, np.pi, samples, dtype=np.float32))
        signal[..., -samples:] *= ramp
    return signal


def stereo(mono: Signal, pan: float = 0.0) -> Signal:
    """Places a mono signal; `pan` from -1 (left) to 1 (right), at constant power."""
    angle = (pan + 1.0) * np.pi / 4
    return np.stack([mono * np.float32(np.cos(angle)), mono * np.float32(np.sin(angle))])


def peak_normalised(signal: Signal) -> Signal:
    """Scaled to a peak of 1; silence stays."""
    peak = float(np.abs(signal).max(initial=0.0))
    return cast(Signal, signal / np.float32(peak)) if peak > 0 else signal
