"""Forty briefs over all genres: every key, tempi over each range, two to four minutes, several forms."""

import random

from aiartist.common.v1 import brief_pb2
from services.release.music.genres import GENRES

A_GENRE = 5
LENGTHS_S = (120, 150, 180, 210, 240)
_TONICS = ("C", "C#", "D", "Eb", "E", "F", "F#", "G", "Ab", "A", "Bb", "B")
_FORMS = (
    "I V C V C B C O",
    "I V P C V P C B C O",
    "I V C N V C B N C O",
    "I V V C V C B C C O",
    "I N V P C N V C B P C C O",
)
_KINDS = {
    "I": brief_pb2.Section.KIND_INTRO,
    "V": brief_pb2.Section.KIND_VERSE,
    "P": brief_pb2.Section.KIND_PRE_CHORUS,
    "C": brief_pb2.Section.KIND_CHORUS,
    "B": brief_pb2.Section.KIND_BRIDGE,
    "N": brief_pb2.Section.KIND_INSTRUMENTAL,
    "O": brief_pb2.Section.KIND_OUTRO,
}
_LINES = {"V": 4, "P": 2, "C": 4, "B": 2}
_TEXT = """
river lantern window morning shadow ember harbour paper silver winter engine garden mirror station summer
thunder velvet corner distance signal quiet open burning falling waiting turning gone home light again away
slow deep over under still almost never always carry follow hold leave
"""
_WORDS = _TEXT.split()
_WISHES = (
    (),
    ("piano", "strings"),
    ("warm pad", "bells"),
    ("electric guitar", "bass guitar"),
    ("synth pluck", "choir"),
)


def forty_briefs() -> list[brief_pb2.Brief]:
    """Five briefs a genre; the same ones every time."""
    return [
        _brief(genre, number, place * A_GENRE + number)
        for place, genre in enumerate(GENRES)
        for number in range(A_GENRE)
    ]


def _brief(genre: str, number: int, count: int) -> brief_pb2.Brief:
    chance = random.Random(f"forty/{genre}/{number}")
    slowest, fastest = GENRES[genre].tempo_bpm
    # Every key comes once or twice: 7 and 12 have no common divisor, and modes alternate by the round.
    mode = ("minor", "major")[(count + count // 12) % 2]
    brief = brief_pb2.Brief(
        title=" ".join(chance.sample(_WORDS, 2)).title(),
        genre=genre,
        theme="what is left of a day",
        mood="wistful",
        language="en",
        tempo_bpm=slowest + round((fastest - slowest) * number / (A_GENRE - 1)),
        key=f"{_TONICS[count * 7 % 12]} {mode}",
        instruments=_WISHES[(count + number) % len(_WISHES)],
        target_duration_ms=LENGTHS_S[(count * 3 + number) % len(LENGTHS_S)] * 1_000,
        seed=chance.getrandbits(63),
    )
    hook = [_line(chance) for _ in range(_LINES["C"])]
    for letter in _FORMS[(count + count // A_GENRE) % len(_FORMS)].split():
        lines = hook if letter == "C" else [_line(chance) for _ in range(_LINES.get(letter, 0))]
        brief.sections.add(kind=_KINDS[letter], lines=lines)
    if number % 2:
        _give_lengths(brief)
    return brief


def _line(chance: random.Random) -> str:
    return " ".join(chance.choices(_WORDS, k=chance.randint(3, 6)))


def _give_lengths(brief: brief_pb2.Brief) -> None:
    """Lengths in bars for every section, as a songwriter gives them."""
    bars = brief.target_duration_ms * brief.tempo_bpm / 240_000
    shares = [2 if section.lines else 1 for section in brief.sections]
    left = bars
    for place, (section, share) in enumerate(zip(brief.sections, shares, strict=True)):
        # What rounding takes from one section the next ones get.
        section.bars = min(64, max(2, 2 * round(left * share / sum(shares[place:]) / 2)))
        left -= section.bars
