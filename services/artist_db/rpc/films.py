"""Films and the stock clips that they show."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.films import check_claim, check_film
from services.artist_db.rpc.room import Context, Room
from services.artist_db.store import films as store
from services.chassis.database import Connection
from services.chassis.errors import NotFound


class FilmRpcs(Room):
    """ClaimClips, SaveFilm and GetFilm."""

    async def ClaimClips(self, request: pb.ClaimClipsRequest, context: Context) -> pb.ClaimClipsResponse:
        checks = Checks()
        check_claim(checks, request)
        checks.finish()
        async with self._db.transaction() as connection:
            granted = await store.claim_clips(
                connection,
                artist_id=request.artist_id,
                source=request.source,
                clip_ids=list(request.clip_ids),
                wanted=request.wanted,
            )
        return pb.ClaimClipsResponse(clip_ids=granted)

    async def SaveFilm(self, request: pb.SaveFilmRequest, context: Context) -> pb.SaveFilmResponse:
        checks = Checks()
        if checks.present("film", request.HasField("film")):
            check_film(checks, request.film)
        checks.finish()
        film = pb.StoredFilm()
        film.CopyFrom(request.film)
        film.ClearField("created_at")

        async def save(connection: Connection) -> pb.SaveFilmResponse:
            return pb.SaveFilmResponse(film=_film_of(await store.save_film(connection, film)))

        return await self._change(request, pb.SaveFilmResponse, save)

    async def GetFilm(self, request: pb.GetFilmRequest, context: Context) -> pb.GetFilmResponse:
        checks = Checks()
        checks.id("take_id", request.take_id)
        checks.finish()
        async with self._db.acquire() as connection:
            row = await store.film_of_take(connection, request.take_id)
        if row is None:
            raise NotFound("film of take", request.take_id)
        return pb.GetFilmResponse(film=_film_of(row))


def _film_of(row: store.Row) -> pb.StoredFilm:
    film = pb.StoredFilm.FromString(row["body"])
    film.created_at.FromDatetime(row["created_at"])
    return film
