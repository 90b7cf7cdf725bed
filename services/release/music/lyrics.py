"""Lyrics as the melody sees them: syllables, each with the vowel that it is sung on."""

import re
import unicodedata

Vowel = str
"""One of `a`, `e`, `i`, `o`, `u`."""

_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_NUCLEUS = re.compile(r"[aeiouy]+")
# Cyrillic and Greek vowels, as the Latin ones that sound nearest.
_TO_LATIN = str.maketrans("аяэеёиыоуюіїєαεηιυοω", "aaeeoiioouiieaeiiuoo")
_CJK = re.compile(r"[぀-ヿ㐀-鿿가-힯]")


def syllables(line: str, language: str = "en") -> list[Vowel]:
    """The vowel of each syllable of a line, in order; `language` is a BCP 47 tag."""
    sung: list[Vowel] = []
    for word in _WORD.findall(line):
        sung.extend(_word_syllables(word.lower(), english=language.lower().startswith("en")))
    return sung


def _word_syllables(word: str, *, english: bool) -> list[Vowel]:
    if _CJK.search(word):
        return ["aiueo"[ord(sign) % 5] for sign in word if _CJK.match(sign)]
    plain = "".join(
        sign
        for sign in unicodedata.normalize("NFD", word.translate(_TO_LATIN))
        if not unicodedata.combining(sign)
    )
    plain = plain.replace("'", "").replace("’", "")
    if english:
        # The y of "yes" is no vowel, the e of "fire" and "loved" isn't sung, that of "little" and "wanted"
        # is.
        plain = re.sub(r"^y(?=[aeiou])", "", plain)
        if len(_NUCLEUS.findall(plain)) > 1:
            plain = re.sub(
                r"(?<=[^aeiouyl])e$|(?<=[aeiouy]l)e$|(?<=[^aeioutdy])ed$|(?<=[^aeiouyscxz])es$", "", plain
            )
    vowels = [_sound(nucleus) for nucleus in _NUCLEUS.findall(plain)]
    return vowels or ["a"]


def _sound(nucleus: str) -> Vowel:
    if nucleus in ("ee", "ea", "y", "ie", "ey"):
        return "i"
    if nucleus in ("oo", "ou", "ew", "ue"):
        return "u"
    if nucleus in ("ai", "ay"):
        return "e"
    return nucleus[0].replace("y", "i")
