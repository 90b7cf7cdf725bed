"""Filming an approved take: its videos, measured, kept once."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import grpc
from prometheus_client import Counter

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, brief_pb2
from aiartist.release.v1 import release_pb2
from services.chassis.clients import deadline_s
from services.chassis.errors import RequestIdReused
from services.chassis.ids import derived_id, digest_of
from services.chassis.logs import get_logger
from services.chassis.metrics import REGISTRY
from services.release.artifacts import ArtifactStore
from services.release.errors import FilmFailed, storage_errors
from services.release.pool import WorkerPool
from services.release.records import Records
from services.release.releases import check_decision
from services.release.video import jobs
from services.release.worker import Report
from services.release.workspace import workspace

if TYPE_CHECKING:
    from aiartist.artist_db.v1.artist_db_pb2_grpc import ArtistDbServiceStub

MP4 = "video/mp4"
_TIMEOUT_S = 10.0
_log = get_logger("release.films")
FILMED = Counter(
    "aiartist_release_videos",
    "Videos made, by format and gate.",
    ("format", "gate"),
    registry=REGISTRY,
)
for _format in ("landscape", "portrait"):
    for _gate in ("passed", "failed"):
        FILMED.labels(_format, _gate)


@dataclass(frozen=True, slots=True)
class FoundClip:
    """A stock clip on disk, and what the credits say of it."""

    path: Path
    credit: db.StockClip


class ClipSource(Protocol):
    """Where stock clips come from."""

    async def find(
        self,
        brief: brief_pb2.Brief,
        artist_id: str,
        shots_s: Sequence[float],
        format: str,
        folder: Path,
        report: Report,
    ) -> list[FoundClip]:
        """Clips for shots of these lengths, best first, as files in the folder; fewer, or none, where there
        are no others. OSError where the disk refuses; nothing else is raised."""
        ...


class FilmRecords:
    """artist_db, as far as films need it."""

    def __init__(self, stub: "ArtistDbServiceStub") -> None:
        self._db = stub

    async def of_take(self, take_id: str) -> db.StoredFilm | None:
        """A take's film; None where it has none."""
        try:
            response = await self._db.GetFilm(
                db.GetFilmRequest(take_id=take_id), timeout=deadline_s(_TIMEOUT_S)
            )
        except grpc.aio.AioRpcError as error:
            if error.code() is grpc.StatusCode.NOT_FOUND:
                return None
            raise
        return response.film

    async def save(self, request_id: str, film: db.StoredFilm) -> db.StoredFilm:
        """Keeps a film. Where another call was faster, the take's film is that one's.

        RequestIdReused where the id has another take's film.
        """
        request = db.SaveFilmRequest(request_id=derived_id("svf", request_id), film=film)
        try:
            response = await self._db.SaveFilm(request, timeout=deadline_s(_TIMEOUT_S))
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.ALREADY_EXISTS:
                raise
            kept = await self.of_take(film.take_id)
            if kept is None:
                raise RequestIdReused(request_id) from error
            return kept
        return response.film

    async def claim(self, artist_id: str, source: str, clip_ids: Sequence[str], wanted: int) -> list[str]:
        """Those of the clips that are this artist's from now on, at most `wanted`."""
        request = db.ClaimClipsRequest(artist_id=artist_id, source=source, clip_ids=clip_ids, wanted=wanted)
        response = await self._db.ClaimClips(request, timeout=deadline_s(_TIMEOUT_S))
        return list(response.clip_ids)


