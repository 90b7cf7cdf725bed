"""Publishing target by target, and taking down again. What succeeded stays, whatever the others do."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from weakref import WeakValueDictionary

import grpc
from prometheus_client import Counter

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.release.v1 import release_pb2 as pb
from services.chassis import tracing
from services.chassis.errors import AppError, FieldViolation, InvalidInput, StorageError, remote_error
from services.chassis.logs import get_logger
from services.chassis.metrics import REGISTRY
from services.release.artifacts import ArtifactStore
from services.release.errors import CorruptArtifact, TargetUnavailable, storage_errors
from services.release.records import Records
from services.release.targets.target import Action, Outcome, Package, Target
from services.release.worker import Report
from services.release.workspace import workspace

_CAP = "ERROR_REASON_RELEASE_CAP"
_log = get_logger("release.publisher")
TRIED = Counter(
    "aiartist_release_publications", "Tries to publish, by target.", ("target", "outcome"), registry=REGISTRY
)


class Publisher:
    """The label's targets, in their order."""

    def __init__(
        self,
        records: Records,
        store: ArtifactStore,
        targets: Sequence[Target],
        scratch: Path,
        *,
        most_a_week: int,
    ) -> None:
        self._records = records
        self._store = store
        self._targets = {target.name: target for target in targets}
        self._scratch = scratch
        self._most_a_week = most_a_week
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        for name in self._targets:
            for outcome in ("published", "found", "failed"):
                TRIED.labels(name, outcome)

    async def publish(self, request: pb.PublishReleaseRequest, report: Report) -> list[Outcome]:
        """What became of the release at each target, having been read back there. A repeat finds it.

        NotFound where there is no such release; artist_db's RELEASE_CAP where its artist's week is full;
        CorruptArtifact where the package's bytes are not those that were kept. Where targets fail, all are
        tried and then the error names them: TargetUnavailable, or StorageError where there is no space.
        """
        targets = self._named(request.targets)
        async with self._alone(request.release_id), self._package(request.release_id) as package:
            if not any(map(_stands, package.release.publications)):
                await self._records.admit(package.release.id, self._most_a_week)
            outcomes: list[Outcome] = []
            failures: list[tuple[str, Exception]] = []
            for target in targets:
                try:
                    outcome = await self._publish(target, package, report)
                except Exception as error:  # noqa: BLE001 - the other targets are no worse for it
                    failures.append(_failure(target, package.release, error))
                    continue
                outcomes.append(outcome)
                await self._record(request.request_id, package.release, outcome)
        _raise(failures)
        return outcomes

    async def rehearse(self, request: pb.PublishReleaseRequest, _report: Report) -> list[Outcome]:
        """What `publish` would do; changes nothing. What stands in the way is an outcome, not an error."""
        targets = self._named(request.targets)
        async with self._package(request.release_id) as package:
            refusal = ""
            if not any(map(_stands, package.release.publications)):
                refusal = await self._refusal(package.release)
            outcomes = []
            for target in targets:
                place, delivered = _place(target, package.release)
                try:
                    outcome = await target.plan(package, place, delivered=delivered)
                except AppError as error:
                    outcome = Outcome(target.name, place, Action.ABSENT, error.message)
                if refusal and outcome.action is Action.WOULD_PUBLISH:
                    outcome = replace(outcome, action=Action.ABSENT, detail=refusal)
                outcomes.append(outcome)
        return outcomes

    async def take_down(self, request: pb.TakeDownReleaseRequest) -> list[Outcome]:
        """What became of the release at each target. A repeat finds nothing any more.

        NotFound where there is no such release. Where targets fail, all are tried and then the error names
        them; also those where the books say that it stands, and that the label has no longer.
        """
        targets = self._named(request.targets)
        async with self._alone(request.release_id):
            release = await self._records.release(request.release_id)
            outcomes: list[Outcome] = []
            failures: list[tuple[str, Exception]] = []
            if not request.targets:
                failures += [
                    (
                        name,
                        TargetUnavailable(name, "AIARTIST_RELEASE_TARGETS does not name it", "name it there"),
                    )
                    for name in (p.target for p in release.publications if _stands(p))
                    if name not in self._targets
                ]
            for target in targets:
                place, delivered = _place(target, release)
                try:
                    with tracing.span(f"take down from {target.name}", release_id=release.id) as span:
                        outcome = await target.take_down(release, place)
                        span.set(outcome=outcome.action.lower())
                except Exception as error:  # noqa: BLE001 - the other targets are no worse for it
                    failures.append(_failure(target, release, error))
                    continue
                outcomes.append(outcome)
                if delivered:
                    publication = next(p for p in release.publications if p.target == target.name)
                    await self._records.record_take_down(request, publication)
                _log.info(
                    "release taken down", release_id=release.id, target=target.name, action=outcome.action
                )
        _raise(failures)
        return outcomes

    async def _publish(self, target: Target, package: Package, report: Report) -> Outcome:
        place, delivered = _place(target, package.release)

        def tell(step: str, done: int, total: int) -> None:
            report(f"{target.name}: {step}", done, total)

        with tracing.span(f"publish to {target.name}", release_id=package.release.id) as span:
            outcome = await target.publish(package, place, tell, delivered=delivered)
            span.set(outcome=outcome.action.lower())
        TRIED.labels(target.name, outcome.action.lower()).inc()
        return outcome

    async def _record(self, request_id: str, release: db.StoredRelease, outcome: Outcome) -> None:
        known = next((p for p in release.publications if p.target == outcome.target), None)
        if known is None or not _stands(known):
            await self._records.record_publication(
                request_id, release.id, outcome.target, outcome.location, after=known
            )
            _log.info(
                "release published",
                release_id=release.id,
                target=outcome.target,
                location=outcome.location,
            )

    async def _refusal(self, release: db.StoredRelease) -> str:
        """Why the release would not be admitted; empty: it would."""
        try:
            await self._records.admit(release.id, self._most_a_week, only_ask=True)
        except grpc.aio.AioRpcError as error:
            told = remote_error(error)
            if told.remote_reason != _CAP:
                raise
            return told.message
        return ""

    def _named(self, names: Sequence[str]) -> list[Target]:
        """The targets of these names, all where there are none; InvalidInput for one that the label lacks."""
        unknown = [name for name in names if name not in self._targets]
        if unknown:
            known = ", ".join(self._targets)
            raise InvalidInput(
                [
                    FieldViolation("targets", f"the label publishes to {known}, not to {name}")
                    for name in unknown
                ]
            )
        return [target for name, target in self._targets.items() if not names or name in names]

    @asynccontextmanager
    async def _package(self, release_id: str) -> AsyncIterator[Package]:
        release = await self._records.release(release_id)
        with storage_errors(str(self._scratch)), workspace(self._scratch, f"publish-{release_id}") as folder:
            yield Package(release, self._store, folder)

    @asynccontextmanager
    async def _alone(self, release_id: str) -> AsyncIterator[None]:
        """A release is not published and taken down at once."""
        lock = self._locks.setdefault(release_id, asyncio.Lock())
        async with lock:
            yield


