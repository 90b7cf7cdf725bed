"""Prompts are files: Jinja2 templates of whole chats, known by the hash of their text.

A template holds messages, each begun by a line `--- system`, `--- user` or `--- assistant`. What is
put into one is cleaned first, so that nobody's text can begin a message of its own: values lose
their line breaks, and longer texts go through the filter `fence`, which quotes every line.
"""

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import jinja2

from services.orchestrator.domain import Message

_MESSAGE = re.compile(r"^--- (system|user|assistant)[ \t]*$\n?", re.MULTILINE)
MAX_VALUE = 300
"""Characters of a value that is put into a prompt without a fence."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """A rendered chat and the SHA-256 (hex) of its template."""

    messages: tuple[Message, ...]
    hash: str


class Fenced(str):
    """Text that was made safe by `fence`."""

    __slots__ = ()


def render(template: str, /, **values: Any) -> Prompt:
    """The chat of `prompts/<template>.j2`; jinja2.UndefinedError where a value is missing."""
    source = _source(template)
    text = _environment().from_string(source).render(values)
    parts = _MESSAGE.split(text)
    messages = tuple(
        Message(role=role, content=content.strip())
        for role, content in zip(parts[1::2], parts[2::2], strict=True)
    )
    return Prompt(messages, hashlib.sha256(source.encode()).hexdigest())


def fence(text: str, most: int = 2_000) -> Fenced:
    """Text from outside as a quotation: at most `most` characters, every line marked with `> `."""
    lines = [_printable(line) for line in str(text)[:most].splitlines()]
    return Fenced("\n".join(f"> {line}" for line in lines if line.strip()))


@cache
def _source(name: str) -> str:
    return files(__package__).joinpath(f"prompts/{name}.j2").read_text(encoding="utf-8")


@cache
def _environment() -> jinja2.Environment:
    # Prompts are plain text: there is nothing to escape for a browser.
    environment = jinja2.Environment(undefined=jinja2.StrictUndefined, finalize=_safe, autoescape=False)
    environment.filters["fence"] = fence
    environment.filters["listed"] = _listed
    return environment


def _safe(value: Any) -> Any:
    if isinstance(value, Fenced) or not isinstance(value, str):
        return value
    return _printable(" ".join(value.split()))[:MAX_VALUE]


def _listed(values: Sequence[str], most: int = 40) -> Fenced:
    """Values as a quoted list, one a line."""
    return fence(
        "\n".join(f"- {' '.join(value.split())[:MAX_VALUE]}" for value in values[:most]), most=20_000
    )


def _printable(text: str) -> str:
    return "".join(sign for sign in text if unicodedata.category(sign)[0] != "C" or sign == "\t")
