"""What new takes are compared with."""

from aiartist.artist_db.v1 import artist_db_pb2 as pb
from services.artist_db.domain.checks import Checks
from services.artist_db.rpc.room import Context, Room, time_and_text
from services.artist_db.store import fingerprints as store
from services.artist_db.store.songs import Row
from services.chassis.paging import page_request

MAX_PAGE = 200
USUAL_PAGE = 100


class FingerprintRpcs(Room):
    """ListFingerprints."""

    async def ListFingerprints(
        self, request: pb.ListFingerprintsRequest, context: Context
    ) -> pb.ListFingerprintsResponse:
        """A page of takes without those that failed their review: even an empty one may have a next one."""
        checks = Checks()
        since = checks.time("since", request.since) if request.HasField("since") else None
        checks.finish()
        page = page_request(
            request, filters=("fingerprints", since and since.isoformat()), most=MAX_PAGE, usual=USUAL_PAGE
        )
        async with self._db.acquire() as connection:
            found = await store.takes_since(
                connection, since=since, after=time_and_text(page), limit=page.size + 1
            )
        rows, token = page.cut(found, key=lambda row: (row["created_at"].isoformat(), row["id"]))
        prints = [take for row in rows if (take := _fingerprint_of(row)) is not None]
        return pb.ListFingerprintsResponse(fingerprints=prints, next_page_token=token)


def _fingerprint_of(row: Row) -> pb.TakeFingerprint | None:
    """None for a take that nothing is to be compared with."""
    take = pb.StoredTake.FromString(row["body"])
    if not (take.review.passed and take.fingerprint):
        return None
    told = pb.TakeFingerprint(take_id=take.id, brief_id=take.brief_id, fingerprint=take.fingerprint)
    told.created_at.FromDatetime(row["created_at"])
    return told
