"""Worker processes for CPU-bound work, kept off the event loop.

Started as fresh interpreters, never forked: a fork would copy gRPC's threads half-dead.
"""

import asyncio
import pickle
import signal
import socket
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any, Concatenate, ParamSpec, Self, TypeVar, cast

from services.chassis import tracing
from services.chassis.logs import get_logger
from services.release import metrics
from services.release.errors import JobFailed, WorkerLost
from services.release.worker import HEADER, Done, Ready, Report, Step

P = ParamSpec("P")
T = TypeVar("T")

_BOOT = "import sys; sys.path[:] = sys.argv[1:]; from services.release.worker import main; main()"
_STDERR = 2
"""Whatever a library prints in a worker goes there."""
_log = get_logger("release.pool")


class WorkerPool:
    """At most `size` workers, each running one job at a time.

    The first starts at once, warming up in the background; others start when a job finds none free.
    A worker that dies fails its job with WorkerLost and is replaced; a cancelled job's worker is
    killed and replaced, so that cancelling ends the work and not only the wait for it.
    """

    def __init__(self, size: int, warm_up: Callable[[], None] | None) -> None:
        self._warm_up = warm_up
        self._slots = asyncio.Semaphore(size)
        self._idle: list[_Worker] = []
        self._workers: set[_Worker] = set()
        self._busy = self._waiting = 0
        self._closed = False

    @classmethod
    @asynccontextmanager
    async def open(cls, size: int, warm_up: Callable[[], None] | None = None) -> AsyncIterator[Self]:
        """A pool; all of its processes are gone after the block."""
        pool = cls(size, warm_up)
        try:
            pool._idle.append(pool._start())
            with (
                metrics.WORKERS.following(lambda: {("busy",): pool._busy, ("idle",): pool.idle}),
                metrics.WAITING.following(lambda: {(): pool._waiting}),
            ):
                yield pool
        finally:
            await pool._close()

    async def run(
        self,
        report: Report | None,
        job: Callable[Concatenate[Report, P], T],
        /,
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """Runs `job(report, *args)` in a worker; `job` is a module's own function.

        WorkerLost where the worker dies; OSError as the job raised it; JobFailed for all else.
        """
        if kwargs:
            raise TypeError("a job takes positional arguments only")
        with tracing.span(f"job {job.__name__}") as span:
            return await self._run(span, report, job, args)

    async def _run(self, span: tracing.Span, report: Report | None, job: Callable[..., T], args: Any) -> T:
        asked = time.perf_counter()
        async with self._slot():
            worker = await self._take()
            span.set(waited_ms=round((time.perf_counter() - asked) * 1_000))
            try:
                with metrics.JOB_SECONDS.labels(job.__name__).time():
                    done = await worker.run(job, args, report)
            except BaseException as error:
                await self._replace(worker, lost=isinstance(error, WorkerLost))
                raise
            self._idle.append(worker)
        return cast(T, _value(done))

    @property
    def idle(self) -> int:
        """Workers without a job."""
        return max(0, len(self._workers) - self._busy)

    @asynccontextmanager
    async def _slot(self) -> AsyncIterator[None]:
        """The right to use one worker, counted."""
        self._waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self._waiting -= 1
        self._busy += 1
        try:
            yield
        finally:
            self._busy -= 1
            self._slots.release()

    def pids(self) -> list[int]:
        """The live workers' process ids."""
        return [worker.pid for worker in self._workers if worker.pid is not None]

    async def _take(self) -> "_Worker":
        while self._idle:
            worker = self._idle.pop()
            if worker.alive:
                return worker
            await self._end(worker)
        return self._start()

    def _start(self) -> "_Worker":
        if self._closed:
            raise WorkerLost("the service is stopping")
        worker = _Worker(self._warm_up)
        self._workers.add(worker)
        return worker

    async def _replace(self, worker: "_Worker", *, lost: bool) -> None:
        worker.kill()
        if not self._closed:
            self._idle.append(self._start())
        if lost:
            metrics.LOST.inc()
            _log.warning("a worker died and was replaced")
        await self._end(worker)

    async def _end(self, worker: "_Worker") -> None:
        # Forgotten only afterwards: where this is cancelled, closing the pool ends the worker.
        await worker.end()
        self._workers.discard(worker)

    async def _close(self) -> None:
        self._closed = True
        await asyncio.gather(*(self._end(worker) for worker in list(self._workers)))
        self._idle.clear()


def _value(done: Done) -> Any:
    failure = done.failure
    if failure is None:
        return done.value
    if failure.errno is not None:
        raise OSError(failure.errno, failure.strerror, failure.filename) from JobFailed(failure.text)
    raise JobFailed(failure.text)


class _Worker:
    """One process, starting from the moment when this is made."""

    def __init__(self, warm_up: Callable[[], None] | None) -> None:
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._opening = asyncio.create_task(self._open(warm_up), name="render worker start")

    @property
    def pid(self) -> int | None:
        """The process id; None while there is no process."""
        process = self._process
        return None if process is None or process.poll() is not None else process.pid

    @property
    def alive(self) -> bool:
        """False once it is known to be gone."""
        if self._opening.done() and (self._opening.cancelled() or self._opening.exception() is not None):
            return False
        return self._process is None or self._process.poll() is None

    async def run(self, job: Callable[..., Any], arguments: tuple[Any, ...], report: Report | None) -> Done:
        await self._opening
        try:
            await self._send((job, arguments))
            while True:
                message = await self._receive()
                if isinstance(message, Done):
                    return message
                if isinstance(message, Step) and report is not None:
                    report(message.step, message.done, message.total)
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._lost() from error

    def kill(self) -> None:
        """Ends the process at once."""
        self._opening.cancel()
        if self._process is not None:
            self._process.kill()

    async def end(self) -> None:
        """Kills the process and waits until it is gone. May be called again."""
        self.kill()
        await asyncio.wait([self._opening])
        # Cancelled between two steps, the opening may have started it a moment ago.
        self.kill()
        if self._process is not None:
            await asyncio.to_thread(self._process.wait)
        if self._writer is not None:
            self._writer.close()
            with suppress(ConnectionError):
                await self._writer.wait_closed()

    async def _open(self, warm_up: Callable[[], None] | None) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            self._process = _process(theirs)
        self._reader, self._writer = await asyncio.open_unix_connection(sock=ours)
        try:
            await self._send(warm_up)
            message = await self._receive()
        except (asyncio.IncompleteReadError, ConnectionError) as error:
            raise await self._lost() from error
        assert isinstance(message, Ready), message

    async def _send(self, message: object) -> None:
        assert self._writer is not None
        data = pickle.dumps(message)
        self._writer.write(HEADER.pack(len(data)) + data)
        await self._writer.drain()

    async def _receive(self) -> object:
        assert self._reader is not None
        (length,) = HEADER.unpack(await self._reader.readexactly(HEADER.size))
        return pickle.loads(await self._reader.readexactly(length))

    async def _lost(self) -> WorkerLost:
        assert self._process is not None
        # The connection can end a moment before the process does.
        code = await asyncio.to_thread(self._process.wait)
        if code >= 0:
            return WorkerLost(f"exit status {code}")
        return WorkerLost(f"killed by signal {-code}", killed=-code == signal.SIGKILL)


def _process(standard_input: socket.socket) -> "subprocess.Popen[bytes]":
    # Not asyncio's own: uvloop forks, and gRPC minds forks; Popen uses vfork, which gRPC does not notice.
    command = [sys.executable, "-c", _BOOT, *sys.path]
    return subprocess.Popen(command, stdin=standard_input.fileno(), stdout=_STDERR)
