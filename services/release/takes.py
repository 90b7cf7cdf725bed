"""Producing a take: a brief becomes a reviewed master, and what people judge it by."""

import hashlib
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from prometheus_client import Counter

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, persona_pb2
from aiartist.release.v1 import release_pb2
from services.chassis.errors import FieldViolation, InvalidInput
from services.chassis.ids import derived_id, digest_of
from services.chassis.logs import get_logger
from services.chassis.metrics import REGISTRY
from services.release import jobs, metrics
from services.release.arms import cover_style_of, provider_of
from services.release.artifacts import ArtifactStore
from services.release.catalogue import Catalogue
from services.release.content import content_digest
from services.release.errors import CorruptArtifact, storage_errors
from services.release.illustrator import STYLES, Illustrator
from services.release.package.layout import FLAC, JPEG
from services.release.pool import WorkerPool
from services.release.providers.desk import Desk
from services.release.providers.provider import Order, Unusable
from services.release.records import Records, same_request
from services.release.worker import Report
from services.release.workspace import workspace

_MPEG = "audio/mpeg"
_log = get_logger("release.takes")
PRODUCED = Counter("aiartist_release_takes", "Takes produced, by review.", ("review",), registry=REGISTRY)
for _review in ("passed", "failed"):
    PRODUCED.labels(_review)


def take_seed(brief_seed: int, take_number: int) -> int:
    """The seed of a brief's n-th take: the first 63 bits of SHA-256 over `<brief seed>:<take number>`.

    63 bits fit a signed 64-bit column.
    """
    digest = hashlib.sha256(f"{brief_seed}:{take_number}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


@dataclass(frozen=True, slots=True)
class _Shown:
    """What people judge a take by; nothing of one that nobody is asked about."""

    preview: audio_pb2.Artifact | None = None
    cover: audio_pb2.Artifact | None = None
    thumbnail: audio_pb2.Artifact | None = None
    cover_model: str = ""
    cover_style: str = ""


class TakeProducer:
    """Makes each request's take once."""

    def __init__(
        self,
        records: Records,
        desk: Desk,
        catalogue: Catalogue,
        illustrator: Illustrator,
        store: ArtifactStore,
        pool: WorkerPool,
        scratch: Path,
        studio: str,
        soundfont: Path | None = None,
    ) -> None:
        self._soundfont = soundfont
        self._records = records
        self._desk = desk
        self._catalogue = catalogue
        self._illustrator = illustrator
        self._store = store
        self._pool = pool
        self._scratch = scratch
        self._studio = studio

    async def produce(self, request: release_pb2.ProduceTakeRequest, report: Report) -> db.StoredTake:
        """The request's take: the one that is kept already, or a new one.

        RequestIdReused where the id came with another request; NOT_FOUND where there is no such brief;
        InvalidInput where it can't be played; ProvidersExhausted where no music provider gives a song;
        WorkerLost, StorageError or CorruptArtifact where the machine fails us. Whatever fails, nothing is
        kept but what was paid: the next try goes on with it.
        """
        take_id = derived_id("tak", request.request_id)
        digest = digest_of(request)
        known = await self._records.find_take(take_id)
        if known is not None:
            return same_request(request.request_id, known, digest)
        brief = await self._records.brief(request.brief_id)
        persona = await self._records.persona_of(brief)
        order = _order(request, digest, take_id, brief)
        failed = await self._records.failed_reviews(request.run_id, brief.id)
        with storage_errors(str(self._scratch)), workspace(self._scratch, take_id) as folder:
            master = folder / "master.flac"
            content = brief.brief.SerializeToString(deterministic=True)
            finish = partial(self._finish, content, master, report)
            made = await self._desk.make(order, folder, finish, report, failed)
            rendered = made.take
            audio = await self._store.put(f"takes/{take_id}/master.flac", master, FLAC)
            if audio.sha256 != rendered.sha256:
                raise CorruptArtifact(audio.path, expected=rendered.sha256, found=f"sha256:{audio.sha256}")
            review = await self._catalogue.judge(
                audio_pb2.Review.FromString(rendered.review), rendered.fingerprint, but_brief=brief.id
            )
            metrics.count_review(review)
            shown = _Shown()
            if review.passed:
                shown = await self._present(take_id, folder, master, brief, persona, report)
        take = db.StoredTake(
            id=take_id,
            brief_id=brief.id,
            run_id=request.run_id,
            take_number=request.take_number,
            provider=made.provider,
            audio=audio,
            content_digest=content_digest(
                audio.sha256, shown.cover.sha256 if shown.cover else "", brief.brief
            ),
            review=review,
            seed=made.seed,
            request_digest=digest,
            fingerprint=rendered.fingerprint,
            provider_reference=made.reference,
            provider_model=made.model or rendered.model,
            cost_micro_usd=made.cost_micro_usd,
            preview=shown.preview,
            cover=shown.cover,
            thumbnail=shown.thumbnail,
            cover_model=shown.cover_model,
            cover_style=shown.cover_style,
        )
        kept = await self._records.save_take(request.request_id, take)
        PRODUCED.labels("passed" if review.passed else "failed").inc()
        _log.info("take produced", take_id=take_id, passed=review.passed, provider=made.provider)
        return kept

    async def _finish(
        self, brief: bytes, master: Path, report: Report, source: Path | None, provider: str, seed: int
    ) -> jobs.RenderedTake | Unusable:
        """The reviewed master of a provider's file, or of what a worker renders."""
        report("waiting for a worker", 0, 0)
        made = await self._pool.run(
            report, jobs.render, self._studio, brief, seed, master, source, provider, self._soundfont
        )
        if isinstance(made, jobs.Unplayable):
            raise InvalidInput([FieldViolation("brief_id", made.reason)])
        return made

    async def _present(
        self,
        take_id: str,
        folder: Path,
        master: Path,
        brief: db.StoredBrief,
        persona: persona_pb2.Persona,
        report: Report,
    ) -> _Shown:
        report("asking for a picture", 0, 0)
        style = cover_style_of(brief)
        picture = await self._illustrator.draw(brief, style)
        made = jobs.Presentation(folder / "preview.mp3", folder / "cover.jpg", folder / "thumbnail.jpg")
        song, look = (message.SerializeToString(deterministic=True) for message in (brief.brief, persona))
        data = picture.data if picture else None
        presented = await self._pool.run(report, jobs.present, master, song, look, data, style, made)
        if presented.problem:
            self._illustrator.unusable(brief, presented.problem)
        preview, cover, thumbnail = [
            await self._store.put(f"takes/{take_id}/{file.name}", file, media_type)
            for file, media_type in ((made.preview, _MPEG), (made.cover, JPEG), (made.thumbnail, JPEG))
        ]
        model = picture.model if picture and presented.pictured else ""
        # Of what an image model drew, it is known only what it was asked for.
        drawn = style if presented.pictured and style in STYLES else presented.motif
        return _Shown(preview, cover, thumbnail, model, drawn)


def _order(
    request: release_pb2.ProduceTakeRequest, digest: str, take_id: str, brief: db.StoredBrief
) -> Order:
    return Order(
        take_id=take_id,
        request_id=request.request_id,
        request_digest=digest,
        run_id=request.run_id,
        artist_id=brief.artist_id,
        brief=brief.brief,
        note=request.note,
        seed=take_seed(brief.brief.seed, request.take_number),
        provider=provider_of(brief),
    )
