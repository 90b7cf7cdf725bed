"""Rhyme by ear from English spelling: an approximate sound of a word's end, and how well two sound alike."""

import re
from dataclasses import dataclass
from functools import cache, lru_cache
from importlib.resources import files

PERFECT = 1.0
NEAR = 0.6
"""Same vowel, consonants of one family: `time` and `line`."""
VOWEL = 0.3
"""Same vowel alone: `home` and `road`."""
NONE = 0.0


@dataclass(frozen=True, slots=True)
class Sound:
    """The end of a word from its last stressed vowel on: vowel, closing consonants, unstressed rest."""

    vowel: str
    coda: str
    rest: str = ""


_TAILS = re.compile(r"(?P<vowel>[aeiouy]+)(?P<coda>[^aeiouy]*)(?P<silent>e?)$")
_LONG = {"a": "EY", "e": "IY", "i": "AY", "o": "OW", "u": "UW", "y": "AY"}
_SHORT = {"a": "AE", "e": "EH", "i": "IH", "o": "AA", "u": "UH", "y": "IH"}
_TEAMS = {
    "ai": "EY", "ay": "EY", "ei": "EY", "ey": "EY", "ea": "IY", "ee": "IY", "ie": "IY", "eo": "IY",
    "oa": "OW", "oe": "OW", "oo": "UW", "ou": "AW", "oi": "OY", "oy": "OY", "au": "AO", "ue": "UW",
    "ui": "UW", "eu": "UW", "ye": "AY", "eye": "AY", "uy": "AY",
}  # fmt: skip
_R_COLOURED = {
    "a": "AR", "e": "ER", "i": "ER", "u": "ER", "o": "OR", "oo": "OR", "ou": "OR", "oa": "OR",
    "ai": "EHR", "ea": "IR", "ee": "IR", "ie": "IR", "y": "ER",
}  # fmt: skip
_R_SILENT = {"a": "EHR", "e": "IR", "i": "AYR", "o": "OR", "u": "UR"}
_CODAS = (
    (re.compile(r"^ght"), "T"),
    (re.compile(r"^gh"), ""),
    (re.compile(r"tch|ch"), "CH"),
    (re.compile(r"ck"), "K"),
    (re.compile(r"dg|(?<=[aeiou])g(?=e)"), "J"),
    (re.compile(r"ph"), "F"),
    (re.compile(r"sh"), "SH"),
    (re.compile(r"th"), "TH"),
    (re.compile(r"ng"), "NG"),
    (re.compile(r"m[bn]$"), "M"),
    (re.compile(r"(.)\1"), r"\1"),
)
_FAMILIES = (
    {"M", "N", "NG"},
    {"T", "D", "K", "P", "B", "G"},
    {"S", "Z", "SH", "CH", "J"},
    {"F", "V", "TH"},
    {"L", "LD"},
)
_UNSTRESSED = re.compile(r"(?<=[a-z]{2})(ing|ness|ly|er|or|(?<![aeo])y|le|en|ment|ful|less|tion|el|al|ow)$")


def likeness(first: str, second: str) -> float:
    """How well two words rhyme: `PERFECT`, `NEAR`, `VOWEL` or `NONE`. A word does not rhyme with itself."""
    first, second = _plain(first), _plain(second)
    if not first or not second or first == second or first.endswith(second) or second.endswith(first):
        return NONE
    one, two = sound(first), sound(second)
    if one.vowel != two.vowel or one.rest != two.rest:
        return NONE
    if _voiced(one.coda) == _voiced(two.coda):
        return PERFECT
    if _family(one.coda) == _family(two.coda) or one.coda.rstrip("SZ") == two.coda.rstrip("SZ"):
        return NEAR
    return VOWEL


@lru_cache(maxsize=4096)
def sound(word: str) -> Sound:
    """The approximate sound of a word's end."""
    word = _plain(word)
    known = _known()
    if word in known:
        return known[word]
    if word.endswith("s") and not word.endswith(("ss", "us", "is")) and len(word) > 3:
        return _plural(word)
    if word.endswith("ed") and _vowel_groups(word[:-2]):
        return _past(word)
    suffix = _UNSTRESSED.search(word)
    if suffix and _vowel_groups(word) > 1:
        inner = sound(_stem(word[: suffix.start()]))
        return Sound(inner.vowel, inner.coda, inner.rest + suffix.group(1).upper())
    return _regular(word)


