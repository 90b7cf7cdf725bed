"""Harmony: which chord sounds when."""

import random
from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from services.release.music.genre import Genre
from services.release.music.score import BEATS_PER_BAR, Section
from services.release.music.theory import Chord, Key, chord

_LEADING = ("verse", "pre_chorus", "bridge", "instrumental")


@dataclass(frozen=True, slots=True)
class Span:
    """A chord and how long it stands, in beats from the song's start."""

    start: float
    length: float
    chord: Chord

    @property
    def end(self) -> float:
        return self.start + self.length


@dataclass(frozen=True)
class Harmony:
    """The whole song's chords in order, without gaps."""

    spans: tuple[Span, ...]

    @cached_property
    def _starts(self) -> list[float]:
        return [span.start for span in self.spans]

    def at(self, beat: float) -> Span:
        """The chord that sounds at `beat`."""
        return self.spans[max(0, bisect_right(self._starts, beat + 1e-6) - 1)]

    def within(self, start: float, end: float) -> list[Span]:
        """The chords that begin from `start` to before `end`."""
        return [span for span in self.spans if start - 1e-6 <= span.start < end - 1e-6]


def harmonise(genre: Genre, key: Key, sections: Sequence[Section], dice: random.Random) -> Harmony:
    """Chooses a progression for each kind of section and lays it out.

    Sections of a kind share their chords; the chorus has others than the verse; what leads somewhere ends in
    the genre's turnaround; the song ends on the tonic.
    """
    book = genre.progressions[key.mode]
    chosen = {role: dice.choice(options) for role, options in book.items()}
    others = [option for option in book["chorus"] if option != chosen["verse"]]
    chosen["chorus"] = dice.choice(others)
    spans: list[Span] = []
    for index, section in enumerate(sections):
        role = {"intro": genre.intro_role, "outro": genre.intro_role, "instrumental": "chorus"}.get(
            section.kind, section.kind
        )
        symbols = chosen[role].split()
        colour = genre.colours.get(role, genre.colours.get("", ""))
        per_bar = genre.chords_per_bar
        slots = max(1, round(section.bars * per_bar))
        for slot in range(slots):
            length = BEATS_PER_BAR / per_bar
            start = section.start + slot * length
            length = min(length, section.end - start) if slot < slots - 1 else section.end - start
            spans.append(Span(start, length, chord(key, symbols[slot % len(symbols)], colour)))
        if section.kind in _LEADING and section.bars >= 4 and index < len(sections) - 1:
            spans[-1:] = _turned(spans[-1], genre.turnaround.get(key.mode, "").split(), key)
        if index == len(sections) - 1:
            spans = _close(spans, section, key, genre.colours.get("end", ""))
    return Harmony(tuple(spans))


def _turned(last: Span, turnaround: Sequence[str], key: Key) -> list[Span]:
    """The section's last chord, its second half taken by the turnaround."""
    degrees = [int(symbol.rstrip("!")) for symbol in turnaround]
    # What leads on already is left alone.
    if not turnaround or last.chord.degree in (*degrees, 5, 7):
        return [last]
    each = last.length / 2 / len(turnaround)
    middle = last.start + last.length / 2
    return [
        Span(last.start, last.length / 2, last.chord),
        *(Span(middle + i * each, each, chord(key, symbol)) for i, symbol in enumerate(turnaround)),
    ]


def _close(spans: list[Span], last: Section, key: Key, colour: str) -> list[Span]:
    """Puts the tonic into the last bar, where the song comes to rest."""
    rest = last.end - BEATS_PER_BAR
    kept = [span for span in spans if span.start < rest - 1e-6]
    if kept and kept[-1].end > rest:
        kept[-1] = Span(kept[-1].start, rest - kept[-1].start, kept[-1].chord)
    return [*kept, Span(rest, BEATS_PER_BAR, chord(key, "1", colour))]
