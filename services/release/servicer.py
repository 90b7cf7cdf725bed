"""aiartist.release.v1.ReleaseService: proto <-> domain."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from typing import TypeVar

from google.protobuf.message import Message

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import progress_pb2
from aiartist.release.v1 import release_pb2 as pb
from aiartist.release.v1.release_pb2_grpc import ReleaseServiceServicer
from services.chassis.chain import Context
from services.chassis.ids import digest_of
from services.release import validation
from services.release.artifacts import ArtifactStore
from services.release.flights import Flights, Landed
from services.release.publish import FolderPublisher
from services.release.releases import Packager, Verifier
from services.release.takes import TakeProducer
from services.release.worker import Report

T = TypeVar("T")


class ReleaseServicer(ReleaseServiceServicer):
    """The service's front."""

    def __init__(
        self,
        flights: Flights,
        producer: TakeProducer,
        packager: Packager,
        publisher: FolderPublisher,
        verifier: Verifier,
        store: ArtifactStore,
    ) -> None:
        self._flights = flights
        self._producer = producer
        self._packager = packager
        self._publisher = publisher
        self._verifier = verifier
        self._store = store

    async def ProduceTake(
        self, request: pb.ProduceTakeRequest, context: Context
    ) -> AsyncIterator[pb.ProduceTakeResponse]:
        validation.check_produce(request)
        async for update in self._follow(
            request, lambda report: self._producer.produce(request, report), key=request.request_id
        ):
            if isinstance(update, progress_pb2.Progress):
                yield pb.ProduceTakeResponse(progress=update)
            else:
                yield pb.ProduceTakeResponse(take=_produced(update.value))

    async def PackageRelease(
        self, request: pb.PackageReleaseRequest, context: Context
    ) -> AsyncIterator[pb.PackageReleaseResponse]:
        validation.check_package(request)
        async for update in self._follow(
            request, lambda report: self._packager.package(request, report), key=request.request_id
        ):
            if isinstance(update, progress_pb2.Progress):
                yield pb.PackageReleaseResponse(progress=update)
            else:
                yield pb.PackageReleaseResponse(package=_packaged(update.value))

    async def PublishRelease(
        self, request: pb.PublishReleaseRequest, context: Context
    ) -> AsyncIterator[pb.PublishReleaseResponse]:
        validation.check_publish(request)
        release_id = request.release_id
        async for update in self._follow(
            request, lambda report: self._publisher.publish(request, report), key=f"publish {release_id}"
        ):
            if isinstance(update, progress_pb2.Progress):
                yield pb.PublishReleaseResponse(progress=update)
            else:
                publication = pb.PublishedRelease(
                    release_id=release_id, target=update.value.target, location=update.value.location
                )
                yield pb.PublishReleaseResponse(publication=publication)

    async def VerifyRelease(
        self, request: pb.VerifyReleaseRequest, context: Context
    ) -> pb.VerifyReleaseResponse:
        validation.check_verify(request)
        found, location = await self._verifier.verify(request.release_id)
        return pb.VerifyReleaseResponse(
            problems=[pb.PackageProblem(path=path, message=message) for path, message in found.problems],
            files_checked=found.files_checked,
            location=location,
        )

    async def ReadArtifact(
        self, request: pb.ReadArtifactRequest, context: Context
    ) -> AsyncIterator[pb.ReadArtifactResponse]:
        validation.check_read(request)
        async with aclosing(self._store.read(request.artifact)) as pieces:
            async for data in pieces:
                yield pb.ReadArtifactResponse(data=data)

    async def _follow(
        self, request: Message, work: Callable[[Report], Awaitable[T]], *, key: str
    ) -> AsyncIterator[progress_pb2.Progress | Landed[T]]:
        digest = f"{request.DESCRIPTOR.full_name}:{digest_of(request)}"
        async with aclosing(self._flights.follow(key, digest, work)) as updates:
            async for update in updates:
                if isinstance(update, Landed):
                    yield update
                else:
                    yield progress_pb2.Progress(step=update.step, done=update.done, total=update.total)


def _produced(take: db.StoredTake) -> pb.ProducedTake:
    return pb.ProducedTake(
        take_id=take.id,
        audio=take.audio,
        content_digest=take.content_digest,
        review=take.review,
        preview=take.preview if take.HasField("preview") else None,
        cover=take.cover if take.HasField("cover") else None,
        thumbnail=take.thumbnail if take.HasField("thumbnail") else None,
    )


def _packaged(release: db.StoredRelease) -> pb.PackagedRelease:
    return pb.PackagedRelease(
        release_id=release.id, package_digest=release.package_digest, files=release.files
    )
