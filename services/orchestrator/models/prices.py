"""What a call may cost before it is made, and what it cost after. Money is in millionths of a US dollar."""

import math
from collections.abc import Iterable
from dataclasses import dataclass

from services.orchestrator.domain import Usage
from services.orchestrator.models.catalog import Model

_BYTES_A_TOKEN = 4
"""English prose has about four bytes a token in the vocabularies of today's large models."""
_FEWEST_BYTES_A_TOKEN = 2
"""Hardly any text has fewer; for what must not be guessed too low."""
_TOKENS_A_MESSAGE = 8
"""For the marks around each message of a chat."""


@dataclass(frozen=True, slots=True)
class Known:
    """What is known of a model beside its settings; prices in USD per token."""

    input_usd: float | None = None
    output_usd: float | None = None
    context_tokens: int | None = None
    """Tokens that fit into its input."""
    max_output_tokens: int | None = None


@dataclass(frozen=True, slots=True)
class Price:
    """What a model's calls cost."""

    free: bool = False
    input_usd: float | None = None
    """For a token; None: nobody knows the price, and the ceiling counts for each call."""
    output_usd: float = 0.0
    image_usd: float | None = None
    ceiling_usd: float = 0.0

    def most(self, prompt_bytes: int, messages: int, max_tokens: int) -> int:
        """The most that an answer in words may cost; 0 only where calls are free."""
        if self.free:
            return 0
        if self.input_usd is None:
            return _micro(self.ceiling_usd)
        tokens = prompt_bytes / _FEWEST_BYTES_A_TOKEN + messages * _TOKENS_A_MESSAGE
        return _micro(tokens * self.input_usd + max_tokens * self.output_usd)

    def most_for_image(self) -> int:
        """The most that a picture may cost; 0 only where calls are free."""
        if self.free:
            return 0
        return _micro(self.ceiling_usd if self.image_usd is None else self.image_usd)

    def cost(self, usage: Usage, most: int) -> int:
        """What a call cost: what the provider's side reckoned, else by its tokens, else the most."""
        if self.free:
            return 0
        if usage.cost_micro_usd:
            return usage.cost_micro_usd
        if self.input_usd is None or not usage.counted:
            return most
        return _micro(usage.prompt_tokens * self.input_usd + usage.completion_tokens * self.output_usd)

    def told(self) -> str:
        """For people."""
        if self.free:
            return "free"
        if self.image_usd is not None:
            return f"${self.image_usd:g} a picture"
        if self.input_usd is None:
            return f"unknown: ${self.ceiling_usd:g} a call"
        return f"${self.input_usd * 1e6:g} / ${self.output_usd * 1e6:g} per million tokens"


def price_of(model: Model, known: Known) -> Price:
    """A model's price: by its settings, else as it is known, else the ceiling."""
    if model.free:
        return Price(free=True)
    if model.kind == "image":
        return Price(image_usd=model.usd_per_image, ceiling_usd=model.ceiling_usd)
    if model.input_usd_per_mtok is not None and model.output_usd_per_mtok is not None:
        return Price(input_usd=model.input_usd_per_mtok / 1e6, output_usd=model.output_usd_per_mtok / 1e6)
    if known.input_usd is not None and known.output_usd is not None:
        return Price(input_usd=known.input_usd, output_usd=known.output_usd)
    return Price(ceiling_usd=model.ceiling_usd)


def estimated_tokens(texts: Iterable[str]) -> int:
    """About how many tokens the messages with these texts have."""
    return sum(math.ceil(len(text.encode()) / _BYTES_A_TOKEN) + _TOKENS_A_MESSAGE for text in texts)


def _micro(usd: float) -> int:
    """Rounded up: what costs anything is never nothing."""
    return math.ceil(usd * 1e6 - 1e-9)
