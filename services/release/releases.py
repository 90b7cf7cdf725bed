"""Packaging an approved take, and checking a release wherever it is."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, decision_pb2
from aiartist.release.v1 import release_pb2
from services.chassis import tracing
from services.chassis.errors import AlreadyExists, FieldViolation, InvalidInput, WrongState
from services.chassis.ids import derived_id, digest_of
from services.chassis.logs import get_logger
from services.chassis.titles import faults
from services.release import jobs
from services.release.artifacts import ArtifactStore
from services.release.errors import (
    CorruptArtifact,
    JobFailed,
    ReviewFailed,
    StaleDigest,
    UnfitTitle,
    storage_errors,
)
from services.release.package import layout
from services.release.package.documents import Metadata
from services.release.package.imprint import Imprint
from services.release.pool import WorkerPool
from services.release.records import Records, same_request
from services.release.worker import Report
from services.release.workspace import workspace

if TYPE_CHECKING:
    from services.release.films import FilmRecords

_ALLOWING = (decision_pb2.VERDICT_APPROVED, decision_pb2.VERDICT_AUTOPILOT_APPROVED)
_log = get_logger("release.packages")


class Packager:
    """Makes each request's package once."""

    def __init__(
        self,
        records: Records,
        films: "FilmRecords",
        store: ArtifactStore,
        pool: WorkerPool,
        scratch: Path,
        imprint: Imprint,
    ) -> None:
        self._records = records
        self._films = films
        self._store = store
        self._pool = pool
        self._scratch = scratch
        self._imprint = imprint

    async def package(self, request: release_pb2.PackageReleaseRequest, report: Report) -> db.StoredRelease:
        """The request's release: the one that is kept already, or a new one.

        RequestIdReused where the id came with another request; NotFound where there is no such take;
        WrongState, StaleDigest or ReviewFailed where the decision does not allow this take's release;
        AlreadyExists where the run has another release; UnfitTitle where no store would take its title;
        artist_db's WRONG_STATE where the label's prefix has no ISRC or UPC left.
        """
        release_id = derived_id("rel", request.request_id)
        digest = digest_of(request)
        known = await self._records.find_release(release_id)
        if known is not None:
            return same_request(request.request_id, known, digest)
        take = await self._records.take(request.take_id)
        check_decision(request, take)
        other = await self._records.release_of_run(request.run_id)
        if other is not None:
            raise AlreadyExists("release of this run", other.id)
        brief = await self._records.brief(take.brief_id)
        if broken := faults(brief.brief.title):
            raise UnfitTitle(brief.id, brief.brief.title, broken)
        persona = await self._records.persona_of(brief)
        film = await self._films.of_take(take.id)
        # Last of all that may refuse: what is given out is never given out again.
        isrc, upc = await self._records.codes(release_id)
        order = jobs.PackageOrder(
            release_id=release_id,
            brief=brief.SerializeToString(),
            take=take.SerializeToString(),
            persona=persona.SerializeToString(),
            decision=request.decision.SerializeToString(),
            imprint=self._imprint,
            isrc=isrc,
            upc=upc,
            film=None if film is None else film.SerializeToString(),
            videos={},
        )
        with storage_errors(str(self._scratch)), workspace(self._scratch, release_id) as folder:
            order = replace(order, videos=await self._fetch_videos(folder, film))
            meta, files, package_digest = await self._build(folder, take, order, report)
        release = db.StoredRelease(
            id=release_id,
            artist_id=brief.artist_id,
            run_id=request.run_id,
            take_id=take.id,
            title=brief.brief.title,
            package_digest=package_digest,
            files=files,
            decision=request.decision,
            request_digest=digest,
            isrc=isrc,
            upc=upc,
            explicit=meta.explicit,
        )
        kept = await self._records.save_release(request.request_id, release)
        _log.info("release packaged", release_id=release_id, package_digest=package_digest)
        return kept

    async def _fetch_videos(self, folder: Path, film: db.StoredFilm | None) -> dict[str, Path]:
        """The film's files by their format, in the folder."""
        videos = {}
        for video in film.videos if film is not None else ():
            videos[video.format] = folder / f"{video.format}.mp4"
            await self._store.fetch(video.file, videos[video.format])
        return videos

    async def _build(
        self, folder: Path, take: db.StoredTake, order: jobs.PackageOrder, report: Report
    ) -> tuple[Metadata, list[audio_pb2.Artifact], str]:
        """The package in the artifact store: what it says, its files, its digest."""
        master, package = folder / "master.flac", folder / "package"
        await self._store.fetch(take.audio, master)
        # The bytes that were seen, and not a picture drawn as they were.
        cover = folder / "cover.jpg" if take.HasField("cover") else None
        if cover is not None:
            await self._store.fetch(take.cover, cover)
        package.mkdir()
        found = await self._pool.run(report, jobs.build, package, master, cover, order)
        if found.problems:
            lines = "; ".join(f"{path}: {message}" for path, message in found.problems)
            raise JobFailed(f"the package that was built does not verify: {lines}")
        meta = Metadata.model_validate_json((package / layout.METADATA).read_bytes())
        # The manifest comes last: what has one is whole.
        types = meta.media_types() | {layout.MANIFEST: layout.JSON}
        files = []
        with tracing.span("store the package", release_id=order.release_id, files=len(types)):
            for number, (path, media_type) in enumerate(types.items()):
                report("storing the package", number, len(types))
                files.append(
                    await self._store.put(f"releases/{order.release_id}/{path}", package / path, media_type)
                )
        return meta, files, found.digest


