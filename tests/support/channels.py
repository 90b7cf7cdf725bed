"""Channels that a test can watch and break."""

import asyncio
from collections.abc import Callable

from services.notifier.domain import Message


class WatchedChannel:
    """Takes every message and shows it in `taken`; `trouble` may raise, or wait, for some of them."""

    name = "watched"

    def __init__(self) -> None:
        self.taken: asyncio.Queue[Message] = asyncio.Queue()
        self.asked: asyncio.Queue[Message] = asyncio.Queue()
        """Every message that arrived, whether it was taken or not."""
        self.trouble: Callable[[Message], BaseException | asyncio.Event | None] = lambda _message: None

    async def deliver(self, message: Message) -> None:
        self.asked.put_nowait(message)
        trouble = self.trouble(message)
        if isinstance(trouble, BaseException):
            raise trouble
        if trouble is not None:
            await trouble.wait()
        self.taken.put_nowait(message)

    def titles(self) -> list[str]:
        """Titles of all that was taken so far, in order."""
        titles = []
        while not self.taken.empty():
            titles.append(self.taken.get_nowait().draft.title)
        return titles
