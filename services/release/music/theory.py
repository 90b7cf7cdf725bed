"""Keys, scales, chords and how to voice them. Pitches are MIDI numbers (60 is middle C)."""

import itertools
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from services.release.music.provider import UnplayableBrief

Mode = Literal["major", "minor"]

_LETTERS = {"C": 0, "D": 2, "E": 4, "F": 5, "G": 7, "A": 9, "B": 11}
_NAMES = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_STEPS: dict[Mode, tuple[int, ...]] = {"major": (0, 2, 4, 5, 7, 9, 11), "minor": (0, 2, 3, 5, 7, 8, 10)}
_KEY = re.compile(r"([A-Ga-g])\s*([#b♯♭]|sharp|flat)?[\s-]*(major|minor|maj|min|m)?", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Key:
    """A tonic and a mode."""

    tonic: int
    """Pitch class, 0 (C) to 11 (B)."""

    mode: Mode

    @classmethod
    def parse(cls, text: str) -> "Key":
        """From text such as `A minor`, `F# major`, `Bb`; raises `UnplayableBrief` otherwise."""
        match = _KEY.fullmatch(text.strip())
        if match is None:
            raise UnplayableBrief(f"key: {text!r} is not a tonic and a mode, for example `A minor`")
        letter, accidental, mode = match.groups(default="")
        shift = {"#": 1, "♯": 1, "sharp": 1, "b": -1, "♭": -1, "flat": -1}.get(accidental.lower(), 0)
        # "Am" is minor and "AM" is not, so the bare letter alone keeps its case.
        minor = mode == "m" or mode.lower() in ("minor", "min")
        return cls((_LETTERS[letter.upper()] + shift) % 12, "minor" if minor else "major")

    @property
    def name(self) -> str:
        """As in a brief, for example `A minor`."""
        return f"{_NAMES[self.tonic]} {self.mode}"

    @property
    def scale(self) -> tuple[int, ...]:
        """The seven pitch classes from the tonic up; natural minor where the mode is minor."""
        return tuple((self.tonic + step) % 12 for step in _STEPS[self.mode])

    def pitch(self, step: int) -> int:
        """The pitch `step` scale steps from the tonic in the octave of middle C; may be negative."""
        octave, degree = divmod(step, 7)
        return 60 + self.tonic + 12 * octave + _STEPS[self.mode][degree]

    def step_near(self, pitch: float) -> int:
        """The scale step whose pitch is nearest to `pitch`."""
        guess = round((pitch - 60 - self.tonic) * 7 / 12)
        return min(range(guess - 2, guess + 3), key=lambda step: (abs(self.pitch(step) - pitch), step))


@dataclass(frozen=True, slots=True)
class Chord:
    """A chord of a key: its pitch classes from the root up."""

    degree: int
    """Scale degree of the root, 1 to 7."""

    tones: tuple[int, ...]
    """Pitch classes: root, third (or what is suspended in its place), fifth, and what colours it."""

    @property
    def root(self) -> int:
        return self.tones[0]

    @property
    def third(self) -> int:
        return self.tones[1]

    @property
    def fifth(self) -> int:
        return self.tones[2]


@lru_cache(maxsize=4096)
def chord(key: Key, symbol: str, colour: str = "") -> Chord:
    """A chord from a degree with an optional mark and colour: `1`, `5!`, `4:add9`, `2:7`.

    `!` raises the third to the leading tone, as the dominant of a minor key does. Colours:
    `7`, `9` (with the seventh), `add9`, `sus2`, `sus4`, `5` (no third); `colour` is used where the symbol
    names none.
    """
    head, _, own = symbol.partition(":")
    raised = head.endswith("!")
    degree = int(head.rstrip("!"))
    scale = key.scale

    def tone(offset: int) -> int:
        return scale[(degree - 1 + offset) % 7]

    third = (tone(2) + 1) % 12 if raised and key.mode == "minor" else tone(2)
    triad = (tone(0), third, tone(4))
    tones: dict[str, tuple[int, ...]] = {
        "": triad,
        "7": (*triad, tone(6)),
        "9": (*triad, tone(6), tone(1)),
        "add9": (*triad, tone(1)),
        "sus2": (tone(0), tone(1), tone(4)),
        "sus4": (tone(0), tone(3), tone(4)),
        "5": (tone(0), tone(4), tone(4)),
    }
    wanted = own or colour
    # A diminished fifth has no place for a ninth half a step above its root: keep it a seventh.
    if (tone(4) - tone(0)) % 12 == 6 and wanted in ("9", "add9"):
        wanted = "7"
    # A ninth a semitone above the root (on iii in major, v and ii in minor) rubs against it.
    elif wanted in ("9", "add9") and (tone(1) - tone(0)) % 12 == 1:
        wanted = "7" if wanted == "9" else ""
    return Chord(degree, tones[wanted])


@lru_cache(maxsize=16384)
def _placements(classes: tuple[int, ...], low: int, high: int) -> tuple[tuple[int, ...], ...]:
    """Voicings between `low` and `high`: close ones, ones in thirds, and both with a voice dropped."""
    found: set[tuple[int, ...]] = set()
    close = tuple(sorted(classes, key=lambda c: (c - classes[0]) % 12))
    for stack in (close, classes):
        for inversion in range(len(stack)):
            order = stack[inversion:] + stack[:inversion]
            for bottom in range(low + (order[0] - low) % 12, high + 1, 12):
                pitches = [bottom]
                for pitch_class in order[1:]:
                    pitches.append(pitches[-1] + ((pitch_class - pitches[-1]) % 12 or 12))
                whole = tuple(pitches)
                dropped = tuple(sorted((*whole[:-2], whole[-2] - 12, whole[-1]))) if len(whole) > 3 else whole
                found.update(v for v in (whole, dropped) if v[0] >= low and v[-1] <= high)
    return tuple(sorted(found))


def voice_lead(
    chords: Sequence[Chord], *, low: int, high: int, voices: int = 4, rootless: bool = False
) -> list[tuple[int, ...]]:
    """Voices each chord between `low` and `high` so that the parts move as little as they can.

    `rootless` leaves the root of a chord of four and more tones to the bass, but for the last chord, which
    should stand on its own. The range must span 23 semitones at least, so that every chord fits somewhere.
    """
    centre = (low + high) / 2
    led: list[tuple[int, ...]] = []
    for index, current in enumerate(chords):
        classes = tuple(dict.fromkeys(current.tones))
        if rootless and len(classes) > 3 and index < len(chords) - 1:
            classes = classes[1:]
        if len(classes) > voices:
            # The fifth says least about a chord.
            classes = tuple(c for c in classes if c != current.fifth)[:voices]
        options = _placements(classes, low, high)

        def cost(option: tuple[int, ...]) -> tuple[float, tuple[int, ...]]:
            drift = abs(sum(option) / len(option) - centre) * 0.35
            # Thirds close together low down turn to mud.
            mud = sum(2.0 for a, b in itertools.pairwise(option) if a < 52 and b - a < 5)
            cluster = sum(1.2 for a, b in itertools.pairwise(option) if b - a < 3)
            moved = 0.0
            if led:
                before = led[-1]
                moved = sum(min(abs(p - q) for q in before) for p in option) + abs(option[-1] - before[-1])
            return moved + drift + mud + cluster, option

        led.append(min(options, key=cost))
    return led