def _stands(publication: db.Publication) -> bool:
    return not publication.HasField("taken_down_at")


def _place(target: Target, release: db.StoredRelease) -> tuple[str, bool]:
    """Where the release is by the books, and that they say so; else where it would be."""
    for publication in release.publications:
        if publication.target == target.name and _stands(publication):
            return publication.location, True
    return target.location(release), False


def _failure(target: Target, release: db.StoredRelease, error: Exception) -> tuple[str, Exception]:
    TRIED.labels(target.name, "failed").inc()
    _log.warning(
        "a target failed",
        release_id=release.id,
        target=target.name,
        exc_info=None if isinstance(error, AppError) else error,
        detail=str(error),
    )
    return target.name, error


def _raise(failures: Sequence[tuple[str, Exception]]) -> None:
    """One error for all: a fault of our own, else what may pass on a repeat, else what will not."""
    if not failures:
        return
    errors = [error for _, error in failures]
    for error in errors:
        if len(errors) == 1 or not isinstance(error, AppError):
            raise error
    names = ", ".join(name for name, _ in failures)
    causes = "; ".join(f"{name}: {error}" for name, error in failures)
    if any(isinstance(error, TargetUnavailable) for error in errors):
        raise TargetUnavailable(names, causes)
    for kind in (StorageError, CorruptArtifact):
        for error in errors:
            if isinstance(error, kind):
                raise error
    raise errors[0]
