"""The roster's part of artist_db in memory: artists, vacancies, charts, scores; real rules for personas."""

from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from aiartist.artist_db.v1 import artist_state_pb2, life_pb2, performance_pb2, trend_pb2
from aiartist.common.v1.persona_pb2 import Persona
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.persona import check_persona, completed, name_key
from services.chassis.errors import AlreadyExists, NotFound, RequestIdReused
from services.chassis.ids import digest_of


class FakeRoster:
    """Whom a scout meets. `artists`, as FakeArtistDb has them."""

    artists: dict[str, pb.Artist]

    def __init__(self) -> None:
        super().__init__()
        self.vacancies: dict[str, str] = {}
        """Who fills which; empty: nobody does."""
        self.left_open: list[life_pb2.FillVacancyRequest] = []
        """Those that told why nobody could be found."""
        self.filled: list[life_pb2.FillVacancyRequest] = []
        self.billings: list[str] = []
        """Everybody in the charts."""
        self.release_scores: list[performance_pb2.ReleaseScore] = []
        self._filled_by: dict[str, tuple[str, life_pb2.FillVacancyResponse]] = {}

    async def ListArtists(self, request: pb.ListArtistsRequest, context: Any) -> pb.ListArtistsResponse:
        # Two a page, so that whoever reads only the first one is noticed.
        found = list(self.artists.values())
        start = int(request.page_token or 0)
        token = str(start + 2) if len(found) > start + 2 else ""
        return pb.ListArtistsResponse(artists=found[start : start + 2], next_page_token=token)

    async def ListTrendSnapshots(
        self, request: trend_pb2.ListTrendSnapshotsRequest, context: Any
    ) -> trend_pb2.ListTrendSnapshotsResponse:
        start = int(request.page_token or 0)
        items = [
            trend_pb2.TrendItem(rank=place, title="A Song", artist_name=name)
            for place, name in enumerate(self.billings[start : start + 2], start=1)
        ]
        token = str(start + 2) if len(self.billings) > start + 2 else ""
        return trend_pb2.ListTrendSnapshotsResponse(
            snapshots=[trend_pb2.TrendSnapshot(source="deezer", items=items)], next_page_token=token
        )

    async def ListReleaseScores(
        self, request: performance_pb2.ListReleaseScoresRequest, context: Any
    ) -> performance_pb2.ListReleaseScoresResponse:
        return performance_pb2.ListReleaseScoresResponse(scores=self.release_scores)

    async def FillVacancy(
        self, request: life_pb2.FillVacancyRequest, context: Any
    ) -> life_pb2.FillVacancyResponse:
        digest = digest_of(request)
        known, answer = self._filled_by.get(request.request_id, ("", None))
        if answer is not None:
            if known != digest:
                raise RequestIdReused(request.request_id)
            return answer
        answer = self._fill(request)
        self._filled_by[request.request_id] = (digest, answer)
        return answer

    def _fill(self, request: life_pb2.FillVacancyRequest) -> life_pb2.FillVacancyResponse:
        if request.vacancy_id not in self.vacancies:
            raise NotFound("vacancy", request.vacancy_id)
        artist_id = self.vacancies[request.vacancy_id]
        if not artist_id and request.HasField("persona"):
            artist_id = self._taken_on(request.persona)
            self.vacancies[request.vacancy_id] = artist_id
            self.filled.append(request)
        elif not artist_id:
            self.left_open.append(request)
        return life_pb2.FillVacancyResponse(
            artist_id=artist_id, state=artist_state_pb2.ARTIST_STATE_CANDIDATE if artist_id else 0
        )

    def _taken_on(self, persona: Persona) -> str:
        whole, checks = completed(persona), Checks()
        check_persona(checks, "persona", whole)
        checks.finish()
        if name_key(persona.name) in {name_key(known.persona.name) for known in self.artists.values()}:
            raise AlreadyExists("artist", persona.name)
        artist_id = f"art_{len(self.artists) + 1}"
        self.artists[artist_id] = pb.Artist(id=artist_id, persona=whole, persona_version=1)
        return artist_id
