"""Gauges of what is in the database: looked up every so often by a background task, never at a scrape."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import suppress

from services.chassis.database import DATABASE_TROUBLE
from services.chassis.logs import get_logger
from services.chassis.metrics import SAMPLES_FAILED
from services.chassis.outage import Outage

INTERVAL_S = 15.0
TIMEOUT_S = 10.0
"""What a sample may take; waiting for a free connection included."""
LEAST_REST = 20.0
"""After a sample a rest at least so many times as long: all of them take at most 5 % of a connection."""

_log = get_logger("metrics")


async def keep_sampled(
    service: str,
    sample: Callable[[], Awaitable[None]],
    closing: asyncio.Event,
    *,
    every_s: float = INTERVAL_S,
) -> None:
    """Calls `sample` at once and every `every_s` until `closing`.

    Where it fails, the gauges keep what they said last and `aiartist_samples_failed_total` rises:
    what only counts must not end what works.
    """
    failed = SAMPLES_FAILED.labels(service)
    database = Outage(_log, "the database, asked for metrics,")
    while not closing.is_set():
        rest_s, began = every_s, time.monotonic()
        try:
            async with asyncio.timeout(TIMEOUT_S):
                await sample()
        except DATABASE_TROUBLE as error:
            failed.inc()
            database.noticed(error)
        except Exception as error:  # noqa: BLE001 - a bug in counting ends no service
            failed.inc()
            _log.error("metrics could not be sampled", sampled=service, exc_info=error)
        else:
            database.over()
            rest_s = rest_after(time.monotonic() - began, every_s)
        with suppress(TimeoutError):
            await asyncio.wait_for(closing.wait(), rest_s)


def rest_after(took_s: float, every_s: float) -> float:
    """Seconds until the next sample, after one that took so long."""
    return max(every_s, LEAST_REST * took_s)
