"""Reading JSON that anybody may have written: what is not as it should be is BadShape, never a crash."""

import json
from typing import Any

from services.orchestrator.trends.source import BadShape

MOST_ENTRIES = 500
"""Entries of a list that are looked at."""
MAX_RANK = 1_000_000


def parsed(body: bytes) -> Any:
    """The JSON of a body; BadShape where it is none, or nested deeper than any chart is."""
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        raise BadShape(f"the answer is not JSON: {_kind(body)}") from None


def at(value: Any, *keys: str) -> Any:
    """What stands in an object under these keys, one after the other; None where there is no such thing."""
    for key in keys:
        if not isinstance(value, dict):
            return None
        value = value.get(key)
    return value


def entries(value: Any, *keys: str) -> list[Any]:
    """The list under these keys; BadShape where there is none."""
    found = at(value, *keys)
    if not isinstance(found, list):
        raise BadShape(f"the answer has no list at {'.'.join(keys)}")
    return found[:MOST_ENTRIES]


def text(value: Any, *keys: str) -> str:
    """The text under these keys; empty where there is none."""
    found = at(value, *keys)
    return found if isinstance(found, str) else ""


def number(value: Any, *keys: str) -> int | None:
    """The whole number under these keys, also where it is written as text; None where there is none."""
    found = at(value, *keys)
    if isinstance(found, str) and found.isascii() and found.isdigit() and len(found) <= 6:
        found = int(found)
    if isinstance(found, bool) or not isinstance(found, int):
        return None
    return found if 0 <= found <= MAX_RANK else None


def _kind(body: bytes) -> str:
    start = body[:200].lstrip().lower()
    if not start:
        return "it is empty"
    return "it is a web page" if start.startswith((b"<!doctype", b"<html")) else "it breaks off or is garbled"
