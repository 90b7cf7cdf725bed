"""What a song's title must be like: where one is chosen, and where it is packaged.

Both services need the same rules and may not know each other, so they stand here; they are pure. They are
what the style guides of the large stores have in common (Apple Music's, Spotify's).
"""

import re
import unicodedata
from dataclasses import dataclass

MOST_CHARACTERS = 80

_EMPTY_ADJECTIVE = r"(?:new|my|untitled|unnamed|test|demo|sample|draft|final|ai|generated|unknown|no|default)"
_EMPTY_NOUN = (
    r"(?:untitled|unnamed|title|song|songs|track|tracks|instrumental|demo|test|draft|unknown|n/?a|tba|tbd)"
)
_VAGUE_NOUN = r"(?:music|single|idea|project|beat|take|tune|audio|recording|lyrics)"
_COUNTED = r"[\s_-]*(?:#|no\.?|number|nr\.?|version|v\.?)?[\s(]*"
_DIGITS = rf"{_COUNTED}\d+\)?"
_NUMBER = rf"{_COUNTED}(?:\d+|[ivx]+|one|two|three|four|five|six|seven|eight|nine|ten|a|b)\)?"
_GENERIC = re.compile(
    rf"(?:the |my |a |an )?(?:{_EMPTY_ADJECTIVE}\s+)*{_EMPTY_NOUN}(?:{_NUMBER})?"
    rf"|(?:the |my |a |an )?(?:{_EMPTY_ADJECTIVE}\s+)+{_VAGUE_NOUN}(?:{_NUMBER})?"
    # With a number in words or letters these are titles: Take Five, Project X.
    rf"|{_VAGUE_NOUN}{_DIGITS}",
    re.IGNORECASE,
)
_WEB = re.compile(
    r"https?:|\bwww\.|[\w.+-]+@[\w-]+\.\w"
    r"|\b[\w-]{2,}\.(?:com|net|org|info|biz|io|fm|tv|ai|app|dev|co|me|de|uk|us|eu|fr|es|it|nl|ru|jp|music|xyz|link|shop)\b"
    r"|\b[\w-]+\.[a-z]{2,}/\S",
    re.IGNORECASE,
)
_HANDLE = re.compile(r"(?<!\w)(?:@|#(?!\d+\b))\w+")
"""A number sign before a number is none: #9 Dream."""
_QUALITY = (
    r"(?:official|lyrics?|audio|music|hd|hq|4k|8k|explicit|clean|full|original|new|final|remastered|ai"
    r"|generated|cover)"
)
_FORMAT = (
    r"(?:video|visuali[sz]er|audio|lyrics?|song|version|mix|demo|explicit|clean|official|hd|hq|4k|8k|single"
    r"|remaster(?:ed)?|ai)"
)
_JUNK = re.compile(
    rf"[(\[{{]\s*(?:{_QUALITY}\s*)*{_FORMAT}\s*[)\]}}]"
    r"|[-–—|]\s*(?:official\s+)?(?:music\s+|lyric\s+)?(?:video|visuali[sz]er|audio|lyrics?)\s*$"
    r"|[(\[{]\s*(?:feat|ft|featuring|prod|produced|with)\b[^)\]}]*[)\]}]"
    r"|(?<!^)(?<!\d )\b(?:(?:feat|ft)\.\s*\S|featuring\s+\S|prod\.?\s+by\b).*$"
    r"|\.(?:mp3|wav|flac|m4a|aac|ogg|aiff?|mp4|mov)\s*$",
    re.IGNORECASE,
)
_SMALL = frozenset(
    [
        *("a", "an", "the", "and", "but", "or", "nor"),
        *("as", "at", "by", "for", "from", "in", "into", "of", "on", "to", "with"),
    ]
)
"""Lower case inside an English title."""
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_BEGINNING = re.compile(r"[:!?–—/(\[{]\W*$|(?:^|\s)-\s+$")
"""What stands before a word that begins a part of a title."""
_ROMAN = re.compile(r"[IVX]{2,}")
_QUOTES = '"“”'
_JOINERS = frozenset("\u200c\u200d")
"""Persian and Indic words need them."""
# Cc: controls. Cf: hides or reorders text. Cs, Co, Cn: no letter of anybody's. Zl, Zp: line breaks.
_UNPRINTABLE = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})


@dataclass(frozen=True, slots=True)
class Fault:
    """A rule that a title breaks."""

    rule: str
    """One word, for logs and errors."""
    text: str
    """What is wrong, for people and models."""


