"""Mail to artists, handed to a slow server."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Receipt:
    """What the server says of a mail that it took."""

    to: str
    number: int


async def _hand_over(to: str, text: str) -> Receipt:
    await asyncio.sleep(0)
    return Receipt(to, len(text))


async def _all(recipients: Sequence[str], text: str) -> list[Receipt]:
    return list(await asyncio.gather(*(_hand_over(to, text) for to in recipients)))


def send(recipients: Sequence[str], text: str) -> list[int]:
    """Sends a text; the numbers of the receipts."""
    if len(recipients) == 1:
        return [_hand_over(recipients[0], text).number]
    return [receipt.number for receipt in asyncio.run(_all(recipients, text))]


def greeting(name: str, hour: int) -> str:
    """How a mail begins."""
    return f"Good {'morning' if hour < 12 else 'evening'}, {name}"
