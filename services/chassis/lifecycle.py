"""build -> run -> close in reverse order, the same for one service and for all of them."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import grpc
import uvloop
from google.protobuf.descriptor import FileDescriptor

from services.chassis import logs, metrics
from services.chassis.clients import open_channel
from services.chassis.errors import SetupError
from services.chassis.exporting import exporting
from services.chassis.metrics_loop import watched_loop
from services.chassis.server import AddServicer, Server
from services.chassis.settings import ChassisSettings
from services.chassis.shipping import ErrorShipper
from services.chassis.version import VERSION

PROBE_INTERVAL_S = 2.0
PROBE_TIMEOUT_S = 5.0

T = TypeVar("T")
S = TypeVar("S", bound=ChassisSettings)
Build = Callable[[S], Awaitable["App"]]
Probe = Callable[[], Awaitable[object]]

_log = logs.get_logger("lifecycle")


class App:
    """One service: what it opened, its server, its background tasks and its readiness."""

    def __init__(self, name: str, settings: ChassisSettings) -> None:
        self.name = name
        self.settings = settings
        self.closing = asyncio.Event()
        """Set when the service begins to stop: long streams and workers end on it."""
        self.failed: asyncio.Future[NoReturn] = asyncio.get_running_loop().create_future()
        """Gets the exception of a background task that died."""
        self._stack = AsyncExitStack()
        self._server: Server | None = None
        self._probes: dict[str, Probe] = {}
        self._pending: list[tuple[str, Coroutine[Any, Any, None]]] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._trouble: list[str] = []
        self._closed = False

    @asynccontextmanager
    async def building(self) -> AsyncIterator[None]:
        """Closes what was opened where building fails."""
        try:
            yield
        except BaseException:
            for _, coroutine in self._pending:
                coroutine.close()
            self.failed.cancel()
            await self._stack.aclose()
            raise

    async def enter(self, resource: AbstractAsyncContextManager[T]) -> T:
        """Opens something that is closed with the service, last opened first."""
        return await self._stack.enter_async_context(resource)

    def on_close(self, callback: Callable[[], Awaitable[object]]) -> None:
        """Runs when the service closes, after its server and tasks, in reverse order."""
        self._stack.push_async_callback(callback)

    async def channel(self, address: str) -> grpc.aio.Channel:
        """A channel to another service, closed with this one."""
        channel = open_channel(address, self.settings)
        self._stack.push_async_callback(channel.close)
        return channel

    def serve(
        self,
        servicer: Any,
        add_servicer: AddServicer,
        descriptor: FileDescriptor,
        *,
        port: int,
        metrics_port: int,
    ) -> None:
        """Binds the server; it takes calls after `start`."""
        self._server = Server(
            self.name,
            self.settings,
            servicer=servicer,
            add_servicer=add_servicer,
            descriptor=descriptor,
            port=port,
            metrics_port=metrics_port,
        )
        self._stack.push_async_callback(self._server.close)

    def spawn(self, name: str, coroutine: Coroutine[Any, Any, None]) -> None:
        """A background task, to be begun by `start`. One that dies ends the service."""
        self._pending.append((name, coroutine))

    def ready_when(self, name: str, probe: Probe) -> None:
        """The service is ready while no probe raises."""
        self._probes[name] = probe

    @property
    def server(self) -> Server:
        assert self._server is not None, "serve() comes before"
        return self._server

    @property
    def port(self) -> int:
        """The port that the server listens on."""
        return self.server.port

    async def start(self) -> None:
        """Takes calls, begins the background tasks, and is ready as soon as the probes allow."""
        before = logs.context()
        logs.set_context({"service": self.name})
        metrics.BUILD_INFO.labels(self.name, VERSION).set(1)
        await self.enter(watched_loop())
        await self.server.start()
        await self.server.health.set_alive()
        self.spawn("readiness", self._keep_readiness())
        for name, coroutine in self._pending:
            task = asyncio.create_task(coroutine, name=f"{self.name}: {name}")
            task.add_done_callback(self._task_ended)
            self._tasks.append(task)
        self._pending.clear()
        await self._probe()
        _log.info("serving", host=self.settings.host, port=self.port, metrics_port=self.server.metrics_port)
        logs.set_context(before)

    async def close(self) -> None:
        """Tells NOT_SERVING, ends watches, drains, stops the server, tasks and all that was opened."""
        if self._closed:
            return
        self._closed = True
        for _, coroutine in self._pending:
            coroutine.close()
        await self._tell_ready(False)
        if self.settings.drain_delay_s:
            await asyncio.sleep(self.settings.drain_delay_s)
        self.closing.set()
        try:
            await self.server.close()
            await self._end_tasks()
        finally:
            await self._stack.aclose()
        if not self.failed.cancel() and not self.failed.cancelled():
            # Whoever waited for it has it; nobody else needs to hear of it.
            self.failed.exception()
        _log.info("stopped", service=self.name)

    async def _end_tasks(self) -> None:
        if self._tasks:
            # Workers watch `closing` and hand back what they hold; only then are they cancelled.
            await asyncio.wait(self._tasks, timeout=self.settings.stop_grace_s)
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _task_ended(self, task: asyncio.Task[None]) -> None:
        error = None if task.cancelled() else task.exception()
        if error is None:
            return
        _log.error("a background task died", service=self.name, task=task.get_name(), exc_info=error)
        if not self.closing.is_set() and not self.failed.done():
            self.failed.set_exception(error)

    async def _keep_readiness(self) -> None:
        while not self.closing.is_set():
            with suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), PROBE_INTERVAL_S)
                return
            await self._probe()

    async def _probe(self) -> None:
        trouble = [name for name, probe in self._probes.items() if not await _answers(name, probe)]
        if self._closed:
            return
        if trouble != self._trouble:
            _log.warning("not ready", waiting_for=trouble) if trouble else _log.info("ready again")
        self._trouble = trouble
        await self._tell_ready(not trouble)

    async def _tell_ready(self, ready: bool) -> None:
        metrics.READY.labels(self.name).set(ready)
        await self.server.health.set_ready(ready)

    async def __aenter__(self) -> Self:
        try:
            await self.start()
        except BaseException:
            await self.close()
            raise
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()


async def _answers(name: str, probe: Probe) -> bool:
    try:
        await asyncio.wait_for(probe(), PROBE_TIMEOUT_S)
    except Exception as error:  # noqa: BLE001 - whatever a probe raises means: not ready
        _log.debug("probe failed", probe=name, detail=f"{type(error).__name__}: {error}")
        return False
    return True


async def wait_for_end(apps: Sequence[App]) -> None:
    """Returns at SIGTERM or SIGINT; raises what a background task died of."""
    loop = asyncio.get_running_loop()
    told = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, told.set)
    waiting = asyncio.create_task(told.wait())
    ends: list[asyncio.Future[Any]] = [waiting, *(app.failed for app in apps)]
    try:
        done, _ = await asyncio.wait(ends, return_when=asyncio.FIRST_COMPLETED)
        for future in done:
            future.result()
    finally:
        waiting.cancel()


@asynccontextmanager
async def shipping(settings: ChassisSettings, *, default_service: str) -> AsyncIterator[None]:
    """While open, errors that this process logs go to error_analyzer too."""
    if not settings.ship_errors:
        yield
        return
    async with open_channel(settings.error_analyzer_addr, settings) as channel:
        shipper = ErrorShipper(channel, default_service=default_service)
        task = asyncio.create_task(shipper.run(), name="error shipping")
        logs.set_error_sink(shipper.take)
        try:
            yield
        finally:
            logs.set_error_sink(None)
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
            await shipper.flush()


def main(build: Build[S], settings_type: type[S]) -> None:
    """Runs one service until a signal: what `python -m services.<service>` does."""
    run_process(lambda: run_service(build, settings_type.load()))


async def run_service(build: Build[S], settings: S) -> None:
    """One service, its logs, its traces and its error shipping, until a signal."""
    logs.configure(level=settings.log_level, format=settings.log_format)
    logs.keep_secret(settings)
    _log.info("starting", version=VERSION, settings=logs.public_settings(settings))
    async with exporting(settings):
        app = await build(settings)
        async with shipping(settings, default_service=app.name), app:
            await wait_for_end([app])


def run_process(work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    """Runs on uvloop; a SetupError is one line on standard error and exit status 1."""
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            runner.run(work())
    except SetupError as error:
        sys.stderr.write(f"aiartist: {error}\n")
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)
