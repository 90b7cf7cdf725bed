"""Who makes a take: the ranked list of music providers, tried until one delivers a song."""

import asyncio
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar
from urllib.parse import urlsplit

from services.chassis import tracing
from services.chassis.breaker import Breaker, Permit
from services.chassis.logs import get_logger
from services.release.errors import JobFailed, ProvidersExhausted, WorkerLost
from services.release.providers import metrics
from services.release.providers.download import Limits, download
from services.release.providers.ledger import Ledger, OverBudget, Place, Ticket
from services.release.providers.provider import (
    FINAL,
    OURS,
    PASSING,
    REFUSED,
    Order,
    ProviderError,
    RemoteProvider,
    Song,
    Unusable,
)
from services.release.providers.teller import Teller
from services.release.worker import Report

T = TypeVar("T")
Finish = Callable[[Path | None, str, int], Awaitable[T | Unusable]]
"""Makes the take of a provider's file (None: render it), the provider's name and the seed."""

_MOST_TROUBLES = 5
"""Polls in a row that may fail before the provider has."""
_MOST_FORGOTTEN = 3
"""Polls in a row after which a task is believed to be forgotten."""
_LONGEST_POLL_S = 15.0
_log = get_logger("release.providers")


@dataclass(frozen=True, slots=True)
class Patience:
    """How long providers are waited for."""

    task_s: float
    """From an order to its song."""
    poll_s: float
    """Between two questions whether it is ready."""
    cooldown_s: float
    """How long one that failed is left alone."""
    bench_s: float = 900.0
    """How long one is left alone that somebody must mend."""


@dataclass(slots=True)
class Entry:
    """A provider of the list."""

    name: str
    remote: RemoteProvider | None
    """None: it renders in a worker of this service."""
    breaker: Breaker
    takes: int = 0
    """Made since the start."""


@dataclass(frozen=True, slots=True)
class Made(Generic[T]):
    """A take, and who made it."""

    take: T
    provider: str
    seed: int
    reference: str = ""
    """The provider's own id of the song's task."""
    model: str = ""
    cost_micro_usd: int = 0


@dataclass(frozen=True, slots=True)
class _Work(Generic[T]):
    """A take on its way through the list."""

    order: Order
    folder: Path
    finish: Finish[T]
    report: Report
    attempts: list[tuple[str, ProviderError]] = field(default_factory=list)


