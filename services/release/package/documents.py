"""metadata.json and provenance.json: one definition, for the one who writes and the one who verifies.

Packages of version 1 stay what they are: `older` has their documents, and these add to them.
"""

from typing import Annotated, Literal

from pydantic import Field

from services.release.package import older
from services.release.package.codes import is_ean, is_isrc
from services.release.package.layout import SCHEMA_VERSION, canonical_json, media_types
from services.release.package.older import CheckFacts, Count, Document, Name, Sha256

Maker = Literal["language_model", "music_model", "image_model", "algorithm", "none"]
Date = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$")]
Format = Literal["landscape", "portrait"]
Version = Annotated[int, Field(ge=SCHEMA_VERSION, le=SCHEMA_VERSION)]
Label = Annotated[str, Field(min_length=1, max_length=80)]
Dpid = Annotated[str, Field(pattern=r"^PADPIDA[0-9A-Z]{10,11}$")]


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
    video: Element


class VideoFile(Document):
    """A video of the package."""

    format: Format
    path: Name


class Credit(Document):
    """Whose stock clip a video shows."""

    source: Name
    author: str
    page_url: str


class DdexParties(Document):
    """What the DDEX message says beside the song: of which version, from whom and to whom."""

    version: Literal["4.3", "4.1.1", "3.8.2"]
    sender: Dpid | None
    """The label's DDEX Party Identifier; None: it has none."""
    recipient: Dpid | None
    recipient_name: Label


class Metadata(older.Metadata):
    """metadata.json: what a distributor wants to know."""

    schema_version: Version
    isrc: Annotated[str, Field(pattern=r"^[A-Z]{2}[A-Z0-9]{3}\d{7}$")] | None
    upc: Annotated[str, Field(pattern=r"^\d{12,13}$")] | None
    ai_disclosure: AiDisclosure  # type: ignore[assignment] # it says more than that of version 1
    explicit: bool
    """True where the words need a parental advisory."""
    label: Label
    release_date: Date
    """The day of the decision, in UTC."""
    videos: list[VideoFile]
    credits: list[Credit]
    ddex: DdexParties

    @property
    def year(self) -> str:
        """Of the ℗ and © lines."""
        return self.release_date[:4]

    @property
    def message(self) -> str:
        """Where the DDEX message is: named by the UPC or EAN, else by the release's id."""
        return f"ddex/{self.upc or self.release_id}.xml"

    def media_types(self) -> dict[str, str]:
        """Every file of the package but its manifest, with its media type, in order of path."""
        return media_types(self.title, videos=[video.path for video in self.videos], message=self.message)

    def tags(self) -> list[tuple[str, str]]:
        """The audio file's Vorbis comments."""
        codes = [(name, code) for name, code in (("ISRC", self.isrc), ("BARCODE", self.upc)) if code]
        return [
            *super().tags(),
            ("DATE", self.release_date),
            ("LABEL", self.label),
            ("COPYRIGHT", f"℗ {self.year} {self.label}"),
            ("ITUNESADVISORY", "1" if self.explicit else "0"),
            *codes,
        ]

    def code_faults(self) -> list[str]:
        """What is wrong with the codes, their check digit too."""
        found = []
        if self.isrc is not None and not is_isrc(self.isrc):
            found.append(f"isrc: {self.isrc} is none of ISO 3901")
        if self.upc is not None and not is_ean(self.upc):
            found.append(f"upc: {self.upc} has another check digit")
        return found


class TakeFacts(older.TakeFacts):
    """The take and what it was rendered from."""

    provider_model: Name | None
    provider_reference: Name | None
    """The provider's own id of the song."""
    cost_micro_usd: Count
    """What the provider was paid."""


class CoverFacts(older.CoverFacts):
    """How the cover was made."""

    model: Name | None
    """The model that drew its picture; None: drawn by rules."""


class VideoFacts(Document):
    """One video, and what was measured of it."""

    format: Format
    sha256: Sha256
    checks: list[CheckFacts]


class ClipFacts(Document):
    """A stock clip that a video shows."""

    source: Name
    clip_id: Name
    author: str
    page_url: str


class FilmFacts(Document):
    """The take's videos."""

    id: Name
    videos: list[VideoFacts]
    clips: list[ClipFacts]


class ArmFacts(Document):
    """An experiment that the run took part in."""

    experiment_id: Name
    arm: Name
    followed: bool
    """False where the run could not do as the arm wants."""


class ChartFacts(Document):
    """A chart that the songwriter was shown."""

    snapshot_id: str
    """Empty: one of an earlier try, and nobody knows which."""
    source: Name
    country: str
    genre: str
    items: Count
    alignment: float


class Provenance(older.Provenance):
    """provenance.json: how the release came to be. Its times are those of the stored records."""

    schema_version: Version
    take: TakeFacts
    cover: CoverFacts
    explicit_words: list[str]
    """Those that need a parental advisory."""
    film: FilmFacts | None
    experiments: list[ArmFacts] = Field(default_factory=list)
    charts: list[ChartFacts] = Field(default_factory=list)

    def to_json(self) -> bytes:
        """As it stands in a package: without experiments and charts where there are none, as ever."""
        told = self.model_dump(mode="json")
        return canonical_json(
            {name: value for name, value in told.items() if value or name not in ("experiments", "charts")}
        )

    def costs(self) -> int:
        """What all models and the music provider were paid, in millionths of a US dollar."""
        return super().costs() + self.take.cost_micro_usd


AnyMetadata = older.Metadata | Metadata
AnyProvenance = older.Provenance | Provenance
