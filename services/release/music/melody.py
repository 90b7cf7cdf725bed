"""Melody: motifs made for the song, that return with every line of their kind and vary with its words."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

from services.release.music.genre import Genre
from services.release.music.harmony import Harmony
from services.release.music.lyrics import syllables
from services.release.music.score import BEATS_PER_BAR, Note, Section
from services.release.music.seeds import dice
from services.release.music.theory import Key

_STEP = 0.5


@dataclass(frozen=True, slots=True)
class Motif:
    """A line's melody without its words: scale steps by the beat from which they count."""

    beats: tuple[float, ...]
    steps: tuple[int, ...]

    def at(self, beat: float) -> int:
        """The scale step that the motif has at a beat."""
        index = max((i for i, b in enumerate(self.beats) if b <= beat + 1e-6), default=0)
        return self.steps[index]


@dataclass(frozen=True, slots=True)
class Line:
    """A line of words and its place."""

    start: float
    beats: float
    vowels: tuple[str, ...]
    letter: str
    """Which motif: `A`, `B`, `C`, or `B2`, which is how later verses answer."""


class Melodist:
    """Writes the song's melodies over its harmony."""

    def __init__(self, genre: Genre, key: Key, harmony: Harmony, *, language: str, seed: int) -> None:
        self._style = genre.lead
        self._key = key
        self._harmony = harmony
        self._language = language
        self._seed = seed
        self._motifs: dict[tuple[str, str], Motif] = {}
        self._cells: dict[str, str] = {}

    def sung(self, section: Section) -> list[Note]:
        """The melody of a section with words, or of one that could have some."""
        notes: list[Note] = []
        for line in self.lines(section):
            notes.extend(self._sing(section, line))
        return notes

    def hook(self, section: Section, *, like: Section, strength: float) -> list[Note]:
        """The chorus's melody, as an instrument plays it in `section`; `like` is a chorus."""
        notes: list[Note] = []
        count = max(1, round(section.bars / 2))
        cell = self._cell(like.kind)
        for index in range(count):
            start = section.start + index * 2 * BEATS_PER_BAR
            beats = min(2 * BEATS_PER_BAR, section.end - start)
            line = Line(
                start, beats, ("a",) * max(2, round(cell.count("x") * beats / 8)), _letter(index, count)
            )
            notes.extend(
                Note(n.start, n.length, n.pitch, n.velocity * strength, n.tone)
                for n in self._sing(like, line)
            )
        return notes

    def second_voice(self, melody: Sequence[Note], *, above: bool = False) -> list[Note]:
        """A voice a third or a fourth below the melody, or above it, whichever belongs to the chord."""
        other: list[Note] = []
        side = 1 if above else -1
        for note in melody:
            step = self._key.step_near(note.pitch)
            tones = self._harmony.at(note.start).chord.tones
            options = [self._key.pitch(step + side * interval) for interval in (2, 3)]
            pitch = next((p for p in options if p % 12 in tones), options[0])
            other.append(Note(note.start, note.length, pitch, note.velocity * 0.7, note.tone, note.vowel))
        return other

    def doubled(self, melody: Sequence[Note], strength: float) -> list[Note]:
        """The melody an octave higher, for an instrument that lifts the last chorus."""
        return [
            Note(note.start, note.length, note.pitch + 12, note.velocity * strength, note.tone)
            for note in melody
        ]

    def answers(self, section: Section, melody: Sequence[Note], strength: float) -> list[Note]:
        """Short replies in the gaps that the melody leaves at the ends of its lines."""
        chance = dice(self._seed, "answer", section.kind)
        shape = [chance.choice((-1, 1)) * (1 + index) for index in range(3)]
        replies: list[Note] = []
        for line in self.lines(section):
            ends = [n.start + n.length for n in melody if line.start <= n.start < line.start + line.beats]
            begin = -(-max(ends, default=line.start) // _STEP) * _STEP
            gap = line.start + line.beats - begin
            if gap < 1.0:
                continue
            for index in range(min(4, int(gap / _STEP))):
                beat = begin + index * _STEP
                wish = (self._style.high + self._style.low) / 2 + 8 + (shape[index - 1] * 2 if index else 0)
                step = self._chord_step(wish, beat)
                replies.append(
                    Note(beat, _STEP, self._key.pitch(step), strength * (0.75 + 0.08 * index), 0.55)
                )
        return replies

    def lines(self, section: Section) -> list[Line]:
        """The section's lines; where there are no words, as many as it would have."""
        count = len(section.lines) or max(1, round(section.bars / 2))
        # Lines start on beats 1 and 3 only, however many there are.
        grid = 2.0 if section.beats / count >= 2.0 else section.beats / count
        starts = [section.start + round(i * section.beats / count / grid) * grid for i in range(count)]
        stops = [*starts[1:], section.end]
        cell = self._cell(section.kind)
        lines: list[Line] = []
        for index, (start, stop) in enumerate(zip(starts, stops, strict=True)):
            if stop - start < 1.0:
                continue
            if section.lines:
                vowels = tuple(syllables(section.lines[index], self._language)) or ("a",)
            else:
                vowels = tuple(
                    "aoeau"[i % 5] for i in range(max(2, round(cell.count("x") * (stop - start) / 8)))
                )
            letter = _letter(index, count)
            if letter == "B" and section.kind == "verse" and section.number > 1:
                letter = "B2"
            lines.append(Line(start, min(stop - start, 4 * BEATS_PER_BAR), vowels, letter))
        return lines

    def _sing(self, section: Section, line: Line) -> list[Note]:
        motif = self._motif(section, line)
        placed = self._rhythm(section.kind, line)
        high = self._style.lift if section.kind == "chorus" else 0
        ceiling = self._style.high + 2 * high
        notes: list[Note] = []
        previous: int | None = None
        for index, (beat, length) in enumerate(placed):
            step = motif.at(beat)
            last = index == len(placed) - 1
            absolute = line.start + beat
            if last or length >= 1.5 or (length >= 1.0 and beat % 2.0 == 0.0):
                step = self._chord_step(self._key.pitch(step), absolute)
            if previous is not None and abs(step - previous) > 6:
                step -= 7 if step > previous else -7
            pitch = self._key.pitch(step)
            while pitch > ceiling + 3:
                step, pitch = step - 7, pitch - 12
            accent = 0.1 if beat % 2.0 == 0.0 else 0.04 if beat % 1.0 == 0.0 else -0.05
            arc = 0.08 * (1.0 - abs(2.0 * index / max(1, len(placed) - 1) - 0.9))
            velocity = min(1.0, (0.82 if high else 0.7) + accent + arc)
            vowel = line.vowels[min(index, len(line.vowels) - 1)]
            notes.append(Note(absolute, length, pitch, velocity, 0.75 if high else 0.5, vowel))
            previous = step
        return notes

    def _rhythm(self, kind: str, line: Line) -> list[tuple[float, float]]:
        """Where each syllable falls in the line, and how long it is held, in beats."""
        rest = 1.0 if line.beats >= 6.0 else 0.5 if line.beats >= 3.0 else 0.0
        span = min(line.beats, 2 * BEATS_PER_BAR) - rest
        cell = self._cell(kind)
        liked = [i * _STEP for i in range(int(span / _STEP)) if cell[i % len(cell)] == "x"]
        free = [i * _STEP for i in range(int(span / _STEP)) if cell[i % len(cell)] != "x"]
        wanted = max(1, len(line.vowels))
        if wanted < len(liked) * 0.6:
            # Few syllables over a long line: keep those on the beat.
            liked = sorted(sorted(liked, key=lambda b: (_weight(b), b))[:wanted])
        elif wanted < len(liked):
            liked = liked[:wanted]
        while len(liked) < wanted and free:
            # A fuller line closes its gaps in the middle first, so that it still breathes at its end.
            best = min(free, key=lambda b: (b > liked[-1] if liked else False, _weight(b), abs(b - span / 2)))
            free.remove(best)
            liked = sorted([*liked, best])
        if len(liked) < wanted and self._style.grid < _STEP:
            halves = [b + self._style.grid for b in liked if b + self._style.grid < span]
            liked = sorted([*liked, *halves[-(wanted - len(liked)) :]])
        liked = liked or [0.0]
        ends = [*liked[1:], min(line.beats - rest / 2, liked[-1] + 1.25)]
        return [(b, min(max(e - b, 0.2), 3.0)) for b, e in zip(liked, ends, strict=True)]

    def _cell(self, kind: str) -> str:
        """The rhythm of all lines of a kind, over two bars in eighths."""
        if kind not in self._cells:
            source = (
                self._style.chorus_cells if kind in ("chorus", "instrumental") else self._style.verse_cells
            )
            taken = set(self._cells.values())
            options = [cell for cell in source if _two_bars(cell) not in taken] or list(source)
            self._cells[kind] = _two_bars(dice(self._seed, "cell", kind).choice(options))
        return self._cells[kind]

    def _motif(self, section: Section, line: Line) -> Motif:
        role = (section.kind, line.letter)
        if role not in self._motifs:
            cell = self._cell(section.kind)
            beats = tuple(i * _STEP for i, mark in enumerate(cell) if mark == "x") or (0.0,)
            chance = dice(self._seed, "motif", *role)
            model = self._motifs.get((section.kind, "B" if line.letter == "B2" else "A"))
            candidates = [self._walk(section, line, beats, chance, model) for _ in range(60)]
            best = max(candidates, key=lambda steps: (self._beauty(steps, line, beats), steps))
            self._motifs[role] = Motif(beats, best)
        return self._motifs[role]

    def _walk(
        self, section: Section, line: Line, beats: Sequence[float], chance: random.Random, model: Motif | None
    ) -> tuple[int, ...]:
        """One chance melody over the line's chords.

        `B` and `C` begin like `A`, `B2` begins like `B`, and then they go elsewhere.
        """
        lift = self._style.lift if section.kind == "chorus" else 1 if section.kind == "pre_chorus" else 0
        low = self._key.step_near(self._style.low) + lift
        high = self._key.step_near(self._style.high) + lift
        step = self._chord_step(self._key.pitch(chance.randint(low + 2, high - 2)), line.start + beats[0])
        steps = [min(max(step, low), high)]
        share = {"B": 3, "B2": 2, "C": 2}.get(line.letter, 0) if model is not None else 0
        echo = len(beats) // share if share else 0
        for index in range(1, len(beats)):
            if model is not None and index < echo:
                move = model.steps[index] - model.steps[index - 1]
            elif chance.random() < self._style.lively * 0.4:
                move = chance.choice((-4, -3, -2, 2, 3, 4))
            else:
                move = chance.choice((-1, -1, -1, 0, 1, 1))
            step = steps[-1] + move
            if not low <= step <= high:
                step = steps[-1] - move
            step = min(max(step, low), high)
            if beats[index] % 2.0 == 0.0:
                step = self._chord_step(self._key.pitch(step), line.start + beats[index])
            steps.append(step)
        if line.letter == "C":
            # The last line comes home: the tonic where the chord has it, else the nearest tone that it has.
            home = round(steps[-1] / 7) * 7
            steps[-1] = self._chord_step(self._key.pitch(home), line.start + beats[-1])
        return tuple(steps)

    def _beauty(self, steps: Sequence[int], line: Line, beats: Sequence[float]) -> float:
        """How well a line sings: steps, leaps that are filled, one summit, a shape that recurs."""
        score = 0.0
        moves = [b - a for a, b in pairwise(steps)]
        for move, following in zip(moves, [*moves[1:], 0], strict=True):
            size = abs(move)
            score += {0: -0.35, 1: 1.0, 2: 0.5}.get(size, 0.4 * self._style.lively if size <= 4 else -3.0)
            if size >= 3:
                score += 1.0 if following * move < 0 and abs(following) <= 2 else -1.2
        span = max(steps) - min(steps)
        score += 2.0 if 4 <= span <= 8 else -1.5 * abs(span - 6) / 2
        score += 1.0 if list(steps).count(max(steps)) == 1 else -0.5
        half = [m for m, b in zip(moves, beats[1:], strict=True) if b < BEATS_PER_BAR]
        other = [m for m, b in zip(moves, beats[1:], strict=True) if b >= BEATS_PER_BAR]
        score += 0.8 * sum(a == b for a, b in zip(half[:3], other[1:4], strict=False))
        for step, beat in zip(steps, beats, strict=True):
            fits = self._key.pitch(step) % 12 in self._harmony.at(line.start + beat).chord.tones
            if beat % 1.0 == 0.0:
                score += 0.6 if fits else -0.9
        return score / len(steps)

    def _chord_step(self, pitch: float, beat: float) -> int:
        """The scale step nearest to `pitch` that belongs to the chord at `beat`."""
        tones = self._harmony.at(beat).chord.tones
        near = self._key.step_near(pitch)
        fitting = [near + d for d in (0, -1, 1, -2, 2, -3, 3) if self._key.pitch(near + d) % 12 in tones]
        return fitting[0] if fitting else near


def _letter(index: int, count: int) -> str:
    """Which motif a line sings: A B A C, as most verses and choruses do."""
    return "C" if index == count - 1 and count > 1 else "AB"[index % 2]


def _weight(beat: float) -> int:
    """How weak a place in the bar is: 0 for beat 1, 4 for between the beats."""
    if beat % 4.0 == 0.0:
        return 0
    if beat % 2.0 == 0.0:
        return 1
    return 2 if beat % 1.0 == 0.0 else 4


def _two_bars(cell: str) -> str:
    return cell if len(cell) >= 16 else cell * (16 // len(cell))
