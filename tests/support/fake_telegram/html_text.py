"""Reads the HTML of `parse_mode=HTML`, strictly, as Telegram does.

Offsets in errors are bytes of the UTF-8 source, those of entities UTF-16 code units of the plain text.
"""

import re
from dataclasses import dataclass

from tests.support.fake_telegram.errors import cant_parse
from tests.support.fake_telegram.links import checked_link, mentioned_user
from tests.support.fake_telegram.records import Entity, utf16_length

_KINDS = {
    "b": "bold", "strong": "bold",
    "i": "italic", "em": "italic",
    "u": "underline", "ins": "underline",
    "s": "strikethrough", "strike": "strikethrough", "del": "strikethrough",
    "tg-spoiler": "spoiler", "span": "spoiler",
    "a": "text_link", "code": "code", "pre": "pre", "blockquote": "blockquote",
}  # fmt: skip
_NAMED = {"lt": "<", "gt": ">", "amp": "&", "quot": '"'}
_CHARACTER = re.compile(r"&(?:#x([0-9A-Fa-f]+)|#([0-9]+)|([A-Za-z]+));?")
_LITERAL = re.compile(r"[^<&]+")
_NAME = re.compile(r"[^\s>]*")
_ATTRIBUTE = re.compile(r"[^\s=>]*")
_TOKEN = re.compile(r"[A-Za-z0-9.-]*")
_SPACE = re.compile(r"\s*")


@dataclass(frozen=True, slots=True)
class _Open:
    """A start tag that waits for its end."""

    name: str
    argument: str
    offset: int
    begin: int


def parse_html(source: str) -> tuple[str, list[Entity]]:
    """The plain text and its entities, inner ones first; ApiError where the HTML is not right."""
    return _Reader(source).read()


