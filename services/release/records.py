"""What this service keeps in and asks of artist_db.

Errors of artist_db's own pass through to our caller as they are; the chassis sees to that.
"""

from collections import Counter
from typing import TYPE_CHECKING, TypeVar

import grpc

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import persona_pb2
from aiartist.release.v1 import release_pb2
from services.chassis.clients import deadline_s
from services.chassis.errors import NotFound, RequestIdReused
from services.chassis.ids import derived_id

if TYPE_CHECKING:
    from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub

_TIMEOUT_S = 10.0
_PAGE = 100

Kept = TypeVar("Kept", db.StoredTake, db.StoredRelease)


class Records:
    """artist_db, as far as this service needs it."""

    def __init__(self, stub: "ArtistDbServiceStub") -> None:
        self._db = stub

    async def find_take(self, take_id: str) -> db.StoredTake | None:
        """None where there is none."""
        try:
            response = await self._db.GetTake(
                db.GetTakeRequest(take_id=take_id), timeout=deadline_s(_TIMEOUT_S)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return response.take

    async def take(self, take_id: str) -> db.StoredTake:
        """NotFound where there is none."""
        found = await self.find_take(take_id)
        if found is None:
            raise NotFound("take", take_id)
        return found

    async def save_take(self, request_id: str, take: db.StoredTake) -> db.StoredTake:
        """Keeps a take. Where another replica was faster with the same request, its take is the one."""
        request = db.SaveTakeRequest(request_id=derived_id("svt", request_id), take=take)
        try:
            response = await self._db.SaveTake(request, timeout=deadline_s(_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            kept = await self.find_take(take.id) if error.code() is grpc.StatusCode.ALREADY_EXISTS else None
            if kept is None:
                raise
            return same_request(request_id, kept, take.request_digest)
        return response.take

    async def failed_reviews(self, run_id: str, brief_id: str) -> Counter[str]:
        """How many of a run's takes of a brief failed their review, by music provider."""
        failed: Counter[str] = Counter()
        token = ""
        while True:
            request = db.ListTakesRequest(run_id=run_id, page_size=_PAGE, page_token=token)
            response = await self._db.ListTakes(request, timeout=deadline_s(_TIMEOUT_S))
            failed.update(
                take.provider
                for take in response.takes
                if take.brief_id == brief_id and not take.review.passed
            )
            token = response.next_page_token
            if not token:
                return failed

    async def brief(self, brief_id: str) -> db.StoredBrief:
        """One brief; artist_db's NOT_FOUND where there is none."""
        response = await self._db.GetBrief(
            db.GetBriefRequest(brief_id=brief_id), timeout=deadline_s(_TIMEOUT_S)
        )
        return response.brief

    async def persona_of(self, brief: db.StoredBrief) -> persona_pb2.Persona:
        """Whom a brief was written for: with the fields that an experiment changed for its run."""
        if brief.HasField("persona"):
            return brief.persona
        return await self.persona(brief.artist_id, brief.persona_version)

    async def persona(self, artist_id: str, version: int) -> persona_pb2.Persona:
        """One version of an artist's persona, whatever has become of the artist since."""
        token = ""
        while True:
            response = await self._db.ListPersonaVersions(
                db.ListPersonaVersionsRequest(artist_id=artist_id, page_size=_PAGE, page_token=token),
                timeout=deadline_s(_TIMEOUT_S),
            )
            for candidate in response.versions:
                if candidate.version == version:
                    return candidate.persona
            token = response.next_page_token
            if not token:
                raise NotFound("persona version", f"{artist_id}/{version}")

    async def find_release(self, release_id: str) -> db.StoredRelease | None:
        """None where there is none."""
        try:
            response = await self._db.GetRelease(
                db.GetReleaseRequest(release_id=release_id), timeout=deadline_s(_TIMEOUT_S)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return response.release

    async def release(self, release_id: str) -> db.StoredRelease:
        """NotFound where there is none."""
        found = await self.find_release(release_id)
        if found is None:
            raise NotFound("release", release_id)
        return found

    async def codes(self, release_id: str) -> tuple[str, str]:
        """A release's ISRC and UPC or EAN, the same ones whenever they are asked for.

        Empty where the label has no prefix for them; artist_db's WRONG_STATE where one has no numbers left.
        """
        response = await self._db.AllocateCodes(
            db.AllocateCodesRequest(release_id=release_id), timeout=deadline_s(_TIMEOUT_S)
        )
        return response.isrc, response.upc

    async def release_of_run(self, run_id: str) -> db.StoredRelease | None:
        """A run's release; None where it has none yet."""
        response = await self._db.ListReleases(
            db.ListReleasesRequest(run_id=run_id, page_size=1), timeout=deadline_s(_TIMEOUT_S)
        )
        return response.releases[0] if response.releases else None

    async def save_release(self, request_id: str, release: db.StoredRelease) -> db.StoredRelease:
        """Keeps a release. Where another replica was faster with the same request, its is the one."""
        request = db.SaveReleaseRequest(request_id=derived_id("svr", request_id), release=release)
        try:
            response = await self._db.SaveRelease(request, timeout=deadline_s(_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            exists = error.code() is grpc.StatusCode.ALREADY_EXISTS
            kept = await self.find_release(release.id) if exists else None
            if kept is None:
                raise
            return same_request(request_id, kept, release.request_digest)
        return response.release

    async def admit(self, release_id: str, most_a_week: int, *, only_ask: bool = False) -> None:
        """Leave to publish a release; artist_db's RELEASE_CAP where its artist's week is full."""
        request = db.AdmitReleaseRequest(release_id=release_id, most_a_week=most_a_week, dry_run=only_ask)
        await self._db.AdmitRelease(request, timeout=deadline_s(_TIMEOUT_S))

    async def record_publication(
        self, request_id: str, release_id: str, target: str, location: str, *, after: db.Publication | None
    ) -> None:
        """Records that a release was read back at `location`; `after` is the publication that was taken down
        before, if there was one."""
        # A request that is repeated after a take-down publishes again, and that is another record.
        ended = after.taken_down_at.ToJsonString() if after is not None else ""
        publication = db.RecordPublicationRequest(
            request_id=derived_id("pub", f"{request_id} {target} {ended}"),
            release_id=release_id,
            target=target,
            location=location,
        )
        await self._db.RecordPublication(publication, timeout=deadline_s(_TIMEOUT_S))

    async def record_take_down(
        self, request: release_pb2.TakeDownReleaseRequest, publication: db.Publication
    ) -> None:
        """Records that a publication is gone."""
        since = publication.published_at.ToJsonString()
        take_down = db.RecordTakeDownRequest(
            request_id=derived_id("tkd", f"{request.request_id} {publication.target} {since}"),
            release_id=request.release_id,
            target=publication.target,
            reason=request.reason,
        )
        await self._db.RecordTakeDown(take_down, timeout=deadline_s(_TIMEOUT_S))


def same_request(request_id: str, kept: Kept, digest: str) -> Kept:
    """`kept` itself where it answers the same request; else RequestIdReused."""
    if kept.request_digest != digest:
        raise RequestIdReused(request_id)
    return kept
