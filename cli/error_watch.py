"""`aiartist error watch`: errors as they come, across broken connections and restarts."""

import asyncio
from collections.abc import AsyncGenerator, Sequence
from contextlib import aclosing

import grpc

from aiartist.error_analyzer.v1 import error_analyzer_pb2 as pb
from aiartist.error_analyzer.v1.error_analyzer_pb2_grpc import ErrorAnalyzerServiceStub
from cli.failures import ServiceFailure
from cli.output import note
from cli.session import Session
from cli.texts import clock, plain, shortened
from services.chassis.errors import remote_error

SILENCE_S = 35.0
"""Three heartbeats of the server: who is silent for longer is gone."""
STREAM_S = 3_600.0
"""The deadline of one stream; watching goes on with the next one."""
PATIENCE_S = 600.0
"""How long error_analyzer may be away before watching it ends."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 3.0
_MAX_TITLE, _MAX_WHY = 50, 100


async def follow(session: Session, statuses: Sequence[str], service: str, after: int | None) -> None:
    """A line for each change until it is interrupted; ServiceFailure where it can't be watched."""
    request = pb.WatchErrorsRequest(after_sequence=after, service=service, statuses=statuses)
    analyzer = session.error_analyzer
    try:
        async with aclosing(changes(analyzer.stub, request)) as responses:
            async for response in responses:
                if session.output.json:
                    session.output.line(response)
                else:
                    session.output.say(line_of(response))
    except grpc.aio.AioRpcError as error:
        raise ServiceFailure(analyzer.name, analyzer.address, remote_error(error)) from error


async def changes(
    stub: ErrorAnalyzerServiceStub, request: pb.WatchErrorsRequest
) -> AsyncGenerator[pb.WatchErrorsResponse, None]:
    """Every change once, in order, heartbeats left out; `request.after_sequence` moves on with them.

    Raises what the first call raises, what can't pass, and the last error where the service stays away.
    """
    loop = asyncio.get_running_loop()
    heard_at: float | None = None
    pause_s, connected = _FIRST_PAUSE_S, True
    while True:
        try:
            async with aclosing(_stream(stub, request)) as stream:
                async for response in stream:
                    heard_at, pause_s = loop.time(), _FIRST_PAUSE_S
                    if not connected:
                        connected = True
                        note("connected again")
                    request.after_sequence = response.sequence
                    if response.HasField("group"):
                        yield response
        except grpc.aio.AioRpcError as error:
            if not remote_error(error).retryable or heard_at is None or loop.time() - heard_at > PATIENCE_S:
                raise
            if connected:
                connected = False
                note("connection lost; trying again")
        await asyncio.sleep(pause_s)
        pause_s = min(_LONGEST_PAUSE_S, 2 * pause_s)


async def _stream(
    stub: ErrorAnalyzerServiceStub, request: pb.WatchErrorsRequest
) -> AsyncGenerator[pb.WatchErrorsResponse, None]:
    """One stream, to its end or until it is silent for too long."""
    call = stub.WatchErrors(request, timeout=STREAM_S)
    messages = call.__aiter__()
    try:
        while True:
            try:
                message = await asyncio.wait_for(anext(messages), SILENCE_S)
            except (StopAsyncIteration, TimeoutError):
                return
            yield message
    finally:
        call.cancel()


def line_of(response: pb.WatchErrorsResponse) -> str:
    """A change in a line: when, which error, how it stands, and why."""
    group = response.group
    report = group.report
    status = report.status.replace("_", " ")
    why = report.reason or report.cause
    by = f" by {plain(report.by)}" if report.by else ""
    said = f": {shortened(plain(why), _MAX_WHY)}" if why else ""
    title = shortened(plain(group.title), _MAX_TITLE)
    return f"{clock(report.created_at)}  {group.fingerprint[:12]}  {title}  {plain(status)}{by}{said}"