class Desk:
    """The providers in the order in which they are tried, each with its breaker."""

    def __init__(
        self,
        providers: Sequence[tuple[str, RemoteProvider | None]],
        ledger: Ledger,
        teller: Teller,
        patience: Patience,
        *,
        limits: Limits | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._ledger = ledger
        self._teller = teller
        self._patience = patience
        self._limits = limits or Limits()
        self._clock = clock
        self.entries = [
            Entry(name, remote, Breaker(failures=1, cooldown_s=patience.cooldown_s, bench_s=patience.bench_s))
            for name, remote in providers
        ]
        for entry in self.entries:
            metrics.watch(entry.name, entry.breaker)

    async def make(
        self, order: Order, folder: Path, finish: Finish[T], report: Report, failed: Counter[str]
    ) -> Made[T]:
        """The order's take by the first provider that delivers one; files come and go in `folder`.

        `failed`: how many takes of the brief by which provider failed their review; those with the fewest
        are tried first, behind the one that the order names. ProvidersExhausted where none delivers,
        RemoteError with ERROR_REASON_BUDGET_SPENT where money alone is what they lack. What `finish` raises,
        what the disk says, and artist_db's errors end it at once: they are no provider's fault.
        """
        work = _Work(order, folder, finish, report)
        for entry, place in await self._ranked(order, failed):
            if not entry.breaker.admits:
                opened = entry.breaker.last_opened
                assert opened is not None, "a breaker that lets nobody in has opened"
                skipped = ProviderError("breaker_open", f"it failed a short time ago: {opened.outcome}")
                work.attempts.append((entry.name, skipped))
                continue
            made = await self._tried(entry, place, work)
            if made is not None:
                return made
        refusals = [error.refusal for _, error in work.attempts if isinstance(error, OverBudget)]
        if len(refusals) == len(work.attempts):
            raise refusals[0]
        self._teller.exhausted(work.attempts)
        waits = [entry.breaker.retry_in_s for entry in self.entries]
        raise ProvidersExhausted(
            [(name, error.outcome) for name, error in work.attempts],
            min((wait for wait in waits if wait), default=None),
        )

    async def close(self) -> None:
        """Waits for orders under way and closes connections."""
        await self._ledger.close()
        for entry in self.entries:
            if entry.remote is not None:
                await entry.remote.close()

    async def _ranked(self, order: Order, failed: Counter[str]) -> list[tuple[Entry, Place | None]]:
        """First whoever is at work on this very take: its song may be paid. Then whom the order names. Then
        those who failed least.
        """
        found = [
            (entry, None if entry.remote is None else await self._ledger.find(order, entry.remote))
            for entry in self.entries
        ]

        def rank(each: tuple[Entry, Place | None]) -> tuple[bool, bool, int]:
            entry, place = each
            # An experiment that left its provider for failing would never learn how often it fails.
            return (place is None or place.ticket is None, entry.name != order.provider, failed[entry.name])

        return sorted(found, key=rank)

    async def _tried(self, entry: Entry, place: Place | None, work: _Work[T]) -> Made[T] | None:
        """One provider's take; None where it has failed."""
        permit = entry.breaker.enter()
        entry.breaker.begun(permit)
        started = time.perf_counter()
        is_over = False
        try:
            with tracing.span(f"music of {entry.name}", provider=entry.name):
                made = await self._made(entry, place, work)
            entry.breaker.succeeded(permit)
            is_over = True
        except ProviderError as error:
            self._failed(entry, permit, error)
            is_over = True
            work.attempts.append((entry.name, error))
            return None
        finally:
            if not is_over:
                entry.breaker.left(permit)
        entry.takes += 1
        metrics.CALLS.labels(entry.name, "ok").inc()
        metrics.SECONDS.labels(entry.name).observe(time.perf_counter() - started)
        return made

    async def _made(self, entry: Entry, place: Place | None, work: _Work[T]) -> Made[T]:
        order, remote = work.order, entry.remote
        if remote is None or place is None:
            take = _usable(await work.finish(None, entry.name, order.seed))
            return Made(take, entry.name, order.seed)
        ticket = place.ticket
        while True:
            if ticket is None:
                work.report(f"asking {entry.name}", 0, 0)
                ticket = await self._ledger.submit(order, remote, place)
            else:
                metrics.RESUMED.labels(entry.name).inc()
            try:
                return await self._delivered(entry.name, remote, ticket, work)
            except ProviderError as error:
                if error.outcome not in FINAL:
                    raise
                await self._ledger.give_up(order, remote, ticket, error.outcome, error.detail)
                if ticket.is_new:
                    raise
                # It was found dead. One new order a call, and no more.
                self._log(entry.name, error)
                place, ticket = Place(ticket.generation + 1, None, 1, ticket.paid_micro_usd), None

    async def _delivered(self, name: str, remote: RemoteProvider, ticket: Ticket, work: _Work[T]) -> Made[T]:
        songs = await self._awaited(name, remote, ticket, work)
        for number, song in enumerate(songs, start=1):
            try:
                take, seed = await self._fetched(name, remote, song, work)
            except ProviderError as error:
                if error.outcome not in FINAL or number == len(songs):
                    raise
                self._log(name, error)
                continue
            model = song.model or remote.model
            return Made(take, name, seed, ticket.task, model, ticket.paid_micro_usd)
        raise ProviderError("empty_song", "the task has no song")

    async def _awaited(
        self, name: str, remote: RemoteProvider, ticket: Ticket, work: _Work[T]
    ) -> tuple[Song, ...]:
        """The task's songs, once they are ready."""
        patience, troubles, forgotten = self._patience, 0, 0
        while True:
            wait_s = patience.poll_s
            age_s = self._clock() - ticket.submitted_at
            try:
                songs = await remote.poll(ticket.task, work.order)
                if songs is not None:
                    return songs
                if age_s >= patience.task_s:
                    raise ProviderError("overdue", f"no song {age_s:.0f} s after it was ordered")
                troubles = forgotten = 0
            except ProviderError as error:
                troubles += error.outcome in PASSING
                forgotten += error.outcome == "forgotten"
                ended = error.outcome not in PASSING and error.outcome != "forgotten"
                if ended or troubles >= _MOST_TROUBLES or forgotten >= _MOST_FORGOTTEN:
                    raise
                wait_s = error.retry_after_s or patience.poll_s * 2**troubles
            work.report(f"{name} is at work", round(age_s), round(patience.task_s))
            await asyncio.sleep(min(wait_s, _LONGEST_POLL_S))

    async def _fetched(self, name: str, remote: RemoteProvider, song: Song, work: _Work[T]) -> tuple[T, int]:
        """The take that a song becomes."""
        file = work.folder / "song"
        seed = song.seed or 0
        try:
            got = await download(
                song.url,
                file,
                work.report,
                home=remote.address,
                headers=remote.headers_for(song.url),
                limits=self._limits,
            )
            metrics.DOWNLOADED.labels(name).inc(got.size_bytes)
            _log.info(
                "a song was fetched",
                provider=name,
                host=urlsplit(song.url).hostname,
                kind=got.kind,
                size_bytes=got.size_bytes,
                sha256=got.sha256,
            )
            return _usable(await _mastered(work.finish, file, name, seed)), seed
        finally:
            await asyncio.to_thread(file.unlink, missing_ok=True)

    def _failed(self, entry: Entry, permit: Permit, error: ProviderError) -> None:
        """What a failure means for the provider's breaker, and who is told."""
        self._log(entry.name, error)
        metrics.CALLS.labels(entry.name, error.outcome).inc()
        if error.outcome == "over_budget":
            # Nobody asked the provider; the ledger has told of the budget.
            entry.breaker.left(permit)
            return
        must_be_mended = error.outcome in REFUSED
        if error.outcome in OURS:
            entry.breaker.succeeded(permit)
        elif entry.breaker.failed(
            permit,
            error.outcome,
            error.detail,
            retry_after_s=error.retry_after_s,
            must_be_mended=must_be_mended,
        ):
            metrics.OPENED.labels(entry.name, error.outcome).inc()
        quiet_s = self._patience.bench_s if must_be_mended else self._patience.cooldown_s
        self._teller.failed(entry.name, error, quiet_s)

    @staticmethod
    def _log(provider: str, error: ProviderError) -> None:
        _log.warning(
            "a music provider gave no song", provider=provider, outcome=error.outcome, detail=error.detail
        )


def _usable(take: T | Unusable) -> T:
    if isinstance(take, Unusable):
        raise ProviderError(take.outcome, take.reason)
    return take


async def _mastered(finish: Finish[T], file: Path, provider: str, seed: int) -> T | Unusable:
    """What becomes of a file from outside. One that crashes two workers, or raises, is a bad file.

    WorkerLost where the system killed them: the song is paid, and memory is not its fault.
    """
    for is_last in (False, True):
        try:
            return await finish(file, provider, seed)
        except WorkerLost as error:
            _log.warning("a worker died over a song", provider=provider, killed=error.killed)
            if is_last and error.killed:
                raise
        except JobFailed:
            _log.exception("a song could not be mastered", provider=provider)
            return Unusable("bad_audio", "its sound could not be mastered; the log says why")
    return Unusable("bad_audio", "workers die over its file")
