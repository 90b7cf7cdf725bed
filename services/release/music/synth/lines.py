"""Voices that play one note at a time and slide between them: leads, the singing one, the 808."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from services.release.music.provider import SAMPLE_RATE
from services.release.music.synth.envelopes import Envelope, Signal, decay, fade_out, seconds
from services.release.music.synth.spectra import (
    BINS,
    CEILING_HZ,
    HOP,
    Weights,
    bell,
    between,
    filtered,
    frame_count,
    hertz,
    low_pass,
    moving_filter,
)
from services.release.music.synth.voices import LEVEL

_TABLE = 2048
_FRAME_HZ = np.maximum(np.linspace(0.0, SAMPLE_RATE / 2, BINS), 1.0)

# Centres in Hz and levels of the first four formants, of a voice between alto and tenor.
_FORMANTS = {
    "a": ((760.0, 1.0), (1_220.0, 0.55), (2_650.0, 0.22), (3_600.0, 0.12)),
    "e": ((480.0, 1.0), (1_900.0, 0.42), (2_600.0, 0.28), (3_650.0, 0.14)),
    "i": ((330.0, 1.0), (2_250.0, 0.36), (2_950.0, 0.30), (3_700.0, 0.16)),
    "o": ((470.0, 1.0), (880.0, 0.50), (2_600.0, 0.12), (3_400.0, 0.07)),
    "u": ((350.0, 1.0), (760.0, 0.36), (2_450.0, 0.10), (3_350.0, 0.06)),
}


@dataclass(frozen=True, slots=True)
class Played:
    """A note in samples, as performed."""

    start: int
    held: int
    pitch: int
    velocity: float
    tone: float = 0.5
    vowel: str = ""


class LineVoice(Protocol):
    """A sound that plays one note at a time."""

    def phrase(self, notes: Sequence[Played], rng: np.random.Generator) -> Signal:
        """A phrase as (2, n), from the start of its first note; the notes don't overlap."""
        ...


