"""Drum sounds, each made anew for a song from a few numbers. All are (2, n) with a peak of 1."""

from collections.abc import Callable

import numpy as np

from services.release.music.provider import SAMPLE_RATE
from services.release.music.synth.envelopes import Signal, decay, fade_out, peak_normalised, seconds, stereo
from services.release.music.synth.spectra import (
    BINS,
    HOP,
    Curve,
    bell,
    between,
    filtered,
    frame_count,
    high_pass,
    low_pass,
    moving_filter,
)

_LOOP_S = 24.0

DrumSound = Callable[[np.random.Generator, float], Signal]
"""Makes a drum; the number is the loudness of the stroke, above 0 to 1, as far as it changes the sound."""


def kick(
    *,
    tune_hz: float = 50.0,
    sweep: float = 3.2,
    sweep_s: float = 0.035,
    length_s: float = 0.45,
    click: float = 0.35,
    drive: float = 1.6,
    air_hz: float = 7_000.0,
) -> DrumSound:
    """A sine that falls `sweep` octaves into `tune_hz`, with a click in front."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(length_s * 1.25)
        t = np.arange(n) / SAMPLE_RATE
        hz = tune_hz * 2.0 ** (sweep * (0.8 + 0.2 * loudness) * np.exp(-t / sweep_s))
        body = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE).astype(np.float32) * decay(n, length_s)
        tick = rng.standard_normal(n).astype(np.float32) * decay(n, 0.018) * np.float32(click * loudness)
        tick = filtered(tick, lambda f: high_pass(f, 900.0) * low_pass(f, air_hz, order=1))
        drum = np.tanh(np.float32(drive) * body) / np.tanh(np.float32(drive)) + tick
        return peak_normalised(fade_out(stereo(drum), n // 6))

    return make


def snare(
    *,
    tune_hz: float = 185.0,
    ring_s: float = 0.16,
    wires_s: float = 0.24,
    wires: float = 0.8,
    bright_hz: float = 9_000.0,
    body_hz: float = 320.0,
) -> DrumSound:
    """Two modes of a skin and the rattle of wires below it."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(max(ring_s, wires_s) * 1.3)
        t = np.arange(n) / SAMPLE_RATE
        bend = 1.0 + 0.35 * np.exp(-t / 0.012)
        phase = 2 * np.pi * np.cumsum(tune_hz * bend) / SAMPLE_RATE
        skin = np.sin(phase).astype(np.float32) * decay(n, ring_s)
        skin += np.float32(0.45) * np.sin(1.78 * phase).astype(np.float32) * decay(n, ring_s * 0.6)
        noise = rng.standard_normal((2, n)).astype(np.float32)
        # Both sides hear much the same wires.
        noise = np.float32(0.75) * noise.mean(axis=0) + np.float32(0.45) * noise
        top = bright_hz * (0.55 + 0.45 * loudness)
        noise = filtered(
            noise, lambda f: high_pass(f, body_hz) * low_pass(f, top, order=2) * (1 + bell(f, 4_200.0, 0.8))
        )
        rattle = noise * (np.float32(0.65) * decay(n, wires_s) + np.float32(0.6) * decay(n, 0.03))
        drum = stereo(skin) * np.float32(1.2) + rattle * np.float32(wires * (0.6 + 0.4 * loudness))
        return peak_normalised(fade_out(np.tanh(drum), n // 6))

    return make


def clap(*, tail_s: float = 0.28, centre_hz: float = 1_500.0, hands: int = 4) -> DrumSound:
    """Several hands within 30 ms, and the room after them."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(tail_s * 1.4)
        noise = rng.standard_normal((2, n)).astype(np.float32)
        shape = np.zeros((2, n), dtype=np.float32)
        for hand in range(hands):
            for side in range(2):
                at = seconds(0.009 * hand + rng.uniform(0.0, 0.003))
                last = hand == hands - 1
                shape[side, at:] += decay(n - at, tail_s if last else 0.02) * np.float32(1.0 if last else 0.8)
        noise = filtered(
            noise,
            lambda f: (
                bell(f, centre_hz, 0.75) + 0.55 * bell(f, 2.4 * centre_hz, 1.0) + 0.1 * high_pass(f, 5_000.0)
            ),
        )
        return peak_normalised(fade_out(noise * shape, n // 5))

    return make


def snap(*, centre_hz: float = 2_300.0) -> DrumSound:
    """Fingers."""
    return clap(tail_s=0.13, centre_hz=centre_hz, hands=2)


def rim(*, tune_hz: float = 520.0) -> DrumSound:
    """A stick laid over the drum's edge."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(0.12)
        t = np.arange(n) / SAMPLE_RATE
        wood = np.sin(2 * np.pi * tune_hz * t) + 0.7 * np.sin(2 * np.pi * tune_hz * 3.27 * t)
        tick = rng.standard_normal(n).astype(np.float32) * decay(n, 0.01)
        return peak_normalised(fade_out(stereo(wood.astype(np.float32) * decay(n, 0.06) + tick), n // 4))

    return make


def hat(
    *, length_s: float = 0.06, low_hz: float = 6_500.0, metal: float = 0.5, dark_hz: float = 16_000.0
) -> DrumSound:
    """Noise and six square-like partials that fit no scale."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(max(length_s * 1.3, 0.03))
        t = np.arange(n) / SAMPLE_RATE
        ratios = np.array([2.0, 3.0, 4.16, 5.43, 6.79, 8.21]) * rng.uniform(0.99, 1.01, 6)
        ring = np.sign(np.sin(2 * np.pi * np.outer(ratios * 410.0, t) + rng.random((6, 1)) * 6.28)).sum(
            axis=0
        )
        noise = rng.standard_normal((2, n)).astype(np.float32)
        mix = np.float32(metal * 0.45) * ring.astype(np.float32) + np.float32(1.0 - 0.6 * metal) * noise
        top = dark_hz * (0.7 + 0.3 * loudness)
        mix = filtered(mix, lambda f: high_pass(f, low_hz, order=4) * low_pass(f, top, order=2))
        sound = mix * decay(n, length_s * (0.7 + 0.3 * loudness))
        rise = seconds(0.0008)
        sound[:, :rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
        return peak_normalised(fade_out(sound, n // 4))

    return make


def shaker(*, low_hz: float = 5_000.0, length_s: float = 0.09) -> DrumSound:
    """Seeds in a gourd: noise that swells first."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(length_s * 1.5)
        swell = np.minimum(np.arange(n, dtype=np.float32) / np.float32(seconds(length_s * 0.35)), 1.0) ** 2
        noise = filtered(
            rng.standard_normal((2, n)).astype(np.float32),
            lambda f: high_pass(f, low_hz, order=3) * low_pass(f, 13_000.0, order=2),
        )
        return peak_normalised(fade_out(noise * swell * decay(n, length_s), n // 4))

    return make


def cymbal(*, length_s: float = 2.6, low_hz: float = 2_800.0, ping: float = 0.0) -> DrumSound:
    """A crash; with `ping`, a ride."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(length_s)
        t = np.arange(n) / SAMPLE_RATE
        noise = rng.standard_normal((2, n)).astype(np.float32)
        dark = filtered(noise, lambda f: high_pass(f, low_hz, order=2) * low_pass(f, 7_500.0, order=1))
        bright = filtered(noise, lambda f: high_pass(f, 7_000.0, order=2) * low_pass(f, 15_000.0, order=2))
        # The high end of a cymbal dies first.
        sound = dark * decay(n, length_s) * np.float32(0.8) + bright * decay(n, length_s * 0.55)
        if ping:
            bells = np.sin(2 * np.pi * np.outer([3_170.0, 4_390.0, 5_230.0, 6_870.0], t)).sum(axis=0)
            sound = sound * np.float32(0.35) + stereo(bells.astype(np.float32)) * decay(n, 0.5) * np.float32(
                ping
            )
        return peak_normalised(fade_out(sound, n // 4))

    return make


def tom(*, tune_hz: float = 110.0, length_s: float = 0.5, pan: float = 0.0) -> DrumSound:
    """A tuned skin that falls a third."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(length_s * 1.2)
        t = np.arange(n) / SAMPLE_RATE
        hz = tune_hz * (1.0 + 0.5 * np.exp(-t / 0.06))
        body = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE).astype(np.float32) * decay(n, length_s)
        skin = filtered(
            rng.standard_normal(n).astype(np.float32) * decay(n, 0.05),
            lambda f: low_pass(f, 2_800.0, order=1),
        )
        return peak_normalised(fade_out(stereo(np.tanh(1.5 * body) + np.float32(0.35) * skin, pan), n // 6))

    return make


def heartbeat(*, tune_hz: float = 48.0) -> DrumSound:
    """A soft low pulse without a click."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(0.5)
        t = np.arange(n) / SAMPLE_RATE
        hz = tune_hz * (1.0 + 1.6 * np.exp(-t / 0.03))
        body = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE).astype(np.float32) * decay(n, 0.45)
        skin = rng.standard_normal(n).astype(np.float32) * decay(n, 0.04)
        skin = filtered(skin, lambda f: high_pass(f, 150.0) * low_pass(f, 1_200.0, order=2))
        rise = seconds(0.004)
        body[:rise] *= np.linspace(0.0, 1.0, rise, dtype=np.float32)
        return peak_normalised(fade_out(stereo(body + np.float32(0.5) * skin), n // 5))

    return make


def sub_drop(*, from_hz: float = 95.0, length_s: float = 2.2) -> DrumSound:
    """An impact: a falling sub and a dark burst."""

    def make(rng: np.random.Generator, loudness: float) -> Signal:
        n = seconds(length_s)
        t = np.arange(n) / SAMPLE_RATE
        hz = 32.0 + (from_hz - 32.0) * np.exp(-t / 0.45)
        sub = np.sin(2 * np.pi * np.cumsum(hz) / SAMPLE_RATE).astype(np.float32) * decay(n, length_s)
        noise = rng.standard_normal((2, n)).astype(np.float32) * decay(n, length_s * 0.8)
        burst = filtered(noise, lambda f: low_pass(f, 1_800.0, order=1) * high_pass(f, 80.0))
        return peak_normalised(fade_out(stereo(sub) + burst * np.float32(0.5), n // 3))

    return make


def _sweep(rng: np.random.Generator, path: Curve) -> Signal:
    """Noise through a band that moves along `path`, in Hz, a value each HOP samples."""
    n = (len(path) - 4) * HOP
    centres = np.geomspace(200.0, 14_000.0, 24)
    hz = np.maximum(np.linspace(0.0, SAMPLE_RATE / 2, BINS), 1.0)
    table = np.stack([bell(hz, centre, 0.6) for centre in centres]).astype(np.float32)
    position = np.interp(np.log(path), np.log(centres), np.arange(len(centres))).astype(np.float32)
    noise = rng.standard_normal((2, n)).astype(np.float32)
    return moving_filter(noise, between(position, len(centres)), table)


def riser(rng: np.random.Generator, length_s: float) -> Signal:
    """Noise that climbs for `length_s` and stops."""
    t = np.linspace(0.0, 1.0, frame_count(seconds(length_s)) + 4)
    sound = _sweep(rng, 350.0 * 30.0**t)[:, : seconds(length_s)]
    n = sound.shape[-1]
    return peak_normalised(fade_out(sound * np.linspace(0.0, 1.0, n, dtype=np.float32) ** 1.8, min(n, 900)))


def wash(rng: np.random.Generator, length_s: float) -> Signal:
    """Wind that comes and goes."""
    n = seconds(length_s)
    t = np.arange(frame_count(seconds(_LOOP_S)) + 4) * HOP / SAMPLE_RATE
    # Whole numbers of gusts a loop, so that its end meets its start.
    drift = 900.0 * 2.6 ** np.sin(2 * np.pi * (3 * t / _LOOP_S + rng.random()))
    gusts = 0.7 + 0.3 * np.sin(2 * np.pi * 5 * np.arange(seconds(_LOOP_S)) / seconds(_LOOP_S))
    loop = _sweep(rng, drift)[:, : seconds(_LOOP_S)] * gusts.astype(np.float32)
    return peak_normalised(_repeated(loop, n, edge_s=4.0))


def crackle(rng: np.random.Generator, length_s: float) -> Signal:
    """A record's surface: hiss, dust, now and then a tick."""
    n = seconds(_LOOP_S)
    hiss = rng.standard_normal((2, n)).astype(np.float32) * np.float32(0.05)
    dust = np.zeros((2, n), dtype=np.float32)
    count = int(_LOOP_S * 26)
    at = rng.integers(0, n, count)
    loud = rng.pareto(2.6, count).clip(0.0, 9.0) * rng.choice([-1.0, 1.0], count)
    sides = rng.uniform(0.3, 1.0, (2, count))
    for side in range(2):
        np.add.at(dust[side], at, (loud * sides[side]).astype(np.float32))
    dust = filtered(dust, lambda f: high_pass(f, 700.0) * low_pass(f, 6_500.0, order=1))
    hiss = filtered(hiss, lambda f: high_pass(f, 400.0) * low_pass(f, 5_500.0, order=1))
    return peak_normalised(_repeated(dust + hiss, seconds(length_s), edge_s=1.2))


def _repeated(loop: Signal, n: int, *, edge_s: float) -> Signal:
    """A loop played for `n` samples over its own seam, faded in and out."""
    seam = seconds(0.5)
    ramp = np.sqrt(np.linspace(0.0, 1.0, seam, dtype=np.float32))
    body = loop[:, seam:].copy()
    body[:, -seam:] = body[:, -seam:] * ramp[::-1] + loop[:, :seam] * ramp
    sound = np.take(body, np.arange(n), axis=1, mode="wrap")
    edge = min(n // 2, seconds(edge_s))
    sound[:, :edge] *= np.linspace(0.0, 1.0, edge, dtype=np.float32)
    sound[:, n - edge :] *= np.linspace(1.0, 0.0, edge, dtype=np.float32)
    return sound
