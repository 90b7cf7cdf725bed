"""What this process would tell Prometheus."""

import asyncio
from collections.abc import Callable

from services.chassis.metrics import REGISTRY

WAIT_S = 30


def metric(name: str, **labels: str) -> float | None:
    """One series' value; None where there is none."""
    return REGISTRY.get_sample_value(name, labels)


async def until(predicate: Callable[[], object]) -> None:
    """Waits for what background tasks bring about."""
    async with asyncio.timeout(WAIT_S):
        while not predicate():
            await asyncio.sleep(0.01)