@dataclass(slots=True)
class Lead:
    """Detuned oscillators with glide, a late vibrato and a filter, or with the formants of a voice."""

    weights: Weights
    level: Envelope
    oscillators: int = 3
    cents: float = 8.0
    glide_s: float = 0.045
    vibrato_cents: float = 22.0
    vibrato_hz: float = 5.3
    vibrato_after_s: float = 0.22
    dark_hz: float = 900.0
    bright_hz: float = 6_500.0
    resonance: float = 0.2
    breath: float = 0.0
    """Level of the air beside the tone."""

    sings: bool = False
    """True: formants that follow the vowels instead of the filter."""

    width: float = 0.5
    """How far apart the oscillators stand, 0 to 1."""

    _tables: dict[int, NDArray[np.float32]] = field(default_factory=dict)

    def phrase(self, notes: Sequence[Played], rng: np.random.Generator) -> Signal:
        begin = notes[0].start
        total = notes[-1].start - begin + notes[-1].held + seconds(self.level.release)
        frequency, gain, brightness, mouths = self._curves(notes, begin, total, rng)
        out = self._oscillate(frequency, max(note.pitch for note in notes), total, rng)
        if self.breath:
            air = rng.standard_normal((2, total)).astype(np.float32) * np.float32(0.35 * self.breath)
            out += air * (0.5 + 0.5 * brightness)
        out *= gain
        out = self._speak(out, mouths) if self.sings else self._filter(out, brightness)
        return fade_out(out, min(total, 400))

    def _curves(
        self, notes: Sequence[Played], begin: int, total: int, rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], Signal, Signal, dict[str, Signal]]:
        """Frequency in Hz, gain, brightness and the weight of each vowel, over time."""
        cents = np.zeros(total)
        gain = np.zeros(total, dtype=np.float32)
        brightness = np.zeros(total, dtype=np.float32)
        mouths: dict[str, Signal] = {}
        previous = notes[0].pitch - 0.7
        for index, note in enumerate(notes):
            start = note.start - begin
            last = index == len(notes) - 1
            stop = total if last else notes[index + 1].start - begin
            span = stop - start
            t = np.arange(span) / SAMPLE_RATE
            slide = (previous - note.pitch) * np.exp(-t / self.glide_s)
            ease = np.clip((t - self.vibrato_after_s) / 0.35, 0.0, 1.0)
            rate = self.vibrato_hz * rng.uniform(0.95, 1.05)
            vibrato = self.vibrato_cents / 100.0 * ease * np.sin(2 * np.pi * rate * t)
            cents[start:stop] = note.pitch + slide + vibrato
            gain[start:stop] += note.velocity * self.level.shape(min(note.held, span), span)
            brightness[start:stop] = (0.35 + 0.65 * note.tone) * (0.5 + 0.5 * note.velocity)
            mouths.setdefault(note.vowel or "a", np.zeros(total, dtype=np.float32))[start:stop] = 1.0
            previous = float(note.pitch)
        # No voice holds its pitch exactly: a slow wander of a few cents.
        wander = np.interp(
            np.arange(total), np.arange(0, total + 4000, 4000), rng.normal(0, 0.03, -(-total // 4000) + 1)
        )
        frequency = 440.0 * np.exp2((cents + wander - 69.0) / 12.0)
        smooth = {vowel: _smoothed(curve, seconds(0.05)) for vowel, curve in mouths.items()}
        return frequency, gain, _smoothed(brightness, seconds(0.04)), smooth

    def _oscillate(
        self, frequency: NDArray[np.float64], highest: int, total: int, rng: np.random.Generator
    ) -> Signal:
        table = self._table(highest)
        turns = np.cumsum(frequency) * (_TABLE / SAMPLE_RATE)
        out = np.zeros((2, total), dtype=np.float32)
        offsets = np.linspace(-1.0, 1.0, self.oscillators) if self.oscillators > 1 else np.zeros(1)
        for offset in offsets:
            position = turns * 2.0 ** (offset * self.cents / 1200.0) + rng.random() * _TABLE
            index = position.astype(np.int64)
            part = (position - index).astype(np.float32)
            index &= _TABLE - 1
            wave = table[index] + part * (table[index + 1] - table[index])
            angle = (offset * self.width + 1.0) * np.pi / 4
            out[0] += wave * np.float32(np.cos(angle))
            out[1] += wave * np.float32(np.sin(angle))
        return out * np.float32(LEVEL * 1.4 / np.sqrt(self.oscillators))

    def _table(self, pitch: int) -> NDArray[np.float32]:
        """One period without aliasing up to `pitch`, RMS 1, and its first sample once more."""
        if pitch not in self._tables:
            h = np.arange(1, max(2, int(CEILING_HZ / hertz(pitch + 1))), dtype=np.float64)[: _TABLE // 2 - 1]
            spectrum = np.zeros(_TABLE // 2 + 1, dtype=np.complex128)
            spectrum[1 : len(h) + 1] = -1j * self.weights(h)
            wave = np.fft.irfft(spectrum)
            wave /= np.sqrt(np.mean(wave**2))
            self._tables[pitch] = np.append(wave, wave[0]).astype(np.float32)
        return self._tables[pitch]

    def _filter(self, sound: Signal, brightness: Signal) -> Signal:
        cutoffs = np.geomspace(self.dark_hz, self.bright_hz, 12)
        table = np.stack(
            [low_pass(_FRAME_HZ, cutoff, order=2, resonance=self.resonance) for cutoff in cutoffs]
        )
        position = _framed(brightness) * np.float32(len(cutoffs) - 1)
        return moving_filter(sound, between(position, len(cutoffs)), table.astype(np.float32))

    def _speak(self, sound: Signal, mouths: dict[str, Signal]) -> Signal:
        table = []
        for vowel in mouths:
            gain = sum(level * bell(_FRAME_HZ, centre, 0.2) for centre, level in _FORMANTS[vowel])
            # A mouth also lets some of everything through; vowels are made equally loud.
            gain = gain + 0.10 * low_pass(_FRAME_HZ, 5_500.0, order=2)
            table.append(gain * {"a": 1.5, "o": 1.8, "u": 2.3}.get(vowel, 2.1))
        weights = np.stack([_framed(weight) for weight in mouths.values()], axis=1)
        return moving_filter(sound, weights, np.stack(table).astype(np.float32))


@dataclass(slots=True)
class EightOhEight:
    """The long tuned kick: a sine that drops into its pitch, slides, and is driven to be heard small."""

    decay_s: float = 1.8
    drive: float = 2.2
    glide_s: float = 0.07

    def phrase(self, notes: Sequence[Played], rng: np.random.Generator) -> Signal:
        begin = notes[0].start
        total = notes[-1].start - begin + notes[-1].held + seconds(0.05)
        pitch = np.zeros(total)
        gain = np.zeros(total, dtype=np.float32)
        for index, note in enumerate(notes):
            start = note.start - begin
            stop = total if index == len(notes) - 1 else notes[index + 1].start - begin
            t = np.arange(stop - start) / SAMPLE_RATE
            slides = index > 0 and notes[index - 1].start + notes[index - 1].held >= note.start - seconds(
                0.02
            )
            origin = (notes[index - 1].pitch - note.pitch) * np.exp(-t / self.glide_s) if slides else 0.0
            drop = 0.0 if slides else 20.0 * np.exp(-t / 0.012)
            pitch[start:stop] = note.pitch + origin + drop
            shape = decay(stop - start, self.decay_s * 2.2)
            held = min(note.held, stop - start)
            rest = np.arange(stop - start - held, dtype=np.float32)
            shape[held:] *= np.exp(-rest / np.float32(seconds(0.012)))
            attack = min(seconds(0.003), stop - start)
            shape[:attack] *= np.linspace(0.0, 1.0, attack, dtype=np.float32)
            gain[start:stop] = shape * np.float32(note.velocity)
        phase = np.cumsum(440.0 * np.exp2((pitch - 69.0) / 12.0)) / SAMPLE_RATE
        tone = np.sin(2 * np.pi * (phase % 1.0)).astype(np.float32) * gain
        # An even harmonic beside the odd ones that tanh makes.
        driven = np.tanh(np.float32(self.drive) * (tone + 0.12 * tone * tone))
        driven = filtered(driven, lambda f: low_pass(f, 3_200.0, order=1) * (f > 22.0))
        return fade_out(np.stack([driven, driven]) * np.float32(0.3), min(total, 500))


def _framed(curve: Signal) -> Signal:
    """A curve's values at the frames of the moving filter."""
    frames = frame_count(len(curve))
    return curve[np.minimum(np.arange(frames) * HOP, len(curve) - 1)]


def _smoothed(curve: Signal, width: int) -> Signal:
    """A running mean over `width` samples, centred."""
    padded = np.pad(curve.astype(np.float64), (width // 2 + 1, width - width // 2 - 1), mode="edge")
    sums = np.cumsum(padded)
    return ((sums[width:] - sums[:-width]) / width).astype(np.float32)[: len(curve)]
