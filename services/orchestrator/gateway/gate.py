"""Who may call a model now: its breaker, and its limit of calls at once."""

import asyncio
from collections import deque

from services.chassis.breaker import Breaker, Permit, State
from services.orchestrator.domain import DOWN, REFUSED, Completion, UpstreamError
from services.orchestrator.models.catalog import Model


class Gate:
    """The way to one model."""

    def __init__(self, model: Model) -> None:
        self.breaker = Breaker(failures=model.failures, cooldown_s=model.cooldown_s, bench_s=model.bench_s)
        self._free = model.concurrency
        self._waiting: deque[asyncio.Future[None]] = deque()

    @property
    def is_free(self) -> bool:
        """True where a call can be made at once, and is no probe."""
        return self._free > 0 and self.breaker.state is State.CLOSED

    async def enter(self) -> Permit:
        """Waits for a free place; BreakerOpen where the model is not to be called, also while waiting."""
        while True:
            self.breaker.check()
            if self._free:
                permit = self.breaker.enter()
                self._free -= 1
                return permit
            await self._wait()

    def leave(self, permit: Permit, end: Completion | UpstreamError | None) -> bool:
        """Ends a call: answered, failed, or (None) never finished; True where the breaker opened now."""
        self._free += 1
        opened = False
        if isinstance(end, UpstreamError) and end.outcome in DOWN | REFUSED:
            opened = self.breaker.failed(
                permit,
                end.outcome,
                end.detail,
                retry_after_s=end.retry_after_s,
                must_be_mended=end.outcome in REFUSED,
            )
        elif end is None:
            self.breaker.left(permit)
        else:
            self.breaker.succeeded(permit)
        # All of them where nobody is let in any more: they have other models to ask.
        self._wake(len(self._waiting) if opened else 1)
        return opened

    async def _wait(self) -> None:
        turn = asyncio.get_running_loop().create_future()
        self._waiting.append(turn)
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                # It was this one's turn: the next one must not wait for ever.
                self._wake(1)
            raise

    def _wake(self, count: int) -> None:
        while count and self._waiting:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                count -= 1
