"""The sounds by name: how each voice is set up."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from services.release.music.synth import bodies
from services.release.music.synth.envelopes import Envelope
from services.release.music.synth.lines import EightOhEight, Lead, LineVoice
from services.release.music.synth.spectra import bell, drawbars, hollow, low_pass, reed, saw, square, warm
from services.release.music.synth.voices import LoopVoice, StruckVoice, Voice


def _mouth_ah(f: NDArray[np.float64]) -> NDArray[np.float64]:
    """The formants of a choir on an open vowel."""
    peaks = bell(f, 700.0, 0.45) + 0.6 * bell(f, 1_150.0, 0.35) + 0.25 * bell(f, 2_800.0, 0.4)
    return peaks + 0.12 * low_pass(f, 4_000.0)


def _bowed(f: NDArray[np.float64]) -> NDArray[np.float64]:
    """What the bodies of violins do to their strings."""
    return 0.5 + 0.6 * bell(f, 480.0, 0.5) + 0.5 * bell(f, 1_100.0, 0.6) + 0.45 * bell(f, 2_900.0, 0.5)


_POLYPHONIC: dict[str, Callable[[], Voice]] = {
    # Pads
    "analog_pad": lambda: LoopVoice(
        saw,
        Envelope(0.35, 1.5, 0.8, 0.9),
        Envelope(0.9, 2.5, 0.55, 1.0),
        dark_hz=350,
        bright_hz=5_200,
        voices=7,
        cents=13,
        spread=0.95,
        low_cut_hz=150,
    ),
    "warm_pad": lambda: LoopVoice(
        warm,
        Envelope(0.8, 2.0, 0.85, 1.4),
        Envelope(1.6, 3.0, 0.7, 1.2),
        dark_hz=450,
        bright_hz=4_200,
        chorus=True,
        cents=16,
        low_cut_hz=140,
    ),
    "strings": lambda: LoopVoice(
        saw,
        Envelope(0.22, 1.0, 0.85, 0.6),
        Envelope(0.3, 1.5, 0.7, 0.5),
        dark_hz=900,
        bright_hz=7_500,
        chorus=True,
        cents=12,
        low_cut_hz=160,
        formant=_bowed,
    ),
    "choir": lambda: LoopVoice(
        warm,
        Envelope(0.4, 1.5, 0.9, 0.9),
        Envelope(0.6, 2.0, 0.8, 0.8),
        dark_hz=1_200,
        bright_hz=6_500,
        chorus=True,
        cents=18,
        low_cut_hz=160,
        formant=_mouth_ah,
    ),
    "glass_pad": lambda: LoopVoice(
        drawbars(1.0, 0.5, 0.05, 0.32, 0.04, 0.06, 0.02, 0.2, 0, 0, 0, 0.08),
        Envelope(1.2, 2.5, 0.85, 2.0),
        Envelope(1.8, 3.0, 0.8, 1.5),
        dark_hz=900,
        bright_hz=9_000,
        chorus=True,
        cents=9,
        low_cut_hz=180,
    ),
    "supersaw": lambda: LoopVoice(
        saw,
        Envelope(0.012, 0.5, 0.75, 0.16),
        Envelope(0.01, 0.5, 0.75, 0.2),
        dark_hz=700,
        bright_hz=11_000,
        voices=7,
        cents=17,
        spread=1.0,
        low_cut_hz=190,
    ),
    "organ": lambda: LoopVoice(
        drawbars(1.0, 0.75, 0.5, 0.35, 0.0, 0.22, 0.0, 0.25),
        Envelope(0.008, 0.4, 0.9, 0.06),
        Envelope(0.005, 0.3, 0.9, 0.1),
        dark_hz=1_500,
        bright_hz=7_000,
        voices=2,
        cents=4,
        spread=0.5,
        low_cut_hz=120,
    ),
    # Plucks and stabs
    "saw_pluck": lambda: LoopVoice(
        saw,
        Envelope(0.003, 0.35, 0.25, 0.18),
        Envelope(0.002, 0.16, 0.18, 0.15),
        dark_hz=350,
        bright_hz=9_000,
        voices=3,
        cents=7,
        spread=0.6,
        resonance=0.7,
        low_cut_hz=160,
    ),
    "square_pluck": lambda: LoopVoice(
        square,
        Envelope(0.003, 0.3, 0.2, 0.15),
        Envelope(0.002, 0.14, 0.15, 0.12),
        dark_hz=450,
        bright_hz=7_000,
        voices=2,
        cents=5,
        spread=0.5,
        resonance=0.4,
        low_cut_hz=180,
    ),
    "soft_pluck": lambda: LoopVoice(
        hollow,
        Envelope(0.006, 0.5, 0.2, 0.4),
        Envelope(0.004, 0.3, 0.2, 0.3),
        dark_hz=500,
        bright_hz=4_500,
        voices=3,
        cents=6,
        spread=0.7,
        low_cut_hz=180,
    ),
    "stab": lambda: LoopVoice(
        reed,
        Envelope(0.003, 0.22, 0.35, 0.1),
        Envelope(0.002, 0.18, 0.25, 0.1),
        dark_hz=600,
        bright_hz=8_000,
        voices=5,
        cents=9,
        spread=0.85,
        resonance=0.5,
        low_cut_hz=170,
    ),
    "acid": lambda: LoopVoice(
        saw,
        Envelope(0.003, 0.25, 0.45, 0.05),
        Envelope(0.002, 0.11, 0.12, 0.06),
        dark_hz=260,
        bright_hz=5_200,
        resonance=1.8,
        low_cut_hz=110,
    ),
    # Struck and plucked
    "piano": lambda: StruckVoice(bodies.piano, damping=0.35, knock=0.5, knock_hz=2_400),
    "felt_piano": lambda: StruckVoice(bodies.felt_piano, damping=0.5, knock=0.7, knock_hz=700),
    "electric_piano": lambda: StruckVoice(
        bodies.electric_piano, damping=0.3, knock=0.25, knock_hz=1_500, tremolo_hz=4.6
    ),
    "guitar": lambda: StruckVoice(bodies.guitar, damping=0.25, knock=0.5, knock_hz=4_500),
    "muted_guitar": lambda: StruckVoice(bodies.muted_guitar, damping=0.18, knock=0.3, knock_hz=2_000),
    "harp": lambda: StruckVoice(bodies.harp, damping=1.4, knock=0.2, knock_hz=3_000),
    "bell": lambda: StruckVoice(bodies.bell, damping=1.6, knock=0.1, knock_hz=6_000),
    "kalimba": lambda: StruckVoice(bodies.kalimba, damping=0.8, knock=0.6, knock_hz=1_800),
    "vibraphone": lambda: StruckVoice(
        bodies.vibraphone, damping=0.7, knock=0.25, knock_hz=1_500, tremolo_hz=5.2
    ),
    # Basses
    "analog_bass": lambda: LoopVoice(
        saw,
        Envelope(0.004, 0.5, 0.7, 0.06),
        Envelope(0.003, 0.18, 0.3, 0.08),
        dark_hz=180,
        bright_hz=2_600,
        resonance=0.6,
        sub=0.8,
    ),
    "square_bass": lambda: LoopVoice(
        square,
        Envelope(0.004, 0.5, 0.75, 0.06),
        Envelope(0.003, 0.2, 0.35, 0.08),
        dark_hz=170,
        bright_hz=1_900,
        resonance=0.4,
        sub=0.3,
    ),
    "house_bass": lambda: LoopVoice(
        hollow,
        Envelope(0.004, 0.35, 0.55, 0.07),
        Envelope(0.003, 0.12, 0.35, 0.08),
        dark_hz=220,
        bright_hz=2_200,
        resonance=0.5,
        sub=0.5,
    ),
    "reese_bass": lambda: LoopVoice(
        saw,
        Envelope(0.008, 0.6, 0.85, 0.07),
        Envelope(0.15, 0.9, 0.5, 0.1),
        dark_hz=170,
        bright_hz=1_900,
        voices=3,
        cents=22,
        spread=0.7,
        resonance=0.5,
        sub=1.6,
    ),
    "rumble_bass": lambda: LoopVoice(
        hollow,
        Envelope(0.012, 0.3, 0.7, 0.09),
        Envelope(0.01, 0.2, 0.4, 0.1),
        dark_hz=110,
        bright_hz=650,
        resonance=0.3,
        sub=0.7,
    ),
    "sub_bass": lambda: LoopVoice(
        drawbars(1.0, 0.25, 0.1, 0.04),
        Envelope(0.03, 0.8, 0.9, 0.15),
        Envelope(0.02, 0.5, 0.8, 0.1),
        dark_hz=200,
        bright_hz=900,
    ),
    "electric_bass": lambda: StruckVoice(bodies.electric_bass, damping=0.09, knock=0.35, knock_hz=2_200),
    "upright_bass": lambda: StruckVoice(bodies.upright_bass, damping=0.14, knock=0.45, knock_hz=1_100),
}

_LINES: dict[str, Callable[[], LineVoice]] = {
    "voice": lambda: Lead(
        reed,
        Envelope(0.05, 0.5, 0.85, 0.14),
        oscillators=2,
        cents=5,
        glide_s=0.035,
        vibrato_cents=32,
        breath=0.05,
        sings=True,
        width=0.35,
    ),
    "choir_voice": lambda: Lead(
        reed,
        Envelope(0.09, 0.6, 0.9, 0.3),
        oscillators=5,
        cents=14,
        glide_s=0.05,
        vibrato_cents=24,
        breath=0.08,
        sings=True,
        width=0.9,
    ),
    "saw_lead": lambda: Lead(
        saw,
        Envelope(0.012, 0.4, 0.8, 0.16),
        oscillators=3,
        cents=10,
        glide_s=0.05,
        dark_hz=1_000,
        bright_hz=7_500,
        resonance=0.3,
        width=0.6,
    ),
    "square_lead": lambda: Lead(
        square,
        Envelope(0.012, 0.4, 0.75, 0.14),
        oscillators=2,
        cents=6,
        glide_s=0.04,
        dark_hz=900,
        bright_hz=5_500,
        width=0.4,
    ),
    "soft_lead": lambda: Lead(
        hollow,
        Envelope(0.03, 0.5, 0.8, 0.2),
        oscillators=2,
        cents=6,
        glide_s=0.06,
        dark_hz=800,
        bright_hz=4_000,
        breath=0.03,
        width=0.4,
    ),
    "flute": lambda: Lead(
        drawbars(1.0, 0.42, 0.2, 0.07, 0.03),
        Envelope(0.06, 0.4, 0.9, 0.12),
        oscillators=1,
        glide_s=0.03,
        vibrato_cents=26,
        dark_hz=1_500,
        bright_hz=5_500,
        breath=0.16,
        width=0.0,
    ),
    "eight_oh_eight": EightOhEight,
}


def polyphonic_voice(name: str) -> Voice:
    """A fresh voice; it keeps the waveforms that it has made, so it should live for one part only."""
    return _POLYPHONIC[name]()


def line_voice(name: str) -> LineVoice | None:
    """A fresh voice of those that play one note at a time, or None where `name` is not one."""
    return _LINES[name]() if name in _LINES else None
