"""Briefs, takes and releases."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.songs import check_brief, check_release, check_take
from services.artist_db.rpc.publications import with_publications
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import songs as store
from services.chassis.database import Connection
from services.chassis.errors import NotFound
from services.chassis.paging import page_request


class SongRpcs(Room):
    """SaveBrief to ListReleases."""

    async def SaveBrief(self, request: pb.SaveBriefRequest, context: Context) -> pb.SaveBriefResponse:
        checks = Checks()
        if checks.present("brief", request.HasField("brief")):
            check_brief(checks, request.brief)
        checks.finish()
        brief = pb.StoredBrief()
        brief.CopyFrom(request.brief)
        brief.ClearField("created_at")

        async def save(connection: Connection) -> pb.SaveBriefResponse:
            return pb.SaveBriefResponse(brief=_brief_of(await store.save_brief(connection, brief)))

        return await self._change(request, pb.SaveBriefResponse, save)

    async def GetBrief(self, request: pb.GetBriefRequest, context: Context) -> pb.GetBriefResponse:
        _check_ids(brief_id=request.brief_id)
        async with self._db.acquire() as connection:
            row = await store.brief(connection, request.brief_id)
        if row is None:
            raise NotFound("brief", request.brief_id)
        return pb.GetBriefResponse(brief=_brief_of(row))

    async def ListBriefs(self, request: pb.ListBriefsRequest, context: Context) -> pb.ListBriefsResponse:
        _check_filters(artist_id=request.artist_id, run_id=request.run_id)
        page = page_request(request, filters=("briefs", request.artist_id, request.run_id))
        async with self._db.acquire() as connection:
            found = await store.briefs(
                connection,
                artist_id=request.artist_id,
                run_id=request.run_id,
                after=time_and_text(page),
                limit=page.size + 1,
            )
        rows, token = page.cut(found, key=_keys)
        return pb.ListBriefsResponse(briefs=map(_brief_of, rows), next_page_token=token)

    async def SaveTake(self, request: pb.SaveTakeRequest, context: Context) -> pb.SaveTakeResponse:
        checks = Checks()
        if checks.present("take", request.HasField("take")):
            check_take(checks, request.take)
        checks.finish()
        take = pb.StoredTake()
        take.CopyFrom(request.take)
        take.ClearField("created_at")

        async def save(connection: Connection) -> pb.SaveTakeResponse:
            return pb.SaveTakeResponse(take=_take_of(await store.save_take(connection, take)))

        return await self._change(request, pb.SaveTakeResponse, save)

    async def GetTake(self, request: pb.GetTakeRequest, context: Context) -> pb.GetTakeResponse:
        _check_ids(take_id=request.take_id)
        async with self._db.acquire() as connection:
            row = await store.take(connection, request.take_id)
        if row is None:
            raise NotFound("take", request.take_id)
        return pb.GetTakeResponse(take=_take_of(row))

    async def ListTakes(self, request: pb.ListTakesRequest, context: Context) -> pb.ListTakesResponse:
        _check_filters(run_id=request.run_id)
        page = page_request(request, filters=("takes", request.run_id))
        async with self._db.acquire() as connection:
            found = await store.takes(
                connection, run_id=request.run_id, after=time_and_text(page), limit=page.size + 1
            )
        rows, token = page.cut(found, key=_keys)
        return pb.ListTakesResponse(takes=map(_take_of, rows), next_page_token=token)

    async def SaveRelease(self, request: pb.SaveReleaseRequest, context: Context) -> pb.SaveReleaseResponse:
        checks = Checks()
        if checks.present("release", request.HasField("release")):
            check_release(checks, request.release)
        checks.finish()
        release = pb.StoredRelease()
        release.CopyFrom(request.release)
        release.ClearField("created_at")
        release.ClearField("publications")

        async def save(connection: Connection) -> pb.SaveReleaseResponse:
            row = await store.save_release(connection, release)
            return pb.SaveReleaseResponse(release=(await with_publications(connection, [row]))[0])

        return await self._change(request, pb.SaveReleaseResponse, save)

    async def GetRelease(self, request: pb.GetReleaseRequest, context: Context) -> pb.GetReleaseResponse:
        _check_ids(release_id=request.release_id)
        async with self._db.acquire() as connection:
            row = await store.release(connection, request.release_id)
            if row is None:
                raise NotFound("release", request.release_id)
            return pb.GetReleaseResponse(release=(await with_publications(connection, [row]))[0])

    async def ListReleases(
        self, request: pb.ListReleasesRequest, context: Context
    ) -> pb.ListReleasesResponse:
        _check_filters(artist_id=request.artist_id, run_id=request.run_id)
        page = page_request(request, filters=("releases", request.artist_id, request.run_id))
        async with self._db.acquire() as connection:
            found = await store.releases(
                connection,
                artist_id=request.artist_id,
                run_id=request.run_id,
                after=time_and_text(page),
                limit=page.size + 1,
            )
            rows, token = page.cut(found, key=_keys)
            releases = await with_publications(connection, rows)
        return pb.ListReleasesResponse(releases=releases, next_page_token=token)


def _check_ids(**ids: str) -> None:
    checks = Checks()
    for field, value in ids.items():
        checks.id(field, value)
    checks.finish()


def _check_filters(**ids: str) -> None:
    checks = Checks()
    for field, value in ids.items():
        checks.filter(field, value)
    checks.finish()


def _keys(row: store.Row) -> tuple[str, str]:
    return row["created_at"].isoformat(), row["id"]


def _brief_of(row: store.Row) -> pb.StoredBrief:
    brief = pb.StoredBrief.FromString(row["body"])
    brief.created_at.FromDatetime(row["created_at"])
    return brief


def _take_of(row: store.Row) -> pb.StoredTake:
    take = pb.StoredTake.FromString(row["body"])
    take.created_at.FromDatetime(row["created_at"])
    return take
