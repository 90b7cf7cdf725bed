"""ISRC and UPC/EAN: how their numbers are put together.

ISRC: ISO 3901 as the ISRC Handbook (4th edition) describes it. UPC and EAN: the GTIN-12 and GTIN-13 of the
GS1 General Specifications; the check digit is that of their section 7.9.
"""

from dataclasses import dataclass
from enum import StrEnum

ISRC_LAST = 99_999
"""Designations of a prefix and year: 00001 to 99999."""
_GTIN_13_BODY = 12
"""Digits of an EAN before its check digit, company prefix included."""


class Kind(StrEnum):
    """As in the tables."""

    ISRC = "ISRC"
    UPC = "UPC"


@dataclass(frozen=True, slots=True)
class Prefixes:
    """What codes of this label begin with; empty: it has no such codes."""

    isrc: str = ""
    """Country and registrant, five characters."""
    upc: str = ""
    """GS1 company prefix, as the certificate has it: those of the United States and Canada begin with 0."""


@dataclass(frozen=True, slots=True)
class Series:
    """The codes of one kind that share what they begin with; a counter each."""

    kind: Kind
    prefix: str
    year: int
    """Four digits; 0 where the year is no part of the code."""

    @property
    def last(self) -> int:
        """The last number that there is; the first is 1."""
        if self.kind is Kind.ISRC:
            return ISRC_LAST
        return int("9" * (_GTIN_13_BODY - len(self.prefix)))

    def code(self, number: int) -> str:
        """The code of a number from 1 to `last`; ValueError for any other."""
        if not 1 <= number <= self.last:
            raise ValueError(f"{self.kind} numbers of {self.prefix} run from 1 to {self.last}, not {number}")
        if self.kind is Kind.ISRC:
            return f"{self.prefix}{self.year % 100:02}{number:05}"
        body = f"{self.prefix}{number:0{_GTIN_13_BODY - len(self.prefix)}}"
        ean = f"{body}{check_digit(body)}"
        # A GTIN-12 is the GTIN-13 with a leading 0, without it: the check digit is the same.
        return ean[1:] if ean[0] == "0" else ean

    @property
    def name(self) -> str:
        """For messages, as `QZABC26`."""
        return f"{self.prefix}{self.year % 100:02}" if self.year else self.prefix


def series_of(kind: Kind, prefixes: Prefixes, year: int) -> Series | None:
    """The series that new codes of a kind come from; None where the label has none."""
    if kind is Kind.ISRC:
        return Series(kind, prefixes.isrc, year) if prefixes.isrc else None
    return Series(kind, prefixes.upc, 0) if prefixes.upc else None


def check_digit(body: str) -> str:
    """The digit that makes a GTIN whole: weights 3 and 1 in turn from the right, up to the next ten."""
    total = sum(int(digit) * (3 if place % 2 == 0 else 1) for place, digit in enumerate(reversed(body)))
    return str(-total % 10)
