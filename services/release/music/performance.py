"""From the score to the players: swing, looseness, and time in samples."""

from collections.abc import Sequence

import numpy as np

from services.release.music.genre import Genre
from services.release.music.provider import SAMPLE_RATE
from services.release.music.score import Hit, Note
from services.release.music.synth.lines import Played

_TIGHT = ("kick", "bass", "impact", "riser", "heartbeat")
_LAZY = ("snare", "clap", "snap", "rim", "keys", "chords")


class Players:
    """A band that plays a genre at a tempo."""

    def __init__(self, genre: Genre, tempo_bpm: float) -> None:
        self._genre = genre
        self._beat_s = 60.0 / tempo_bpm

    def sample(self, beat: float) -> int:
        """Where a beat falls, swung but exact."""
        grid = 2.0 * self._genre.swing_grid
        pairs, rest = divmod(beat + 1e-9, grid)
        place = rest / grid
        swing = self._genre.swing
        warped = 2 * place * swing if place < 0.5 else swing + (2 * place - 1.0) * (1.0 - swing)
        return round((pairs + warped) * grid * self._beat_s * SAMPLE_RATE)

    def play(self, part: str, notes: Sequence[Note], rng: np.random.Generator) -> list[Played]:
        """The notes as performed. Notes of one chord stray together."""
        played: list[Played] = []
        strayed: dict[float, tuple[float, float]] = {}
        for note in notes:
            if note.start not in strayed:
                strayed[note.start] = self._stray(part, rng)
            shift, force = strayed[note.start]
            start = self.sample(note.start)
            held = max(1, self.sample(note.start + note.length) - start)
            at = max(0, start + round(shift * SAMPLE_RATE))
            velocity = min(1.0, max(0.05, note.velocity * force))
            played.append(Played(at, held, note.pitch, velocity, note.tone, note.vowel))
        return played

    def strike(self, hit: Hit, rng: np.random.Generator) -> tuple[int, float]:
        """Sample and velocity of a stroke."""
        shift, force = self._stray(hit.drum, rng)
        at = max(0, self.sample(hit.start) + round(shift * SAMPLE_RATE))
        return at, min(1.0, max(0.05, hit.velocity * force))

    def _stray(self, part: str, rng: np.random.Generator) -> tuple[float, float]:
        """Seconds off the beat, and a factor for the force."""
        loose = self._genre.loose_ms / 1_000.0 * (0.25 if part in _TIGHT else 1.0)
        late = self._genre.behind_ms / 1_000.0 if part in _LAZY else 0.0
        shift = late + loose * float(np.clip(rng.standard_normal(), -2.0, 2.0))
        return shift, 1.0 + 0.06 * float(np.clip(rng.standard_normal(), -2.0, 2.0))


def phrases(played: Sequence[Played], gap_s: float = 0.3) -> list[list[Played]]:
    """Cuts a melody at its rests; within a phrase each note ends where the next begins, at the latest."""
    cut: list[list[Played]] = []
    for note in played:
        if cut and note.start <= cut[-1][-1].start:
            continue
        if cut:
            last = cut[-1][-1]
            held = min(last.held, note.start - last.start)
            cut[-1][-1] = Played(last.start, held, last.pitch, last.velocity, last.tone, last.vowel)
            if note.start - (last.start + held) <= gap_s * SAMPLE_RATE:
                cut[-1].append(note)
                continue
        cut.append([note])
    return cut
