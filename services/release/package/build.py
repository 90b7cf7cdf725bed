"""Building a package in a folder. The same inputs give the same bytes."""

import hashlib
import math
from dataclasses import dataclass
from pathlib import Path

from google.protobuf.json_format import MessageToDict

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, decision_pb2
from services.release.cover import Cover
from services.release.package import documents as doc
from services.release.package import layout
from services.release.package.flac import stream_info, write_tagged
from services.release.package.lyrics import lyrics_text

_OUTCOMES = {
    audio_pb2.ReviewCheck.OUTCOME_PASS: "pass",
    audio_pb2.ReviewCheck.OUTCOME_WARN: "warn",
    audio_pb2.ReviewCheck.OUTCOME_FAIL: "fail",
}
_VERDICTS = {
    decision_pb2.VERDICT_APPROVED: "approved",
    decision_pb2.VERDICT_AUTOPILOT_APPROVED: "autopilot_approved",
}
_COVER_TOOL = "aiartist cover"
_ALGORITHMIC_PROVIDERS = {"builtin"}
"""Music providers that compose by rules and play samples; all others are trained models that also sing."""


@dataclass(frozen=True, slots=True)
class Ingredients:
    """All that a package is made of."""

    release_id: str
    artist_name: str
    brief: db.StoredBrief
    take: db.StoredTake
    decision: decision_pb2.Decision
    cover: Cover


def build_package(folder: Path, master: Path, parts: Ingredients) -> list[layout.Entry]:
    """Writes a whole package into an empty folder, the manifest last; every entry, the manifest's too.

    OSError where the disk refuses; ValueError where a part is not fit for a package.
    """
    meta = _metadata(parts)
    types = layout.media_types(meta.title)
    for path in types:
        (folder / path).parent.mkdir(exist_ok=True)
    audio, lyrics = (next(p for p in types if p.startswith(kind)) for kind in ("audio/", "lyrics/"))
    write_tagged(master, folder / audio, meta.tags())
    (folder / layout.COVER).write_bytes(parts.cover.jpeg)
    (folder / lyrics).write_bytes(lyrics_text(parts.brief.brief).encode())
    (folder / layout.METADATA).write_bytes(meta.to_json())
    provenance = _provenance(parts, pcm_md5=stream_info(folder / audio).pcm_md5)
    (folder / layout.PROVENANCE).write_bytes(provenance.to_json())
    entries = [_entry(folder, path, media_type) for path, media_type in types.items()]
    (folder / layout.MANIFEST).write_bytes(layout.manifest(parts.release_id, entries))
    return [*entries, _entry(folder, layout.MANIFEST, layout.JSON)]


def _entry(folder: Path, path: str, media_type: str) -> layout.Entry:
    with (folder / path).open("rb") as file:
        sha256 = hashlib.file_digest(file, "sha256").hexdigest()
    return layout.Entry(path, (folder / path).stat().st_size, sha256, media_type)


def _metadata(parts: Ingredients) -> doc.Metadata:
    brief, review = parts.brief.brief, parts.take.review
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
        isrc=None,
        upc=None,
        ai_disclosure=_disclosure(parts),
    )


def _disclosure(parts: Ingredients) -> doc.AiDisclosure:
    provider = parts.take.provider
    writers = sorted({use.model for use in parts.brief.model_uses})
    has_words = any(section.lines for section in parts.brief.brief.sections)
    algorithmic = provider in _ALGORITHMIC_PROVIDERS
    nobody = doc.Element(made_by="none", tools=[])
    music = doc.Element(made_by="algorithm" if algorithmic else "music_model", tools=[provider])
    return doc.AiDisclosure(
        lyrics=doc.Element(made_by="language_model", tools=writers) if has_words else nobody,
        composition=music,
        vocals=nobody if algorithmic or not has_words else music,
        performance=music,
        artwork=doc.Element(made_by="algorithm", tools=[_COVER_TOOL]),
    )


def _provenance(parts: Ingredients, *, pcm_md5: str) -> doc.Provenance:
    brief, take, decision = parts.brief, parts.take, parts.decision
    return doc.Provenance(
        schema_version=layout.SCHEMA_VERSION,
        release_id=parts.release_id,
        run_id=take.run_id,
        artist_id=brief.artist_id,
        brief=doc.BriefFacts(
            id=brief.id,
            persona_version=brief.persona_version,
            created_at=brief.created_at.ToJsonString(),
            content=MessageToDict(
                brief.brief, preserving_proto_field_name=True, always_print_fields_with_no_presence=True
            ),
        ),
        models=[
            doc.ModelFacts(
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
        total_cost_micro_usd=sum(use.cost_micro_usd for use in brief.model_uses),
        take=doc.TakeFacts(
            id=take.id,
            number=take.take_number,
            provider=take.provider,
            seed=str(take.seed),
            master_sha256=take.audio.sha256,
            pcm_md5=pcm_md5,
            content_digest=take.content_digest,
            created_at=take.created_at.ToJsonString(),
        ),
        cover=doc.CoverFacts(
            motif=parts.cover.motif,
            typeface=parts.cover.typeface,
            seed=str(parts.cover.seed),
            transliterated=list(parts.cover.transliterated),
            sha256=take.cover.sha256 or None,
        ),
        review=_review(take.review),
        decision=doc.DecisionFacts(
            verdict=_VERDICTS[decision.verdict],  # type: ignore[arg-type] # the values are the literals
            reason=decision.reason,
            decided_by=decision.decided_by,
            content_digest=decision.content_digest,
            decided_at=decision.decided_at.ToJsonString(),
        ),
    )


def _review(review: audio_pb2.Review) -> doc.ReviewFacts:
    return doc.ReviewFacts(
        passed=review.passed,
        checks=[
            doc.CheckFacts(
                name=check.name,
                outcome=_OUTCOMES[check.outcome],  # type: ignore[arg-type] # the values are the literals
                measured=check.measured if math.isfinite(check.measured) else None,
                minimum=check.minimum if check.HasField("minimum") else None,
                maximum=check.maximum if check.HasField("maximum") else None,
                message=check.message,
            )
            for check in review.checks
        ],
        duration_ms=review.duration_ms,
        loudness_lufs=review.loudness_lufs,
        true_peak_dbtp=review.true_peak_dbtp,
        tempo_bpm=review.tempo_bpm,
        key=review.key,
    )
