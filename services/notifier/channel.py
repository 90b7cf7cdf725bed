"""What a way to reach people has to do. One module for each; `app.py` picks."""

from typing import Protocol

from services.notifier.domain import Message


class Channel(Protocol):
    """A way to reach people."""

    @property
    def name(self) -> str:
        """For logs and metrics."""

    async def deliver(self, message: Message) -> None:
        """Returns when the message is with the people. Whatever it raises means: later again.

        May be called twice for one message, where the process died between saying and noting it.
        """
