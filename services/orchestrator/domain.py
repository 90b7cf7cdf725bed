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
    "unknown_model",
    "content_filter",
    "empty_answer",
    "cut_off",
    "bad_json",
    "bad_image",
    "context_too_small",
    "bad_request",
    "cancelled",
    "breaker_open",
]
"""How one try of one model ended."""

ABOUT_CONTENT: frozenset[Outcome] = frozenset({"content_filter", "empty_answer", "cut_off", "bad_json"})
"""Outcomes of a model that is up and answers badly: another ask of the same model may do better."""

DOWN: frozenset[Outcome] = frozenset({"timeout", "unreachable", "rate_limited", "server_error"})
"""Outcomes of a model that may be back a little later."""

REFUSED: frozenset[Outcome] = frozenset({"bad_key", "unknown_model"})
"""Outcomes that somebody must mend before the model answers again."""


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

    @property
    def counted(self) -> bool:
        """False where the provider did not say how many tokens it took."""
        return self.prompt_tokens + self.completion_tokens > 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """What every question to a role has."""

    request_id: str
    role: str
    digest: str
    """SHA-256 (hex) of the question, to tell a repeat from another question under the same id."""
    prompt_hash: str = ""
    artist_id: str = ""
    run_id: str = ""
    models: tuple[str, ...] = ()
    """Only these models of the role, by name; empty: all."""
    strict: bool = True
    """False: an answer under this id is taken for this question's without comparing digests."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask(Question):
    """A question that is answered in words."""

    messages: tuple[Message, ...]
    json_schema: Mapping[str, Any] | None = None
    max_tokens: int = 1_024
    temperature: float | None = None
    """None: the role's, else the model's own."""
    seed: int | None = None
    grammar: str = ""
    """GBNF that plain text must meet, for servers that know it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Drawing(Question):
    """A question that is answered with a picture; sizes in pixels."""

    prompt: str
    width: int
    height: int


@dataclass(frozen=True, slots=True)
class Picture:
    """A picture's file, and its type as `image/png`."""

    data: bytes
    media_type: str


@dataclass(frozen=True, slots=True)
class Completion:
    """What a model answered: words, or a picture."""

    text: str
    usage: Usage
    picture: Picture | None = None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One try of one model. `detail` is for people and holds no secrets."""

    model: str
    outcome: Outcome
    latency_ms: int
    detail: str = ""
    usage: Usage = field(default_factory=Usage)
    skipped: bool = False
    """True where no call was made."""


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
    picture: Picture | None = None
    digest: str = ""
    """Of the question that was answered: an answer that was recorded before may belong to another wording."""

    @property
    def cost_micro_usd(self) -> int:
        """What all attempts cost."""
        return sum(attempt.usage.cost_micro_usd for attempt in self.attempts)


@dataclass(frozen=True, slots=True)
class Piece:
    """More of an answer's text, as it comes."""

    text: str


@dataclass(frozen=True, slots=True)
class Restart:
    """The pieces so far are void: their model failed."""

    model: str
    outcome: Outcome


class UpstreamError(Exception):
    """A model gave no usable answer. `detail` may quote the provider: the caller takes secrets out of it."""

    def __init__(
        self, outcome: Outcome, detail: str, usage: Usage | None = None, *, retry_after_s: float | None = None
    ) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome: Outcome = outcome
        self.detail = detail
        self.usage = usage or Usage()
        self.retry_after_s = retry_after_s
        """When the provider wants to be asked again; None: it did not say."""
