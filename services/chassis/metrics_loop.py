"""How late the event loop is: what blocks it delays every call of every service in the process."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from weakref import WeakKeyDictionary

from services.chassis.metrics import LOOP_LAG

INTERVAL_S = 0.25
"""Something that blocks the loop for less may go unnoticed; over minutes little does."""


@dataclass(slots=True)
class _Watch:
    task: asyncio.Task[None]
    users: int = 0


_watches: "WeakKeyDictionary[asyncio.AbstractEventLoop, _Watch]" = WeakKeyDictionary()


@asynccontextmanager
async def watched_loop() -> AsyncIterator[None]:
    """Measures the running loop while the block runs; once, however many ask for it."""
    loop = asyncio.get_running_loop()
    watch = _watches.get(loop)
    if watch is None:
        watch = _watches[loop] = _Watch(asyncio.create_task(_measure(), name="event loop lag"))
    watch.users += 1
    try:
        yield
    finally:
        watch.users -= 1
        if not watch.users:
            del _watches[loop]
            watch.task.cancel()
            await asyncio.gather(watch.task, return_exceptions=True)


async def _measure() -> None:
    while True:
        due = time.monotonic() + INTERVAL_S
        await asyncio.sleep(INTERVAL_S)
        LOOP_LAG.observe(max(0.0, time.monotonic() - due))
