"""What a genre is: the tables that composing, performing and mixing read."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeVar

from services.release.music.score import Section
from services.release.music.synth.drums import DrumSound
from services.release.music.synth.effects import Room
from services.release.music.theory import Mode

T = TypeVar("T")

ByRole = Mapping[str, tuple[str, ...]]
"""Choices by a section's kind; the kind `""` stands for all that aren't named."""

Pick = Literal["chord", "up", "down", "updown", "broken", "top", "root"]

Spans = Mapping[str, tuple[float, float]]
"""From where to where a part plays in a section of eight bars and more, as shares of it.

By section kind as in `Layer.play`; all of it where not named. So long sections grow and thin out.
"""

Ending = Literal["rest", "fade", "stop"]
"""How a song ends.

`rest`: the last chord rings out. `fade`: the outro fades away. `stop`: all hold their breath for a beat, then
comes the last chord.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """How an accompanying part moves: a rhythm, and which notes of the chord it takes.

    Rhythms have 16 steps a bar, or 32 for two bars: `X` `x` `o` `g` strike from hard to ghostly, `-` holds,
    `.` rests. An empty rhythm holds every chord for as long as it stands.
    """

    rhythm: str
    pick: Pick = "chord"
    gate: float = 0.9
    """How much of its time a note is held."""

    strum: float = 0.0
    """From one note of a chord to the next, in beats."""


@dataclass(frozen=True, slots=True)
class Channel:
    """A part's place in the mix."""

    level_db: float
    """How loud it is heard where it plays, in relation to the other parts."""

    pan: float = 0.0
    width: float = 1.0
    """0 mono, 1 as it is, above 1 wider."""

    room: float = 0.0
    """Send to the small room, 0 to 1."""

    hall: float = 0.0
    """Send to the large one."""

    echo: float = 0.0
    """Send to the echoes."""

    duck: float = 0.0
    """How far it makes way for the kick, 0 to 1."""


@dataclass(frozen=True, slots=True)
class Layer:
    """An accompanying part: chords, arpeggios, pads."""

    voices: tuple[str, ...]
    """Voices that suit it; the brief's instruments decide among them, else chance."""

    figures: Mapping[str, tuple[Figure, ...]]
    """Choices by section kind; `""` for all others."""

    play: Mapping[str, float]
    """How strongly it plays by section kind, or kind and number such as `verse1`; silent where not named."""

    channel: Channel
    low: int = 50
    high: int = 76
    notes: int = 4
    rootless: bool = False
    span: Spans = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class BassStyle:
    """The bass.

    Patterns have 16 steps a bar, or 32: `R` root, `O` its octave, `5` fifth, `3` third, `7` the chord's
    last tone, `A` a step towards the next root, `-` holds, `.` rests.
    """

    voices: tuple[str, ...]
    patterns: ByRole
    play: Mapping[str, float]
    channel: Channel
    low: int = 28
    gate: float = 0.9
    span: Spans = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class LeadStyle:
    """The melody, which stands in for the singer, and what answers it."""

    voices: tuple[str, ...]
    """For the sung sections."""

    answers: tuple[str, ...]
    """Voices that fill the gaps between lines and play the hook where nobody sings."""

    verse_cells: tuple[str, ...]
    """Rhythms of a bar or two in eighths, `x` where a syllable likes to fall."""

    chorus_cells: tuple[str, ...]
    low: int
    high: int
    """Range of the verses' melody; the chorus lies `lift` scale steps higher."""

    channel: Channel
    answer_channel: Channel
    lift: int = 3
    lively: float = 0.5
    """How much the melody leaps, 0 to 1."""

    grid: float = 0.5
    """Shortest step of the melody in beats."""

    play: Mapping[str, float] = field(default_factory=dict)
    """As in `Layer`; the lead also plays in every section that has words."""

    harmony: bool = True
    """Whether the choruses have a second voice."""


@dataclass(frozen=True, slots=True)
class Stroke:
    """A sound of the drum kit and its place."""

    sound: DrumSound
    level_db: float
    """Peak, in relation to the kit's loudest."""

    pan: float = 0.0
    room: float = 0.0
    hall: float = 0.0
    takes: int = 1
    """How many slightly different strokes there are, so that repeats don't sound copied."""


