"""artist_db, orchestrator, release and notifier as the scheduler sees them: in memory, on one real server."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc

from aiartist.artist_db.v1 import artist_db_pb2, artist_db_pb2_grpc, artist_state_pb2, life_pb2
from aiartist.common.v1 import audio_pb2, progress_pb2
from aiartist.notifier.v1 import notifier_pb2, notifier_pb2_grpc
from aiartist.orchestrator.v1 import orchestrator_pb2, orchestrator_pb2_grpc
from aiartist.release.v1 import release_pb2, release_pb2_grpc
from services.chassis import tracing
from services.chassis.chain import Chain
from services.chassis.errors import AppError, NotFound
from services.chassis.layers import ErrorsToStatus, Tracing


class Peers(
    artist_db_pb2_grpc.ArtistDbServiceServicer,
    notifier_pb2_grpc.NotifierServiceServicer,
    orchestrator_pb2_grpc.OrchestratorServiceServicer,
    release_pb2_grpc.ReleaseServiceServicer,
):
    """Gives what a good label would, keeps every request, and fails where `failing` says so."""

    def __init__(self) -> None:
        self.artists: dict[str, artist_db_pb2.Artist] = {}
        self.requests: list[Any] = []
        self.takes: dict[str, artist_db_pb2.StoredTake] = {}
        """Those that were produced here, by id."""
        self.titles: list[str] = []
        """Of the next briefs; then all are Harbour Lights."""
        self._briefs: dict[str, artist_db_pb2.StoredBrief] = {}
        self.outcomes: dict[str, life_pb2.RunOutcome] = {}
        """How runs ended, by run."""
        self.news: list[life_pb2.News] = []
        """What is to be told and is not acknowledged."""
        self.vacancies: list[life_pb2.Vacancy] = []
        """Those that nobody has claimed."""
        self.invents = asyncio.Event()
        """Cleared, an artist takes until it is set to be invented."""
        self.invents.set()
        self.told = asyncio.Event()
        """Set with each notice and each question that is closed."""
        self.failing: dict[str, AppError] = {}
        """By the method's name: what it raises."""
        self.failing_once: dict[str, AppError] = {}
        """The same, for the next call only."""
        self.failed_checks: list[list[str]] = []
        """The failed checks of the next takes."""
        self.cut_off: set[str] = set()
        """Methods whose next call ends without a result."""

    def add_artist(self, artist_id: str = "art_1", **fields: Any) -> artist_db_pb2.Artist:
        artist = artist_db_pb2.Artist(id=artist_id, state=artist_state_pb2.ARTIST_STATE_ACTIVE, **fields)
        artist.persona.name = f"The {artist_id}s"
        self.artists[artist_id] = artist
        return artist

    def of(self, kind: type) -> list[Any]:
        """Requests of one kind, in order."""
        return [request for request in self.requests if isinstance(request, kind)]

    def _take(self, request: Any) -> None:
        self.requests.append(request)
        method = type(request).__name__.removesuffix("Request")
        if method in self.failing_once:
            raise self.failing_once.pop(method)
        if method in self.failing:
            raise self.failing[method]

    def _artist(self, artist_id: str) -> artist_db_pb2.Artist:
        if artist_id not in self.artists:
            raise NotFound("artist", artist_id)
        return self.artists[artist_id]

    async def GetArtist(self, request: Any, context: Any) -> artist_db_pb2.GetArtistResponse:
        self._take(request)
        return artist_db_pb2.GetArtistResponse(artist=self._artist(request.artist_id))

    async def ListArtists(self, request: Any, context: Any) -> artist_db_pb2.ListArtistsResponse:
        """One artist a page, so that a caller must turn pages."""
        self._take(request)
        number = int(request.page_token or 0)
        found = [
            artist
            for artist in self.artists.values()
            if artist.state in request.states and (artist.HasField("cadence") or not request.with_cadence)
        ]
        token = str(number + 1) if number + 1 < len(found) else ""
        return artist_db_pb2.ListArtistsResponse(artists=found[number : number + 1], next_page_token=token)

    async def GetTake(self, request: Any, context: Any) -> artist_db_pb2.GetTakeResponse:
        self._take(request)
        if request.take_id not in self.takes:
            raise NotFound("take", request.take_id)
        return artist_db_pb2.GetTakeResponse(take=self.takes[request.take_id])

    async def GetBrief(self, request: Any, context: Any) -> artist_db_pb2.GetBriefResponse:
        self._take(request)
        return artist_db_pb2.GetBriefResponse(brief=self._briefs[request.brief_id])

    async def RecordRunOutcome(self, request: Any, context: Any) -> life_pb2.RecordRunOutcomeResponse:
        self._take(request)
        self._artist(request.outcome.artist_id)
        self.outcomes[request.outcome.run_id] = request.outcome
        self.told.set()
        return life_pb2.RecordRunOutcomeResponse(outcome=request.outcome)

    async def ReviewLives(self, request: Any, context: Any) -> life_pb2.ReviewLivesResponse:
        self._take(request)
        self.told.set()
        return life_pb2.ReviewLivesResponse()

    async def ClaimVacancy(self, request: Any, context: Any) -> life_pb2.ClaimVacancyResponse:
        self._take(request)
        self.told.set()
        return life_pb2.ClaimVacancyResponse(vacancy=self.vacancies.pop(0) if self.vacancies else None)

    async def ListNews(self, request: Any, context: Any) -> life_pb2.ListNewsResponse:
        self._take(request)
        return life_pb2.ListNewsResponse(news=self.news[: request.page_size])

    async def AcknowledgeNews(self, request: Any, context: Any) -> life_pb2.AcknowledgeNewsResponse:
        self._take(request)
        before = len(self.news)
        self.news = [news for news in self.news if news.id not in request.ids]
        self.told.set()
        return life_pb2.AcknowledgeNewsResponse(acknowledged=before - len(self.news))

    async def Reflect(self, request: Any, context: Any) -> orchestrator_pb2.ReflectResponse:
        self._take(request)
        self.told.set()
        change = life_pb2.PersonaChange(
            state=life_pb2.PersonaChange.STATE_NO_CHANGE, reason="too few runs", run_id=request.run_id
        )
        return orchestrator_pb2.ReflectResponse(change=change)

    async def InventArtist(self, request: Any, context: Any) -> orchestrator_pb2.InventArtistResponse:
        self._take(request)
        self.told.set()
        await self.invents.wait()
        return orchestrator_pb2.InventArtistResponse(artist_id=f"art of {request.vacancy_id}")

    async def RequestApproval(self, request: Any, context: Any) -> notifier_pb2.RequestApprovalResponse:
        self._take(request)
        return notifier_pb2.RequestApprovalResponse()

    async def CloseApproval(self, request: Any, context: Any) -> notifier_pb2.CloseApprovalResponse:
        self._take(request)
        self.told.set()
        return notifier_pb2.CloseApprovalResponse(closed=1)

    async def Notify(self, request: Any, context: Any) -> notifier_pb2.NotifyResponse:
        self._take(request)
        self.told.set()
        return notifier_pb2.NotifyResponse()

    async def ComposeSong(
        self, request: Any, context: Any
    ) -> AsyncIterator[orchestrator_pb2.ComposeSongResponse]:
        self._take(request)
        yield orchestrator_pb2.ComposeSongResponse(
            progress=progress_pb2.Progress(step="verse 1", done=1, total=4)
        )
        if "ComposeSong" in self.cut_off:
            self.cut_off.remove("ComposeSong")
        else:
            song = orchestrator_pb2.ComposedSong(brief_id=f"brf of {request.request_id}")
            song.brief.title = self.titles.pop(0) if self.titles else "Harbour Lights"
            self._briefs[song.brief_id] = artist_db_pb2.StoredBrief(id=song.brief_id, brief=song.brief)
            yield orchestrator_pb2.ComposeSongResponse(song=song)

    async def ProduceTake(self, request: Any, context: Any) -> AsyncIterator[release_pb2.ProduceTakeResponse]:
        self._take(request)
        failed = self.failed_checks.pop(0) if self.failed_checks else []
        take = release_pb2.ProducedTake(
            take_id=f"tak of {request.request_id}", content_digest=f"sha256:{request.take_number}"
        )
        take.review.passed = not failed
        take.review.checks.add(name="tempo", outcome=audio_pb2.ReviewCheck.OUTCOME_PASS)
        for name in failed:
            take.review.checks.add(name=name, outcome=audio_pb2.ReviewCheck.OUTCOME_FAIL)
        self.takes[take.take_id] = artist_db_pb2.StoredTake(
            id=take.take_id,
            run_id=request.run_id,
            brief_id=request.brief_id,
            take_number=request.take_number,
            audio=audio_pb2.Artifact(path=f"takes/{take.take_id}/master.flac"),
            content_digest=take.content_digest,
            review=take.review,
        )
        yield release_pb2.ProduceTakeResponse(take=take)

    async def FilmTake(self, request: Any, context: Any) -> AsyncIterator[release_pb2.FilmTakeResponse]:
        self._take(request)
        film = release_pb2.ProducedFilm(film_id=f"flm of {request.take_id}")
        film.videos.add(format="landscape")
        yield release_pb2.FilmTakeResponse(film=film)

    async def PackageRelease(
        self, request: Any, context: Any
    ) -> AsyncIterator[release_pb2.PackageReleaseResponse]:
        self._take(request)
        package = release_pb2.PackagedRelease(release_id=f"rel of {request.take_id}")
        yield release_pb2.PackageReleaseResponse(package=package)

    async def PublishRelease(
        self, request: Any, context: Any
    ) -> AsyncIterator[release_pb2.PublishReleaseResponse]:
        self._take(request)
        publication = release_pb2.PublishedRelease(location=f"/catalog/{request.release_id}")
        yield release_pb2.PublishReleaseResponse(publication=publication)


@asynccontextmanager
async def serve_peers(peers: Peers, port: int = 0) -> AsyncIterator[str]:
    """All four on one address while the block runs; traced as `peers` where this process is."""
    tracer = tracing.tracer("peers")
    layers = [*([] if tracer is None else [Tracing(tracer)]), ErrorsToStatus()]
    server = grpc.aio.server(interceptors=[Chain(layers)], options=[("grpc.so_reuseport", 0)])
    artist_db_pb2_grpc.add_ArtistDbServiceServicer_to_server(peers, server)
    notifier_pb2_grpc.add_NotifierServiceServicer_to_server(peers, server)
    orchestrator_pb2_grpc.add_OrchestratorServiceServicer_to_server(peers, server)
    release_pb2_grpc.add_ReleaseServiceServicer_to_server(peers, server)
    bound = server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    try:
        yield f"127.0.0.1:{bound}"
    finally:
        await server.stop(None)
