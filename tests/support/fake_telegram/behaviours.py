"""What the server does with a call instead of simply answering it, and for how many calls."""

import asyncio
import math
import time
from collections import defaultdict, deque
from dataclasses import dataclass, field
from fnmatch import fnmatchcase

from tests.support.fake_telegram.errors import ApiError, too_many


@dataclass(frozen=True, slots=True)
class TooMany:
    """429, without doing anything."""

    retry_after: int = 1
    """In seconds."""


@dataclass(frozen=True, slots=True)
class Status:
    """An error with this HTTP status: 502 is a proxy's page, any other one Telegram's JSON."""

    code: int
    text: str = ""
    """After the status's usual words."""
    works: bool = False
    """Whether the work is done nevertheless, as behind a real 502 it may be."""


@dataclass(frozen=True, slots=True)
class Refuse:
    """Closes the connection before the request's body is read."""


@dataclass(frozen=True, slots=True)
class LostAnswer:
    """Does the work, and closes the connection without an answer."""


@dataclass(frozen=True, slots=True)
class Slow:
    """Does the work, and answers after so many seconds; None: when it is released."""

    seconds: float | None = None


@dataclass(frozen=True, slots=True)
class Hang:
    """Reads the request, does nothing and never answers."""


@dataclass(frozen=True, slots=True)
class Garbage:
    """Status 200 and something that is no JSON, without doing anything."""

    body: str = "<html>Log in to this network</html>"


Behaviour = TooMany | Status | Refuse | LostAnswer | Slow | Hang | Garbage


def behaviour(told: str | Behaviour) -> Behaviour:
    """`429:7`, `500`, `502`, `403`, `refuse`, `lost_answer`, `slow:2`, `slow`, `hang` or `garbage`."""
    if not isinstance(told, str):
        return told
    name, _, value = told.partition(":")
    match name:
        case "429":
            return TooMany(int(value or 1))
        case "403":
            return Status(403, value or "bot was blocked by the user")
        case "refuse":
            return Refuse()
        case "lost_answer":
            return LostAnswer()
        case "slow":
            return Slow(float(value) if value else None)
        case "hang":
            return Hang()
        case "garbage":
            return Garbage()
    if not name.isdecimal():
        raise ValueError(f"no behaviour {told!r}")
    return Status(int(name), value)


@dataclass(slots=True, eq=False)
class Failure:
    """A behaviour and the calls that meet it."""

    method: str
    """May have wildcards: `*` for all, `send*`."""
    behaviour: Behaviour
    left: int | None
    """For how many more calls; None: for all."""
    met: int = 0
    """How many calls met it so far."""
    held: int = 0
    """How many calls wait in it now, their work done or (Hang) not."""
    _released: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Answers all that wait in it, and stops holding others."""
        self._released.set()
        self.left = 0

    def stop(self) -> None:
        """No other call meets it; those that wait in it go on waiting."""
        self.left = 0

    async def released(self) -> None:
        await self._released.wait()

    def meets(self, method: str) -> bool:
        return self.left != 0 and fnmatchcase(method.lower(), self.method.lower())

    def take(self) -> None:
        self.met += 1
        self.left = self.left - 1 if self.left else self.left


@dataclass(slots=True)
class Limits:
    """Telegram's flood control; None: no limit."""

    per_chat_per_s: float | None = None
    per_group_per_min: float | None = None
    all_per_s: float | None = None
    _sent: dict[str, deque[float]] = field(default_factory=lambda: defaultdict(deque))

    def check(self, chat_id: str) -> None:
        """Counts one more message to this chat; ApiError 429 where that is too many."""
        windows = [
            (f"chat {chat_id}", self.per_chat_per_s, 1),
            (f"group {chat_id}", self.per_group_per_min if chat_id.startswith("-") else None, 60),
            ("all", self.all_per_s, 1),
        ]
        now = time.monotonic()
        waits = [self._wait(name, limit, seconds, now) for name, limit, seconds in windows if limit]
        if any(waits):
            raise too_many(max(1, math.ceil(max(waits))))
        for name, limit, _ in windows:
            if limit:
                self._sent[name].append(now)

    def _wait(self, name: str, limit: float, seconds: float, now: float) -> float:
        """Seconds until there is room in this window."""
        sent = self._sent[name]
        # A limit of less than one a window is one in a longer window.
        seconds, limit = (seconds / limit, 1) if limit < 1 else (seconds, limit)
        while sent and sent[0] <= now - seconds:
            sent.popleft()
        return sent[0] + seconds - now if len(sent) >= limit else 0


def status_error(status: Status) -> ApiError:
    words = {
        400: "Bad Request", 401: "Unauthorized", 403: "Forbidden", 404: "Not Found", 409: "Conflict",
        500: "Internal Server Error",
    }.get(status.code, "Error")  # fmt: skip
    return ApiError(status.code, f"{words}: {status.text}" if status.text else words)
