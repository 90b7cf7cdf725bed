"""What the label does by time: reviews its artists' lives, fills vacancies, and tells people the news.

Ticks in every replica. Nothing is done twice for it: reviewing again changes nothing, a vacancy is one
replica's for as long as its lease lasts, and notifier takes a piece of news once, by its id.
"""

import asyncio
from collections.abc import Awaitable, Callable

import grpc

from aiartist.artist_db.v1 import artist_db_pb2_grpc, life_pb2
from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from aiartist.orchestrator.v1 import orchestrator_pb2, orchestrator_pb2_grpc
from services.chassis import logs
from services.chassis.database import DATABASE_TROUBLE
from services.chassis.errors import remote_error
from services.chassis.ids import new_id
from services.chassis.notices import tidied
from services.chassis.outage import Outage
from services.scheduler.stages.streams import SHORT_CALL_S
from services.scheduler.store import Store
from services.scheduler.waiting import first_of

NEWS_BATCH = 50
LEASE_S = 600
INVENT_CALL_S = 570.0
"""How long inventing an artist may take: less than the vacancy's lease."""

_HOPELESS = (grpc.StatusCode.INVALID_ARGUMENT, grpc.StatusCode.ALREADY_EXISTS)
"""Says that the news is itself wrong, now and for ever."""
_TOPICS = {
    life_pb2.News.TOPIC_PERSONA: notifier_pb2.TOPIC_PERSONA,
    life_pb2.News.TOPIC_LIFE: notifier_pb2.TOPIC_LIFE,
    life_pb2.News.TOPIC_CANDIDATE: notifier_pb2.TOPIC_CANDIDATE,
    life_pb2.News.TOPIC_EXPERIMENT: notifier_pb2.TOPIC_EXPERIMENT,
}

_log = logs.get_logger("scheduler.label")


