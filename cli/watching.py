"""The events of a run as they come, across broken connections and restarts of the scheduler."""

import asyncio
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing

import grpc

from aiartist.scheduler.v1.scheduler_pb2 import (
    RUN_STATE_CANCELLED,
    RUN_STATE_EXPIRED,
    RUN_STATE_FAILED,
    RUN_STATE_REJECTED,
    RUN_STATE_RELEASED,
    GetRunRequest,
    Run,
    WatchRunRequest,
    WatchRunResponse,
)
from aiartist.scheduler.v1.scheduler_pb2_grpc import SchedulerServiceStub
from services.chassis.errors import remote_error

FINAL = frozenset(
    {RUN_STATE_RELEASED, RUN_STATE_REJECTED, RUN_STATE_EXPIRED, RUN_STATE_FAILED, RUN_STATE_CANCELLED}
)
"""States after which nothing more happens by itself."""

SILENCE_S = 35.0
"""Three heartbeats of the server: who is silent for longer is gone."""
STREAM_S = 3_600.0
"""The deadline of one stream; a longer run is watched by the next one."""
CALL_S = 10.0
PATIENCE_S = 600.0
"""How long the scheduler may be away before watching it ends."""
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 0.2, 3.0

OnContact = Callable[[bool], None]
"""Called with False when the connection is lost, and with True when it is back."""


class Watch:
    """One watch of one run."""

    def __init__(
        self,
        stub: SchedulerServiceStub,
        run_id: str,
        *,
        on_contact: OnContact = lambda _connected: None,
        patience_s: float = PATIENCE_S,
    ) -> None:
        self._stub = stub
        self._run_id = run_id
        self._on_contact = on_contact
        self._patience_s = patience_s
        self._resume_token = ""
        self._last_contact: float | None = None
        self._connected = True
        self._pause_s = _FIRST_PAUSE_S
        self.run = Run(id=run_id)
        """The run as it was when the watch ended."""

    async def responses(self) -> AsyncGenerator[WatchRunResponse, None]:
        """Every event once, in order, heartbeats left out, until the run is final.

        Raises what the first call raises, what can't pass, and the last error where the scheduler
        stays away for too long.
        """
        while True:
            try:
                async with aclosing(self._stream()) as stream:
                    async for response in stream:
                        self._heard_of()
                        self._resume_token = response.resume_token
                        if response.HasField("event"):
                            yield response
                # Ended in order: the run is final, or the server stops.
                self.run = await self._final_state()
                if self.run.state in FINAL:
                    return
                await self._wait()
            except grpc.aio.AioRpcError as error:
                self._lost(error)
                await self._wait()

    async def _stream(self) -> AsyncGenerator[WatchRunResponse, None]:
        request = WatchRunRequest(run_id=self._run_id, resume_token=self._resume_token)
        call = self._stub.WatchRun(request, timeout=STREAM_S)
        try:
            messages = call.__aiter__()
            while True:
                try:
                    message = await asyncio.wait_for(anext(messages), SILENCE_S)
                except StopAsyncIteration:
                    return
                except TimeoutError:
                    return
                yield message
        finally:
            call.cancel()

    async def _final_state(self) -> Run:
        answer = await self._stub.GetRun(GetRunRequest(run_id=self._run_id), timeout=CALL_S)
        return answer.run

    def _heard_of(self) -> None:
        self._last_contact = asyncio.get_running_loop().time()
        self._pause_s = _FIRST_PAUSE_S
        self._tell(True)

    def _lost(self, error: grpc.aio.AioRpcError) -> None:
        """Raises the error where another try is no use."""
        remote = remote_error(error)
        passes = remote.retryable and remote.remote_reason != "ERROR_REASON_INTERNAL"
        if not passes or self._last_contact is None:
            raise error
        if asyncio.get_running_loop().time() - self._last_contact > self._patience_s:
            raise error
        self._tell(False)

    async def _wait(self) -> None:
        await asyncio.sleep(self._pause_s)
        self._pause_s = min(_LONGEST_PAUSE_S, self._pause_s * 2)

    def _tell(self, connected: bool) -> None:
        if connected != self._connected:
            self._connected = connected
            self._on_contact(connected)
