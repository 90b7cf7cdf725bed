"""One call of one model, and whoever carries it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.orchestrator.catalog import Model
from services.orchestrator.domain import Completion, Message


@dataclass(frozen=True, slots=True)
class Call:
    """One call of one model, ready to be sent."""

    messages: tuple[Message, ...]
    max_tokens: int
    params: Mapping[str, Any]
    json_schema: Mapping[str, Any] | None
    grammar: str
    """GBNF for the answer; empty: none, or the server does not know it."""
    idempotency_key: str
    """The same for a repeat of this very attempt, so that the provider can tell."""


class Upstream(Protocol):
    """Whoever carries a call to a model."""

    async def ready(self, model: Model) -> None:
        """Returns when calls of this model can be carried."""

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""

    async def close(self) -> None:
        """Closes the connections."""
