"""That something changed in this process: whoever watches need not wait for the next look."""

import asyncio
from contextlib import suppress


class News:
    """A hint for any number of waiters; one that nobody waits for is gone."""

    def __init__(self) -> None:
        self._next = asyncio.Event()

    def announce(self) -> None:
        """Wakes everybody who waits now."""
        self._next.set()
        self._next = asyncio.Event()

    async def wait(self, closing: asyncio.Event, *, most_s: float) -> None:
        """Returns at the next hint, at `closing`, or after `most_s`."""
        waits = [asyncio.create_task(event.wait()) for event in (self._next, closing)]
        try:
            await asyncio.wait(waits, timeout=most_s, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for wait in waits:
                wait.cancel()
            with suppress(asyncio.CancelledError):
                await asyncio.gather(*waits, return_exceptions=True)