def check_decision(
    request: release_pb2.PackageReleaseRequest | release_pb2.FilmTakeRequest, take: db.StoredTake
) -> None:
    """Raises unless this decision allows a release of this take, for this run."""
    if take.run_id != request.run_id:
        raise InvalidInput(
            [FieldViolation("take_id", f"is a take of run {take.run_id}, not of {request.run_id}")]
        )
    decision = request.decision
    if decision.verdict not in _ALLOWING:
        verdict = decision_pb2.Verdict.Name(decision.verdict).removeprefix("VERDICT_")
        raise WrongState("take", take.id, state=verdict, expected="APPROVED or AUTOPILOT_APPROVED")
    if decision.content_digest != take.content_digest:
        raise StaleDigest(request.run_id, given=decision.content_digest, current=take.content_digest)
    if not take.review.passed:
        fail = audio_pb2.ReviewCheck.OUTCOME_FAIL
        raise ReviewFailed(take.id, [check.name for check in take.review.checks if check.outcome == fail])


class Verifier:
    """Checks releases: where they were published, else in the artifact store."""

    def __init__(self, records: Records, store: ArtifactStore, pool: WorkerPool, scratch: Path) -> None:
        self._records = records
        self._store = store
        self._pool = pool
        self._scratch = scratch

    async def verify(self, release_id: str) -> tuple[jobs.Verification, str]:
        """What was found, and where; NotFound where there is no such release."""
        release = await self._records.release(release_id)
        for publication in release.publications:
            if publication.target == "folder" and not publication.HasField("taken_down_at"):
                found = await self._pool.run(None, jobs.verify, Path(publication.location))
                return self._bound(found, release), publication.location
        with storage_errors(str(self._scratch)), workspace(self._scratch, f"verify-{release_id}") as folder:
            package = folder / "package"
            package.mkdir()
            trouble = await self._fetch_all(release, package)
            found = await self._pool.run(None, jobs.verify, package)
        found = jobs.Verification(
            tuple(sorted({*trouble, *found.problems})), found.files_checked, found.digest
        )
        return self._bound(found, release), f"{self._store.url}/releases/{release_id}"

    async def _fetch_all(self, release: db.StoredRelease, package: Path) -> list[tuple[str, str]]:
        trouble = []
        for artifact in release.files:
            path = artifact.path.removeprefix(f"releases/{release.id}/")
            try:
                await self._store.fetch(artifact, package / path)
            except CorruptArtifact as error:
                trouble.append((path, f"is not what was kept: {error.metadata['found']}"))
        # What is missing was opened and holds nothing.
        await asyncio.to_thread(_remove_empty, package)
        return trouble

    @staticmethod
    def _bound(found: jobs.Verification, release: db.StoredRelease) -> jobs.Verification:
        """Adds a problem where the files are those of another release, whole as they may be."""
        if found.digest in ("", release.package_digest):
            return found
        stranger = ("", f"its digest is {found.digest}, that of the release is {release.package_digest}")
        return jobs.Verification((stranger, *found.problems), found.files_checked, found.digest)


def _remove_empty(package: Path) -> None:
    for path in package.rglob("*"):
        if path.is_file() and path.stat().st_size == 0:
            path.unlink()
