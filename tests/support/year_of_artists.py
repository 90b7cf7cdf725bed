"""People of different temper, and the services that scheduler and artist_db need for a year."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from random import Random
from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2, life_pb2
from aiartist.common.v1 import brief_pb2, decision_pb2, persona_pb2
from aiartist.orchestrator.v1 import orchestrator_pb2
from aiartist.release.v1 import release_pb2
from services.chassis.errors import AppError
from services.chassis.ids import derived_id
from tests.integration.artist_db import samples
from tests.support.scheduler_peers import Peers

DAY_S = 86_400


class Temper(StrEnum):
    """How an artist's people are, or what its songs are like."""

    KEEN = "keen"
    """Decide on the day, and approve four of five."""
    AUTOPILOT = "autopilot"
    SLOW = "slow"
    """Decide five days later."""
    SLEEPERS = "sleepers"
    """Are away for months, and then decide about everything; nothing expires."""
    ABSENT = "absent"
    """Never answer; their questions expire."""
    SILENT = "silent"
    """Never answer; autopilot does after silence."""
    HARSH = "harsh"
    """Reject everything."""
    PICKY = "picky"
    """Approve one of three."""
    BROKEN = "broken"
    """Half of their songs pass no review."""
    UNLUCKY = "unlucky"
    """The platform fails every fifth of their runs, and half of these an operator retries."""
    FICKLE = "fickle"
    """Cancel every third run."""
    EAGER = "eager"
    """A cadence of a day, which the label's spacing and cap hold back."""
    IDLE = "idle"
    """No cadence, and nobody starts a run."""


ASLEEP = range(60, 240)
"""Days that sleepers sleep through."""
SLOW_DAYS = 5


@dataclass(slots=True)
class Member:
    """An artist of the roster and its people."""

    artist_id: str
    temper: Temper
    cadence_days: int
    luck: Random
    waiting_since: dict[str, int] = field(default_factory=dict)
    """By run: the day on which they were asked."""
    answers: int = 0

    def says(self, run_id: str, day: int) -> decision_pb2.Verdict.ValueType | None:
        """Their answer to a question on a day; None: not yet."""
        since = self.waiting_since.setdefault(run_id, day)
        if self.temper in (Temper.ABSENT, Temper.SILENT):
            return None
        if self.temper is Temper.SLOW and day < since + SLOW_DAYS:
            return None
        if self.temper is Temper.SLEEPERS and day in ASLEEP:
            return None
        self.answers += 1
        # By turns and not by chance: a row of rejections is a rule of its own.
        turns = {Temper.HARSH: False, Temper.PICKY: self.answers % 3 == 0}
        approved = turns.get(self.temper, self.answers % 5 != 0)
        return decision_pb2.VERDICT_APPROVED if approved else decision_pb2.VERDICT_REJECTED


