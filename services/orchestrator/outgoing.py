"""What leaves for a model: without secrets, and with texts from outside fenced as quotations."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

from services.chassis.logs import mask_text
from services.chassis.redaction import redact
from services.orchestrator.domain import Message
from services.orchestrator.prompts import render


@dataclass(frozen=True, slots=True)
class Material:
    """A text from outside, and what it is."""

    label: str
    text: str


@lru_cache(maxsize=256)
def clean(text: str) -> str:
    """The text without secrets: the platform's own, and whatever looks like one or like an e-mail address.

    Remembered for the texts asked last: the same prompt goes to several models, in several asks.
    """
    return redact(mask_text(text))


def cleaned(messages: Sequence[Message]) -> tuple[Message, ...]:
    """The chat without secrets."""
    return tuple(Message(message.role, clean(message.content)) for message in messages)


def with_materials(messages: Sequence[Message], materials: Sequence[Material]) -> tuple[Message, ...]:
    """The chat with texts from outside after its last message, each a quotation."""
    if not materials:
        return tuple(messages)
    (quoted,) = render("materials", materials=materials).messages
    *before, last = messages
    if last.role != "user":
        return (*messages, quoted)
    return (*before, Message("user", f"{last.content}\n\n{quoted.content}"))
