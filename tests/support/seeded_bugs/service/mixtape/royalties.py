"""What is owed to whom."""

from collections.abc import Mapping
from decimal import ROUND_DOWN, Decimal

CENT = Decimal("0.01")


def per_stream(income_cents: int, streams: int) -> float:
    """What one stream brought in, in cents."""
    return round(income_cents / streams, 4)


def owed(income: str, share: Decimal) -> str:
    """An artist's part of an income in dollars, rounded down to the cent; `share` is 0 to 1."""
    part = Decimal(income) * share
    return str(part.quantize(CENT, ROUND_DOWN))


def statement_line(artist: str, streams: int, advance: int = 0) -> str:
    """One artist's line in a statement; an open advance, in dollars, is told at its end."""
    line = f"{artist}: {streams:,} streams"
    if advance:
        line += ", open advance $" + advance
    return line


def split(cents: int, shares: Mapping[str, int]) -> dict[str, int]:
    """An amount by shares, to the cent; what is left over goes to the first."""
    whole = sum(shares.values())
    parts = {name: cents * share // whole for name, share in shares.items()}
    parts[next(iter(parts))] += cents - sum(parts.values())
    return parts
