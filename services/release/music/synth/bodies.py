"""What struck and plucked instruments are made of; see `voices.Body`."""

import numpy as np

from services.release.music.synth.voices import Partials


def piano(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """Stiff strings, two a note, slightly apart: a fast first decay and a slow second one."""
    count = int(min(36, 15_000.0 / f0))
    h = np.arange(1, count + 1, dtype=np.float64)
    stiffness = 0.00025 * (f0 / 262.0) ** 0.9
    ratio = h * np.sqrt(1.0 + stiffness * h**2)
    # A hammer leaves out the harmonics that have a node where it strikes.
    comb = 0.25 + np.abs(np.sin(np.pi * h * 0.117))
    level = comb * h ** -(1.75 - 0.75 * hardness) * np.exp(-h * f0 / (2_600.0 + 5_000.0 * hardness))
    long = 7.5 * (262.0 / f0) ** 0.45 / (1.0 + 0.16 * (h - 1.0) ** 1.1)
    apart = 1.0 + 0.00035 * rng.uniform(0.5, 1.2, count)
    side = np.clip((np.log2(f0 / 262.0)) * 0.22, -0.5, 0.5)
    return Partials(
        np.concatenate([ratio, ratio * apart]),
        np.concatenate([0.75 * level, 0.5 * level]),
        np.concatenate([long * 0.35, long]),
        np.concatenate([np.full(count, side - 0.25), np.full(count, side + 0.25)]),
    )


def felt_piano(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A piano with felt between hammers and strings."""
    bright = piano(f0, 0.25 * hardness, rng)
    return Partials(
        bright.ratios,
        bright.levels * np.exp(-bright.ratios * f0 / 1_400.0),
        bright.decays * 0.75,
        bright.pans,
    )


def electric_piano(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """Tines and pickups: a round fundamental, a bark that grows with the touch, a bell that is soon gone."""
    ratio = np.array([1.0, 1.0008, 2.0, 3.0, 4.0, 5.0, 7.03, 14.2])
    bark = 0.2 + 0.8 * hardness
    level = np.array(
        [1.0, 0.35, 0.42 * bark, 0.26 * bark, 0.14 * bark**2, 0.09 * bark**2, 0.1 * bark, 0.07 * bark]
    )
    long = 4.5 * (262.0 / f0) ** 0.4
    fall = np.array([1.0, 0.9, 0.55, 0.4, 0.3, 0.25, 0.13, 0.07]) * long
    return Partials(ratio, level, np.maximum(fall, 0.08), rng.uniform(-0.2, 0.2, len(ratio)))


def guitar(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A plucked string: the higher, the sooner gone."""
    count = int(min(34, 12_000.0 / f0))
    h = np.arange(1, count + 1, dtype=np.float64)
    pluck = np.abs(np.sin(np.pi * h * 0.19)) + 0.05
    level = pluck / h ** (1.15 - 0.35 * hardness) * np.exp(-h * f0 / (3_000.0 + 3_500.0 * hardness))
    # The wooden box answers around 110 and 220 Hz.
    level *= (
        1.0
        + 0.9 * np.exp(-(((h * f0 - 215.0) / 60.0) ** 2))
        + 0.7 * np.exp(-(((h * f0 - 105.0) / 30.0) ** 2))
    )
    fall = 3.6 * (196.0 / f0) ** 0.35 / (1.0 + 0.13 * (h - 1.0))
    return Partials(h * np.sqrt(1.0 + 0.00009 * h**2), level, fall, rng.uniform(-0.12, 0.12, count))


def muted_guitar(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """An electric guitar, neck pickup, the palm near the bridge."""
    string = guitar(f0, 0.4 * hardness, rng)
    return Partials(
        string.ratios, string.levels * np.exp(-string.ratios * f0 / 1_900.0), string.decays * 0.5, string.pans
    )


def bell(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A glassy bell, tuned: its inharmonic partials are weak."""
    ratio = np.array([0.5, 1.0, 1.0022, 2.0, 2.76, 3.0, 4.1, 5.4, 6.8, 8.93])
    level = np.array([0.12, 1.0, 0.5, 0.5, 0.12, 0.22, 0.16, 0.13, 0.06, 0.05])
    level[3:] *= 0.5 + 0.8 * hardness
    fall = np.array([3.0, 3.4, 3.1, 2.2, 1.4, 1.3, 0.9, 0.7, 0.5, 0.4]) * (523.0 / f0) ** 0.35
    return Partials(ratio, level, fall, rng.uniform(-0.6, 0.6, len(ratio)))


def kalimba(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A thumb piano's tine."""
    ratio = np.array([1.0, 2.0, 3.0, 5.4, 6.3, 11.0])
    level = np.array([1.0, 0.2, 0.09, 0.16 * (0.3 + hardness), 0.1 * (0.3 + hardness), 0.05])
    fall = np.array([1.5, 0.9, 0.6, 0.22, 0.16, 0.08]) * (392.0 / f0) ** 0.4
    return Partials(ratio, level, fall, rng.uniform(-0.25, 0.25, len(ratio)))


def vibraphone(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A metal bar tuned to its fourth and tenth harmonic, with its motor running (see `tremolo_hz`)."""
    ratio = np.array([1.0, 1.0006, 4.0, 10.0, 16.5])
    level = np.array([1.0, 0.3, 0.16 + 0.2 * hardness, 0.03 + 0.08 * hardness, 0.03 * hardness])
    fall = np.array([3.6, 3.2, 1.3, 0.4, 0.12]) * (392.0 / f0) ** 0.3
    return Partials(ratio, level, fall, rng.uniform(-0.3, 0.3, len(ratio)))


def harp(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A long soft string."""
    string = guitar(f0, 0.6 * hardness, rng)
    return Partials(string.ratios, string.levels / string.ratios**0.3, string.decays * 1.35, string.pans * 2)


def upright_bass(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A thick string plucked with the side of a finger."""
    h = np.arange(1, 15, dtype=np.float64)
    level = (np.abs(np.sin(np.pi * h * 0.27)) + 0.1) / h**1.15 * np.exp(-h * f0 / (420.0 + 500.0 * hardness))
    fall = 2.6 * (55.0 / f0) ** 0.3 / (1.0 + 0.28 * (h - 1.0))
    return Partials(h, level, fall, rng.uniform(-0.05, 0.05, len(h)))


def electric_bass(f0: float, hardness: float, rng: np.random.Generator) -> Partials:
    """A round-wound string under a finger."""
    h = np.arange(1, 25, dtype=np.float64)
    level = (
        (np.abs(np.sin(np.pi * h * 0.21)) + 0.06) / h**0.95 * np.exp(-h * f0 / (900.0 + 1_300.0 * hardness))
    )
    fall = 4.0 * (55.0 / f0) ** 0.3 / (1.0 + 0.12 * (h - 1.0))
    return Partials(h, level, fall, rng.uniform(-0.04, 0.04, len(h)))
