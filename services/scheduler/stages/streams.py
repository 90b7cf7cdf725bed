"""Long calls: progress, then the result, once, last."""

from collections.abc import AsyncIterable
from typing import Any, Protocol, TypeVar

import grpc

from aiartist.common.v1 import progress_pb2
from services.chassis.errors import remote_error
from services.scheduler.stages import Report, StageFailed

LONG_CALL_S = 900.0
"""How long composing, packaging or publishing may take."""
PRODUCE_CALL_S = 2_400.0
"""How long a take may take: two music services waited for in vain, then a song of our own, behind a film."""
FILM_CALL_S = 3_600.0
"""How long filming may take: every frame of two videos is drawn."""
SHORT_CALL_S = 15.0
"""How long any other call may take."""


class _Update(Protocol):
    """A message with `progress` or a result in the oneof `update`."""

    @property
    def progress(self) -> progress_pb2.Progress: ...

    def WhichOneof(self, name: Any, /) -> Any: ...


Update = TypeVar("Update", bound=_Update)


async def result_of(stream: AsyncIterable[Update], report: Report) -> Update:
    """Reports progress and gives the message that holds the result. RemoteError where the call fails."""
    result: Update | None = None
    try:
        async for message in stream:
            if message.WhichOneof("update") == "progress":
                await report(message.progress.step, message.progress.done, message.progress.total)
            else:
                result = message
    except grpc.aio.AioRpcError as error:
        raise remote_error(error) from error
    if result is None:
        raise StageFailed("ERROR_REASON_INTERNAL", "the stream ended without a result", retryable=True)
    return result
