"""Publications, admissions and take-downs of releases."""

from collections.abc import Sequence

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.rpc.room import Context, Room
from services.artist_db.store import publications as store
from services.artist_db.store import songs
from services.chassis.database import Connection

MAX_TARGET = 100
MAX_LOCATION = 2_000
MAX_REASON = 1_000
MAX_CAP = 100_000


class PublicationRpcs(Room):
    """RecordPublication, AdmitRelease, RecordTakeDown."""

    async def RecordPublication(
        self, request: pb.RecordPublicationRequest, context: Context
    ) -> pb.RecordPublicationResponse:
        checks = _checks(request)
        checks.phrase("location", request.location, most=MAX_LOCATION, required=True)
        checks.finish()

        async def publish(connection: Connection) -> pb.RecordPublicationResponse:
            await store.publish(connection, request.release_id, request.target, request.location)
            return pb.RecordPublicationResponse(release=await _release(connection, request.release_id))

        return await self._change(request, pb.RecordPublicationResponse, publish)

    async def AdmitRelease(
        self, request: pb.AdmitReleaseRequest, context: Context
    ) -> pb.AdmitReleaseResponse:
        checks = Checks()
        checks.id("release_id", request.release_id)
        checks.number("most_a_week", request.most_a_week, least=0, most=MAX_CAP)
        checks.finish()
        async with self._db.transaction() as connection:
            admitted_at = await store.admit(
                connection, request.release_id, most_a_week=request.most_a_week, only_ask=request.dry_run
            )
        response = pb.AdmitReleaseResponse()
        if admitted_at is not None:
            response.admitted_at.FromDatetime(admitted_at)
        return response

    async def RecordTakeDown(
        self, request: pb.RecordTakeDownRequest, context: Context
    ) -> pb.RecordTakeDownResponse:
        checks = _checks(request)
        checks.prose("reason", request.reason, most=MAX_REASON, required=True)
        checks.finish()

        async def take_down(connection: Connection) -> pb.RecordTakeDownResponse:
            await store.take_down(connection, request.release_id, request.target, request.reason)
            return pb.RecordTakeDownResponse(release=await _release(connection, request.release_id))

        return await self._change(request, pb.RecordTakeDownResponse, take_down)


async def with_publications(connection: Connection, rows: Sequence[songs.Row]) -> list[pb.StoredRelease]:
    """Releases with their publications, in the order of `rows`."""
    releases = {row["id"]: _release_of(row) for row in rows}
    for row in await store.publications(connection, list(releases)):
        publication = releases[row["release_id"]].publications.add(
            target=row["target"], location=row["location"], take_down_reason=row["take_down_reason"]
        )
        publication.published_at.FromDatetime(row["published_at"])
        if row["taken_down_at"] is not None:
            publication.taken_down_at.FromDatetime(row["taken_down_at"])
    return list(releases.values())


def _checks(request: pb.RecordPublicationRequest | pb.RecordTakeDownRequest) -> Checks:
    checks = Checks()
    checks.id("release_id", request.release_id)
    checks.phrase("target", request.target, most=MAX_TARGET, required=True)
    return checks


async def _release(connection: Connection, release_id: str) -> pb.StoredRelease:
    row = await songs.release(connection, release_id)
    return (await with_publications(connection, [row]))[0]


def _release_of(row: songs.Row) -> pb.StoredRelease:
    release = pb.StoredRelease.FromString(row["body"])
    release.created_at.FromDatetime(row["created_at"])
    return release
