"""The desk of music providers over fakes that speak the real protocols, without studio or workers."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import grpc
from pydantic import SecretStr

from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from services.chassis.notices import Notices
from services.release.providers.acestep import AceStep
from services.release.providers.desk import Desk, Made, Patience
from services.release.providers.download import Limits
from services.release.providers.intake import UnusableSong, take_in
from services.release.providers.ledger import Ledger
from services.release.providers.provider import Order, RemoteProvider, Unusable
from services.release.providers.suno import Suno
from services.release.providers.teller import Teller
from tests.support import media
from tests.support.fake_artist_db_media import FakeArtistDb
from tests.support.fake_music import FakeAceStep, FakeSuno
from tests.support.fake_notifier import FakeNotifier

PRICE = 100_000
LIMITS = Limits(total_s=20, stalled_s=2, backoff_s=0.001)


@dataclass
class MusicDesk:
    """A desk with the list suno, acestep, builtin, and all that stands around it."""

    desk: Desk
    suno: FakeSuno
    acestep: FakeAceStep
    artist_db: FakeArtistDb
    notifier: FakeNotifier
    folder: Path
    another_desk: Callable[..., Desk]
    """A desk as another process has it, over the same services; by another clock, if one is given."""
    steps: list[str] = field(default_factory=list)
    trouble: list[Exception] = field(default_factory=list)
    """What the next songs' mastering raises."""
    rendered: int = 0
    """How often the builtin provider was asked."""

    def order(self, take: str = "one", **changed: Any) -> Order:
        """A take's order; the same name is the same take."""
        fields: dict[str, Any] = {
            "take_id": f"tak_{take}",
            "request_id": f"r-{take}",
            "request_digest": "d" * 64,
            "run_id": media.RUN,
            "artist_id": media.ARTIST,
            "brief": media.brief(),
            "note": "",
            "seed": 12_345_678_901,
        }
        return Order(**{**fields, **changed})

    async def make(
        self, take: str = "one", *, failed: Mapping[str, int] | None = None, **changed: Any
    ) -> Made[str]:
        return await self.desk.make(
            self.order(take, **changed), self.folder, self._finish, self._report, Counter(failed or {})
        )

    def breaker(self, name: str) -> str:
        return next(entry.breaker.state.value for entry in self.desk.entries if entry.name == name)

    def recorded(self) -> list[tuple[str, str, int]]:
        """Model, outcome and cost of each recorded order."""
        return [(c.model, c.outcome, c.cost_micro_usd) for c in self.artist_db.money.calls.values()]

    async def _finish(self, source: Path | None, provider: str, seed: int) -> str | Unusable:
        if source is None:
            self.rendered += 1
            return "rendered here"
        if self.trouble:
            raise self.trouble.pop(0)
        try:
            song = await asyncio.to_thread(take_in, source, media.brief(), provider=provider, seed=seed)
        except UnusableSong as error:
            return Unusable(error.outcome, str(error))
        return f"{len(song.samples) / song.sample_rate:.0f} s"

    def _report(self, step: str, done: int, total: int) -> None:
        self.steps.append(step)


@asynccontextmanager
async def music_desk(
    folder: Path,
    *,
    providers: Sequence[str] = ("suno", "acestep", "builtin"),
    cooldown_s: float = 3_600.0,
    task_s: float = 60.0,
    acestep_key: str = "",
) -> AsyncIterator[MusicDesk]:
    """Everything, served on loopback."""
    async with AsyncExitStack() as stack:
        suno = await stack.enter_async_context(FakeSuno())
        acestep = await stack.enter_async_context(FakeAceStep())
        artist_db = await stack.enter_async_context(FakeArtistDb.serving())
        notifier = await stack.enter_async_context(FakeNotifier.serving())
        acestep.key = acestep_key
        told = await stack.enter_async_context(grpc.aio.insecure_channel(notifier.address))
        notices = Notices(told)
        telling = asyncio.create_task(notices.run())
        stack.callback(telling.cancel)
        channel = await stack.enter_async_context(grpc.aio.insecure_channel(artist_db.address))
        teller = Teller(notices)

        def new_desk(clock: Callable[[], float] = time.time) -> Desk:
            known: dict[str, RemoteProvider | None] = {
                "suno": Suno(suno.url, SecretStr(FakeSuno.key), "V5", PRICE),
                "acestep": AceStep(acestep.url, SecretStr(acestep_key)),
                "builtin": None,
            }
            desk = Desk(
                [(name, known[name]) for name in providers],
                Ledger(ArtistDbServiceStub(channel), teller),
                teller,
                Patience(task_s=task_s, poll_s=0.005, cooldown_s=cooldown_s),
                limits=LIMITS,
                clock=clock,
            )
            stack.push_async_callback(desk.close)
            return desk

        yield MusicDesk(new_desk(), suno, acestep, artist_db, notifier, folder, new_desk)
