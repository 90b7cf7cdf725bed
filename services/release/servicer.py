"""aiartist.release.v1.ReleaseService: proto <-> domain."""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
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
from services.release.films import FilmMaker
from services.release.flights import Flights, Landed
from services.release.providers.shelf import MusicProviders
from services.release.releases import Packager, Verifier
from services.release.takes import TakeProducer
from services.release.targets.publisher import Publisher
from services.release.targets.target import Outcome
from services.release.worker import Report

T = TypeVar("T")


class ReleaseServicer(ReleaseServiceServicer):
    """The service's front."""

    def __init__(
        self,
        flights: Flights,
        producer: TakeProducer,
        film_maker: FilmMaker,
        packager: Packager,
        publisher: Publisher,
        verifier: Verifier,
        store: ArtifactStore,
        music_providers: MusicProviders,
    ) -> None:
        self._flights = flights
        self._producer = producer
        self._film_maker = film_maker
        self._packager = packager
        self._publisher = publisher
        self._verifier = verifier
        self._store = store
        self._music_providers = music_providers

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

    async def FilmTake(
        self, request: pb.FilmTakeRequest, context: Context
    ) -> AsyncIterator[pb.FilmTakeResponse]:
        validation.check_film(request)
        async for update in self._follow(
            request, lambda report: self._film_maker.film(request, report), key=request.request_id
        ):
            if isinstance(update, progress_pb2.Progress):
                yield pb.FilmTakeResponse(progress=update)
            else:
                yield pb.FilmTakeResponse(film=_filmed(update.value))

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
        work = self._publisher.rehearse if request.dry_run else self._publisher.publish
        async for update in self._follow(
            request, lambda report: work(request, report), key=f"publish {digest_of(request)}"
        ):
            if isinstance(update, progress_pb2.Progress):
                yield pb.PublishReleaseResponse(progress=update)
            else:
                yield pb.PublishReleaseResponse(publication=_published(request.release_id, update.value))

    async def TakeDownRelease(
        self, request: pb.TakeDownReleaseRequest, context: Context
    ) -> pb.TakeDownReleaseResponse:
        validation.check_take_down(request)
        outcomes = await self._publisher.take_down(request)
        return pb.TakeDownReleaseResponse(targets=map(_outcome, outcomes))

    async def ListMusicProviders(
        self, request: pb.ListMusicProvidersRequest, context: Context
    ) -> pb.ListMusicProvidersResponse:
        return self._music_providers.told()

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
        provider=take.provider,
    )


def _filmed(film: db.StoredFilm) -> pb.ProducedFilm:
    videos = [
        pb.ProducedVideo(format=video.format, file=video.file, checks=video.checks) for video in film.videos
    ]
    return pb.ProducedFilm(film_id=film.id, videos=videos)


def _packaged(release: db.StoredRelease) -> pb.PackagedRelease:
    return pb.PackagedRelease(
        release_id=release.id, package_digest=release.package_digest, files=release.files
    )


def _published(release_id: str, outcomes: Sequence[Outcome]) -> pb.PublishedRelease:
    first = outcomes[0]
    return pb.PublishedRelease(
        release_id=release_id,
        target=first.target,
        location=first.location,
        targets=map(_outcome, outcomes),
    )


def _outcome(outcome: Outcome) -> pb.TargetOutcome:
    return pb.TargetOutcome(
        target=outcome.target,
        location=outcome.location,
        action=pb.TargetOutcome.Action.Value(f"ACTION_{outcome.action}"),
        detail=outcome.detail,
    )
