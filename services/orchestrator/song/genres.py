"""What a genre usually asks of a song, where the persona leaves it open."""

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Genre:
    """Usual tempo range in beats a minute, keys, instruments, and moods."""

    tempo: tuple[int, int]
    keys: tuple[str, ...]
    instruments: tuple[str, ...]
    moods: tuple[str, ...]


_MINOR = ("A minor", "C minor", "D minor", "E minor", "F# minor", "G minor")

GENRES: Mapping[str, Genre] = {
    "synthwave": Genre(
        (84, 118),
        _MINOR,
        ("analog synthesizer", "synth bass", "gated drums", "arpeggiator"),
        ("wistful", "yearning", "restless"),
    ),
    "lofi": Genre(
        (70, 90),
        ("C major", "D minor", "F major", "A minor", "G major"),
        ("electric piano", "upright bass", "dusty drums", "nylon guitar"),
        ("calm", "sleepy", "tender"),
    ),
    "house": Genre(
        (118, 128),
        (*_MINOR, "B minor"),
        ("four-on-the-floor drums", "sub bass", "piano stabs", "strings"),
        ("euphoric", "bright", "longing"),
    ),
    "trap": Genre(
        (64, 80),
        (*_MINOR, "C# minor"),
        ("808 bass", "hi-hats", "bells", "dark pad"),
        ("defiant", "cold", "proud"),
    ),
    "pop": Genre(
        (92, 124),
        ("C major", "D major", "F major", "G major", "A major", "A minor", "E minor"),
        ("drums", "bass", "electric guitar", "piano"),
        ("bright", "bittersweet", "tender"),
    ),
    "ambient": Genre(
        (56, 76),
        ("C major", "D major", "F major", "A minor", "E minor"),
        ("warm pad", "soft piano", "bowed strings", "field recordings"),
        ("serene", "hushed", "weightless"),
    ),
}


def usual(genre: str) -> Genre:
    """The genre's usual ways; those of pop for one that is not known."""
    return GENRES.get(genre.strip().lower(), GENRES["pop"])
