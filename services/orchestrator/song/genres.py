"""What a genre usually asks of a song, where the persona leaves it open."""

from collections.abc import Mapping
from dataclasses import dataclass

from services.chassis.genres import genre_name


@dataclass(frozen=True, eq=False)
class Build:
    """How songs are built.

    Sections have letters: Intro, Verse, Pre-chorus, Chorus, Bridge, iNstrumental, Outro.
    """

    shapes: tuple[str, ...]
    bars: Mapping[str, tuple[int, ...]]
    """Lengths by letter, the most usual first."""


@dataclass(frozen=True, slots=True)
class Genre:
    """Usual tempo range in beats a minute, keys, instruments, moods, and forms."""

    tempo: tuple[int, int]
    """As in the tables of the release service's own music provider."""

    keys: tuple[str, ...]
    instruments: tuple[str, ...]
    moods: tuple[str, ...]
    build: Build


_MINOR = ("A minor", "C minor", "D minor", "E minor", "F# minor", "G minor")

_SONG = Build(
    (
        "IVCVCBCO",
        "IVCVCBCCO",
        "IVCVBCO",
        "IVPCVPCBCO",
        "IVVCVCBCO",
        "IVCNVCBCO",
        "IVCVCBNCO",
        "IVPCVPCBCCO",
        "IVCVCBVCCO",
        "IVVCVVCBCCO",
        "IVCNVCBNVCCO",
    ),
    {
        "I": (4, 2, 8),
        "V": (8, 4, 16),
        "P": (4,),
        "C": (8, 4),
        "B": (4, 8),
        "N": (4, 8),
        "O": (4, 2, 8),
    },
)
_CLUB = Build(
    (
        "IVCVBCO",
        "IVCNVBCO",
        "IVPCVBCNO",
        "IVPCNVPCBNO",
        "IVCNVCBNCO",
        "IVPCNVPCBCNO",
        "IVCNVPCNBCNO",
        "IVVCNVVCNBCNO",
    ),
    {
        "I": (8, 4, 16),
        "V": (8, 16, 4),
        "P": (8, 4),
        "C": (8, 16, 4),
        "B": (8, 4),
        "N": (8, 16, 4),
        "O": (8, 4, 16),
    },
)
"""For the floor: music alone has its turn after a chorus, and there is time to get in and out."""
_SLOW = Build(
    ("IVCVCO", "IVCVBCO", "IVCNVCO", "IVCNVBCO", "IVNVCBCO"),
    {"I": (4, 2, 8), "V": (8, 4), "C": (8, 4), "B": (4, 8), "N": (4, 8), "O": (4, 8, 2)},
)
_RAP = Build(
    ("ICVCVCO", "IVCVCO", "IVCVCBCO", "IVCVNCO", "ICVCVBCCO", "IVPCVPCBCO", "IVCNVCNVCBCCO"),
    {"I": (4, 2, 8), "V": (16, 8), "P": (4,), "C": (8, 16), "B": (8, 4), "N": (8, 4), "O": (4, 2, 8)},
)

GENRES: Mapping[str, Genre] = {
    "synthwave": Genre(
        (84, 118),
        _MINOR,
        ("analog synthesizer", "synth bass", "gated drums", "arpeggiator"),
        ("wistful", "yearning", "restless"),
        _SONG,
    ),
    "lofi": Genre(
        (68, 92),
        ("C major", "D minor", "F major", "A minor", "G major"),
        ("electric piano", "upright bass", "dusty drums", "nylon guitar"),
        ("calm", "sleepy", "tender"),
        _SONG,
    ),
    "house": Genre(
        (118, 128),
        (*_MINOR, "B minor"),
        ("four-on-the-floor drums", "sub bass", "piano stabs", "strings"),
        ("euphoric", "bright", "longing"),
        _CLUB,
    ),
    "techno": Genre(
        (126, 138),
        (*_MINOR, "F minor", "Bb minor"),
        ("drum machine", "acid bass line", "dark stabs", "drone"),
        ("driven", "cold", "hypnotic"),
        _CLUB,
    ),
    "drum_and_bass": Genre(
        (168, 178),
        (*_MINOR, "F minor", "B minor"),
        ("breakbeats", "reese bass", "sub bass", "warm pad", "electric piano"),
        ("urgent", "weightless", "defiant"),
        _CLUB,
    ),
    "trap": Genre(
        (130, 156),
        (*_MINOR, "C# minor"),
        ("808 bass", "hi-hats", "bells", "dark pad"),
        ("defiant", "cold", "proud"),
        _RAP,
    ),
    "pop": Genre(
        (96, 126),
        ("C major", "D major", "F major", "G major", "A major", "A minor", "E minor"),
        ("drums", "bass", "electric guitar", "piano"),
        ("bright", "bittersweet", "tender"),
        _SONG,
    ),
    "ambient": Genre(
        (58, 84),
        ("C major", "D major", "F major", "A minor", "E minor"),
        ("warm pad", "soft piano", "bowed strings", "field recordings"),
        ("serene", "hushed", "weightless"),
        _SLOW,
    ),
}


def usual(genre: str) -> Genre:
    """The genre's usual ways; those of pop for one that is not known."""
    return GENRES.get(genre_name(genre), GENRES["pop"])


def _folded(name: str) -> str:
    return "".join(sign for sign in name.casefold() if sign.isalnum())