class FilmMaker:
    """Makes each take's film once."""

    def __init__(
        self,
        records: Records,
        films: FilmRecords,
        store: ArtifactStore,
        pool: WorkerPool,
        scratch: Path,
        formats: Sequence[str],
        label: str,
        clips: ClipSource | None = None,
    ) -> None:
        self._records = records
        self._films = films
        self._store = store
        self._pool = pool
        self._scratch = scratch
        self._formats = [name for name in ("landscape", "portrait") if name in formats]
        self._label = label
        self._clips = clips

    async def film(self, request: release_pb2.FilmTakeRequest, report: Report) -> db.StoredFilm:
        """The take's film: the one that is kept already, whoever asked for it, or a new one.

        RequestIdReused where the id came with another request; NotFound where there is no such take;
        WrongState, StaleDigest or ReviewFailed where the decision does not allow this take's release;
        FilmFailed where a video does not pass its gate; WorkerLost, StorageError or CorruptArtifact where
        the machine fails us. Whatever fails, nothing is kept.
        """
        film_id = derived_id("flm", request.request_id)
        digest = digest_of(request)
        known = await self._films.of_take(request.take_id)
        if known is not None and known.id == film_id:
            return _same(request.request_id, known, digest)
        take = await self._records.take(request.take_id)
        check_decision(request, take)
        if known is not None:
            return known
        film = db.StoredFilm(id=film_id, take_id=take.id, run_id=request.run_id, request_digest=digest)
        if self._formats:
            brief = await self._records.brief(take.brief_id)
            persona = await self._records.persona_of(brief)
            with storage_errors(str(self._scratch)), workspace(self._scratch, film_id) as folder:
                order = jobs.Take(
                    master=folder / "master.flac",
                    brief=brief.brief.SerializeToString(deterministic=True),
                    persona=persona.SerializeToString(deterministic=True),
                    provider=take.provider,
                    label=self._label,
                    motif=take.cover_style,
                )
                await self._make(film, take, brief, order, folder, report)
        kept = await self._films.save(request.request_id, film)
        _log.info("take filmed", take_id=take.id, film_id=kept.id, videos=len(kept.videos))
        return _same(request.request_id, kept, digest) if kept.id == film_id else kept

    async def _make(
        self,
        film: db.StoredFilm,
        take: db.StoredTake,
        brief: db.StoredBrief,
        order: jobs.Take,
        folder: Path,
        report: Report,
    ) -> None:
        """Makes every format at once, puts the files into the store, and their facts into `film`."""
        await self._store.fetch(take.audio, order.master)
        cover = folder / "cover.jpg" if take.HasField("cover") else None
        if cover is not None:
            await self._store.fetch(take.cover, cover)
        report("waiting for a worker", 0, 0)
        shots = await self._pool.run(report, jobs.prepare, order, cover, folder, bool(take.cover_model))
        found: list[FoundClip] = []
        if self._clips is not None and shots:
            found = await self._clips.find(
                brief.brief, brief.artist_id, shots, self._formats[0], folder, report
            )
        together = _Together(report, len(self._formats))
        tasks = [
            asyncio.create_task(self._video(order, name, folder, found, together.part(name)))
            for name in self._formats
        ]
        try:
            made = await asyncio.gather(*tasks)
        finally:
            # One has failed, or nobody waits any more: the other's work ends too.
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        shown: set[int] = set()
        for name, filmed in zip(self._formats, made, strict=True):
            report("storing the videos", 0, 0)
            file = await self._store.put(f"films/{film.id}/{name}.mp4", folder / f"{name}.mp4", MP4)
            checks = [audio_pb2.ReviewCheck.FromString(check) for check in filmed.checks]
            film.videos.append(db.Video(format=name, file=file, checks=checks))
            shown.update(filmed.shown)
        film.clips.extend(found[number].credit for number in sorted(shown))

    async def _video(
        self, order: jobs.Take, name: str, folder: Path, found: Sequence[FoundClip], report: Report
    ) -> jobs.Filmed:
        """One format; where its gate refuses it, once more without clips. FilmFailed."""
        output = folder / f"{name}.mp4"
        clips = tuple(clip.path for clip in found)
        while True:
            made = await self._pool.run(report, jobs.film, order, name, folder, output, clips)
            failed = _failed(made)
            FILMED.labels(name, "failed" if failed else "passed").inc()
            if not failed:
                return made
            _log.warning("a video did not pass its gate", format=name, checks=failed, clips=len(made.shown))
            if not made.shown:
                # The same frames again would give the same bytes.
                raise FilmFailed(name, failed)
            clips = ()


def _failed(made: jobs.Filmed) -> list[str]:
    checks = (audio_pb2.ReviewCheck.FromString(check) for check in made.checks)
    return [check.name for check in checks if check.outcome == audio_pb2.ReviewCheck.OUTCOME_FAIL]


def _same(request_id: str, kept: db.StoredFilm, digest: str) -> db.StoredFilm:
    if kept.request_digest != digest:
        raise RequestIdReused(request_id)
    return kept


class _Together:
    """The progress of several videos as one."""

    def __init__(self, report: Report, parts: int) -> None:
        self._report = report
        self._parts = parts
        self._done: dict[str, tuple[int, int]] = {}

    def part(self, name: str) -> Report:
        def tell(step: str, done: int, total: int) -> None:
            if not total:
                self._report(f"{step}: {name}", 0, 0)
                return
            self._done[name] = (done, total)
            done_in_all = sum(done for done, _ in self._done.values())
            self._report("filming", done_in_all, self._parts * total)

        return tell
