"""Which texts a reflection may put into a persona: plain words that no later prompt could take for more.

A persona's texts are data in every prompt and fenced there; this keeps out what has no business in one.
"""

import re
import unicodedata

from services.artist_db.domain.checks import first_control, shown

_MARKS = frozenset("<>{}[]|\\`~^@")
"""Markup, templates, fences and handles are made of these."""
_HIDDEN = frozenset({"Cf", "Co", "Cn", "Cs"})
"""Categories of characters that nobody sees."""
# Those that show nothing though they are letters or marks. What chooses between an emoji and its text stays.
_WIDTHLESS = re.compile(
    "[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2060-\u206f\u3164\ufe00-\ufe0d\ufeff\uffa0"
    "\U000e0000-\U000e0fff]"
)
_ALIKE = ("LATIN", "CYRILLIC", "GREEK")
"""Alphabets with letters that look like one another's."""
_WORD = re.compile(r"\w+(?:['\u2019.]\w+)*")
_BROKEN = (
    (re.compile(r"\d{1,3}(?:\.\d{1,3}){3}"), "an address"),
    (re.compile(r"https?:|www\.|://", re.IGNORECASE), "an address"),
    (
        re.compile(r"\w\.(com|net|org|io|ai|app|co|me|ly|gg|fm|tv|de|uk|xyz|info|link)\b", re.IGNORECASE),
        "an address",
    ),
    (re.compile(r"^\s*(-{3,}|={3,}|#{1,6}\s|\*{3,})", re.MULTILINE), "a mark that divides prompts"),
    (re.compile(r"\*\*|__|\$\(|\$\w"), "markup"),
    (
        re.compile(
            r"^\s*(system|assistant|user|human|developer|instructions?)\s*:", re.IGNORECASE | re.MULTILINE
        ),
        "the name of a speaker",
    ),
    (
        re.compile(
            r"\b(ignore|disregard|forget|override|bypass|reveal|repeat)\b.{0,60}"
            r"\b(instructions?|prompts?|rules?|bounds?|guidelines?|messages?|above|previous|prior)\b",
            re.IGNORECASE | re.DOTALL,
        ),
        "an instruction",
    ),
    (
        re.compile(r"\b(system prompt|jailbreak|as an ai|you are now|api key)\b", re.IGNORECASE),
        "an instruction",
    ),
)


def text_problem(text: str, *, lines: bool = False) -> str:
    """What is wrong with a text, as the end of a sentence; empty: nothing. `lines`: it may have breaks."""
    if bad := first_control(text, but="\n" if lines else ""):
        return f"has the control character {bad}"
    if hidden := next((sign for sign in text if unicodedata.category(sign) in _HIDDEN), ""):
        return f"has the hidden character U+{ord(hidden):04X}"
    if widthless := _WIDTHLESS.search(text):
        return f"has the hidden character U+{ord(widthless.group()):04X}"
    # What only looks like another character counts as that one.
    plain = unicodedata.normalize("NFKC", text)
    if mark := next((sign for sign in plain if sign in _MARKS), ""):
        return f"has {shown(mark)}, which is no part of plain prose"
    for pattern, what in _BROKEN:
        if found := pattern.search(plain):
            return f"has {what}: {shown(found.group().strip())}"
    if mixed := next(filter(_mixes_alphabets, _WORD.findall(plain)), ""):
        return f"has a word of more than one alphabet: {shown(mixed)}"
    if text != text.strip():
        return "begins or ends with white space"
    return ""


def _mixes_alphabets(word: str) -> bool:
    if word.isascii():
        return False
    names = (unicodedata.name(sign, "") for sign in word)
    return len({alphabet for name in names if (alphabet := name.partition(" ")[0]) in _ALIKE}) > 1


def words_of(text: str) -> list[str]:
    """The words of a text, case folded, in order."""
    return re.findall(r"\w+(?:['\u2019]\w+)*", unicodedata.normalize("NFKC", text).casefold())
