"""Waiting for work: PostgreSQL hints at it, and a look every so often finds what no hint told of."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

from services.chassis.database import DATABASE_TROUBLE, Database
from services.chassis.outage import Outage


class Hint:
    """Whether somebody said that there is something to do, and whether anybody still could."""

    def __init__(self) -> None:
        self.given = asyncio.Event()
        self.ended = False

    def give(self, *_notification: object) -> None:
        self.given.set()

    def end(self, *_connection: object) -> None:
        self.ended = True
        self.given.set()


@asynccontextmanager
async def hints(db: Database, channel: str) -> AsyncIterator[Hint]:
    """Listens on a connection of its own; a hint may be missed, which is why who waits also looks."""
    hint = Hint()
    async with db.acquire() as connection:
        connection.add_termination_listener(hint.end)
        await connection.add_listener(channel, hint.give)
        try:
            yield hint
        finally:
            # The pool would hand the connection on as it is, listening; and to ask one that is being cut
            # off to stop listening may never be answered. So it ends, and the pool opens another.
            if not hint.ended:
                connection.remove_termination_listener(hint.end)
                connection.terminate()


async def pause(*events: asyncio.Event, timeout_s: float) -> None:
    """Until one of the events, or for `timeout_s`."""
    waits = [asyncio.create_task(event.wait()) for event in events]
    try:
        await asyncio.wait(waits, timeout=timeout_s, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for wait in waits:
            wait.cancel()


async def work_on_hints(
    db: Database,
    channel: str,
    work: Callable[[], Awaitable[object]],
    *,
    every_s: float,
    closing: asyncio.Event,
    log: Any,
    also: asyncio.Event | None = None,
) -> None:
    """Works whenever there is a hint, and every `every_s`, until closing, whatever the database does.

    `also` is a hint from within the process.
    """
    also = also or asyncio.Event()
    outage = Outage(log, "the database")
    while not closing.is_set():
        try:
            async with hints(db, channel) as hint:
                while not closing.is_set() and not hint.ended:
                    hint.given.clear()
                    also.clear()
                    await work()
                    outage.over()
                    await pause(hint.given, also, closing, timeout_s=every_s)
        except DATABASE_TROUBLE as error:
            outage.noticed(error)
            await pause(closing, timeout_s=min(every_s, 2.0))
