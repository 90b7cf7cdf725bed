"""What the orchestrator reads of the label's artists and keeps for them, in artist_db."""

from collections.abc import Sequence

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import experiment_pb2, life_pb2, performance_pb2, trend_pb2
from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub
from aiartist.common.v1 import persona_pb2
from aiartist.common.v1.experiment_pb2 import AssignedArm
from services.chassis.clients import deadline_s
from services.chassis.errors import RemoteError, remote_error
from services.chassis.genres import genre_name
from services.chassis.ids import derived_id, digest_of, new_id
from services.orchestrator.song.brief import Singer
from services.orchestrator.song.form import DEFAULT_DURATION_MS, tempo_range
from services.orchestrator.song.genres import usual

TIMEOUT_S = 10.0
PAGE_SIZE = 500
CHARTS_PAGE_SIZE = 100
MOST_CHART_PAGES = 10
"""A thousand charts: what is older is forgotten."""
MAX_FAILURE = 500


class Label:
    """artist_db, seen by a songwriter."""

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._stub = ArtistDbServiceStub(channel)

    async def artist(self, artist_id: str) -> pb.Artist:
        """An artist; RemoteError with NOT_FOUND where there is none."""
        try:
            request = pb.GetArtistRequest(artist_id=artist_id)
            return (await self._stub.GetArtist(request, timeout=deadline_s(TIMEOUT_S))).artist
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error

    async def arms(self, run_id: str, artist_id: str) -> Sequence[AssignedArm]:
        """A run's arms, the same whenever they are asked for; none where artist_db is of an older version.

        RemoteError where it does not answer: a run must not go without its arm by accident.
        """
        try:
            request = experiment_pb2.AssignArmsRequest(run_id=run_id, artist_id=artist_id)
            return (await self._stub.AssignArms(request, timeout=deadline_s(TIMEOUT_S))).arms
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.UNIMPLEMENTED:
                return ()
            raise remote_error(error) from error

    async def brief(self, brief_id: str) -> pb.StoredBrief | None:
        """A brief that was kept before; None where there is none."""
        try:
            request = pb.GetBriefRequest(brief_id=brief_id)
            return (await self._stub.GetBrief(request, timeout=deadline_s(TIMEOUT_S))).brief
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if remote.remote_code is grpc.StatusCode.NOT_FOUND and remote.from_platform:
                return None
            raise remote from error

    async def titles(self, artist_id: str) -> Sequence[str]:
        """The titles of all of an artist's briefs, newest first."""
        found: list[str] = []
        token = ""
        while True:
            request = pb.ListBriefsRequest(artist_id=artist_id, page_size=PAGE_SIZE, page_token=token)
            try:
                page = await self._stub.ListBriefs(request, timeout=deadline_s(TIMEOUT_S))
            except grpc.aio.AioRpcError as error:
                raise remote_error(error) from error
            found += [stored.brief.title for stored in page.briefs]
            token = page.next_page_token
            if not token:
                return found

    async def artists(self) -> Sequence[pb.Artist]:
        """All of the label, the retired ones too."""
        found: list[pb.Artist] = []
        token = ""
        while True:
            request = pb.ListArtistsRequest(page_size=PAGE_SIZE, page_token=token)
            try:
                page = await self._stub.ListArtists(request, timeout=deadline_s(TIMEOUT_S))
            except grpc.aio.AioRpcError as error:
                raise remote_error(error) from error
            found += page.artists
            token = page.next_page_token
            if not token:
                return found

    async def charts(self) -> Sequence[str]:
        """Everybody who is in a chart that is kept, as the chart names them, newest charts first."""
        found: dict[str, None] = {}
        token = ""
        for _ in range(MOST_CHART_PAGES):
            request = trend_pb2.ListTrendSnapshotsRequest(page_size=CHARTS_PAGE_SIZE, page_token=token)
            try:
                page = await self._stub.ListTrendSnapshots(request, timeout=deadline_s(TIMEOUT_S))
            except grpc.aio.AioRpcError as error:
                raise remote_error(error) from error
            found |= dict.fromkeys(item.artist_name for chart in page.snapshots for item in chart.items)
            token = page.next_page_token
            if not token:
                break
        return list(found)

    async def scores(self) -> Sequence[performance_pb2.ReleaseScore]:
        """How the newest 500 releases do."""
        request = performance_pb2.ListReleaseScoresRequest(page_size=PAGE_SIZE)
        try:
            return (await self._stub.ListReleaseScores(request, timeout=deadline_s(TIMEOUT_S))).scores
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error

    async def fill_vacancy(self, vacancy_id: str, persona: persona_pb2.Persona) -> str:
        """The id of the artist who fills a vacancy; PersonaRefused where nobody like this can be taken on."""
        request = life_pb2.FillVacancyRequest(
            request_id=derived_id("req", f"{vacancy_id}/{digest_of(persona)}"),
            vacancy_id=vacancy_id,
            persona=persona,
        )
        try:
            return (await self._stub.FillVacancy(request, timeout=deadline_s(TIMEOUT_S))).artist_id
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            problems = [f"{v.field}: {v.description}" for v in remote.violations if "persona" in v.field]
            if remote.remote_reason == "ERROR_REASON_ALREADY_EXISTS":
                problems = [f"the label has somebody called {persona.name!r}"]
            if problems:
                raise PersonaRefused(problems) from error
            raise remote from error

    async def leave_vacancy(self, vacancy_id: str, failure: str, again_s: int, *, no_try: bool) -> str:
        """Keeps a vacancy open, to be filled later; the id of the artist where it is filled."""
        request = life_pb2.FillVacancyRequest(
            # One of its own: the same try may fail again another day for the same reason.
            request_id=new_id("req"),
            vacancy_id=vacancy_id,
            failure=failure[:MAX_FAILURE],
            again_s=again_s,
            no_try=no_try,
        )
        try:
            return (await self._stub.FillVacancy(request, timeout=deadline_s(TIMEOUT_S))).artist_id
        except grpc.aio.AioRpcError as error:
            raise remote_error(error) from error

    async def keep(self, brief: pb.StoredBrief) -> pb.StoredBrief:
        """Keeps a brief; TitleTaken where the artist has one of this title by now."""
        request = pb.SaveBriefRequest(
            request_id=derived_id("req", f"{brief.id}/{brief.brief.title}"), brief=brief
        )
        try:
            return (await self._stub.SaveBrief(request, timeout=deadline_s(TIMEOUT_S))).brief
        except grpc.aio.AioRpcError as error:
            remote = remote_error(error)
            if (
                remote.remote_reason == "ERROR_REASON_ALREADY_EXISTS"
                and remote.metadata.get("kind") == "title"
            ):
                raise TitleTaken(remote) from error
            raise remote from error


class PersonaRefused(Exception):
    """artist_db does not take a persona; `problems` says why, a sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = problems


class TitleTaken(Exception):
    """Another song of the artist got the same title while this one was written."""

    def __init__(self, remote: RemoteError) -> None:
        super().__init__(remote.message)
        self.remote = remote


def singer_of(persona: persona_pb2.Persona) -> Singer:
    """An artist's persona with the genre's usual ways where it leaves something open."""
    genre = usual(persona.genre)
    return Singer(
        name=persona.name,
        genre=genre_name(persona.genre),
        style=persona.style,
        themes=tuple(persona.themes) or (persona.genre,),
        moods=tuple(persona.moods) or genre.moods,
        keys=tuple(persona.keys) or genre.keys,
        tempo=tempo_range(persona.genre, persona.tempo.min_bpm, persona.tempo.max_bpm),
        instruments=tuple(persona.instruments) or genre.instruments,
        target_ms=persona.target_duration_ms or DEFAULT_DURATION_MS,
        language=persona.language or "en",
        point_of_view=persona.voice.point_of_view or "first person",
        timbre=persona.voice.timbre,
        delivery=persona.voice.delivery,
        motif=persona.visual.motif,
        banned=tuple(persona.banned_words),
    )
