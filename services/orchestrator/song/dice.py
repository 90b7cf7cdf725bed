"""Seeded choices: the same text and label always give the same choice, on every machine."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Dice:
    """Choices that follow from one number. Independent for different labels."""

    seed: int

    @classmethod
    def of(cls, text: str) -> "Dice":
        """From any text; the seed has 63 bits, so that every database and language can hold it."""
        return cls(int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1)

    def number(self, label: str, below: int) -> int:
        """From 0 to `below` - 1."""
        digest = hashlib.sha256(f"{self.seed}/{label}".encode()).digest()
        return int.from_bytes(digest[:8], "big") % below

    def choice(self, label: str, values: Sequence[T]) -> T:
        """One of `values`, which has at least one."""
        return values[self.number(label, len(values))]

    def shuffled(self, label: str, values: Sequence[T]) -> list[T]:
        """All of `values` in another order."""
        order = sorted(range(len(values)), key=lambda place: self.number(f"{label}/{place}", 2**62))
        return [values[place] for place in order]
