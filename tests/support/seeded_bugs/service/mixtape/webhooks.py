"""What shops tell by webhook."""

import json
from decimal import Decimal
from typing import Any


def events(body: str) -> list[dict[str, Any]]:
    """The events of a webhook's body; a single one need not be in a list."""
    told = json.loads(body)
    return told if isinstance(told, list) else [told]


def amount(text: str) -> int:
    """An amount of money in cents; 0 where a shop wrote something else."""
    try:
        return int(Decimal(text.replace(",", "")) * 100)
    except ValueError:
        return 0


def kind(event: dict[str, Any]) -> str:
    """What it tells, for example `sale.made`."""
    return str(event.get("type", "unknown")).lower().replace("_", ".")
