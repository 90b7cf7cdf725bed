"""What a video moves to: the sound of each frame, and where the beats are."""

from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]

FPS = 30
BANDS = 40
"""Bands of the spectrum, from low to high."""
_WINDOW = 2_048
_LOWEST_HZ, _HIGHEST_HZ = 45.0, 14_000.0
_DECIBELS = 46.0
"""From the loudest down to nothing."""
_FALL = 0.80
"""What is left of a band a frame after its sound ended: bars jump up and sink."""
_ONSET_HOP = 256
_TEMPO_SLACK = 0.006
"""A tempo is looked for so far around the one that is given, as a share of it."""


@dataclass(frozen=True, slots=True)
class Sound:
    """A song as a row of video frames."""

    seconds: float
    bands: Floats
    """Shape (frames, 40), from 0 to 1."""
    bass: Floats
    """Shape (frames,), from 0 to 1: how hard the low end hits."""
    level: Floats
    """Shape (frames,), from 0 to 1: how loud it is, over about half a second."""
    beat_s: float
    """Seconds from beat to beat."""
    first_beat_s: float
    """When the first beat is; less than half a beat before the start to half a beat after it."""

    @property
    def frames(self) -> int:
        """Video frames that last as long as the sound, within half of one."""
        return len(self.bands)

    def pulse(self, second: float, *, every: int = 1, fade_s: float = 0.16) -> float:
        """1 on each `every`th beat, sinking to 0 before the next."""
        since = (second - self.first_beat_s) % (self.beat_s * every)
        return float(np.exp(-since / fade_s))


