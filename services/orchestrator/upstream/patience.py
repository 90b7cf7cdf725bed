"""How long a model is waited for: until its first token, and in all."""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Self

from services.orchestrator.domain import UpstreamError, Usage
from services.orchestrator.models.catalog import Model


class Patience:
    """Ends the block with UpstreamError `timeout` when the model takes too long.

    `began()` says that the answer has begun.
    """

    def __init__(self, model: Model, *, first_token: bool = False) -> None:
        self._total_s = model.timeout_s
        self._first_s = model.first_token_timeout_s if first_token else None
        self._timeout = asyncio.timeout(None)
        self._until = 0.0
        self._begun = self._first_s is None
        self.paid: Callable[[], Usage] = Usage
        """What a call took that is given up now."""

    def began(self) -> None:
        """The first token is here: from now on only the whole answer's time counts."""
        if not self._begun:
            self._begun = True
            self._timeout.reschedule(self._until)

    async def __aenter__(self) -> Self:
        now = asyncio.get_running_loop().time()
        self._until = now + self._total_s
        first = self._until if self._first_s is None else min(self._until, now + self._first_s)
        await self._timeout.__aenter__()
        self._timeout.reschedule(first)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            await self._timeout.__aexit__(kind, error, trace)
        except TimeoutError:
            raise self.over() from None

    def over(self) -> UpstreamError:
        """What there is to say when the time is over."""
        late = not self._begun and self._first_s is not None and self._first_s < self._total_s
        detail = (
            f"no token within {self._first_s:g} s" if late else f"no whole answer within {self._total_s:g} s"
        )
        return UpstreamError("timeout", detail, self.paid())
