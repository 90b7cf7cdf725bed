"""What a package's documents say, gathered from the stored records."""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.json_format import MessageToDict

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, brief_pb2, decision_pb2
from services.chassis.advisory import strong_words
from services.release.arms import follows
from services.release.cover import Cover
from services.release.package import documents as doc
from services.release.package import layout, older
from services.release.package.disclosure import credits, disclosure
from services.release.package.imprint import Imprint

_OUTCOMES = {
    audio_pb2.ReviewCheck.OUTCOME_PASS: "pass",
    audio_pb2.ReviewCheck.OUTCOME_WARN: "warn",
    audio_pb2.ReviewCheck.OUTCOME_FAIL: "fail",
}
_VERDICTS = {
    decision_pb2.VERDICT_APPROVED: "approved",
    decision_pb2.VERDICT_AUTOPILOT_APPROVED: "autopilot_approved",
}


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that a package is made of."""

    release_id: str
    artist_name: str
    brief: db.StoredBrief
    take: db.StoredTake
    decision: decision_pb2.Decision
    cover: Cover
    imprint: Imprint = field(default_factory=Imprint)
    isrc: str = ""
    """Empty: the label has no registrant prefix."""
    upc: str = ""
    """Empty: the label has no company prefix."""
    film: db.StoredFilm | None = None
    videos: Mapping[str, Path] = field(default_factory=dict)
    """The film's files by their format."""


def documents_of(parts: Ingredients, *, pcm_md5: str) -> tuple[doc.Metadata, doc.Provenance]:
    """Both documents; `pcm_md5`: of the master's samples. ValueError where a part is not fit for them."""
    provenance = _provenance(parts, pcm_md5=pcm_md5)
    return _metadata(parts, provenance), provenance


def _metadata(parts: Ingredients, provenance: doc.Provenance) -> doc.Metadata:
    brief, review = parts.brief.brief, parts.take.review
    formats = sorted(video.format for video in parts.film.videos) if parts.film is not None else []
    return doc.Metadata(
        schema_version=layout.SCHEMA_VERSION,
        release_id=parts.release_id,
        run_id=parts.take.run_id,
        title=brief.title,
        artist=parts.artist_name,
        genre=brief.genre,
        language=brief.language,
        duration_ms=review.duration_ms,
        tempo_bpm=brief.tempo_bpm,
        key=brief.key,
        loudness_lufs=round(review.loudness_lufs, 2),
        true_peak_dbtp=round(review.true_peak_dbtp, 2),
        isrc=parts.isrc or None,
        upc=parts.upc or None,
        ai_disclosure=disclosure(provenance),
        explicit=bool(provenance.explicit_words),
        label=parts.imprint.label,
        release_date=provenance.decision.decided_at[:10],
        videos=[
            doc.VideoFile(format=name, path=layout.video_path(brief.title, name))  # type: ignore[arg-type]
            for name in formats
        ],
        credits=credits(provenance),
        ddex=parts.imprint.parties(),
    )


def _provenance(parts: Ingredients, *, pcm_md5: str) -> doc.Provenance:
    brief, take, decision = parts.brief, parts.take, parts.decision
    return doc.Provenance(
        schema_version=layout.SCHEMA_VERSION,
        release_id=parts.release_id,
        run_id=take.run_id,
        artist_id=brief.artist_id,
        brief=older.BriefFacts(
            id=brief.id,
            persona_version=brief.persona_version,
            created_at=brief.created_at.ToJsonString(),
            content=MessageToDict(
                brief.brief, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            ),
        ),
        models=[
            older.ModelFacts(
                role=use.role,
                model=use.model,
                calls=use.calls,
                prompt_tokens=use.prompt_tokens,
                completion_tokens=use.completion_tokens,
                cost_micro_usd=use.cost_micro_usd,
                prompt_hashes=list(use.prompt_hashes),
            )
            for use in brief.model_uses
        ],
        total_cost_micro_usd=sum(use.cost_micro_usd for use in brief.model_uses) + take.cost_micro_usd,
        take=doc.TakeFacts(
            id=take.id,
            number=take.take_number,
            provider=take.provider,
            seed=str(take.seed),
            master_sha256=take.audio.sha256,
            pcm_md5=pcm_md5,
            content_digest=take.content_digest,
            created_at=take.created_at.ToJsonString(),
            provider_model=take.provider_model or None,
            provider_reference=take.provider_reference or None,
            cost_micro_usd=take.cost_micro_usd,
        ),
        cover=doc.CoverFacts(
            motif=parts.cover.motif,
            typeface=parts.cover.typeface,
            seed=str(parts.cover.seed),
            transliterated=list(parts.cover.transliterated),
            sha256=take.cover.sha256 or None,
            model=take.cover_model or None,
        ),
        review=_review(take.review),
        decision=older.DecisionFacts(
            verdict=_VERDICTS[decision.verdict],  # type: ignore[arg-type] # the values are the literals
            reason=decision.reason,
            decided_by=decision.decided_by,
            content_digest=decision.content_digest,
            decided_at=decision.decided_at.ToJsonString(),
        ),
        explicit_words=_strong_words(brief.brief),
        film=_film(parts.film) if parts.film is not None else None,
        experiments=[
            doc.ArmFacts(experiment_id=arm.experiment_id, arm=arm.arm, followed=follows(arm, take))
            for arm in brief.arms
        ],
        charts=[
            doc.ChartFacts(
                snapshot_id=use.snapshot_id,
                source=use.source,
                country=use.country,
                genre=use.genre,
                items=use.items,
                alignment=use.alignment,
            )
            for use in brief.trends
        ],
    )


def _strong_words(brief: brief_pb2.Brief) -> list[str]:
    lines = [line for section in brief.sections for line in section.lines]
    return strong_words([brief.title, *lines], brief.language)


def _film(film: db.StoredFilm) -> doc.FilmFacts:
    return doc.FilmFacts(
        id=film.id,
        videos=[
            doc.VideoFacts(
                format=video.format,  # type: ignore[arg-type] # artist_db takes no others
                sha256=video.file.sha256,
                checks=_checks(video.checks),
            )
            for video in sorted(film.videos, key=lambda video: video.format)
        ],
        clips=[
            doc.ClipFacts(
                source=clip.source, clip_id=clip.clip_id, author=clip.author, page_url=clip.page_url
            )
            for clip in film.clips
        ],
    )


def _review(review: audio_pb2.Review) -> older.ReviewFacts:
    return older.ReviewFacts(
        passed=review.passed,
        checks=_checks(review.checks),
        duration_ms=review.duration_ms,
        loudness_lufs=review.loudness_lufs,
        true_peak_dbtp=review.true_peak_dbtp,
        tempo_bpm=review.tempo_bpm,
        key=review.key,
    )


def _checks(checks: Iterable[audio_pb2.ReviewCheck]) -> list[older.CheckFacts]:
    return [
        older.CheckFacts(
            name=check.name,
            outcome=_OUTCOMES[check.outcome],  # type: ignore[arg-type] # the values are the literals
            measured=check.measured if math.isfinite(check.measured) else None,
            minimum=check.minimum if check.HasField("minimum") else None,
            maximum=check.maximum if check.HasField("maximum") else None,
            message=check.message,
        )
        for check in checks
    ]