class LabelClock:
    """Three loops, so that none waits for another: inventing an artist takes minutes."""

    def __init__(
        self,
        store: Store,
        artist_db: artist_db_pb2_grpc.ArtistDbServiceStub,
        orchestrator: orchestrator_pb2_grpc.OrchestratorServiceStub,
        notifier: notifier_pb2_grpc.NotifierServiceStub,
        closing: asyncio.Event,
    ) -> None:
        self._store = store
        self._artist_db = artist_db
        self._orchestrator = orchestrator
        self._notifier = notifier
        self._closing = closing
        self._holder = new_id("sch")

    async def tick_lives(self, every_s: float) -> None:
        """Reviews lives again and again."""
        await self._tick("artist_db, which reviews artists' lives,", self.review_lives, every_s)

    async def tick_vacancies(self, every_s: float) -> None:
        """Fills vacancies, one at a time."""
        await self._tick("artist_db, which has the vacancies,", self.fill_vacancy, every_s)

    async def tick_news(self, every_s: float) -> None:
        """Passes news on to notifier."""
        await self._tick("artist_db or notifier, for the label's news,", self.tell_news, every_s)

    async def _tick(self, what: str, work: Callable[[], Awaitable[bool]], every_s: float) -> None:
        """Works until the service closes: at once again where there may be more, else every so often."""
        outage = Outage(_log, what)
        while not self._closing.is_set():
            more = False
            try:
                more = await work()
            except grpc.aio.AioRpcError as error:
                outage.noticed(remote_error(error))
            except DATABASE_TROUBLE as error:
                outage.noticed(error)
            else:
                outage.over()
            if not more:
                await first_of(self._closing, timeout_s=every_s)

    async def review_lives(self) -> bool:
        """Applies the rules that go by time; True where one of them moved an artist: there may be more."""
        request = life_pb2.ReviewLivesRequest(busy_artist_ids=await self._store.busy_artists())
        found = await self._artist_db.ReviewLives(request, timeout=SHORT_CALL_S)
        for move in found.moves:
            _log.info(
                "an artist's life took a turn", artist_id=move.artist_id, rule=move.rule, reason=move.reason
            )
        return bool(found.moves)

    async def fill_vacancy(self) -> bool:
        """Has an artist invented for one vacancy; True where there was one."""
        request = life_pb2.ClaimVacancyRequest(holder=self._holder, lease_ms=LEASE_S * 1_000)
        claimed = await self._artist_db.ClaimVacancy(request, timeout=SHORT_CALL_S)
        if not claimed.HasField("vacancy"):
            return False
        vacancy = claimed.vacancy
        _log.info("an artist is being invented", vacancy_id=vacancy.id, reason=vacancy.reason)
        try:
            invented = await self._invent(vacancy)
        except grpc.aio.AioRpcError as error:
            # Its lease ends by itself, and whoever claims it then makes the next of a few tries.
            _log.warning(
                "no artist could be invented", vacancy_id=vacancy.id, detail=remote_error(error).message
            )
            return False
        if invented is not None:
            detail = {"artist_id": invented.artist_id} if invented.artist_id else {"detail": invented.failure}
            event = "an artist was invented" if invented.artist_id else "no artist could be invented"
            _log.info(event, vacancy_id=vacancy.id, **detail)
        return invented is not None and bool(invented.artist_id)

    async def _invent(self, vacancy: life_pb2.Vacancy) -> orchestrator_pb2.InventArtistResponse | None:
        """What came of it; None where the service stops meanwhile."""
        request = orchestrator_pb2.InventArtistRequest(
            # Another try is another question: a model that gave nothing usable is not replayed. A lease that
            # was lost is a try as well, for nobody can tell what became of it; one that was no try, as models
            # were away or a budget spent, goes on under its id, and what was paid in it is used.
            request_id=f"invent/{vacancy.id}/{vacancy.tries}",
            vacancy_id=vacancy.id,
        )
        call = asyncio.ensure_future(self._orchestrator.InventArtist(request, timeout=INVENT_CALL_S))
        closing = asyncio.ensure_future(self._closing.wait())
        try:
            await asyncio.wait((call, closing), return_when=asyncio.FIRST_COMPLETED)
            return call.result() if call.done() else None
        finally:
            closing.cancel()
            if call.cancel():
                await asyncio.gather(call, return_exceptions=True)

    async def tell_news(self) -> bool:
        """Passes one batch on; True where there may be more."""
        request = life_pb2.ListNewsRequest(page_size=NEWS_BATCH)
        found = (await self._artist_db.ListNews(request, timeout=SHORT_CALL_S)).news
        told: list[int] = []
        try:
            for news in found:
                await self._tell(news)
                told.append(news.id)
        finally:
            if told:
                acknowledged = life_pb2.AcknowledgeNewsRequest(ids=told)
                await self._artist_db.AcknowledgeNews(acknowledged, timeout=SHORT_CALL_S)
        return len(found) == NEWS_BATCH

    async def _tell(self, news: life_pb2.News) -> None:
        try:
            await self._notifier.Notify(notice_of(news), timeout=SHORT_CALL_S)
        except grpc.aio.AioRpcError as error:
            if error.code() not in _HOPELESS:
                raise
            # Kept, it would come first for ever, and nobody would hear any other news.
            _log.error("notifier refuses news", news_id=news.id, detail=error.details())


def notice_of(news: life_pb2.News) -> notifier_pb2.NotifyRequest:
    """A piece of news as notifier takes it, the same however often it is told."""
    return tidied(
        notifier_pb2.NotifyRequest(
            request_id=f"news/{news.id}",
            severity=notifier_pb2.SEVERITY_WARNING if news.warning else notifier_pb2.SEVERITY_INFO,
            title=news.title,
            body=news.body,
            run_id=news.run_id,
            artist_id=news.artist_id,
            topic=_TOPICS.get(news.topic, notifier_pb2.TOPIC_UNSPECIFIED),
            subject_id=news.subject_id,
        )
    )
