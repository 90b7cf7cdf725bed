"""Whether a new artist is one of their own: by name, and by what they are like. Pure."""

import re
import unicodedata
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from aiartist.common.v1.persona_pb2 import Persona
from services.chassis.titles import faults
from services.orchestrator.song.text import stems, word_set, words_of

MOST_LIKENESS = 0.5
"""From here on two personas are too much alike. See `likeness`."""
MOST_CHARACTERS = 40
MOST_WORDS = 4
_ASIDE = word_set("the a an and dj mc feat ft")
"""Words that tell no two names apart."""
_DISGUISES = str.maketrans("013457$", "oieasts")
_LONG_WORD = 4
_SIGNS = frozenset(" '’-.&!,")
_SCRIPTS = ("LATIN", "CYRILLIC", "GREEK")
"""Those with letters that pass for each other's."""
_TOGETHER = re.compile(r"\s*(?:,|;|&|\+|/|\b(?:feat|ft|featuring|with|and|vs|x)\b\.?)\s*", re.IGNORECASE)
_COMMON = word_set(
    "a an and are as at be but by for from has have her his i in into is it its like my no not of on or our"
    " out she he so than that the their them they this to too up we what when where who with you your song"
    " songs music"
)


@dataclass(frozen=True, slots=True)
class _Name:
    """A name without all that does not tell it from another."""

    words: tuple[str, ...]

    @property
    def joined(self) -> str:
        return "".join(self.words)


def name_faults(name: str) -> list[str]:
    """Why stores or listeners would not take this for an artist's name, a sentence each; empty: they do."""
    found = [f"the name {name!r} won't do: {fault.text}" for fault in faults(name)]
    if not 2 <= len(name) <= MOST_CHARACTERS or len(name.split()) > MOST_WORDS:
        found.append(
            f"the name {name!r} must have 2 to {MOST_CHARACTERS} characters, at most {MOST_WORDS} words"
        )
    odd = sorted({sign for sign in name if not (sign in _SIGNS or unicodedata.category(sign)[0] in "LMN")})
    if odd:
        found.append(f"the name {name!r} has signs that names of artists don't have: {' '.join(odd)}")
    scripts = {
        script for sign in name for script in _SCRIPTS if unicodedata.name(sign, "").startswith(script)
    }
    if len(scripts) > 1:
        found.append(f"the name {name!r} mixes letters of {' and '.join(sorted(scripts)).lower()}")
    return found


def near(name: str, other: str) -> bool:
    """True where listeners would take one name for the other.

    Case, accents, signs, digits for letters, articles and the order of words make no difference. Names of
    five letters or more are near with one other letter in four. So are names that share two words in three,
    or all words of one that has two or more.
    """
    one, two = _folded(name), _folded(other)
    if not one.words or not two.words:
        return False
    if one.joined == two.joined or sorted(one.words) == sorted(two.words):
        return True
    most = max(len(one.joined), len(two.joined))
    if min(len(one.joined), len(two.joined)) >= 5 and _distance(one.joined, two.joined, most // 4):
        return True
    first, second = set(one.words), set(two.words)
    shared = len(first & second)
    return shared * 3 >= max(len(first), len(second)) * 2 or 2 <= shared == min(len(first), len(second))


def related(name: str, other: str) -> bool:
    """True where two artists of one label would pass for relatives: near names, or a long word in common."""
    words = set(_folded(name).words) & set(_folded(other).words)
    return near(name, other) or any(len(word) >= _LONG_WORD for word in words)


def parties(billing: str) -> list[str]:
    """Everybody whom a chart names as one artist: the whole, and each of `A feat. B & C`."""
    parts = [part for part in _TOGETHER.split(billing) if len(part) > 1]
    return [billing, *parts] if len(parts) > 1 else [billing]


def mentioned(text: str, names: Iterable[str]) -> str:
    """The first of these names that stands in a text; empty: none.

    Names of one word pass: many are words of a language too.
    """
    words = f" {' '.join(_folded(text).words)} "
    for name in names:
        folded = _folded(name).words
        if len(folded) > 1 and f" {' '.join(folded)} " in words:
            return name
    return ""


def likeness(one: Persona, two: Persona) -> float:
    """How much alike two personas are, 0 to 1.

    Their genre counts for 0.2, the words of their themes for 0.3, of their moods for 0.2, of what they are
    like for 0.3: each by how many of all words both have. So the same themes and moods in one genre are too
    much, and so are somebody's themes and manner in another; the same genre and moods alone are not.
    """
    return (
        0.2 * (one.genre == two.genre)
        + 0.3 * _shared(one.themes, two.themes)
        + 0.2 * _shared(one.moods, two.moods)
        + 0.3 * _shared([one.style], [two.style])
    )


def _shared(one: Iterable[str], two: Iterable[str]) -> float:
    first, second = (
        stems(word for text in texts for word in words_of(text) if word not in _COMMON)
        for texts in (one, two)
    )
    return len(first & second) / len(first | second) if first and second else 0.0


@lru_cache(16_384)
def _folded(name: str) -> _Name:
    plain = unicodedata.normalize("NFKD", name.casefold().replace("&", " and "))
    letters = "".join(sign for sign in plain if not unicodedata.combining(sign)).translate(_DISGUISES)
    words = re.findall(r"[^\W_]+", re.sub(r"['’.]", "", letters))
    return _Name(tuple(word for word in words if word not in _ASIDE) or tuple(words))


def _distance(one: Sequence[str], two: Sequence[str], most: int) -> bool:
    """True where at most so many letters must be put in, left out or changed to make one of the other."""
    if abs(len(one) - len(two)) > most:
        return False
    row = list(range(len(two) + 1))
    for place, sign in enumerate(one, start=1):
        before, row = row, [place]
        for other, letter in enumerate(two, start=1):
            row.append(min(before[other] + 1, row[other - 1] + 1, before[other - 1] + (sign != letter)))
        if min(row) > most:
            return False
    return row[-1] <= most
