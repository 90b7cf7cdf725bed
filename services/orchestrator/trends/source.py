"""Where charts come from: what every source can do, and how it fails.

    SourceError        what `aiartist trends status` shows
      Unreachable      no connection, no answer in time, or one that breaks off
      Refused          an answer that is a refusal
      RateLimited      a refusal for asking too often; may say for how long
      BadShape         an answer that is no chart
      NoKey            the source needs a key and has none

No error's text holds an address or a key: it goes to logs and to people.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from aiartist.artist_db.v1.trend_pb2 import TrendItem

Outcome = Literal["ok", "unreachable", "refused", "rate_limited", "bad_shape", "no_key", "broken"]
"""How a fetch ended; `broken`: by a fault of this code."""


@dataclass(frozen=True, slots=True, order=True)
class Chart:
    """A chart of a source; an empty country: none, an empty genre: all."""

    source: str
    country: str = ""
    genre: str = ""


class Source(Protocol):
    """One place that charts come from."""

    @property
    def name(self) -> str:
        """Small letters, digits and `_`, for example `apple_music`."""
        ...

    @property
    def needs_key(self) -> bool:
        """True where nothing can be had without a key."""
        ...

    @property
    def every_s(self) -> int | None:
        """After how many seconds it may be asked again; None: as the settings say."""
        ...

    async def charts(self, countries: Sequence[str], genre: str) -> Sequence[Chart]:
        """Those of its charts that suit artists of a genre in these countries."""
        ...

    async def fetch(self, country: str, genre: str) -> list[TrendItem]:
        """What one of its charts holds now, by rank, 1 to 100 items; SourceError where it can't be had."""
        ...


class SourceError(Exception):
    """A chart could not be had; the text is one line for people."""

    outcome: Outcome = "refused"


class Unreachable(SourceError):
    outcome: Outcome = "unreachable"


class Refused(SourceError):
    """`status`: of HTTP, or the source's own code."""

    def __init__(self, text: str, status: int) -> None:
        super().__init__(text)
        self.status = status


class RateLimited(SourceError):
    """`retry_after_s`: None where the source does not say for how long."""

    outcome: Outcome = "rate_limited"

    def __init__(self, text: str, retry_after_s: float | None = None) -> None:
        super().__init__(text)
        self.retry_after_s = retry_after_s


class BadShape(SourceError):
    outcome: Outcome = "bad_shape"


class NoKey(SourceError):
    outcome: Outcome = "no_key"

    def __init__(self, variable: str) -> None:
        super().__init__(f"it has no key: set {variable}, or leave it out of AIARTIST_TRENDS_SOURCES")
