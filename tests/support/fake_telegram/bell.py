"""Waiting for a change without asking again and again."""

import asyncio
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")


class Bell:
    """Rung after each change; whoever waits looks again."""

    def __init__(self) -> None:
        self._rung = asyncio.Event()

    def ring(self) -> None:
        rung, self._rung = self._rung, asyncio.Event()
        rung.set()

    async def until(self, look: Callable[[], T | None]) -> T:
        """What `look` finds, as soon as it is anything but None or False."""
        while not (found := look()):
            await self._rung.wait()
        return found
