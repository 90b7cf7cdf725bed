"""What leaves for a model: without secrets, and with texts from outside fenced as quotations."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from services.chassis.logs import mask_text
from services.chassis.redaction import redact
from services.orchestrator.domain import Message
from services.orchestrator.prompts import render


@dataclass(frozen=True, slots=True)
class Material:
    """A text from outside, and what it is."""

    label: str
    text: str


_LONGEST_REMEMBERED = 16_384


def clean(text: str) -> str:
    """The text without secrets: the platform's own, and whatever looks like one or like an e-mail address."""
    return _remembered(text) if len(text) <= _LONGEST_REMEMBERED else redact(mask_text(text))


@lru_cache(maxsize=128)
def _remembered(text: str) -> str:
    """The same prompt goes to several models, and the same beginning into many asks."""
    return redact(mask_text(text))


def cleaned_schema(value: Any) -> Any:
    """A JSON schema without secrets in its texts."""
    if isinstance(value, str):
        return clean(value)
    if isinstance(value, Mapping):
        return {name: cleaned_schema(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [cleaned_schema(inner) for inner in value]
    return value


def cleaned(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The chat without secrets."""
    return tuple(Message(message.role, clean(message.content)) for message in messages)


def with_materials(messages: Sequence[Message], materials: Sequence[Material]) -> tuple[Message, ...]:
    """The chat with texts from outside after its last message, each a quotation."""
    if not materials:
        return tuple(messages)
    # Before they are fenced: the marks of the fence stand between a name and its secret.
    quotable = [Material(material.label, clean(material.text)) for material in materials]
    (quoted,) = render("materials", materials=quotable).messages
    *before, last = messages
    if last.role != "user":
        return (*messages, quoted)
    return (*before, Message("user", f"{last.content}\n\n{quoted.content}"))
