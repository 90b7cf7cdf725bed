"""Films and stock clips in memory, as artist_db keeps them."""

from typing import Any

from aiartist.artist_db.v1 import artist_db_pb2 as db
from services.chassis.errors import AlreadyExists, NotFound


class FakeFilms:
    """The part of an artist_db in memory; who mixes it in counts calls and remembers answers."""

    def __init__(self) -> None:
        self.films: dict[str, db.StoredFilm] = {}
        """By take."""
        self.clip_owners: dict[tuple[str, str], str] = {}
        """Source and clip -> artist."""

    async def _enter(self, context: Any, name: str) -> None:
        raise NotImplementedError

    async def GetFilm(self, request: Any, context: Any) -> db.GetFilmResponse:
        await self._enter(context, "GetFilm")
        if request.take_id not in self.films:
            raise NotFound("film of take", request.take_id)
        return db.GetFilmResponse(film=self.films[request.take_id])

    async def SaveFilm(self, request: Any, context: Any) -> db.SaveFilmResponse:
        await self._enter(context, "SaveFilm")
        film = request.film
        for kept in self.films.values():
            if kept.id == film.id or kept.take_id == film.take_id:
                if (kept.id, kept.request_digest) != (film.id, film.request_digest):
                    raise AlreadyExists("film", kept.id)
                return db.SaveFilmResponse(film=kept)
        self.films[film.take_id] = film
        return db.SaveFilmResponse(film=film)

    async def ClaimClips(self, request: Any, context: Any) -> db.ClaimClipsResponse:
        await self._enter(context, "ClaimClips")
        granted: list[str] = []
        for clip_id in request.clip_ids:
            if len(granted) == request.wanted:
                break
            owner = self.clip_owners.setdefault((request.source, clip_id), request.artist_id)
            if owner == request.artist_id and clip_id not in granted:
                granted.append(clip_id)
        return db.ClaimClipsResponse(clip_ids=granted)
