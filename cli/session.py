"""One command's connections, and how a command runs: its errors become lines and an exit status."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, TypeVar

import grpc
import typer

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from aiartist.notifier.v1.notifier_pb2_grpc import NotifierServiceStub
from aiartist.orchestrator.v1.orchestrator_pb2_grpc import OrchestratorServiceStub
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceStub
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from cli import settings as settings_module
from cli.failures import BAD_INPUT, FAILED, INTERRUPTED, Failure, ServiceFailure, explain
from cli.output import Output, complain
from cli.settings import CliSettings, SettingsProblem
from cli.yaml_file import FileProblems
from services.chassis.clients import open_channel
from services.chassis.errors import SetupError, remote_error

StubT = TypeVar("StubT")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Service(Generic[StubT]):
    """A service as this command reaches it."""

    name: str
    address: str
    stub: StubT

    async def answer(self, call: Awaitable[T]) -> T:
        """What the call gives; ServiceFailure where it fails."""
        try:
            return await call
        except grpc.aio.AioRpcError as error:
            raise ServiceFailure(self.name, self.address, remote_error(error)) from error


class Session:
    """What a command works with. Channels are opened when first used."""

    def __init__(self, settings: CliSettings, output: Output, stack: AsyncExitStack) -> None:
        self.settings = settings
        self.output = output
        self.timeout = settings.call_timeout_s
        self._stack = stack

    @cached_property
    def artist_db(self) -> Service[ArtistDbServiceStub]:
        return self._service("artist_db", ArtistDbServiceStub)

    @cached_property
    def scheduler(self) -> Service[SchedulerServiceStub]:
        return self._service("scheduler", SchedulerServiceStub)

    @cached_property
    def notifier(self) -> Service[NotifierServiceStub]:
        return self._service("notifier", NotifierServiceStub)

    @cached_property
    def orchestrator(self) -> Service[OrchestratorServiceStub]:
        return self._service("orchestrator", OrchestratorServiceStub)

    @cached_property
    def release(self) -> Service[ReleaseServiceStub]:
        return self._service("release", ReleaseServiceStub)

    @cached_property
    def error_analyzer(self) -> Service[ErrorAnalyzerServiceStub]:
        return self._service("error_analyzer", ErrorAnalyzerServiceStub)

    def _service(self, name: str, stub: Callable[[Any], StubT]) -> Service[StubT]:
        address = self.settings.address_of(name)
        channel = open_channel(address, self.settings)
        self._stack.push_async_callback(channel.close)
        return Service(name, address, stub(channel))


def new_request_id() -> str:
    """One for each command: only the transport's own retries are repeats."""
    return f"cli-{uuid.uuid4().hex}"


Work = Callable[[Session], Awaitable[int | None]]


def output_of(ctx: typer.Context) -> Output:
    """The command's output, as the options before it ask."""
    output: Output = ctx.find_root().obj
    return output


def execute(ctx: typer.Context, work: Work) -> None:
    """Runs a command and ends it with its exit status."""
    run_and_exit(lambda: _in_session(output_of(ctx), work))


def run_and_exit(work: Callable[[], Any]) -> None:
    """Runs a coroutine function to its end; whatever goes wrong becomes lines on standard error."""
    try:
        code = asyncio.run(work()) or 0
    except Failure as failure:
        complain(*failure.lines)
        code = failure.exit_code
    except ServiceFailure as failure:
        explanation = explain(failure)
        complain(*explanation.lines)
        code = explanation.exit_code
    except FileProblems as problems:
        complain(*problems.lines())
        code = BAD_INPUT
    except SettingsProblem as problem:
        complain(*(f"{name}: {reason}" for name, reason in problem.reasons.items()))
        code = BAD_INPUT
    except SetupError as error:
        complain(str(error))
        code = FAILED
    except KeyboardInterrupt:
        code = INTERRUPTED
    raise typer.Exit(code)


async def _in_session(output: Output, work: Work) -> int | None:
    settings = settings_module.load()
    async with AsyncExitStack() as stack:
        return await work(Session(settings, output, stack))
