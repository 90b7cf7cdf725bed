"""Rooms, echoes and dynamics. Signals are (2, n)."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import cast

import numpy as np
import scipy.fft
import scipy.signal
from numpy.typing import NDArray

from services.release.music.provider import SAMPLE_RATE
from services.release.music.seeds import noise_source
from services.release.music.synth.envelopes import Signal, decay, seconds
from services.release.music.synth.spectra import (
    BINS,
    bell,
    between,
    filtered,
    frame_count,
    high_pass,
    low_pass,
    moving_filter,
)

_WORKERS = 2
"""Transforms at once; their number changes no result."""


@dataclass(frozen=True, slots=True)
class Room:
    """A reverberation."""

    length_s: float
    """Time for 60 dB at 1 kHz."""

    pre_delay_s: float = 0.015
    damping: float = 0.5
    """How much sooner the high end dies, 0 to 1."""

    low_cut_hz: float = 220.0
    gate_s: float = 0.0
    """Cut off after so long, as on the drums of the eighties; 0 for never."""


@lru_cache(maxsize=16)
def _impulse(room: Room) -> Signal:
    """What the room answers to a click, (2, n), energy 1 a side."""
    rng = noise_source(round(room.length_s * 1000), "room")
    n = seconds(room.gate_s * 1.05) if room.gate_s else seconds(room.length_s * 1.1)
    noise = rng.standard_normal((2, n)).astype(np.float32)
    tail = np.zeros((2, n), dtype=np.float32)
    for centre in (180.0, 400.0, 900.0, 2_000.0, 4_400.0, 9_500.0):
        relative = (centre / 1_000.0) ** (-0.45 * room.damping) if centre > 1_000.0 else 1.0
        level = (centre / 1_000.0) ** (-0.25 * room.damping) if centre > 1_000.0 else 1.0
        band = filtered(noise, lambda f, c=centre: bell(f, c, 0.7))  # type: ignore[misc]
        tail += band * decay(n, room.length_s * relative) * np.float32(level)
    if room.gate_s:
        tail[:, seconds(room.gate_s) :] = 0.0
        tail *= np.linspace(0.8, 1.0, n, dtype=np.float32)
    # The tail thickens over the first 60 ms, out of which the walls answer one by one.
    build = np.minimum(np.arange(n, dtype=np.float32) / seconds(0.06), 1.0)
    tail *= 0.25 + 0.75 * build
    for side in range(2):
        at = seconds(0.004) + rng.integers(0, seconds(0.055), 9)
        tail[side, np.minimum(at, n - 1)] += rng.uniform(-2.2, 2.2, 9).astype(np.float32)
    tail = filtered(tail, lambda f: high_pass(f, room.low_cut_hz))
    tail = np.concatenate([np.zeros((2, seconds(room.pre_delay_s)), dtype=np.float32), tail], axis=1)
    return cast(Signal, tail / np.sqrt(np.sum(tail**2, axis=1, keepdims=True)))


def reverberate(signal: Signal, room: Room) -> Signal:
    """The room's answer alone, as long as the signal: its last tail is the caller's to leave space for.

    Overlap-add: blocks of a few times the impulse stay nearer to the processor than one transform of a song.
    """
    impulse = _impulse(room)
    total = signal.shape[-1]
    size = 1 << (4 * impulse.shape[-1]).bit_length()
    step = size - impulse.shape[-1] + 1
    count = -(-total // step)
    padded = np.zeros((2, count * step), dtype=np.float32)
    padded[:, :total] = signal
    spectra = scipy.fft.rfft(padded.reshape(2, count, step), size, axis=-1, workers=_WORKERS)
    spectra *= scipy.fft.rfft(impulse, size, axis=-1)[:, None, :]
    blocks = scipy.fft.irfft(spectra, size, axis=-1, workers=_WORKERS)
    out = np.zeros((2, (count - 1) * step + size), dtype=np.float32)
    for index in range(count):
        out[:, index * step : index * step + size] += blocks[:, index]
    return out[:, :total]


_OPEN_HZ = 18_000.0
_SEAM_S = 0.02


def opened(signal: Signal, start: int, stop: int, *, from_hz: float) -> None:
    """Lets a low-pass open from `from_hz` to everything between two samples, in place."""
    seam = min(seconds(_SEAM_S), start)
    part = signal[:, start - seam : stop].copy()
    total = part.shape[-1]
    cutoffs = np.geomspace(from_hz, _OPEN_HZ, 16)
    hz = np.linspace(0.0, SAMPLE_RATE / 2, BINS)
    table = np.stack([low_pass(hz, cutoff, order=2, resonance=0.35) for cutoff in cutoffs])
    # Slow at first: ears hear the last octaves more than the first.
    way = np.linspace(0.0, 1.0, frame_count(total), dtype=np.float32) ** 1.4
    shaped = moving_filter(
        part, between(way * np.float32(len(cutoffs) - 1), len(cutoffs)), table.astype(np.float32)
    )
    if seam:
        ramp = np.linspace(0.0, 1.0, seam, dtype=np.float32)
        shaped[:, :seam] = shaped[:, :seam] * ramp + part[:, :seam] * (1.0 - ramp)
    end = min(seconds(_SEAM_S), total)
    ramp = np.linspace(1.0, 0.0, end, dtype=np.float32)
    shaped[:, -end:] = shaped[:, -end:] * ramp + part[:, -end:] * (1.0 - ramp)
    signal[:, start - seam : stop] = shaped


def echoes(
    signal: Signal, delay_s: float, *, feedback: float = 0.42, repeats: int = 5, high_hz: float = 3_800.0
) -> Signal:
    """Echoes that jump from side to side, each darker than the one before."""
    out = np.zeros_like(signal)
    step = seconds(delay_s)
    sos = scipy.signal.butter(1, [250.0, high_hz], "band", fs=SAMPLE_RATE, output="sos").astype(np.float32)
    mono = scipy.signal.sosfilt(sos, 0.5 * (signal[0] + signal[1]))
    level = np.float32(1.0)
    for repeat in range(repeats):
        at = step * (repeat + 1)
        if at >= out.shape[-1]:
            break
        near, far = repeat % 2, 1 - repeat % 2
        out[near, at:] += mono[:-at] * level
        out[far, at:] += mono[:-at] * level * np.float32(0.25)
        level *= np.float32(feedback)
    return out


def ducking(total: int, kicks: Sequence[tuple[int, float]], *, depth: float, recovery_s: float) -> Signal:
    """Gain that makes way for each kick, given as (sample, velocity), and comes back within `recovery_s`."""
    gain = np.ones(total, dtype=np.float32)
    n = seconds(recovery_s)
    t = np.linspace(0.0, 1.0, n, dtype=np.float32)
    curve = 1.0 - t**1.6 * (3.0 - 2.0 * t) / (t**1.6 * (3.0 - 2.0 * t)).max()
    down = seconds(0.004)
    curve[:down] *= np.linspace(0.0, 1.0, down, dtype=np.float32)
    for start, velocity in kicks:
        stop = min(total, start + n)
        if stop > start:
            wanted = 1.0 - np.float32(depth * velocity) * curve[: stop - start]
            gain[start:stop] = np.minimum(gain[start:stop], wanted)
    return gain


_BLOCK = 64


def compress(
    signal: Signal,
    *,
    threshold_db: float,
    ratio: float,
    attack_s: float,
    release_s: float,
    ahead_s: float = 0.0,
    knee_db: float = 6.0,
) -> Signal:
    """A bus compressor: both sides share one gain, from their RMS over 64 samples.

    It looks `ahead_s` ahead. The threshold is relative to full scale. Works in place and returns the signal.
    """
    total = signal.shape[-1]
    blocks = -(-total // _BLOCK)
    padded = np.zeros(blocks * _BLOCK, dtype=np.float32)
    padded[:total] = np.mean(signal**2, axis=0)
    level = 10.0 * np.log10(padded.reshape(blocks, _BLOCK).mean(axis=1) + 1e-10)
    over = level - threshold_db
    bent = np.where(
        over <= -knee_db / 2,
        0.0,
        np.where(over >= knee_db / 2, over, (over + knee_db / 2) ** 2 / (2 * knee_db)),
    )
    reduction = follow(bent * (1.0 - 1.0 / ratio), attack_s, release_s, SAMPLE_RATE / _BLOCK)
    ahead = round(ahead_s * SAMPLE_RATE / _BLOCK)
    reduction = np.concatenate([reduction[ahead:], np.repeat(reduction[-1:], ahead)])[:blocks]
    signal *= by_sample(10.0 ** (-reduction / 20.0), _BLOCK, total)
    return signal


def by_sample(curve: NDArray[np.float64], block: int, total: int) -> Signal:
    """Straight lines between values that belong to the middles of blocks, one value a sample."""
    rise = np.diff(curve, append=curve[-1:])
    lines = curve[:, None] + rise[:, None] * (np.arange(block) / block)
    whole = np.concatenate([np.full(block // 2, curve[0]), lines.reshape(-1)])
    return whole[:total].astype(np.float32)


def follow(curve: NDArray[np.float64], attack_s: float, release_s: float, rate: float) -> NDArray[np.float64]:
    """Smooths a curve, rising at one speed and falling at another; `rate` is its values a second."""
    up = float(np.exp(-1.0 / (attack_s * rate)))
    down = float(np.exp(-1.0 / (release_s * rate)))
    out: list[float] = []
    state = 0.0
    for value in curve.tolist():
        state = value + (state - value) * (up if value > state else down)
        out.append(state)
    return np.array(out)


def tape(
    signal: Signal, *, wow_cents: float, dull_hz: float, drive: float, rng: np.random.Generator
) -> Signal:
    """A worn cassette: pitch that wanders slowly, soft saturation, no high end."""
    total = signal.shape[-1]
    t = np.arange(total) / SAMPLE_RATE
    wow = np.sin(2 * np.pi * 0.55 * t + rng.random() * 6.28) + 0.25 * np.sin(
        2 * np.pi * 4.7 * t + rng.random() * 6.28
    )
    # Speed is the derivative of position: so many cents at 0.55 Hz are so many samples of shift.
    depth = (2.0 ** (wow_cents / 1200.0) - 1.0) * SAMPLE_RATE / (2 * np.pi * 0.55)
    position = np.clip(np.arange(total) + depth * wow, 0.0, total - 1.001)
    index = position.astype(np.int64)
    part = (position - index).astype(np.float32)
    moved = signal[:, index] + part * (signal[:, np.minimum(index + 1, total - 1)] - signal[:, index])
    driven = np.tanh(moved * np.float32(drive)) / np.float32(drive)
    sos = scipy.signal.butter(2, dull_hz, "low", fs=SAMPLE_RATE, output="sos").astype(np.float32)
    return cast(Signal, scipy.signal.sosfilt(sos, driven, axis=-1))