def faults(title: str) -> list[Fault]:
    """The rules that a title breaks, whatever its language; a release is refused for each. Empty: none."""
    if not title.strip():
        return [Fault("empty", "a song needs a title")]
    found = []
    if len(title) > MOST_CHARACTERS:
        found.append(
            Fault("length", f"at most {MOST_CHARACTERS} characters are allowed, it has {len(title)}")
        )
    if any(_unprintable(character) for character in title):
        found.append(Fault("characters", "control characters and line breaks are not allowed"))
    elif title != " ".join(title.split()):
        found.append(Fault("spaces", "no space may stand at an end or beside another"))
    if any(_pictorial(character) for character in title):
        found.append(Fault("emoji", "emoji and pictures are not allowed"))
    if not any(character.isalnum() for character in title):
        found.append(Fault("words", "it must have a letter or a digit"))
    if _WEB.search(title):
        found.append(Fault("address", "web and e-mail addresses are not allowed"))
    if _HANDLE.search(title):
        found.append(Fault("handle", "handles and hashtags are not allowed"))
    if _GENERIC.fullmatch(title.strip(" .!?-–—\"'«»“”")):
        found.append(Fault("generic", "it must be the song's own: this could stand on any"))
    if _JUNK.search(title):
        found.append(Fault("version", "versions, formats and guests do not belong into a title"))
    return found


def repaired(title: str, language: str) -> str:
    """The title with all mended that has one remedy: spaces, pictures, added versions and guests, and in
    English the capitals. What cannot be mended stays: ask `faults`.
    """
    plain = "".join(" " if _unprintable(c) or _pictorial(c) else c for c in title)
    own = _JUNK.sub(" ", plain)
    kept = own if any(c.isalnum() for c in own) else plain
    text = _bare(" ".join(kept.split()))
    return english_case(text) if is_english(language) else text


def _bare(text: str) -> str:
    """Without punctuation that a cut left at its ends, and without quotes around all of it.

    Quotes that belong to some of the words stay: Say "Yes".
    """
    while True:
        bare = text.strip(" -–—|,;:")
        quotes = sum(bare.count(quote) for quote in _QUOTES)
        if quotes == 1 or (quotes == 2 and bare[0] in _QUOTES and bare[-1] in _QUOTES):
            bare = bare.strip(_QUOTES)
        if bare == text:
            return text
        text = bare


def is_english(language: str) -> bool:
    """True for `en` and its regions."""
    return language.lower().split("-")[0] == "en"


def english_case(title: str) -> str:
    """A title with the capitals that English titles have.

    Small words are small but at the ends and after a colon, dash or bracket. What has capitals of its own
    (McFly, DJ, U.S.A.) keeps them, unless the whole title is in capitals.
    """
    # Twice: with its first letter made a capital, all of a title may be in capitals.
    return _cased_words(_cased_words(title))


def _cased_words(title: str) -> str:
    letters = [character for character in title if character.lower() != character.upper()]
    shouted = len(letters) > 4 and all(character.isupper() for character in letters)
    matches = list(_WORD.finditer(title))
    pieces, end = [], 0
    for place, match in enumerate(matches):
        inner = 0 < place < len(matches) - 1 and not _BEGINNING.search(title[: match.start()])
        pieces += [title[end : match.start()], _cased(match, inner=inner, shouted=shouted)]
        end = match.end()
    return "".join([*pieces, title[end:]])


def _cased(match: re.Match[str], *, inner: bool, shouted: bool) -> str:
    word = match[0]
    abbreviated = len(word) == 1 and word.isupper() and match.string[match.end() : match.end() + 1] == "."
    if abbreviated or _ROMAN.fullmatch(word):
        return word
    if shouted:
        word = word.lower()
    if inner and word.lower() in _SMALL and not (word.isupper() and len(word) > 1):
        return word.lower()
    return word if any(character.isupper() for character in word[1:]) else word[:1].upper() + word[1:]


def _unprintable(character: str) -> bool:
    return character not in _JOINERS and unicodedata.category(character) in _UNPRINTABLE


def _pictorial(character: str) -> bool:
    # So has emoji, dingbats and drawings; ℗, © and ° with them, which no title needs.
    return (
        unicodedata.category(character) == "So"
        or character in "\ufe0f\u20e3"
        or "\U0001f3fb" <= character <= "\U0001f3ff"
    )
