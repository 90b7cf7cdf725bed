"""What is ordered of music providers and how it may end; no HTTP, no gRPC, no files."""

from dataclasses import dataclass
from typing import Literal, Protocol

from aiartist.common.v1 import brief_pb2

Outcome = Literal[
    "ok",
    "timeout",
    "unreachable",
    "rate_limited",
    "server_error",
    "bad_answer",
    "bad_key",
    "no_credit",
    "unknown_address",
    "bad_request",
    "content_filter",
    "task_failed",
    "forgotten",
    "overdue",
    "empty_song",
    "bad_audio",
    "too_large",
    "cut_off",
    "forbidden_address",
    "over_budget",
    "breaker_open",
]
"""How one try of one provider ended."""

REFUSED: frozenset[Outcome] = frozenset({"bad_key", "no_credit", "unknown_address"})
"""Outcomes that somebody must mend before the provider makes songs again."""

OURS: frozenset[Outcome] = frozenset({"bad_request", "content_filter", "over_budget", "breaker_open"})
"""Outcomes that say nothing bad of the provider: the brief is not for it, or it was not asked."""

PASSING: frozenset[Outcome] = frozenset(
    {"timeout", "unreachable", "rate_limited", "server_error", "bad_answer"}
)
"""Outcomes that may be others a moment later."""

FINAL: frozenset[Outcome] = frozenset(
    {"content_filter", "task_failed", "forgotten", "overdue", "empty_song", "bad_audio", "too_large"}
)
"""Outcomes after which a task will never give a usable song: the next try needs another task."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One take that is wanted, and for whose account."""

    take_id: str
    request_id: str
    request_digest: str
    """SHA-256 (hex) of the request, to tell its repeat from another one under the same id."""
    run_id: str
    artist_id: str
    brief: brief_pb2.Brief
    note: str
    """A wish for this take, in words; empty: none."""
    seed: int
    """0 to 2^63 - 1; another take has another one."""
    provider: str = ""
    """Who is asked first, whoever failed before; empty, or none of the list: as they are ranked."""


@dataclass(frozen=True, slots=True)
class Song:
    """A finished song that can be fetched."""

    url: str
    model: str = ""
    """The provider's model, as it says itself; empty: it does not."""
    seed: int | None = None
    """The seed that made it, where the provider has such."""


@dataclass(frozen=True, slots=True)
class Unusable:
    """A song that came and is none: what a worker found in its file."""

    outcome: Outcome
    reason: str


class ProviderError(Exception):
    """A provider gave no song. `detail` is for people and holds no secrets."""

    def __init__(
        self,
        outcome: Outcome,
        detail: str,
        *,
        retry_after_s: float | None = None,
        may_have_begun: bool = False,
    ) -> None:
        super().__init__(f"{outcome}: {detail}")
        self.outcome: Outcome = outcome
        self.detail = detail
        self.retry_after_s = retry_after_s
        """When the provider wants to be asked again; None: it did not say."""
        self.may_have_begun = may_have_begun
        """True where an order may have been taken although no answer tells so."""


class RemoteProvider(Protocol):
    """A service that makes songs: ordered, asked again and again, fetched."""

    name: str
    address: str
    """Where it is, without credentials."""
    model: str
    """Provider and model as the records of calls name it, for example `suno/V5`."""
    price_micro_usd: int
    """What a task costs, in millionths of a US dollar; 0: nothing."""

    async def submit(self, order: Order, key: str) -> str:
        """Orders a song; the task's id. The same `key` marks the same order. Raises ProviderError."""
        ...

    async def poll(self, task: str, order: Order) -> tuple[Song, ...] | None:
        """The task's songs, the most fitting first; None while it is at work. Raises ProviderError."""
        ...

    def headers_for(self, url: str) -> dict[str, str]:
        """What a download from this URL needs: credentials, where it is the provider's own."""
        ...

    async def close(self) -> None:
        """Closes the connections."""
        ...