def listen(samples: Floats, sample_rate: int, tempo_bpm: float) -> Sound:
    """Measures a master of shape (n, channels).

    The beat is the given tempo, moved by at most 0.6 % and shifted to where most notes begin.
    """
    mono = np.ascontiguousarray(samples.mean(axis=1), dtype=np.float32)
    frames = max(1, round(len(mono) * FPS / sample_rate))
    spectrum = _spectra(mono, sample_rate, frames)
    beat, first = find_beat(mono, sample_rate, tempo_bpm)
    bands = _decayed(_banded(spectrum, sample_rate))
    power = np.sqrt(np.maximum(1e-12, _power(mono, sample_rate, frames))).astype(np.float32)
    level = _smoothed(power / max(1e-6, float(np.percentile(power, 98))), FPS // 2)
    low = bands[:, :6].mean(axis=1)
    return Sound(
        seconds=len(mono) / sample_rate,
        bands=bands,
        bass=np.clip(low / max(1e-3, float(np.percentile(low, 97))), 0, 1).astype(np.float32),
        level=np.clip(level, 0, 1).astype(np.float32),
        beat_s=beat,
        first_beat_s=first,
    )


def find_beat(mono: Floats, sample_rate: int, tempo_bpm: float) -> tuple[float, float]:
    """Seconds from beat to beat, and of the first beat, from minus to plus half a beat."""
    wanted = 60.0 / tempo_bpm
    onsets = _onsets(mono)
    rate = sample_rate / _ONSET_HOP
    if len(onsets) < 4 * wanted * rate or not onsets.any():
        return wanted, 0.0
    times = np.arange(len(onsets)) / rate
    best, beat, first = -1.0, wanted, 0.0
    for candidate in wanted * np.linspace(1 - _TEMPO_SLACK, 1 + _TEMPO_SLACK, 25):
        # The first harmonic of the onsets at this period: how much they agree, and on which phase. The
        # second one adds the notes between the beats, which tell off-beat hats from kicks least of all.
        turn = np.exp(2j * np.pi * times / candidate)
        sums = np.array([float(np.abs(onsets @ turn)), float(np.abs(onsets @ turn**2)) * 0.3])
        if sums.sum() > best * 1.0005:
            best, beat = float(sums.sum()), float(candidate)
    first = _phase(onsets, rate, beat)
    return beat, first


def _phase(onsets: Floats, rate: float, beat: float) -> float:
    """Where in a beat most begins, from minus to plus half a beat."""
    place = (np.arange(len(onsets)) / rate / beat) % 1.0
    bins = max(16, round(beat * rate))
    histogram = np.bincount((place * bins).astype(int) % bins, weights=onsets, minlength=bins)
    softened = np.convolve(np.tile(histogram, 3), np.hanning(7), mode="same")[bins : 2 * bins]
    share = (int(np.argmax(softened)) + 0.5) / bins
    # An onset shows a little before it is heard: its window reaches ahead.
    first = share * beat
    return float(first - beat if first > beat / 2 else first)


def _onsets(mono: Floats) -> Floats:
    """How much begins at each moment, a value each 256 samples; low sounds count most."""
    count = len(mono) // _ONSET_HOP
    if count < 8:
        return np.zeros(0, dtype=np.float32)
    # Two one-pole low passes would do; a moving mean over 6 ms keeps the kick and the bass.
    low = np.convolve(mono[: count * _ONSET_HOP], np.full(256, 1 / 256, dtype=np.float32), mode="same")
    energies = []
    for signal, weight in ((low, 2.0), (mono[: count * _ONSET_HOP], 1.0)):
        energy = np.log1p(1e3 * (signal.reshape(count, _ONSET_HOP) ** 2).mean(axis=1))
        energies.append(weight * np.maximum(0.0, np.diff(energy, prepend=energy[:1])))
    total = np.sum(energies, axis=0)
    usual = np.convolve(total, np.full(64, 1 / 64), mode="same")
    return cast(Floats, np.maximum(0.0, total - usual).astype(np.float32))


def _spectra(mono: Floats, sample_rate: int, frames: int) -> Floats:
    """Magnitudes around each frame's middle, shape (frames, bins)."""
    padded = np.pad(mono, (_WINDOW, _WINDOW * 2))
    starts = np.arange(frames) * sample_rate // FPS + sample_rate // FPS // 2 + _WINDOW // 2
    views = np.lib.stride_tricks.sliding_window_view(padded, _WINDOW)
    window = np.hanning(_WINDOW).astype(np.float32)
    parts = [
        np.abs(np.fft.rfft(views[starts[at : at + 512]] * window, axis=1)).astype(np.float32)
        for at in range(0, frames, 512)
    ]
    return np.concatenate(parts)


def _banded(spectrum: Floats, sample_rate: int) -> Floats:
    edges = np.geomspace(_LOWEST_HZ, min(_HIGHEST_HZ, sample_rate / 2), BANDS + 1)
    bins = edges * _WINDOW / sample_rate
    levels = np.empty((len(spectrum), BANDS), dtype=np.float32)
    for band in range(BANDS):
        low, high = int(bins[band]), max(int(bins[band]) + 1, int(np.ceil(bins[band + 1])))
        levels[:, band] = spectrum[:, low:high].max(axis=1)
    # Music falls by some 4 dB an octave: without this only the bass would move.
    tilt = (edges[:-1] / edges[0]) ** 0.55
    decibels = 20 * np.log10(np.maximum(1e-6, levels * tilt.astype(np.float32)))
    top = float(np.percentile(decibels, 99.5))
    return cast(Floats, np.clip((decibels - (top - _DECIBELS)) / _DECIBELS, 0, 1).astype(np.float32))


def _decayed(bands: Floats) -> Floats:
    """Up at once, down slowly."""
    held = bands.copy()
    for frame in range(1, len(held)):
        np.maximum(held[frame], held[frame - 1] * _FALL, out=held[frame])
    return held


def _power(mono: Floats, sample_rate: int, frames: int) -> Floats:
    total = np.concatenate([[0.0], np.cumsum(mono.astype(np.float64) ** 2)])
    edges = np.minimum(np.arange(frames + 1) * sample_rate // FPS, len(mono))
    return cast(Floats, np.diff(total[edges]) / np.maximum(1, np.diff(edges)))


def _smoothed(values: Floats, width: int) -> Floats:
    padded = np.pad(values, (width // 2, width - 1 - width // 2), mode="edge")
    return cast(Floats, np.convolve(padded, np.full(width, 1 / width), mode="valid"))
