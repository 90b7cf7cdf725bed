"""Collects everything that is wrong with a request, so that one answer names all of it."""

import re
import unicodedata
from collections.abc import Collection, Sequence
from datetime import UTC, datetime

from google.protobuf.timestamp_pb2 import Timestamp

from services.chassis.errors import FieldViolation, InvalidInput

MAX_ID = 200
"""Characters of any id, at most."""
_SHOWN = 60
_CONTROLS = frozenset({"Cc", "Zl", "Zp"})
_REORDERING = frozenset("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


class Checks:
    """Violations in the order in which they were found."""

    def __init__(self) -> None:
        self.found: list[FieldViolation] = []

    def add(self, field: str, description: str) -> None:
        """Notes one violation: what was expected of `field`, and what was given."""
        self.found.append(FieldViolation(field, description))

    def finish(self) -> None:
        """Raises InvalidInput where anything was found."""
        if self.found:
            raise InvalidInput(self.found)

    def present(self, field: str, is_there: bool) -> bool:
        """A message that must be there; True where it is."""
        if not is_there:
            self.add(field, "is required")
        return is_there

    def phrase(self, field: str, value: str, *, most: int, required: bool = False) -> None:
        """A single line of at most `most` characters."""
        if self._length(field, value, most=most, required=required):
            bad = first_control(value)
            if bad:
                self.add(field, f"must be one line without control characters, has {bad}")

    def prose(self, field: str, value: str, *, most: int, required: bool = False) -> None:
        """Lines of text, at most `most` characters in all."""
        if self._length(field, value, most=most, required=required):
            bad = first_control(value, but="\n\r\t")
            if bad:
                self.add(field, f"must have no control characters but line breaks and tabs, has {bad}")

    def text(self, field: str, value: str, *, most: int) -> None:
        """Whatever characters, at most `most`: what a program or a model said."""
        self._length(field, value, most=most, required=False)

    def count(self, field: str, values: Sequence[object], *, least: int = 0, most: int) -> None:
        """How many values a list has."""
        if len(values) < least:
            self.add(field, f"must have {least} to {most} entries, has {len(values)}")
        elif len(values) > most:
            expected = f"{least} to {most}" if least else f"at most {most}"
            self.add(field, f"must have {expected} entries, has {len(values)}")

    def number(self, field: str, value: int, *, least: int, most: int) -> None:
        """A whole number within bounds."""
        if not least <= value <= most:
            self.add(field, f"must be {least:,} to {most:,}, is {value:,}")

    def choice(self, field: str, value: str, allowed: Collection[str]) -> None:
        """One of a few words."""
        if not value:
            self.add(field, f"is required: one of {', '.join(allowed)}")
        elif value not in allowed:
            self.add(field, f"must be one of {', '.join(allowed)}, is {shown(value)}")

    def pattern(self, field: str, value: str, pattern: re.Pattern[str], expected: str) -> None:
        """Text of a fixed form, described by `expected`."""
        if not value:
            self.add(field, f"is required: {expected}")
        elif pattern.fullmatch(value) is None:
            self.add(field, f"must be {expected}, is {shown(value)}")

    def id(self, field: str, value: str) -> None:
        """A required id of whatever form."""
        self.phrase(field, value, most=MAX_ID, required=True)

    def filter(self, field: str, value: str) -> None:
        """An id to filter by; empty: all."""
        self.phrase(field, value, most=MAX_ID)

    def time(self, field: str, value: Timestamp) -> datetime | None:
        """A moment that a calendar has, in UTC; None where it has none."""
        try:
            return value.ToDatetime(tzinfo=UTC)
        except ValueError:
            self.add(
                field,
                f"must be a time in the years 1 to 9999, is seconds={value.seconds} nanos={value.nanos}",
            )
            return None

    def _length(self, field: str, value: str, *, most: int, required: bool) -> bool:
        if required and not value.strip():
            given = f", is {shown(value)}" if value else ""
            self.add(field, f"is required: 1 to {most:,} characters{given}")
            return False
        if len(value) > most:
            expected = f"1 to {most:,}" if required else f"at most {most:,}"
            self.add(field, f"must have {expected} characters, has {len(value):,}")
            return False
        return True


def first_control(text: str, *, but: str = "") -> str:
    """The first character, as `U+000A`, that controls, ends a line or reorders the text around it.

    Empty where there is none; characters in `but` pass.
    """
    if text.isprintable():
        return ""
    for character in text:
        category = unicodedata.category(character)
        if (category in _CONTROLS or character in _REORDERING) and character not in but:
            return f"U+{ord(character):04X}"
    return ""


def shown(value: str) -> str:
    """A value as an error message may show it: quoted, printable and short."""
    return repr(value if len(value) <= _SHOWN else value[: _SHOWN - 1] + "…")
