"""A song on paper: what is played when, in beats from its start. A bar has four beats."""

from dataclasses import dataclass, field

from services.release.music.theory import Key

BEATS_PER_BAR = 4.0


@dataclass(frozen=True, slots=True)
class Note:
    """One note of a pitched part."""

    start: float
    """In beats."""

    length: float
    """In beats."""

    pitch: int
    """MIDI number."""

    velocity: float = 0.8
    """How hard, above 0 to 1."""

    tone: float = 0.5
    """How bright, 0 to 1, beside what the velocity does."""

    vowel: str = ""
    """The vowel that it is sung on; empty where nobody sings."""


@dataclass(frozen=True, slots=True)
class Hit:
    """One stroke of the drums or one effect."""

    start: float
    """In beats."""

    drum: str
    """Name of a sound of the kit."""

    velocity: float = 0.8
    """How hard, above 0 to 1."""

    length: float = 0.0
    """In beats, for sounds that are as long as they are told; 0 for all others."""


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the form, placed in time."""

    kind: str
    """`intro`, `verse`, `pre_chorus`, `chorus`, `bridge`, `instrumental` or `outro`."""

    number: int
    """Which of its kind, from 1."""

    bars: int
    start: float
    """In beats."""

    lines: tuple[str, ...] = ()
    """The words, a line each."""

    final: bool = False
    """True for the last of its kind, where there are several."""

    @property
    def beats(self) -> float:
        return self.bars * BEATS_PER_BAR

    @property
    def end(self) -> float:
        return self.start + self.beats


@dataclass(frozen=True, slots=True)
class Score:
    """A whole song, ready to be performed."""

    tempo_bpm: float
    key: Key
    sections: tuple[Section, ...]
    parts: dict[str, tuple[Note, ...]] = field(default_factory=dict)
    """Notes in order of time, by the part's name."""

    hits: tuple[Hit, ...] = ()
    """In order of time."""

    opens: tuple[tuple[float, float], ...] = ()
    """Stretches over which a filter opens, from and to a beat."""

    @property
    def beats(self) -> float:
        """Length without the last chord's ring."""
        return self.sections[-1].end