class Surroundings(Peers):
    """orchestrator, release and notifier: they keep what they make in the real artist_db; fate fails them."""

    def __init__(self, artist_db: Any, most_releases_a_week: int) -> None:
        super().__init__()
        self.members: dict[str, Member] = {}
        self._db = artist_db
        self._most = most_releases_a_week
        self._fates: dict[str, str] = {}
        self._invented = 0

    async def ComposeSong(
        self, request: Any, context: Any
    ) -> AsyncIterator[orchestrator_pb2.ComposeSongResponse]:
        self._take(request)
        member = self.members[request.artist_id]
        self._fates[request.run_id] = self._fate_of(member)
        stored = samples.brief(
            request.artist_id,
            request.request_id,
            run_id=request.run_id,
            id=derived_id("brf", request.request_id),
        )
        stored.brief.title = f"Song {derived_id('no', request.run_id)[-12:]}"
        await self._db.SaveBrief(artist_db_pb2.SaveBriefRequest(brief=stored))
        song = orchestrator_pb2.ComposedSong(
            brief_id=stored.id, brief=brief_pb2.Brief(title=stored.brief.title)
        )
        yield orchestrator_pb2.ComposeSongResponse(song=song)

    @staticmethod
    def _fate_of(member: Member) -> str:
        roll = member.luck.random()
        if member.temper is Temper.BROKEN and roll < 0.5:
            return "broken"
        if member.temper is Temper.UNLUCKY and roll < 0.2:
            return "platform"
        return ""

    async def ProduceTake(self, request: Any, context: Any) -> AsyncIterator[release_pb2.ProduceTakeResponse]:
        self._take(request)
        fate = self._fates.get(request.run_id, "")
        if fate == "platform":
            raise AppError("the disk is full")
        take = samples.take(
            request.brief_id, request.request_id, run_id=request.run_id, take_number=request.take_number
        )
        take.review.passed = fate != "broken"
        await self._db.SaveTake(artist_db_pb2.SaveTakeRequest(take=take))
        produced = release_pb2.ProducedTake(
            take_id=take.id, content_digest=take.content_digest, review=take.review
        )
        yield release_pb2.ProduceTakeResponse(take=produced)

    def mend(self, run_id: str) -> None:
        """An operator has seen to what failed a run."""
        self._fates[run_id] = ""

    async def PackageRelease(
        self, request: Any, context: Any
    ) -> AsyncIterator[release_pb2.PackageReleaseResponse]:
        self._take(request)
        take = (await self._db.GetTake(artist_db_pb2.GetTakeRequest(take_id=request.take_id))).take
        brief = (await self._db.GetBrief(artist_db_pb2.GetBriefRequest(brief_id=take.brief_id))).brief
        release = samples.release(
            brief.artist_id, take.id, request.request_id, run_id=request.run_id, title=brief.brief.title
        )
        release.decision.CopyFrom(request.decision)
        await self._db.SaveRelease(artist_db_pb2.SaveReleaseRequest(release=release))
        yield release_pb2.PackageReleaseResponse(package=release_pb2.PackagedRelease(release_id=release.id))

    async def PublishRelease(
        self, request: Any, context: Any
    ) -> AsyncIterator[release_pb2.PublishReleaseResponse]:
        self._take(request)
        admit = artist_db_pb2.AdmitReleaseRequest(release_id=request.release_id, most_a_week=self._most)
        await self._db.AdmitRelease(admit)
        location = f"/catalog/{request.release_id}"
        record = artist_db_pb2.RecordPublicationRequest(
            release_id=request.release_id, target="folder", location=location
        )
        await self._db.RecordPublication(record)
        yield release_pb2.PublishReleaseResponse(publication=release_pb2.PublishedRelease(location=location))

    async def InventArtist(self, request: Any, context: Any) -> orchestrator_pb2.InventArtistResponse:
        self._take(request)
        self._invented += 1
        fill = life_pb2.FillVacancyRequest(
            request_id=request.request_id,
            vacancy_id=request.vacancy_id,
            persona=new_persona(f"The Newcomers {self._invented}"),
        )
        artist_id = (await self._db.FillVacancy(fill)).artist_id
        self.members[artist_id] = Member(artist_id, Temper.KEEN, 7, Random(f"newcomer {self._invented}"))
        return orchestrator_pb2.InventArtistResponse(artist_id=artist_id)


def new_persona(name: str) -> persona_pb2.Persona:
    return samples.persona(name)


TEMPERS = (
    [Temper.KEEN] * 8
    + [Temper.AUTOPILOT] * 7
    + [Temper.SLOW] * 5
    + [Temper.SLEEPERS] * 5
    + [Temper.ABSENT] * 4
    + [Temper.SILENT] * 3
    + [Temper.HARSH] * 3
    + [Temper.PICKY] * 4
    + [Temper.BROKEN] * 3
    + [Temper.UNLUCKY] * 4
    + [Temper.FICKLE] * 2
    + [Temper.EAGER, Temper.IDLE]
)
"""Of fifty artists."""


def cadence_of(number: int, temper: Temper) -> int:
    """Days between the songs of the artist with this number; 0: none."""
    if temper is Temper.IDLE:
        return 0
    if temper is Temper.EAGER:
        return 1
    # The rules of approval and of errors want ten songs in thirty days.
    return 2 if temper in (Temper.PICKY, Temper.BROKEN) else 2 + number * 5 % 13
