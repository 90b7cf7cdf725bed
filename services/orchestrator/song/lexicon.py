"""The words of plain English lyrics, and what each can be in a sentence."""

import re
from collections import defaultdict
from enum import Flag, auto
from functools import cache
from importlib.resources import files


class Part(Flag):
    """What a word can be; most words can be several things."""

    NOUN = auto()
    THING = auto()
    """A noun for what can be seen or touched."""
    PLURAL = auto()
    BASE = auto()
    """A verb as after `to`."""
    THIRD = auto()
    """A verb as after `she`."""
    PAST = auto()
    ING = auto()
    QUALITY = auto()
    MANNER = auto()
    DETERMINER = auto()
    SUBJECT = auto()
    OBJECT = auto()
    PREPOSITION = auto()
    JOINER = auto()
    MODAL = auto()
    AUXILIARY = auto()
    JOINED = auto()
    """Subject and verb in one, as `I'm`."""


NOTHING = Part(0)
_GROUPS = {
    "things": Part.NOUN | Part.THING,
    "ideas": Part.NOUN,
    "people": Part.NOUN,
    "verbs": Part.BASE,
    "strong": Part.BASE,
    "irregular": Part.PAST | Part.BASE | Part.THIRD | Part.QUALITY,
    "qualities": Part.QUALITY,
    "manner": Part.MANNER,
    "determiners": Part.DETERMINER,
    "subjects": Part.SUBJECT,
    "objects": Part.OBJECT,
    "prepositions": Part.PREPOSITION,
    "joiners": Part.JOINER,
    "modals": Part.MODAL,
    "auxiliaries": Part.AUXILIARY,
    "joined": Part.JOINED,
}
_VOWELS = "aeiou"
_SHORT_CLOSED = re.compile(r"[^aeiou]*[aeiou][bdgklmnprt]")


def part_of(word: str) -> Part:
    """What a word can be, possessives included; `NOTHING` where it is not known."""
    word = word.lower()
    parts = _lexicon().get(word, NOTHING)
    if parts:
        return parts
    if word.endswith("'s"):
        owner = _lexicon().get(word[:-2], NOTHING)
        return Part.DETERMINER if owner & Part.NOUN else NOTHING
    if word.endswith("in'"):
        return _lexicon().get(word[:-1] + "g", NOTHING)
    return NOTHING


def is_known(word: str) -> bool:
    """True for a word that a plain English lyric may have."""
    return part_of(word) != NOTHING


def is_content(word: str) -> bool:
    """True for words that carry a picture or an idea, also unknown ones; false for the small words."""
    parts = part_of(word)
    small = (
        Part.DETERMINER
        | Part.SUBJECT
        | Part.OBJECT
        | Part.PREPOSITION
        | Part.JOINER
        | Part.MODAL
        | Part.AUXILIARY
        | Part.JOINED
    )
    return not parts & small and len(word) > 2


@cache
def _lexicon() -> dict[str, Part]:
    """Every form of every word."""
    known: dict[str, Part] = defaultdict(lambda: NOTHING)
    group = ""
    for line in files(__package__).joinpath("data/lexicon.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            group = line.strip("[]")
        elif not line.startswith("#"):
            for word in line.split():
                for form, part in _forms(word, group):
                    known[form] |= part
    return dict(known)


def _forms(word: str, group: str) -> list[tuple[str, Part]]:
    part = _GROUPS[group]
    forms = [(word, part)]
    if group in ("things", "ideas", "people"):
        forms.append((with_s(word), part | Part.PLURAL))
    elif group == "verbs":
        forms += [
            (with_s(word), Part.THIRD),
            (_with_suffix(word, "ed"), Part.PAST | Part.QUALITY),
            (_with_suffix(word, "ing"), Part.ING),
        ]
    elif group == "strong":
        forms += [(with_s(word), Part.THIRD), (_with_suffix(word, "ing"), Part.ING)]
    elif group == "irregular" and word.endswith("ing") and len(word) > 5:
        forms = [(word, Part.ING)]
    elif group == "qualities":
        forms.append((_adverb(word), Part.MANNER))
        if len(word) <= 6:
            forms += [(_with_suffix(word, "er"), part), (_with_suffix(word, "est"), part)]
    return forms


def with_s(word: str) -> str:
    """Plural of a noun, or third person of a verb."""
    if word.endswith(("s", "x", "z", "ch", "sh")):
        return word + "es"
    if word.endswith("y") and word[-2] not in _VOWELS:
        return word[:-1] + "ies"
    return word + "s"


def _with_suffix(word: str, suffix: str) -> str:
    if word.endswith("ie") and suffix == "ing":
        return word[:-2] + "ying"
    if word.endswith("e") and not (suffix == "ing" and word.endswith(("ee", "oe", "ye"))):
        return word[:-1] + suffix
    if word.endswith("y") and word[-2] not in _VOWELS and suffix != "ing":
        return word[:-1] + "i" + suffix
    if _SHORT_CLOSED.fullmatch(word):
        return word + word[-1] + suffix
    return word + suffix


def _adverb(word: str) -> str:
    if word.endswith("y"):
        return word[:-1] + "ily"
    if word.endswith("le"):
        return word[:-1] + "y"
    return word + "ly"
