"""From the text of a request to the text of a message: markup, tidying, and what becomes clickable."""

import json
import re
import string
from dataclasses import replace

from tests.support.fake_telegram.errors import bad_request, cant_parse
from tests.support.fake_telegram.html_text import parse_html
from tests.support.fake_telegram.records import Entity, utf16_length

Formatted = tuple[str, tuple[Entity, ...]]

_TOP_LEVEL = "com|net|org|io|me|ru|de|uk|fr|it|info|biz|app|dev|fm|tv|co|xyz|online|site|link|music|art"
_CLICKABLE = (
    ("url", re.compile(
        r"(?:https?|ftp|tg)://[^\s<>\"]+"
        rf"|(?<![\w@.-])(?:[a-z0-9-]+\.)+(?:{_TOP_LEVEL})(?![\w@-])(?::\d+)?(?:[/?#][^\s<>\"]*)?",
        re.IGNORECASE,
    )),
    ("email", re.compile(r"(?<![\w.+-])[\w.+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+", re.IGNORECASE)),
    ("bot_command", re.compile(r"(?<![\w/<>])/[A-Za-z0-9_]{1,64}(?:@[A-Za-z0-9_]{3,32})?(?![\w/])")),
    ("mention", re.compile(r"(?<![\w/])@[A-Za-z0-9_]{4,32}(?!\w)")),
    ("hashtag", re.compile(r"(?<!\w)#(?=\w*[^\W\d_])\w{1,256}")),
    ("cashtag", re.compile(r"(?<![\w$])\$[A-Z]{1,8}(?![\w$])")),
)  # fmt: skip
_TOLD_TYPES = frozenset(
    ("bold", "italic", "underline", "strikethrough", "spoiler", "code", "pre", "text_link", "text_mention",
     "blockquote", "expandable_blockquote")
)  # fmt: skip
_CONTROL = dict.fromkeys((*range(9), *range(11, 32)), " ") | {ord("\r"): None}


def formatted(source: str, parse_mode: str, told_entities: str = "") -> Formatted:
    """The plain text and all its entities; ApiError where the markup is not right.

    `told_entities` is JSON, and counts only where there is no parse_mode.
    """
    mode = parse_mode.lower()
    if source and mode == "html":
        text, entities = parse_html(source)
    elif source and mode in ("markdown", "markdownv2"):
        raise cant_parse(f"the fake server does not support {parse_mode}, only HTML")
    elif source and mode:
        raise bad_request("unsupported parse_mode")
    else:
        text, entities = source, _told(told_entities)
    # Every replaced character has the length of its replacement, except for one that disappears.
    if "\r" in text and entities:
        entities = [_without_returns(text, entity) for entity in entities]
    text, entities = _trimmed(text.translate(_CONTROL), entities)
    entities = _outside_code(entities)
    entities += _clickable(text, entities)
    return text, tuple(sorted(entities, key=lambda entity: (entity.offset, -entity.length)))


def commands_in(text: str) -> tuple[Entity, ...]:
    """The entities of what a person writes: commands, links, mentions."""
    return tuple(sorted(_clickable(text, []), key=lambda entity: entity.offset))


def _told(told: str) -> list[Entity]:
    if not told:
        return []
    entities = []
    try:
        for entity in json.loads(told):
            kind, offset, length = entity["type"], int(entity["offset"]), int(entity["length"])
            user_id = (entity.get("user") or {}).get("id", 0)
            url, language = entity.get("url", ""), entity.get("language", "")
            if kind in _TOLD_TYPES and offset >= 0 and length > 0:
                entities.append(Entity(kind, offset, length, url, language, user_id))
    except (ValueError, TypeError, KeyError) as error:
        raise bad_request(f"can't parse MessageEntity: {error}") from None
    return entities


def _without_returns(text: str, entity: Entity) -> Entity:
    before = text.encode("utf-16-le")[: 2 * entity.offset].decode("utf-16-le").count("\r")
    inside = entity.of(text).count("\r")
    return replace(entity, offset=entity.offset - before, length=entity.length - inside)


def _trimmed(text: str, entities: list[Entity]) -> tuple[str, list[Entity]]:
    """Without space at both ends; what an entity covers of it goes too."""
    text = text.rstrip(string.whitespace)
    stripped = text.lstrip(string.whitespace)
    first = min((entity.offset for entity in entities), default=len(text))
    cut = min(len(text) - len(stripped), first)
    text = text[cut:]
    size = utf16_length(text)
    moved = [replace(entity, offset=entity.offset - cut) for entity in entities]
    kept = [replace(entity, length=min(entity.length, size - entity.offset)) for entity in moved]
    return text, [entity for entity in kept if entity.length > 0]


def _outside_code(entities: list[Entity]) -> list[Entity]:
    """Within code there is no other formatting, and around it only a quotation."""
    code = [entity for entity in entities if entity.type in ("code", "pre")]
    return [
        entity
        for entity in entities
        if entity in code
        or entity.type.endswith("blockquote")
        or not any(_meet(entity, other) for other in code)
    ]


def _clickable(text: str, taken: list[Entity]) -> list[Entity]:
    """What Telegram finds by itself in any text, outside of code and links."""
    taken = [entity for entity in taken if entity.type in ("code", "pre", "text_link", "text_mention")]
    found: list[Entity] = []
    for kind, pattern in _CLICKABLE:
        for match in pattern.finditer(text):
            words = match.group().rstrip(".,:;!?)]}'\"") if kind == "url" else match.group()
            entity = Entity(kind, utf16_length(text[: match.start()]), utf16_length(words))
            if not any(_meet(entity, other) for other in (*taken, *found)):
                found.append(entity)
    return found


def _meet(one: Entity, other: Entity) -> bool:
    return one.offset < other.offset + other.length and other.offset < one.offset + one.length
