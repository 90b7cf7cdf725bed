"""Chords, arpeggios and basses: rhythms from the genre's tables, laid over the harmony."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from services.release.music.genre import BassStyle, Figure, Layer
from services.release.music.harmony import Harmony, Span
from services.release.music.score import BEATS_PER_BAR, Note, Section
from services.release.music.theory import Key, voice_lead

FORCE = {"X": 1.0, "x": 0.82, "o": 0.62, "g": 0.35}
"""Velocity of the marks in rhythms."""

_STEP = 0.25


@dataclass(frozen=True, slots=True)
class Strike:
    """One mark of a rhythm: from where to where, in beats, and how hard."""

    start: float
    length: float
    mark: str


def strikes(rhythm: str, section: Section) -> Iterator[Strike]:
    """Repeats a rhythm of 16 steps a bar over a section."""
    total = section.bars * 16
    steps = [rhythm[i % len(rhythm)] for i in range(total)]
    for index, mark in enumerate(steps):
        if mark in ".-":
            continue
        stop = index + 1
        while stop < total and steps[stop] == "-":
            stop += 1
        yield Strike(section.start + index * _STEP, (stop - index) * _STEP, mark)


def voicings(layer: Layer, harmony: Harmony) -> dict[Span, tuple[int, ...]]:
    """The layer's voicing of every chord of the song, lowest note first."""
    chords = [span.chord for span in harmony.spans]
    led = voice_lead(chords, low=layer.low, high=layer.high, voices=layer.notes, rootless=layer.rootless)
    return dict(zip(harmony.spans, led, strict=True))


def accompany(
    figure: Figure,
    section: Section,
    harmony: Harmony,
    voiced: dict[Span, tuple[int, ...]],
    *,
    strength: float,
    tone: float,
) -> list[Note]:
    """What a layer plays in a section."""
    spans = harmony.within(section.start, section.end)
    if not figure.rhythm:
        return [
            Note(span.start, span.length * figure.gate, pitch, strength, tone)
            for span in spans
            for pitch in voiced[span]
        ]
    notes: list[Note] = []
    counted: Span | None = None
    count = 0
    for strike in strikes(figure.rhythm, section):
        span = harmony.at(strike.start)
        ahead = span.end - strike.start
        # Struck just before the change and held over it: the new chord, early.
        if ahead <= 0.5 and strike.length > ahead and span.end < section.end:
            span, ahead = harmony.at(span.end), strike.length
        if span is not counted:
            counted, count = span, 0
        length = min(strike.length, ahead) * figure.gate
        velocity = strength * FORCE[strike.mark]
        for order, pitch in enumerate(_picked(figure, voiced[span], count)):
            delay = order * figure.strum
            notes.append(Note(strike.start + delay, max(length - delay, 0.1), pitch, velocity, tone))
        count += 1
    return notes


def _picked(figure: Figure, chord: tuple[int, ...], count: int) -> Sequence[int]:
    tall = (*chord, chord[0] + 12)
    if figure.pick == "chord":
        return chord
    if figure.pick == "top":
        return chord[-1:]
    if figure.pick == "root":
        return chord[:1]
    if figure.pick == "up":
        order = tall
    elif figure.pick == "down":
        order = tall[::-1]
    elif figure.pick == "updown":
        order = tall + tall[-2:0:-1]
    else:
        order = (chord[0], chord[-1], chord[len(chord) // 2], chord[-1])
    return (order[count % len(order)],)


def bass_line(
    style: BassStyle,
    pattern: str,
    section: Section,
    harmony: Harmony,
    key: Key,
    *,
    strength: float,
    tone: float,
) -> list[Note]:
    """The bass of a section; its range begins at the style's lowest note."""
    notes: list[Note] = []
    for strike in strikes(pattern, section):
        span = harmony.at(strike.start)
        root = _at_least(span.chord.root, style.low)
        following = harmony.at(span.end).chord.root if span.end < harmony.spans[-1].end else span.chord.root
        target = _at_least(following, style.low)
        # An approach belongs at the end of a chord; elsewhere the fifth keeps things moving.
        approaches = strike.mark == "A" and span.end - strike.start <= 1.0 and target != root
        if approaches:
            step = key.step_near(target)
            pitch = key.pitch(step - 1 if root < target else step + 1)
        else:
            pitch = {
                "R": root,
                "O": root + 12,
                "5": _at_least(span.chord.fifth, root),
                "3": _at_least(span.chord.third, root),
                "7": _at_least(span.chord.tones[-1], root),
                "A": _at_least(span.chord.fifth, root),
            }[strike.mark]
        length = min(strike.length, span.end - strike.start) * style.gate
        on_beat = (strike.start % BEATS_PER_BAR) % 1.0 == 0.0
        notes.append(Note(strike.start, length, pitch, strength * (0.95 if on_beat else 0.8), tone))
    return notes


def _at_least(pitch_class: int, low: int) -> int:
    """The lowest pitch of a class that is not below `low`."""
    return low + (pitch_class - low) % 12
