"""The documents of packages of version 1, which verify for ever, and what later versions share with them."""

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from services.release.package import layout
from services.release.package.layout import canonical_json

ReleaseId = Annotated[str, Field(pattern=r"^rel_[0-9a-hjkmnp-tv-z]{26}$")]
TakeId = Annotated[str, Field(pattern=r"^tak_[0-9a-hjkmnp-tv-z]{26}$")]
Name = Annotated[str, Field(min_length=1, max_length=200)]
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
Digest = Annotated[str, Field(pattern=r"^sha256:[0-9a-f]{64}$")]
Time = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$")]
Count = Annotated[int, Field(ge=0)]
Maker = Literal["language_model", "music_model", "algorithm", "none"]


class Document(BaseModel):
    """A JSON object with exactly these keys, of exactly these types."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid", allow_inf_nan=False)

    def to_json(self) -> bytes:
        """As it stands in a package."""
        return canonical_json(self.model_dump(mode="json"))


class Element(Document):
    """Who made one part of the work."""

    made_by: Maker
    """`none`: the work has no such part. `algorithm`: rules and seeded chance, no trained model."""
    tools: list[Name]
    """Models or programs, by name."""


class AiDisclosure(Document):
    """Who made what."""

    lyrics: Element
    composition: Element
    vocals: Element
    performance: Element
    artwork: Element


class Metadata(Document):
    """metadata.json: what a distributor wants to know."""

    schema_version: Annotated[int, Field(ge=1, le=1)]
    release_id: ReleaseId
    run_id: Name
    title: Annotated[str, Field(min_length=1, max_length=80)]
    artist: Annotated[str, Field(min_length=1, max_length=80)]
    genre: Name
    language: Annotated[str, Field(pattern=r"^[A-Za-z]{2,3}(-[A-Za-z0-9]{2,8})*$")]
    duration_ms: Annotated[int, Field(gt=0)]
    tempo_bpm: Annotated[int, Field(ge=40, le=220)]
    key: Annotated[str, Field(pattern=r"^[A-G][#b]? (major|minor)$")]
    loudness_lufs: Annotated[float, Field(ge=-70, le=0)]
    true_peak_dbtp: Annotated[float, Field(ge=-100, le=6)]
    isrc: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{3}\d{7}$")] | None
    upc: Annotated[str, Field(pattern=r"^\d{12,13}$")] | None
    ai_disclosure: AiDisclosure

    def media_types(self) -> dict[str, str]:
        """Every file of the package but its manifest, with its media type, in order of path."""
        return layout.media_types(self.title)

    def tags(self) -> list[tuple[str, str]]:
        """The audio file's Vorbis comments."""
        return [
            ("TITLE", self.title),
            ("ARTIST", self.artist),
            ("ALBUM", self.title),
            ("GENRE", self.genre),
            ("LANGUAGE", self.language),
            ("BPM", str(self.tempo_bpm)),
            ("INITIALKEY", self.key),
            ("RELEASE_ID", self.release_id),
        ]

    def code_faults(self) -> list[str]:
        """What is wrong with the codes beyond their form: not asked in this version."""
        return []


class BriefFacts(Document):
    """The brief and where it comes from."""

    id: Name
    persona_version: Annotated[int, Field(ge=1)]
    created_at: Time
    content: dict[str, Any]
    """The brief in protobuf's JSON, fields by their proto names."""


class ModelFacts(Document):
    """One model's part in the brief."""

    role: Name
    model: Name
    calls: Count
    prompt_tokens: Count
    completion_tokens: Count
    cost_micro_usd: Count
    prompt_hashes: list[Sha256]


class TakeFacts(Document):
    """The take and what it was rendered from."""

    id: TakeId
    number: Annotated[int, Field(ge=1)]
    provider: Name
    seed: Annotated[str, Field(pattern=r"^\d{1,20}$")]
    """A string: JSON numbers lose the last digits of 64-bit seeds."""
    master_sha256: Sha256
    """Of the reviewed master; the packaged file is the same audio with tags."""
    pcm_md5: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    """Of the decoded samples of both."""
    content_digest: Digest
    created_at: Time


class CoverFacts(Document):
    """How the cover was made."""

    motif: Name
    typeface: Name
    seed: Annotated[str, Field(pattern=r"^\d{1,20}$")]
    transliterated: list[str]
    """Characters of title and name that no typeface here has, drawn in Latin letters instead."""
    sha256: Sha256 | None = None
    """Of the cover that the decision was about; None where it was about master and brief only, as those of
    older versions were."""


class CheckFacts(Document):
    """One measurement of the review."""

    name: Name
    outcome: Literal["pass", "warn", "fail"]
    measured: float | None
    """None where it was not a finite number."""
    minimum: float | None
    maximum: float | None
    message: str


class ReviewFacts(Document):
    """What the machine found in the audio."""

    passed: bool
    checks: list[CheckFacts]
    duration_ms: Count
    loudness_lufs: float
    true_peak_dbtp: float
    tempo_bpm: Annotated[float, Field(ge=0)]
    key: str


class DecisionFacts(Document):
    """Who allowed the release, and of what."""

    verdict: Literal["approved", "autopilot_approved"]
    reason: str
    decided_by: Name
    content_digest: Digest
    decided_at: Time


class Provenance(Document):
    """provenance.json: how the release came to be. Its times are those of the stored records."""

    schema_version: Annotated[int, Field(ge=1, le=1)]
    release_id: ReleaseId
    run_id: Name
    artist_id: Name
    brief: BriefFacts
    models: list[ModelFacts]
    total_cost_micro_usd: Count
    take: TakeFacts
    cover: CoverFacts
    review: ReviewFacts
    decision: DecisionFacts

    def costs(self) -> int:
        """What all models were paid, in millionths of a US dollar."""
        return sum(model.cost_micro_usd for model in self.models)
