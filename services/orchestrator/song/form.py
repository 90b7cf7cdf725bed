"""The numbers of a song: tempo, key, mood, theme and form, from the persona and seeded choices."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache
from itertools import product

from services.orchestrator.song.dice import Dice
from services.orchestrator.song.genres import Build, usual

MS_PER_BAR_AT_1_BPM = 240_000
"""A bar of four beats at one beat a minute."""
DEFAULT_DURATION_MS = 150_000
QUATRAIN_MS = 8_000
"""Four lines can't be sung in less."""


class Kind(StrEnum):
    """What a section does in the form."""

    INTRO = "intro"
    VERSE = "verse"
    PRE_CHORUS = "pre-chorus"
    CHORUS = "chorus"
    BRIDGE = "bridge"
    INSTRUMENTAL = "instrumental"
    OUTRO = "outro"


SUNG = frozenset({Kind.VERSE, Kind.PRE_CHORUS, Kind.CHORUS, Kind.BRIDGE})


@dataclass(frozen=True, slots=True)
class Part:
    """One section: its kind, which of its kind (from 1), and its length in bars."""

    kind: Kind
    number: int
    bars: int

    @property
    def name(self) -> str:
        """For example `verse 2`; the chorus has no number, it is always the same."""
        return f"{self.kind} {self.number}" if self.kind is Kind.VERSE else str(self.kind)


@dataclass(frozen=True, slots=True)
class Form:
    """Tempo in beats a minute and the sections in order."""

    tempo_bpm: int
    parts: tuple[Part, ...]

    @property
    def bars(self) -> int:
        return sum(part.bars for part in self.parts)

    @property
    def duration_ms(self) -> int:
        return duration_ms(self.bars, self.tempo_bpm)


SLOW_BPM = 75
"""Down from here, two bars are long enough for four lines."""
_LETTERS = {
    "I": Kind.INTRO,
    "V": Kind.VERSE,
    "P": Kind.PRE_CHORUS,
    "C": Kind.CHORUS,
    "B": Kind.BRIDGE,
    "N": Kind.INSTRUMENTAL,
    "O": Kind.OUTRO,
}


def duration_ms(bars: int, tempo_bpm: int) -> int:
    """How long so many bars of four beats last."""
    return round(bars * MS_PER_BAR_AT_1_BPM / tempo_bpm)


def plan_form(dice: Dice, *, tempo: tuple[int, int], target_ms: int, genre: str = "pop") -> Form:
    """A form of the genre that lasts as long as wanted at a tempo within the range, both bounds included.

    Among the forms that fit, the dice choose; where none fits exactly, the one that comes nearest.
    """
    slowest, fastest = tempo
    wish = slowest + dice.number("tempo", fastest - slowest + 1)
    build = usual(genre).build
    forms = []
    for shape, sizes in _candidates(build, slow=slowest <= SLOW_BPM):
        bars = [sizes[letter] for letter in shape]
        fitting = round(sum(bars) * MS_PER_BAR_AT_1_BPM / target_ms)
        tempo_bpm = min(max(fitting, slowest), fastest)
        off = abs(duration_ms(sum(bars), tempo_bpm) - target_ms) / target_ms
        oddity = sum((*build.bars[letter], 2).index(sizes[letter]) for letter in set(shape))
        oddity += 2 * sum(duration_ms(sizes[letter], tempo_bpm) < QUATRAIN_MS for letter in "VC")
        forms.append(
            (
                off > 0.02,
                round(off, 2) if off > 0.02 else 0,
                oddity,
                abs(tempo_bpm - wish),
                shape,
                bars,
                tempo_bpm,
            )
        )
    forms.sort(key=lambda form: form[:4])
    best = [form for form in forms[:24] if form[:2] == forms[0][:2] and form[2] <= forms[0][2] + 1]
    *_, shape, bars, tempo_bpm = dice.choice("form", best)
    return Form(tempo_bpm, numbered([_LETTERS[letter] for letter in shape], bars))


def numbered(kinds: Sequence[Kind], bars: Sequence[int]) -> tuple[Part, ...]:
    """The parts of a form, each counted among its kind."""
    return tuple(
        Part(kind, list(kinds[: place + 1]).count(kind), length)
        for place, (kind, length) in enumerate(zip(kinds, bars, strict=True))
    )


@cache
def _candidates(build: Build, *, slow: bool) -> list[tuple[str, dict[str, int]]]:
    """Each shape with each choice of lengths for the sections that it has."""
    found = []
    for shape in build.shapes:
        letters = sorted(set(shape))
        lengths = [
            (*build.bars[letter], 2) if slow and 2 not in build.bars[letter] else build.bars[letter]
            for letter in letters
        ]
        found += [(shape, dict(zip(letters, chosen, strict=True))) for chosen in product(*lengths)]
    return found


def fit_length(
    bars: Sequence[int], tempo_bpm: int, *, tempo: tuple[int, int], target_ms: int
) -> tuple[list[int], int]:
    """Lengths in bars and a tempo that bring a given form near the wanted duration.

    Equal lengths stay equal. Lengths become even, 2 to 32; the tempo moves by at most 8 % within its range.
    """
    ratio = target_ms / duration_ms(sum(bars), tempo_bpm)
    stretch = 1.0 if 0.9 <= ratio <= 1.1 else ratio
    fitted = [min(max(2, 2 * round(length * stretch / 2)), 32) for length in bars]
    wanted_bpm = round(sum(fitted) * MS_PER_BAR_AT_1_BPM / target_ms)
    nearest = min(max(wanted_bpm, round(tempo_bpm * 0.92)), round(tempo_bpm * 1.08))
    return fitted, min(max(nearest, tempo[0]), tempo[1])


def tempo_range(genre: str, slowest: int, fastest: int) -> tuple[int, int]:
    """The persona's range, or the genre's where it gives none."""
    return (slowest, fastest) if slowest and fastest else usual(genre).tempo
