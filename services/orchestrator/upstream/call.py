"""One call of one model, and whoever carries it."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from services.orchestrator.domain import Completion, Message
from services.orchestrator.models.catalog import Model
from services.orchestrator.models.prices import Known

Heard = Callable[[str], None]
"""Called with each piece of an answer's text as it comes."""


@dataclass(frozen=True, slots=True)
class Call:
    """One call for an answer in words, ready to be sent."""

    messages: tuple[Message, ...]
    max_tokens: int
    params: Mapping[str, Any]
    json_schema: Mapping[str, Any] | None
    grammar: str
    """GBNF for the answer; empty: none, or the server does not know it."""
    heard: Heard | None = None
    """None: nobody listens before the answer is whole."""
    idempotency_key: str = ""
    """The same for a repeat of this very attempt, so that the provider can tell."""


@dataclass(frozen=True, slots=True)
class ImageCall:
    """One call for a picture, ready to be sent; sizes in pixels, as the model has them."""

    prompt: str
    width: int
    height: int
    params: Mapping[str, Any]
    idempotency_key: str = ""


class Upstream(Protocol):
    """Whoever carries a call to a model."""

    async def ready(self, model: Model) -> None:
        """Returns when calls of this model can be carried."""

    def known(self, model: Model) -> Known:
        """What is known of a model beside its settings; call it when `ready` has returned."""

    async def complete(self, model: Model, call: Call) -> Completion:
        """The model's answer; UpstreamError where there is no usable one."""

    async def draw(self, model: Model, call: ImageCall) -> Completion:
        """The model's picture; UpstreamError where there is no usable one."""

    async def close(self) -> None:
        """Closes the connections."""


def is_streamed(model: Model, call: Call) -> bool:
    """True where the answer is to be sent as it comes: for a listener, or to see whether it begins."""
    first_s = model.first_token_timeout_s
    return call.heard is not None or (first_s is not None and first_s < model.timeout_s)
