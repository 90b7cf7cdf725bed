"""Tells people, through notifier, of error groups that nobody has seen before."""

import asyncio
import time
from collections.abc import Callable

from aiartist.notifier.v1 import notifier_pb2
from services.chassis.ids import derived_id, new_id
from services.chassis.notices import Notices
from services.error_analyzer.grouping import Occurrences, culprit_of

WINDOW_S = 60.0
MOST_A_WINDOW = 20
"""Groups of which is told one by one; of the others how many they are, when the window is over."""
MAX_MESSAGE = 1_000


class Teller:
    """Each new group once in its life, so that what goes wrong while it is told makes no loop."""

    def __init__(self, notices: Notices, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._notices = notices
        self._clock = clock
        self._window_ends = 0.0
        self._told = 0
        self._untold = 0
        self._flooded = asyncio.Event()

    def new_group(self, occurrences: Occurrences) -> None:
        """Never waits: a window too full for it counts it."""
        now = self._clock()
        if now >= self._window_ends:
            self._tell_of_the_rest()
            self._window_ends, self._told = now + WINDOW_S, 0
        if self._told < MOST_A_WINDOW and self._notices.tell(_notice(occurrences)):
            self._told += 1
        else:
            self._untold += 1
            self._flooded.set()

    async def run(self) -> None:
        """Says after each flood how many more groups there were, until cancelled."""
        while True:
            await self._flooded.wait()
            left_s = self._window_ends - self._clock()
            if left_s > 0:
                await asyncio.sleep(left_s)
            else:
                self._tell_of_the_rest()

    def _tell_of_the_rest(self) -> None:
        if not self._untold:
            return
        told = self._notices.tell(
            notifier_pb2.NotifyRequest(
                # Of this process alone: what it counted, no other one did.
                request_id=new_id("tell"),
                severity=notifier_pb2.SEVERITY_ERROR,
                topic=notifier_pb2.TOPIC_ERROR,
                title=f"{self._untold:,} more new kinds of errors",
                body="There were too many to tell of each.\nAll of them: aiartist error list",
            )
        )
        if told:
            self._untold = 0
            self._flooded.clear()
        else:
            self._window_ends = self._clock() + WINDOW_S


def _notice(occurrences: Occurrences) -> notifier_pb2.NotifyRequest:
    fingerprint, first = occurrences.group.fingerprint, occurrences.samples[0]
    return notifier_pb2.NotifyRequest(
        # The same for every process that sees it, and for a repeated batch.
        request_id=derived_id("tell", f"error group {fingerprint}"),
        severity=notifier_pb2.SEVERITY_ERROR,
        topic=notifier_pb2.TOPIC_ERROR,
        title=occurrences.group.title,
        body=f"{culprit_of(occurrences)}\nin {first.service}: {first.message[:MAX_MESSAGE]}",
        error_fingerprint=fingerprint,
    )