@cache
def _known() -> dict[str, Sound]:
    """Words whose spelling hides their sound."""
    known: dict[str, Sound] = {}
    for line in files(__package__).joinpath("data/rhymes.txt").read_text(encoding="utf-8").splitlines():
        if line and not line.startswith("#"):
            spelled, _, words = line.partition(" : ")
            vowel, coda, rest = (part.replace("-", "") for part in spelled.split())
            known |= {word.lower(): Sound(vowel, coda, rest) for word in words.split()}
    return known


def _plural(word: str) -> Sound:
    if word.endswith(("ches", "shes", "sses", "xes", "zes")):
        stem = sound(word[:-2])
        return Sound(stem.vowel, stem.coda, stem.rest + "IZ")
    stem = sound(word[:-3] + "y" if word.endswith("ies") else word[:-1])
    if stem.rest:
        return Sound(stem.vowel, stem.coda, stem.rest + "Z")
    if stem.coda in ("S", "Z", "J"):
        return Sound(stem.vowel, stem.coda, "IZ")
    return Sound(stem.vowel, stem.coda + "Z")


def _past(word: str) -> Sound:
    stem = sound(word[:-3] + "y" if word.endswith("ied") else _stem(word[:-2]))
    if word[-3] in "td":
        return Sound(stem.vowel, stem.coda, stem.rest + "ID")
    return Sound(stem.vowel, stem.coda + "D", stem.rest)


def _stem(shortened: str) -> str:
    """The word before its suffix: `runn` -> `run`, `shin` -> `shine`, `walk` -> `walk`."""
    if re.search(r"([^aeiouls])\1$", shortened):
        return shortened[:-1]
    if re.search(r"(?:^|[^aeiou])[aiou][^aeiouywx]$", shortened) or shortened.endswith(("v", "c", "dg")):
        return shortened + "e"
    return shortened


def _regular(word: str) -> Sound:
    found = _TAILS.search(word)
    if found is None:
        return Sound("", word.upper())
    vowel, coda = found["vowel"], found["coda"]
    silent = bool(found["silent"]) and bool(coda)
    if len(vowel) > 1 and vowel not in _TEAMS:
        vowel = vowel[-1] if vowel[-2:] not in _TEAMS else vowel[-2:]
    if coda.startswith("r"):
        rest = _close(coda[1:])
        if silent and coda == "r" and vowel in _R_SILENT:
            return Sound(_R_SILENT[vowel], "")
        return Sound(_R_COLOURED.get(vowel, "ER"), rest)
    if coda.startswith("w") or coda == "w":
        return Sound({"a": "AO", "e": "UW", "o": "OW"}.get(vowel, "OW"), _close(coda[1:]))
    if coda.startswith("gh") and vowel == "i":
        return Sound("AY", _close(coda))
    if vowel in _TEAMS:
        return Sound(_TEAMS[vowel], _close(coda))
    if silent:
        return Sound(_LONG[vowel], _close({"c": "s", "g": "dg"}.get(coda, coda)))
    if not coda:
        long = _LONG[vowel] if _vowel_groups(word) == 1 or vowel not in "yi" else "IY"
        return Sound(long, "")
    return Sound(_SHORT[vowel], _close(coda))


def _close(coda: str) -> str:
    for pattern, replacement in _CODAS:
        coda = pattern.sub(replacement, coda)
    return coda.upper().replace("C", "K").replace("KH", "CH")


def _voiced(coda: str) -> str:
    # Spelling does not tell the s of `house` from that of `rose`.
    return coda.replace("Z", "S")


def _family(coda: str) -> str:
    for family in _FAMILIES:
        if coda in family:
            return min(family)
    return coda


def _plain(word: str) -> str:
    return re.sub(r"[^a-z]", "", word.lower())


def _vowel_groups(word: str) -> int:
    return len(re.findall(r"[aeiouy]+", word.removesuffix("e")))
