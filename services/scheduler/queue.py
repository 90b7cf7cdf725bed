"""The job queue: PgQueuer in the scheduler's own schema. A job joins the transaction that makes it."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta

from pgqueuer.core.qm import QueueManager
from pgqueuer.db import AsyncpgDriver
from pgqueuer.errors import RetryRequested
from pgqueuer.models import Job
from pgqueuer.queries import Queries

from services.chassis import logs
from services.chassis.database import DATABASE_TROUBLE, Connection, Database, connection_lost
from services.scheduler.queue_driver import PatientDriver

DRIVE = "drive"
BATCH = 10
RECONNECT_S = 1.0

Handler = Callable[[str], Awaitable[None]]

_log = logs.get_logger("scheduler.queue")


class HandBack(Exception):
    """A handler gives its job back, to be done again after `delay_s`, here or elsewhere."""

    def __init__(self, delay_s: float = 0.0) -> None:
        super().__init__(f"again in {delay_s} s")
        self.delay_s = delay_s


class RunQueue:
    """Puts jobs into the queue."""

    async def drive(self, connection: Connection, run_ids: Sequence[str]) -> None:
        """One job for each run that was given a place."""
        await _queries(connection).enqueue(
            [DRIVE] * len(run_ids), [run_id.encode() for run_id in run_ids], [0] * len(run_ids)
        )


def _queries(connection: Connection) -> Queries:
    return Queries(AsyncpgDriver(connection))  # type: ignore[arg-type]


class Worker:
    """Takes jobs until it is stopped. Another worker takes over what a dead one held."""

    def __init__(self, database: Database, *, heartbeat_timeout_s: float, dequeue_timeout_s: float) -> None:
        self._database = database
        self._heartbeat_timeout = timedelta(seconds=heartbeat_timeout_s)
        self._dequeue_timeout = timedelta(seconds=dequeue_timeout_s)
        self._handlers: dict[str, Handler] = {}

    def handle(self, entrypoint: str, handler: Handler) -> None:
        """Gives the payload of each such job to `handler`."""
        self._handlers[entrypoint] = handler

    async def run(self, closing: asyncio.Event) -> None:
        """Returns after `closing`, when every job in hand has ended. Outlives the database's absence."""
        while not closing.is_set():
            manager = QueueManager(Queries(PatientDriver(self._database.pool, closing)))
            for entrypoint, handler in self._handlers.items():
                manager.entrypoint(entrypoint)(_job_handler(handler))
            stopper = asyncio.create_task(_stop_when(closing, manager))
            try:
                await manager.run(
                    batch_size=BATCH,
                    heartbeat_timeout=self._heartbeat_timeout,
                    dequeue_timeout=self._dequeue_timeout,
                )
            except DATABASE_TROUBLE as error:
                _log.warning(
                    "the queue does not answer; trying again", detail=f"{type(error).__name__}: {error}"
                )
                await asyncio.sleep(RECONNECT_S)
            finally:
                stopper.cancel()


async def _stop_when(closing: asyncio.Event, manager: QueueManager) -> None:
    await closing.wait()
    manager.shutdown.set()


def _job_handler(handler: Handler) -> Callable[[Job], Awaitable[None]]:
    async def run(job: Job) -> None:
        try:
            await handler((job.payload or b"").decode())
        except HandBack as again:
            raise RetryRequested(timedelta(seconds=again.delay_s)) from again
        except Exception as error:
            # Whatever happened, the job is not lost: what it stands for is in the run's row.
            if connection_lost(error):
                _log.warning("the database broke off; the job will be done again", detail=str(error))
            else:
                _log.error("a job failed and will be done again", exc_info=error)
            raise RetryRequested(timedelta(seconds=RECONNECT_S)) from error

    return run
