"""What is asked of models and what comes of it; no gRPC, no HTTP, no database."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Outcome = Literal[
    "ok",
    "timeout",
    "unreachable",
    "rate_limited",
    "server_error",
    "bad_key",
    "content_filter",
    "empty_answer",
    "cut_off",
    "bad_json",
    "context_too_small",
    "bad_request",
]
"""How one try of one model ended."""

ABOUT_CONTENT: frozenset[Outcome] = frozenset({"content_filter", "empty_answer", "cut_off", "bad_json"})
"""Outcomes of a model that is up: another ask of the same model may do better."""


@dataclass(frozen=True, slots=True)
class Message:
    """One message of a chat; `role` is `system`, `user` or `assistant`."""

    role: str
    content: str


@dataclass(frozen=True, slots=True)
class Usage:
    """What one call took: tokens, and millionths of a US dollar."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class Ask:
    """A question to a role."""

    request_id: str
    role: str
    messages: tuple[Message, ...]
    digest: str
    """SHA-256 (hex) of the question, to tell a repeat from another question under the same id."""
    json_schema: Mapping[str, Any] | None = None
    max_tokens: int = 1_024
    temperature: float | None = None
    """None: the role's, else the model's own."""
    seed: int | None = None
    grammar: str = ""
    """GBNF that plain text must meet, for servers that know it."""
    prompt_hash: str = ""
    artist_id: str = ""
    run_id: str = ""
    models: tuple[str, ...] = ()
    """Only these models of the role, by name; empty: all."""
    strict: bool = True
    """False: an answer under this id is taken for this question's without comparing digests."""


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered."""

    text: str
    usage: Usage


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one model. `detail` is for people and holds no secrets."""

    model: str
    outcome: Outcome
    latency_ms: int
    detail: str = ""
    usage: Usage = field(default_factory=Usage)


@dataclass(frozen=True, slots=True)
class Answer:
    """A usable answer, with every attempt that led to it; the successful one is the last."""

    text: str
    model: str
    usage: Usage
    """Of the successful attempt."""
    attempts: tuple[Attempt, ...]
    prompt_hash: str = ""
    replayed: bool = False

    @property
    def cost_micro_usd(self) -> int:
        """What all attempts cost."""
        return sum(attempt.usage.cost_micro_usd for attempt in self.attempts)


class UpstreamError(Exception):
    """A model gave no usable answer. `detail` holds no secrets."""

    def __init__(self, outcome: Outcome, detail: str, usage: Usage | None = None) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome: Outcome = outcome
        self.detail = detail
        self.usage = usage or Usage()
