"""Text as Telegram takes it: HTML that nothing from outside can break, forge or make too long.

What a model, a listener or an error says is data: it is escaped, kept on its line, and cut by what
people see of it. Lengths are in UTF-16 code units after the markup is taken away, as Telegram counts
(core.telegram.org/bots/api#messageentity).
"""

import html
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from urllib.parse import urlsplit

MESSAGE_MOST = 4096
CAPTION_MOST = 1024
ELLIPSIS = "…"

# Control characters, line separators, and what turns the direction of writing round: with the last a
# line could read other than it is.
_HIDDEN = re.compile(
    r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]|[\ud800-\udfff]"
)
# Letters and marks that show nothing, as the category Cf does.
_BLANK = frozenset("\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u3164\uffa0")
_NOT_ASCII = re.compile(r"[^\x00-\x7f]")
_JOINER, _EMOJI_STYLE = "\u200d", "\ufe0f"
_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"


def size_of(text: str) -> int:
    """Length in UTF-16 code units."""
    return len(text) + sum(1 for character in text if ord(character) > 0xFFFF)


def clean(text: str) -> str:
    """Without what cannot be seen; line breaks and tabs stay."""
    return _HIDDEN.sub("", text.replace("\r\n", "\n").replace("\r", "\n"))


def one_line(text: str, most: int = 200) -> str:
    """On one line, so that no text can pretend to be a line of ours; at most `most` units.

    Format characters are shown as U+FFFD, so that a value with one does not look like the one without.
    """
    return cut(" ".join(clean(_NOT_ASCII.sub(_shown_format, text)).split()), most)


def _shown_format(found: re.Match[str]) -> str:
    sign = found.group()
    if unicodedata.category(sign) != "Cf" and sign not in _BLANK:
        return sign
    return sign if sign == _JOINER and _is_in_emoji(found.string, found.start()) else _REPLACEMENT


def _is_in_emoji(text: str, place: int) -> bool:
    """Whether a joiner makes one emoji of two."""
    before, after = (
        text[max(place - 2, 0) : place].removesuffix(_EMOJI_STYLE)[-1:],
        text[place + 1 : place + 2],
    )
    return all(sign and unicodedata.category(sign) in ("So", "Sk") for sign in (before, after))


def cut(text: str, most: int) -> str:
    """At most `most` units, with an ellipsis where something is left out."""
    if size_of(text) <= most:
        return text
    kept, size = [], size_of(ELLIPSIS)
    for character in text:
        size += size_of(character)
        if size > most:
            break
        kept.append(character)
    return "".join(kept).rstrip() + ELLIPSIS if most > 0 else ""


@dataclass(frozen=True, slots=True)
class Rich:
    """Marked-up text and its size without the markup. Made by the functions below only."""

    html: str = ""
    size: int = 0

    def __add__(self, other: "Rich") -> "Rich":
        return Rich(self.html + other.html, self.size + other.size)

    def __bool__(self) -> bool:
        return bool(self.html)


NOTHING = Rich()


def plain(text: str) -> Rich:
    """Text as it is, over one line or more."""
    cleaned = clean(text)
    return Rich(html.escape(cleaned, quote=False), size_of(cleaned))


def bold(text: str) -> Rich:
    return _within("b", plain(text))


def italic(text: str) -> Rich:
    return _within("i", plain(text))


def code(text: str) -> Rich:
    """To be copied with a touch."""
    return _within("code", plain(text))


def block(text: str) -> Rich:
    """Lines as they are, in one width of letters."""
    return _within("pre", plain(text))


def quote(text: Rich, *, folded: bool = False) -> Rich:
    """A quotation; `folded` shows its first lines until it is touched."""
    opening = "<blockquote expandable>" if folded else "<blockquote>"
    return Rich(f"{opening}{text.html}</blockquote>", text.size) if text else text


def link(text: str, url: str) -> Rich:
    """A link to a web address; the plain text where it is none."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return plain(text)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        return plain(text)
    return Rich(f'<a href="{html.escape(clean(url))}">{plain(text).html}</a>', plain(text).size)


def joined(parts: Iterable[Rich], between: str = "\n") -> Rich:
    """The parts that hold something, with `between` between them."""
    whole, gap = Rich(), plain(between)
    for part in parts:
        if part:
            whole = whole + gap + part if whole else part
    return whole


def fitting(parts: Iterable[Rich], most: int, between: str = "\n") -> Rich:
    """As many of the parts, from the first, as fit; an ellipsis where some are left out."""
    whole, gap = Rich(), plain(between)
    for part in filter(None, parts):
        longer = whole + gap + part if whole else part
        if longer.size > most:
            dots = plain(f"{between}{ELLIPSIS}")
            return whole + dots if whole and whole.size + dots.size <= most else whole
        whole = longer
    return whole


def _within(tag: str, text: Rich) -> Rich:
    return Rich(f"<{tag}>{text.html}</{tag}>", text.size) if text else text


def link_to_person(name: str, user_id: int) -> Rich:
    """A person's name that Telegram takes as a mention of them."""
    text = plain(one_line(name, 40))
    return Rich(f'<a href="tg://user?id={user_id}">{text.html}</a>', text.size)
