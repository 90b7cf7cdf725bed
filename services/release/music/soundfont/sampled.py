"""Voices that play a SoundFont's samples."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import cast

import numpy as np
from numpy.typing import NDArray

from services.release.music.provider import SAMPLE_RATE
from services.release.music.soundfont.layout import DEFAULTS, PROGRAMS, Generators, Layout, Zone, read_layout
from services.release.music.synth.envelopes import Signal, fade_out, seconds
from services.release.music.synth.spectra import filtered, low_pass

_LONGEST_RELEASE_S = 3.0
_OPEN_CENTS = 13_500
_LEVEL = 0.25


@dataclass(frozen=True, slots=True)
class SoundFont:
    """A file, ready to be played."""

    layout: Layout
    sha256: str
    """Of the whole file, 64 hex digits."""

    @classmethod
    def open(cls, path: Path) -> "SoundFont":
        """Reads a file. Raises `BrokenSoundFont`, and `OSError` where it can't be read."""
        known = path.stat()
        return _opened(path, known.st_size, known.st_mtime_ns)

    def voice(self, name: str) -> "SampledVoice | None":
        """A fresh voice in place of a synthesised one; None where the file has no such instrument."""
        zones = self.layout.presets.get((0, PROGRAMS.get(name, -1)))
        if zones is None:
            return None
        at, count = self.layout.samples_at, self.layout.sample_count
        return SampledVoice(zones, np.memmap(self.layout.path, "<i2", "r", at, (count,)))


@lru_cache(maxsize=2)
def _opened(path: Path, size: int, changed_ns: int) -> SoundFont:
    with path.open("rb") as file:
        return SoundFont(read_layout(path), hashlib.file_digest(file, "sha256").hexdigest())


@dataclass(slots=True)
class SampledVoice:
    """One preset; see `voices.Voice`."""

    zones: Sequence[Zone]
    samples: NDArray[np.int16]
    """All of the file's."""

    def note(self, pitch: int, held: int, velocity: float, tone: float, variant: int) -> Signal:
        force = min(127, max(1, round(velocity * 127)))
        parts = [self._sound(zone, pitch, held) for zone in self._chosen(pitch, force)]
        out = np.zeros((2, max(part.shape[-1] for part in parts)), dtype=np.float32)
        for part in parts:
            out[:, : part.shape[-1]] += part
        return fade_out(out * np.float32(_LEVEL * velocity), min(out.shape[-1], 300))

    def _chosen(self, pitch: int, force: int) -> list[Zone]:
        """The zones for a key and a velocity; the nearest where a file leaves one out."""

        def beside(value: int, bounds: tuple[int, int]) -> int:
            return max(bounds[0] - value, 0, value - bounds[1])

        far = [(beside(pitch, zone.keys), beside(force, zone.velocities)) for zone in self.zones]
        nearest = min(far)
        return [zone for zone, distance in zip(self.zones, far, strict=True) if distance == nearest]

    def _sound(self, zone: Zone, pitch: int, held: int) -> Signal:
        generators, sample = zone.generators, zone.sample
        root = _of(generators, 58)
        # From the key that is played to the pitch that was recorded, in semitones.
        apart = (pitch - (root if root >= 0 else sample.pitch)) * _of(generators, 56) / 100
        apart += _of(generators, 51) + (_of(generators, 52) + sample.cents) / 100
        step = 2.0 ** (apart / 12) * sample.rate / SAMPLE_RATE
        release = seconds(min(_time(_of(generators, 38)), _LONGEST_RELEASE_S))
        mono = self._resampled(zone, step, held + release)
        held = min(held, len(mono))
        mono = mono * _envelope(generators, held, len(mono))
        if _of(generators, 8) < _OPEN_CENTS:
            cutoff = 8.176 * 2.0 ** (_of(generators, 8) / 1_200)
            mono = filtered(mono, lambda f: low_pass(f, cutoff, order=2))
        angle = (min(500, max(-500, _of(generators, 17))) / 500 + 1.0) * np.pi / 4
        gain = 10.0 ** (-max(0, _of(generators, 48)) / 200) * np.sqrt(2.0)
        return np.stack([mono * np.float32(gain * np.cos(angle)), mono * np.float32(gain * np.sin(angle))])

    def _resampled(self, zone: Zone, step: float, total: int) -> Signal:
        """So many samples at another speed, the loop repeated; fewer where the sound ends and has no loop."""
        generators, sample = zone.generators, zone.sample
        start = sample.start + _of(generators, 0) + 32_768 * _of(generators, 4)
        end = sample.end + _of(generators, 1) + 32_768 * _of(generators, 12)
        loop_start = sample.loop_start + _of(generators, 2) + 32_768 * _of(generators, 45) - start
        loop_end = sample.loop_end + _of(generators, 3) + 32_768 * _of(generators, 50) - start
        start, end = max(0, start), min(end, len(self.samples))
        sound = np.asarray(self.samples[start:end], dtype=np.float32) / np.float32(32_768)
        if len(sound) < 4:
            return np.zeros(max(1, total), dtype=np.float32)
        place: NDArray[np.float64] = np.arange(total, dtype=np.float64) * step
        looped = _of(generators, 54) & 1 and 0 <= loop_start < loop_end - 1 and loop_end <= len(sound)
        if looped:
            length = loop_end - loop_start
            place[place >= loop_end] = loop_start + (place[place >= loop_end] - loop_start) % length
            # The loop's first samples once more behind its end, for what lies between the two.
            sound = np.concatenate([sound[:loop_end], sound[loop_start : loop_start + 3]])
        else:
            place = place[place < len(sound) - 3]
        return _between(sound, place)


def _between(sound: Signal, place: NDArray[np.float64]) -> Signal:
    """Values between samples, by a cubic through the four that are next (Catmull and Rom)."""
    index = place.astype(np.int64)
    t = (place - index).astype(np.float32)
    last = len(sound) - 1
    a, b, c, d = (sound[np.clip(index + shift, 0, last)] for shift in (-1, 0, 1, 2))
    return b + np.float32(0.5) * t * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a)))


def _envelope(generators: Generators, held: int, total: int) -> Signal:
    """Delay, attack, hold, decay to the sustained level, and release: 100 dB in the time that it names."""
    t = np.arange(total, dtype=np.float32) / np.float32(SAMPLE_RATE)
    delay, attack, hold, decay, release = (_time(_of(generators, n)) for n in (33, 34, 35, 36, 38))
    level = np.clip((t - delay) / max(attack, 1e-3), 0.0, 1.0)
    sustain_db = min(100.0, max(0.0, _of(generators, 37) / 10))
    fallen = np.clip((t - delay - attack - hold) * (100.0 / max(decay, 1e-3)), 0.0, sustain_db)
    level = level * 10.0 ** (-fallen / 20)
    if total > held:
        level[held:] = level[max(0, held - 1)] * 10.0 ** (
            -(t[held:] - t[held]) * (100.0 / max(release, 5e-3)) / 20
        )
    return cast(Signal, level.astype(np.float32))


def _of(generators: Generators, number: int) -> int:
    return generators.get(number, DEFAULTS.get(number, 0))


def _time(timecents: int) -> float:
    """Seconds; at most 100."""
    return float(2.0 ** (min(8_000, max(-12_000, timecents)) / 1_200))