Groove = Mapping[str, str]
"""Steps by drum, 16 a bar over one, two or four bars.

`X` `x` `o` `g` from hard to ghostly; `2` `3` `4`: so many strokes within the step.
"""


@dataclass(frozen=True, slots=True)
class DrumStyle:
    """Kit and grooves."""

    kit: Mapping[str, Stroke]
    grooves: Mapping[str, tuple[Groove, ...]]
    """Choices by intensity, for example `light`, `main`, `full`."""

    fills: tuple[Groove, ...]
    """One bar each; they lead into the next section."""

    intensity: Mapping[str, str]
    """Which groove by section kind, or kind and number; silent where not named.

    `light>main` plays one in the first half of a section of eight bars and more, the other in its second half
    and in all of a shorter one; either may be empty.
    """

    channel: Channel
    builds: tuple[str, ...] = ()
    """Kinds of section that end in a roll and a rising noise where a chorus or an instrumental follows."""

    build_bars: int = 2
    """How long these are."""

    crash: str = "crash"
    """What marks the start of a loud section, and swells into it backwards; empty for nothing."""


@dataclass(frozen=True, slots=True)
class Sound:
    """Rooms and treatment of the mix."""

    room: Room
    hall: Room
    echo_beats: float = 0.75
    echo_feedback: float = 0.42
    duck_s: float = 0.22
    """How long parts take to come back after the kick."""

    tape_wow_cents: float = 0.0
    """Above 0: the music goes through a cassette."""

    tape_dull_hz: float = 12_000.0
    atmosphere: str = ""
    """A sound that lies under everything: `crackle` or `wash`."""

    atmosphere_db: float = -40.0
    glue_db: float = 3.0
    """How far the bus compressor goes at the loudest, about."""

    ring_s: float = 2.2
    """How long the last chord rings on after the last bar."""

    opens: tuple[str, ...] = ()
    """Kinds of section over which a filter opens on all but the drums and the lead.

    An intro opens as a whole, any other in its last four bars where a chorus or an instrumental follows.
    """

    opens_from_hz: float = 450.0


@dataclass(frozen=True, slots=True)
class Genre:
    """All of it."""

    name: str
    tempo_bpm: tuple[int, int]
    """What is usual."""

    bars: Mapping[str, int]
    """Lengths of the sections by kind, where the brief leaves them open; stretched to the wanted length."""

    progressions: Mapping[Mode, Mapping[str, tuple[str, ...]]]
    """Chord symbols (see `theory.chord`) by section: `verse`, `pre_chorus`, `chorus`, `bridge`."""

    colours: Mapping[str, str]
    """How chords are coloured by section, `""` for all others, `end` for the last."""

    layers: Mapping[str, Layer]
    bass: BassStyle
    lead: LeadStyle
    drums: DrumStyle
    sound: Sound
    chords_per_bar: float = 1.0
    turnaround: Mapping[Mode, str] = field(default_factory=dict)
    """One or two chords for the second half of the last chord of a verse or a bridge, which lead on."""

    ending: Ending = "rest"
    counts_double: bool = False
    """Whether briefs may give half of the tempo that the tables are written in."""

    intro_role: str = "verse"
    """Whose chords the intro and the outro have."""

    swing: float = 0.5
    """Where the second of two sixteenths falls: 0.5 straight, 0.66 a triplet."""

    swing_grid: float = 0.25
    """The note that swings, in beats."""

    loose_ms: float = 5.0
    """How far players stray from the beat (standard deviation)."""

    behind_ms: float = 0.0
    """How far behind the beat snare and chords lie."""


def by_section(table: Mapping[str, T], section: Section, default: T) -> T:
    """The value of `chorus_final`, `chorus2`, `chorus` or `""`, whichever the table names first.

    `chorus_final` is the last of several choruses.
    """
    kind = section.kind
    for name in (f"{kind}_final" if section.final else kind, f"{kind}{section.number}", kind, ""):
        if name in table:
            return table[name]
    return default
