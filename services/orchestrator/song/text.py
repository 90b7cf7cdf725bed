"""Lines out of whatever a model wrote, and the words of a line."""

import re
import unicodedata
from collections.abc import Iterable

from services.chassis.titles import repaired

_WORD = re.compile(r"[^\W\d_]+(?:'[^\W\d_]+)*'?")
_QUOTES = str.maketrans({"’": "'", "‘": "'", "“": '"', "”": '"', "…": " ", "—": ", ", "–": ", "})
_BULLET = re.compile(r"^\s*(?:[-*•·>#]+|\(?\d{1,2}[.):\]])\s*")
_LABEL = re.compile(
    r"^\s*[\[(*#]*\s*(?:verse|chorus|bridge|intro|outro|hook|pre-?chorus|refrain|title|lyrics|line|lines|song|answer|output)"
    r"\b[^a-z]{0,6}(?:[\])*:]+|$)\s*",
    re.IGNORECASE,
)
_ASIDE = re.compile(r"\([^)]*\)|\[[^\]]*\]|<[^>]*>")
_PREAMBLE = re.compile(
    r"^(?:sure|certainly|of course|okay|ok|here(?:'s| is| are)|i(?:'d| would) be happy|as an ai|i hope"
    r"|let me know|note)\b"
    r".*(?:[:!.]|\blyrics\b.*|\bverse\b.*)$",
    re.IGNORECASE,
)
_MARKS = re.compile(r"[*_`#\"~|=]+")
_TITLE_SMALL = frozenset(
    {
        "a",
        "an",
        "and",
        "as",
        "at",
        "but",
        "by",
        "for",
        "from",
        "in",
        "into",
        "of",
        "on",
        "or",
        "the",
        "to",
        "with",
    }
)


def word_set(words: str) -> frozenset[str]:
    """The words of a text that are separated by spaces."""
    return frozenset(words.split())


def lines_of(answer: str) -> list[str]:
    """The sung lines of an answer: without numbering, quotes, markdown, labels and small talk."""
    found = []
    for raw in answer.translate(_QUOTES).replace(" / ", "\n").splitlines():
        line = _BULLET.sub("", _MARKS.sub("", raw))
        line = _LABEL.sub("", line)
        line = _ASIDE.sub(" ", line)
        if not line.strip() or _PREAMBLE.match(line.strip()) or line.rstrip().endswith(":"):
            continue
        if tidy := tidied(line):
            found.append(tidy)
    return found


def tidied(line: str) -> str:
    """One line with single spaces, without marks at its ends, beginning with a capital."""
    line = re.sub(r"\s+", " ", line).strip(" \t,.;:!?-/'\"")
    line = re.sub(r"\s+([,;:!?.])", r"\1", line)
    line = re.sub(r"\bi(?=\b(?:'|\s|$|,))", "I", line)
    line = re.sub(r"\b([Aa]) (?=(?:[aeio]|u(?!ni|se|su))[a-z])", r"\1n ", line)
    line = re.sub(r"\b([Aa])n (?=[bcdfgjklmnpqrstvwxyz])(?!hour|honest|heir)", r"\1 ", line)
    return line[:1].upper() + line[1:]


def words_of(line: str) -> list[str]:
    """The words of a line, in lower case."""
    return [word.lower() for word in _WORD.findall(line.translate(_QUOTES))]


def stem(word: str) -> str:
    """A word without its commonest endings, for telling whether two are about the same."""
    word = word.lower().removesuffix("'s")
    for ending in ("ings", "ing", "ies", "ed", "es", "er", "ly", "s", "e", "y"):
        if word.endswith(ending) and len(word) - len(ending) >= 3:
            word = word[: -len(ending)]
            break
    return re.sub(r"([^aeiouls])\1$", r"\1", word)


def stems(words: Iterable[str]) -> frozenset[str]:
    """The stems of all words."""
    return frozenset(stem(word) for word in words)


def syllables(word: str) -> int:
    """How many syllables an English word has, about; at least 1."""
    word = re.sub(r"[^a-z]", "", word.lower())
    if len(word) > 3:
        word = re.sub(r"(?<=[^aeiouyl])e$|(?<=[^aeiouytd])ed$", "", word)
    return max(1, len(re.findall(r"[aeiouy]+", word)))


def title_case(text: str) -> str:
    """As titles are written: small words small, but not at the ends."""
    words = [word.lower() for word in tidied(text).split()]
    last = len(words) - 1
    return " ".join(
        word if word in _TITLE_SMALL and 0 < place < last else word[:1].upper() + word[1:]
        for place, word in enumerate(words)
    )


def bare_title(title: str) -> str:
    """A title without case, accents, punctuation, added guests and versions: what is left tells it apart."""
    plain = unicodedata.normalize("NFKD", repaired(title, "")).casefold()
    return "".join(sign for sign in plain if sign.isalnum())


def has_banned(text: str, banned: Iterable[str]) -> str:
    """The first banned word or phrase in a text, whole words only, in any case; empty: none."""
    lowered = f" {' '.join(words_of(text))} "
    for phrase in banned:
        wanted = " ".join(words_of(phrase))
        if wanted and f" {wanted} " in lowered:
            return phrase
    return ""