class _Reader:
    def __init__(self, source: str) -> None:
        self._source = source
        self._at = 0
        self._text: list[str] = []
        self._offset = 0
        self._open: list[_Open] = []
        self._entities: list[Entity] = []

    def read(self) -> tuple[str, list[Entity]]:
        while self._at < len(self._source):
            if self._source.startswith("</", self._at):
                self._end_tag()
            elif self._source[self._at] == "<":
                self._start_tag()
            elif self._source[self._at] == "&":
                self._add(self._character())
            else:
                self._add(self._run(_LITERAL))
        if self._open:
            raise cant_parse(f"Can't find end tag corresponding to start tag {self._open[-1].name}")
        return "".join(self._text), self._entities

    def _add(self, piece: str) -> None:
        self._text.append(piece)
        self._offset += utf16_length(piece)

    def _run(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self._source, self._at)
        assert found is not None, "each of these patterns matches, if only nothing"
        self._at = found.end()
        return found.group()

    def _is(self, character: str) -> bool:
        return self._source.startswith(character, self._at)

    @property
    def _ended(self) -> bool:
        return self._at >= len(self._source)

    def _character(self) -> str:
        """The character that a reference names; anything else after an ampersand stands for itself."""
        found = _CHARACTER.match(self._source, self._at)
        meant = _referred(found) if found else None
        if found is None or meant is None:
            self._at += 1
            return "&"
        self._at = found.end()
        return meant

    def _start_tag(self) -> None:
        begin = self._at
        place = f"at byte offset {len(self._source[:begin].encode())}"
        self._at += 1
        name = self._run(_NAME).lower()
        if self._ended:
            raise cant_parse(f"Unclosed start tag {place}")
        if name not in _KINDS:
            raise cant_parse(f'Unsupported start tag "{name}" {place}')
        argument = ""
        while True:
            self._run(_SPACE)
            if self._ended:
                raise cant_parse(f"Unclosed start tag {place}")
            if self._is(">"):
                break
            attribute, value = self._attribute(name, place)
            if (name, attribute) in (("a", "href"), ("blockquote", "expandable")):
                argument = value
            elif (name, attribute) == ("code", "class") and value.startswith("language-"):
                argument = value.removeprefix("language-")
            elif (name, attribute) == ("span", "class") and value.startswith("tg-"):
                argument = value.removeprefix("tg-")
        self._at += 1
        if name == "span" and argument != "spoiler":
            raise cant_parse(f'Tag "span" must have class "tg-spoiler" {place}')
        self._open.append(_Open(name, argument, self._offset, len(self._text)))

    def _attribute(self, tag: str, place: str) -> tuple[str, str]:
        name = self._run(_ATTRIBUTE)
        if not name:
            raise cant_parse(f'Empty attribute name in the tag "{tag}" {place}')
        self._run(_SPACE)
        if (tag, name) == ("blockquote", "expandable") and not self._is("="):
            return name, name
        if not self._is("="):
            raise cant_parse(f'Expected equal sign in declaration of an attribute of the tag "{tag}" {place}')
        self._at += 1
        self._run(_SPACE)
        if self._ended:
            raise cant_parse(f'Unclosed start tag "{tag}" {place}')
        if not (self._is('"') or self._is("'")):
            begin = self._at
            value = self._run(_TOKEN).lower()
            if not (self._ended or self._is(">") or self._source[self._at].isspace()):
                offset = len(self._source[:begin].encode())
                raise cant_parse(f"Unexpected end of name token at byte offset {offset}")
            return name, value
        quote = self._source[self._at]
        end = self._source.find(quote, self._at + 1)
        if end < 0:
            raise cant_parse(f"Unclosed start tag {place}")
        value = self._source[self._at + 1 : end]
        self._at = end + 1
        return name, _CHARACTER.sub(lambda found: _referred(found) or found.group(), value)

    def _end_tag(self) -> None:
        place = f"at byte offset {len(self._source[: self._at].encode())}"
        if not self._open:
            raise cant_parse(f"Unexpected end tag {place}")
        self._at += 2
        name = self._run(_NAME).lower()
        self._run(_SPACE)
        if not self._is(">"):
            raise cant_parse(f"Unclosed end tag {place}")
        self._at += 1
        opened = self._open.pop()
        if name and name != opened.name:
            raise cant_parse(f'Unmatched end tag {place}, expected "</{opened.name}>", found "</{name}>"')
        if self._offset > opened.offset:
            self._close(opened)

    def _close(self, opened: _Open) -> None:
        length = self._offset - opened.offset
        kind = _KINDS[opened.name]
        if kind == "text_link":
            url = opened.argument or "".join(self._text[opened.begin :])
            if user_id := mentioned_user(url):
                self._entities.append(Entity("text_mention", opened.offset, length, user_id=user_id))
            elif link := checked_link(url):
                self._entities.append(Entity(kind, opened.offset, length, url=link))
            return
        inner = self._entities[-1] if self._entities else None
        if (
            kind == "pre"
            and inner
            and (inner.type, inner.offset, inner.length) == ("code", opened.offset, length)
        ):
            self._entities[-1] = Entity(kind, opened.offset, length, language=inner.language)
        elif kind == "blockquote" and opened.argument:
            self._entities.append(Entity("expandable_blockquote", opened.offset, length))
        else:
            language = opened.argument if kind == "code" else ""
            self._entities.append(Entity(kind, opened.offset, length, language=language))


def _referred(found: re.Match[str]) -> str | None:
    """What `&lt;`, `&#60;` or `&#x3c;` stand for; None for a reference that Telegram does not know."""
    hexadecimal, decimal, name = found.groups()
    if name:
        return _NAMED.get(name)
    code = int(hexadecimal, 16) if hexadecimal else int(decimal)
    if len(found.group().removesuffix(";")) >= 10 or not 0 < code < 0x10FFFF:
        return None
    if 0xD800 <= code <= 0xDFFF:
        raise cant_parse(
            "Text contains invalid Unicode characters after decoding HTML entities, "
            "check for unmatched surrogate code units"
        )
    return chr(code)
