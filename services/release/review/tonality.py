"""Key from the sound alone."""

from dataclasses import dataclass
from typing import cast

import numpy as np
import scipy.fft
from numpy.typing import NDArray

from services.release.music.theory import Key, Mode

_SIZE_S, _HOP_S = 16_384 / 44_100, 8_192 / 44_100
_LOW_HZ, _HIGH_HZ = 62.0, 1_800.0
_BASS_HZ = 200.0
# How much of a note's strength its first overtones have, by their distance in semitones.
_OVERTONES = ((12, 0.25), (19, 0.17), (24, 0.12), (28, 0.1), (31, 0.07))
_ENDING_S = 2.6
# Below this share of all notes the low ones are only what leaks out of higher ones.
_HEARD_BASS = 0.03

# How well each degree fits a key, C first, from the probe-tone experiments of Krumhansl and Kessler (1982).
_PROFILES: dict[Mode, tuple[float, ...]] = {
    "major": (6.35, 2.23, 3.48, 2.33, 4.38, 4.09, 2.52, 5.19, 2.39, 3.66, 2.29, 2.88),
    "minor": (6.33, 2.68, 3.52, 5.38, 2.60, 3.53, 2.54, 4.75, 3.98, 2.69, 3.34, 3.17),
}


# A tonic triad, and what a bass plays in a key whose tonic is C.
_TRIADS: dict[Mode, tuple[float, ...]] = {
    "major": (1.0, 0, 0, 0, 0.8, 0, 0, 0.8, 0, 0, 0, 0),
    "minor": (1.0, 0, 0, 0.8, 0, 0, 0, 0.8, 0, 0, 0, 0),
}
_BASS = (1.0, 0, 0.1, 0.1, 0.1, 0.3, 0, 0.5, 0.1, 0, 0.1, 0)
_ENDING_SHARE, _BASS_SHARE = 0.8, 0.2


@dataclass(frozen=True, slots=True)
class KeyEstimate:
    """The likeliest key."""

    key: Key
    clarity: float
    """The correlation of its profile with the sound, up to 1."""


def estimate_key(mono: NDArray[np.float32], sample_rate: int) -> KeyEstimate | None:
    """The key that fits best; None for silence and for less than a second.

    A profile alone often mistakes a key for its relative or its neighbour, which share all notes or all but
    one. What tells them apart is where the bass stands and where the song comes to rest, so both have a
    say.
    """
    notes = _notes(mono, sample_rate)
    loud = notes.sum(axis=1)
    if not loud.any():
        return None
    whole = _folded(notes / np.sqrt(np.maximum(loud, 1e-9))[:, None])
    bass = _folded(notes[:, : _note_at(_BASS_HZ)])
    if bass.sum() < _HEARD_BASS * notes.sum():
        bass[:] = 0.0
    last = int(np.flatnonzero(loud > loud.max() * 0.003)[-1]) + 1
    ending = _folded(notes[max(0, last - round(_ENDING_S / _HOP_S)) : last])
    best, best_score = None, -np.inf
    for mode, profile in _PROFILES.items():
        for tonic in range(12):
            fit = _alike(whole, profile, tonic)
            score = (
                fit
                + _ENDING_SHARE * _alike(ending, _TRIADS[mode], tonic)
                + _BASS_SHARE * _alike(bass, _BASS, tonic)
            )
            if score > best_score:
                best, best_score = KeyEstimate(Key(tonic, mode), fit), score
    return best


def _notes(mono: NDArray[np.float32], sample_rate: int) -> NDArray[np.float32]:
    """How strong each MIDI note is in each frame, (frames, 128), without the overtones of lower ones."""
    size, hop = round(_SIZE_S * sample_rate), round(_HOP_S * sample_rate)
    frames = max(0, (len(mono) - size) // hop + 1)
    f = np.fft.rfftfreq(size, 1.0 / sample_rate)
    used = np.flatnonzero((f >= _LOW_HZ) & (f <= _HIGH_HZ))
    pitch = 69.0 + 12.0 * np.log2(f[used] / 440.0)
    # A bin counts for the note that it is nearest to, the less the further off it lies.
    near = np.round(pitch).astype(np.int64)
    fold = np.zeros((len(used), 128), dtype=np.float32)
    fold[np.arange(len(used)), near] = np.exp(-0.5 * ((pitch - near) / 0.18) ** 2)
    if frames == 0:
        return np.zeros((0, 128), dtype=np.float32)
    cut = np.lib.stride_tricks.sliding_window_view(mono, size)[::hop][:frames]
    window = np.hanning(size).astype(np.float32)
    parts = []
    for first in range(0, frames, 32):
        spectrum = np.abs(scipy.fft.rfft(cut[first : first + 32] * window, axis=1))[:, : used[-1] + 2]
        # Only peaks are tones; what lies between them is noise and the drums.
        peak = (spectrum[:, used] > spectrum[:, used - 1]) & (spectrum[:, used] >= spectrum[:, used + 1])
        parts.append((spectrum[:, used] * peak) @ fold)
    notes = np.concatenate(parts)
    for distance_up, share in _OVERTONES:
        notes[:, distance_up:] -= np.float32(share) * notes[:, :-distance_up]
    return cast(NDArray[np.float32], np.maximum(notes, 0.0))


def _note_at(hz: float) -> int:
    return round(float(69.0 + 12.0 * np.log2(hz / 440.0)))


def _folded(notes: NDArray[np.float32]) -> NDArray[np.float64]:
    """Strength by pitch class, C first."""
    total = np.zeros(-(-notes.shape[1] // 12) * 12)
    total[: notes.shape[1]] = notes.sum(axis=0)
    return cast(NDArray[np.float64], total.reshape(-1, 12).sum(axis=0))


def _alike(present: NDArray[np.float64], profile: tuple[float, ...], tonic: int) -> float:
    """Correlation of what is present with a profile moved to a tonic; 0 where nothing stands out."""
    if np.ptp(present) <= 0:
        return 0.0
    return float(np.corrcoef(present, np.roll(profile, tonic))[0, 1])


def distance(one: Key, other: Key) -> int:
    """0 for the same key, 1 for a relative, parallel or neighbouring one (a fifth away), 2 for any other."""
    if one == other:
        return 0
    apart = (one.tonic - other.tonic) % 12
    if one.mode == other.mode:
        return 1 if apart in (5, 7) else 2
    minor, major = (one, other) if one.mode == "minor" else (other, one)
    return 1 if apart == 0 or (minor.tonic + 3) % 12 == major.tonic else 2
