"""What stands behind the intake in tests: takes errors in memory as artist_db does, each request once."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc

from aiartist.error_analyzer.v1.error_analyzer_pb2 import (
    ErrorEvent,
    IngestErrorsRequest,
    IngestErrorsResponse,
)
from services.chassis.errors import InvalidInput, remote_error
from services.chassis.ids import digest_of
from services.error_analyzer.intake.tailer import Ingest, Tailer
from tests.support.metrics import until


class Taker:
    """Keeps each request once; `failing` is raised instead, `poison` refuses a request with that message."""

    def __init__(self) -> None:
        self.requests: dict[str, IngestErrorsRequest] = {}
        self.calls = 0
        self.failing: Exception | None = None
        self.lost_answers = 0
        """So many requests are stored, and their sender hears of a failure."""
        self.poison = "\0"

    async def __call__(self, request: IngestErrorsRequest) -> IngestErrorsResponse:
        self.calls += 1
        if self.failing is not None:
            raise self.failing
        if any(event.message == self.poison for event in request.events):
            raise InvalidInput([])
        # As the service after a restart: it knows a request by its id and its contents.
        self.requests[f"{request.request_id} {digest_of(request)}"] = request
        if self.lost_answers:
            self.lost_answers -= 1
            raise ConnectionError("the answer was lost")
        return IngestErrorsResponse()

    @property
    def events(self) -> list[ErrorEvent]:
        return [event for request in self.requests.values() for event in request.events]

    @property
    def messages(self) -> list[str]:
        return [event.message for event in self.events]

    async def has(self, *messages: str) -> None:
        """Waits until exactly so many errors are there, and compares them whatever their order is."""
        await until(lambda: len(self.events) >= len(messages))
        assert sorted(self.messages) == sorted(messages)


class Clock:
    """Goes on when it is told to."""

    def __init__(self) -> None:
        self.now = 1_000.0

    def __call__(self) -> float:
        return self.now


@asynccontextmanager
async def tailing(
    ingest: Ingest, folder: Path, *patterns: object, clock: Callable[[], float] | None = None
) -> AsyncIterator[Tailer]:
    """A tailer at work."""
    tailer = Tailer(
        [str(pattern) for pattern in patterns],
        folder,
        ingest,
        poll_s=0.005,
        retry_s=0.005,
        clock=clock or Clock(),
    )
    closing = asyncio.Event()
    task = asyncio.create_task(tailer.run(closing))
    try:
        yield tailer
    finally:
        closing.set()
        await task


def over_the_wire(stub: Any) -> Ingest:
    """To a service elsewhere, with its errors as the service itself would raise them."""

    async def ingest(request: IngestErrorsRequest) -> IngestErrorsResponse:
        try:
            return IngestErrorsResponse.FromString((await stub.IngestErrors(request)).SerializeToString())
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error

    return ingest
