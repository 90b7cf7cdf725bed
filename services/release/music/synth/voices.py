"""Polyphonic voices: something that turns a pitch into a sound.

`LoopVoice` is the subtractive synthesiser: a looping waveform in several brightnesses, an envelope that
moves between them, another for the level. `StruckVoice` is what is hit or plucked and rings: a sum of
decaying partials.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.release.music.provider import SAMPLE_RATE
from services.release.music.seeds import noise_source
from services.release.music.synth.envelopes import Envelope, Signal, fade_out, seconds
from services.release.music.synth.spectra import (
    Weights,
    frequencies,
    hertz,
    high_pass,
    loudness_weight,
    low_pass,
    spread_partials,
    synthesise,
    unison,
)

LEVEL = 0.1
"""RMS, weighted as heard, of a held note at full velocity: what all voices agree on."""


class Voice(Protocol):
    """A sound that can play several notes at once."""

    def note(self, pitch: int, held: int, velocity: float, tone: float, variant: int) -> Signal:
        """A note held for `held` samples and then ringing out, (2, n) with n of at least `held`.

        `velocity` and `tone` are from 0 to 1; `variant` tells repeated notes apart.
        """
        ...


@dataclass(slots=True)
class LoopVoice:
    """A synthesiser voice with oscillators, a filter and two envelopes."""

    weights: Weights
    """Harmonics of the oscillators."""

    level: Envelope
    sweep: Envelope
    """Opens and closes the filter."""

    dark_hz: float = 300.0
    """Cutoff with the filter closed."""

    bright_hz: float = 9_000.0
    """Cutoff with the filter open."""

    voices: int = 1
    cents: float = 9.0
    """Detuning, or the width of each harmonic where `chorus`."""

    spread: float = 0.8
    """Panning of the oscillators, 0 to 1."""

    chorus: bool = False
    """True: many players (`spread_partials`) rather than `voices` oscillators."""

    resonance: float = 0.0
    low_cut_hz: float = 30.0
    sub: float = 0.0
    """How much more of the fundamental there is than the oscillators have."""

    formant: Weights | None = None
    """A further filter that stands still, gain by frequency in Hz."""

    _loops: dict[int, list[Signal]] = field(default_factory=dict)

    _STEPS = 4

    def _loop(self, pitch: int) -> list[Signal]:
        """The waveform from dark to bright, each (2, n)."""
        if pitch not in self._loops:
            rng = noise_source(pitch, "loop")
            f0 = hertz(pitch)
            if self.chorus:
                spectrum, n = spread_partials(f0, self.weights, cents=self.cents, rng=rng)
            else:
                spectrum, n = unison(
                    f0, self.weights, voices=self.voices, cents=self.cents, spread=self.spread, rng=rng
                )
            f = frequencies(n)
            if self.formant is not None:
                spectrum = spectrum * self.formant(np.maximum(f, 1.0))
            if self.sub and not self.chorus:
                spectrum[:, round(f0 * n / SAMPLE_RATE)] *= 1.0 + self.sub
            spectrum = spectrum * high_pass(f, self.low_cut_hz)
            # Half of the key's height moves the filter, as on most synthesisers.
            track = (f0 / 261.6) ** 0.5
            cutoffs = np.geomspace(self.dark_hz, self.bright_hz, self._STEPS) * track
            bodies = [spectrum * low_pass(f, c, resonance=self.resonance) for c in cutoffs]
            heard = np.sqrt(np.mean(np.sum(np.abs(bodies[2] * loudness_weight(f)) ** 2, axis=1)) * 2) / n
            self._loops[pitch] = [synthesise(body * (LEVEL / heard), n) for body in bodies]
        return self._loops[pitch]

    def note(self, pitch: int, held: int, velocity: float, tone: float, variant: int) -> Signal:
        loops = self._loop(pitch)
        total = held + seconds(self.level.release)
        amplitude = self.level.shape(held, total) * np.float32(velocity)
        openness = self.sweep.shape(held, total) * np.float32((0.55 + 0.45 * velocity) * (0.55 + 0.6 * tone))
        position = np.clip(openness, 0.0, 1.0) * np.float32(self._STEPS - 1)
        n = loops[0].shape[-1]
        # One oscillator starts at its zero crossing each time, or low notes would click and differ in weight.
        offset = 0 if self.voices == 1 and not self.chorus else (variant * 7919 * 37) % n
        out = np.zeros((2, total), dtype=np.float32)
        for step, loop in enumerate(loops):
            weight = np.maximum(0.0, 1.0 - np.abs(position - np.float32(step)))
            if weight.any():
                out += _looped(loop, offset, total) * (weight * amplitude)
        return out


def _looped(loop: Signal, offset: int, total: int) -> Signal:
    n = loop.shape[-1]
    if offset + total <= n:
        return loop[:, offset : offset + total]
    return np.take(loop, np.arange(offset, offset + total), axis=1, mode="wrap")


@dataclass(frozen=True, slots=True)
class Partials:
    """What a struck body sounds of: partials of frequency, level, decay (60 dB, in s) and place."""

    ratios: NDArray[np.float64]
    """Frequency in relation to the fundamental."""

    levels: NDArray[np.float64]
    decays: NDArray[np.float64]
    pans: NDArray[np.float64]
    """From -1 to 1."""


Body = Callable[[float, float, np.random.Generator], Partials]
"""The partials of a note by its frequency in Hz and its hardness (0 to 1)."""


@dataclass(slots=True)
class StruckVoice:
    """A voice of decaying partials with a knock at the start."""

    body: Body
    damping: float
    """How fast a released key falls silent: 60 dB in so many seconds."""

    knock: float = 0.0
    """Level of the noise of the strike."""

    knock_hz: float = 2_500.0
    tremolo_hz: float = 0.0
    """Slow panning from side to side; 0 for none."""

    longest_s: float = 6.0
    _rings: dict[tuple[int, int], Signal] = field(default_factory=dict)

    _HARDNESSES = 3

    def note(self, pitch: int, held: int, velocity: float, tone: float, variant: int) -> Signal:
        hardness = min(max(0.65 * velocity + 0.45 * (tone - 0.3), 0.0), 1.0)
        ring = self._ring(pitch, round(hardness * (self._HARDNESSES - 1)))
        total = min(ring.shape[-1], held + seconds(self.damping))
        out = ring[:, :total] * np.float32(velocity)
        if total > held:
            fall = np.arange(total - held, dtype=np.float32)
            out[:, held:] *= np.exp(fall * np.float32(-6.908 / seconds(self.damping)))
        if self.tremolo_hz:
            t = np.arange(total, dtype=np.float32) / np.float32(SAMPLE_RATE)
            swing = np.float32(0.22) * np.sin(
                2 * np.pi * np.float32(self.tremolo_hz) * t + np.float32(variant)
            )
            out *= np.stack([1.0 + swing, 1.0 - swing])
        return fade_out(out, min(total, 300))

    def _ring(self, pitch: int, step: int) -> Signal:
        if (pitch, step) not in self._rings:
            rng = noise_source(pitch, "ring", step)
            hardness = step / (self._HARDNESSES - 1)
            f0 = hertz(pitch)
            partials = self.body(f0, hardness, rng)
            hz = f0 * partials.ratios
            audible = (hz < 17_000.0) & (partials.levels > 1e-5)
            hz, levels, decays = hz[audible], partials.levels[audible], partials.decays[audible]
            n = seconds(min(float(decays.max()) * 0.9, self.longest_s))
            angles = (partials.pans[audible] + 1.0) * np.pi / 4
            phases = rng.random(len(hz)) * 0.3
            out = ring_out(hz, levels * np.cos(angles), levels * np.sin(angles), decays, phases, n)
            rise = seconds(0.0015)
            out[:, :rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
            # Loud as heard over the first third of a second, whatever the pitch.
            power = np.sum((levels * loudness_weight(hz)) ** 2 * np.minimum(1.0, decays / (13.8 * 0.35)))
            out *= np.float32(1.6 * LEVEL / np.sqrt(power / 2 + 1e-12))
            if self.knock:
                out[:, : seconds(0.03)] += self._strike(hardness, rng)
            self._rings[(pitch, step)] = fade_out(out, n // 8)
        return self._rings[(pitch, step)]

    def _strike(self, hardness: float, rng: np.random.Generator) -> Signal:
        n = seconds(0.03)
        noise = rng.standard_normal((2, n)).astype(np.float32)
        spectrum = np.fft.rfft(noise, axis=-1)
        f = frequencies(n)
        shaped = np.fft.irfft(spectrum * low_pass(f, self.knock_hz * (0.6 + hardness), order=1), n, axis=-1)
        shaped *= np.exp(-np.arange(n) / seconds(0.004)) * self.knock * LEVEL * (0.4 + hardness)
        return shaped.astype(np.float32)


def ring_out(
    hz: NDArray[np.float64],
    left: NDArray[np.float64],
    right: NDArray[np.float64],
    decays: NDArray[np.float64],
    phases: NDArray[np.float64],
    n: int,
) -> Signal:
    """A sum of decaying sines, (2, n).

    Every partial is a rotation by a constant factor a sample, so a block of 256 samples and the blocks'
    starts give all of it as one product: far fewer sines than samples.
    """
    block = 256
    blocks = -(-n // block)
    turn = 2j * np.pi * hz / SAMPLE_RATE - 6.908 / (decays * SAMPLE_RATE)
    within = np.exp(np.outer(turn, np.arange(block)))
    starts = np.exp(np.outer(np.arange(blocks) * block, turn) + 2j * np.pi * phases)
    # The imaginary part of the product, as one real product.
    inner = np.concatenate([within.real, within.imag]).astype(np.float32)
    sides = [
        np.concatenate([starts.imag * side, starts.real * side], axis=1).astype(np.float32) @ inner
        for side in (left, right)
    ]
    return np.stack([side.reshape(-1)[:n] for side in sides])
