"""Identifiers: a prefix that says of what, and 26 characters of Crockford's base 32 (128 bits)."""

import hashlib
import secrets
from typing import Any

from google.protobuf.message import Message

_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_LENGTH = 26


def _encode(number: int) -> str:
    digits = []
    for _ in range(_LENGTH):
        number, digit = divmod(number, 32)
        digits.append(_ALPHABET[digit])
    return "".join(reversed(digits))


def new_id(prefix: str) -> str:
    """A new random id such as `run_` and 26 characters."""
    return f"{prefix}_{_encode(secrets.randbits(128))}"


def derived_id(prefix: str, name: str) -> str:
    """The id that belongs to `name`: always the same for the same prefix and name."""
    digest = hashlib.sha256(f"{prefix}\0{name}".encode()).digest()
    return f"{prefix}_{_encode(int.from_bytes(digest[:16], 'big'))}"


def digest_of(message: Message) -> str:
    """SHA-256 (64 hex digits) of a message, its own `request_id` left out."""
    copy: Any = message.__class__()
    copy.CopyFrom(message)
    if "request_id" in message.DESCRIPTOR.fields_by_name:
        copy.ClearField("request_id")
    return hashlib.sha256(copy.SerializeToString(deterministic=True)).hexdigest()
