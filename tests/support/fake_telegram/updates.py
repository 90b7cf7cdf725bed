"""What getUpdates and the webhook give: a queue, and the one who waits at it."""

import asyncio
import itertools
from collections.abc import Iterable
from dataclasses import dataclass

from tests.support.fake_telegram.bell import Bell
from tests.support.fake_telegram.errors import OTHER_POLLER, ApiError, conflict
from tests.support.fake_telegram.records import Json, Update

_KINDS = ("message", "callback_query")


@dataclass(slots=True)
class _Waiting:
    """A getUpdates that found nothing yet."""

    ended: ApiError | None = None


@dataclass(slots=True)
class _Queued:
    update: Update
    forgotten: bool = False
    """The server forgot that this one was acknowledged: it is given once more, whatever the offset."""


class UpdateQueue:
    """Updates stay until they are acknowledged by a higher offset, or taken by the webhook."""

    def __init__(self, bell: Bell) -> None:
        self.all: list[Update] = []
        """Every update ever made, in order."""
        self.polls_open = 0
        self.most_polls_open = 0
        self.conflicts = 0
        """How many getUpdates were ended by another one, or by setWebhook."""
        self._bell = bell
        self._queue: list[_Queued] = []
        self._allowed = frozenset(_KINDS)
        self._waiting: _Waiting | None = None
        self._ids = itertools.count(70_000_001)

    @property
    def pending(self) -> list[Update]:
        return [queued.update for queued in self._queue]

    def allow(self, kinds: Iterable[str] | None) -> None:
        """Only these from now on; none of them named: all; None: as before."""
        if kinds is not None:
            self._allowed = frozenset(kinds) or frozenset(_KINDS)

    def add(self, kind: str, body: Json) -> Update:
        update = Update(next(self._ids), kind, body)
        self.all.append(update)
        if kind in self._allowed:
            self._queue.append(_Queued(update))
            self._bell.ring()
        return update

    def again(self, update: Update) -> None:
        """Gives an update once more, though it was acknowledged."""
        self._queue = [_Queued(update, forgotten=True), *self._queue_without(update)]
        self._bell.ring()

    def remove(self, update: Update) -> None:
        """The webhook took it."""
        self._queue = self._queue_without(update)
        self._bell.ring()

    def clear(self) -> None:
        self._queue = []

    async def poll(self, offset: int, limit: int, timeout: int) -> list[Update]:
        """The next updates, as soon as there are any; none after `timeout` seconds.

        Raises ApiError 409 when another one starts to wait.
        """
        self.polls_open += 1
        self.most_polls_open = max(self.most_polls_open, self.polls_open)
        try:
            self._acknowledge(offset)
            if not self._queue and timeout:
                await self._wait(timeout)
            return self._next(limit)
        finally:
            self.polls_open -= 1
            self._bell.ring()

    def end_poll(self, reason: str) -> None:
        """Ends the one that waits with 409."""
        if self._waiting is not None:
            self._waiting.ended = conflict(reason)
            self._waiting = None
            self.conflicts += 1
            self._bell.ring()

    async def _wait(self, timeout: int) -> None:
        self.end_poll(OTHER_POLLER)
        waiting = self._waiting = _Waiting()
        try:
            async with asyncio.timeout(timeout):
                await self._bell.until(lambda: waiting.ended or self._queue)
        except TimeoutError:
            return
        finally:
            if self._waiting is waiting:
                self._waiting = None
        if waiting.ended is not None:
            raise waiting.ended

    def _acknowledge(self, offset: int) -> None:
        if offset < 0:
            self._queue = self._queue[offset:]
        else:
            self._queue = [one for one in self._queue if one.forgotten or one.update.update_id >= offset]
        self._bell.ring()

    def _next(self, limit: int) -> list[Update]:
        given = self._queue[:limit]
        for queued in given:
            queued.forgotten = False
        return [queued.update for queued in given]

    def _queue_without(self, update: Update) -> list[_Queued]:
        return [queued for queued in self._queue if queued.update.update_id != update.update_id]
