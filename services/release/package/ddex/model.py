"""What a message says, whatever its version: worked out once from the package's documents."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal

from services.release.package.documents import Element, Metadata, Provenance

COVER_PIXELS = 3000
COMMERCIAL_TERMS = (
    (("SubscriptionModel", "AdvertisementSupportedModel"), "OnDemandStream"),
    (("PayAsYouGoModel",), "PermanentDownload"),
)
"""Each deal's commercial models, and the use that they allow."""
RESOURCES = "resources/"
"""The folder beside a delivered message that holds the files it names (ERN choreography for SFTP)."""
NO_DPID_NAMESPACE = "aiartist"
"""Of proprietary identifiers where the label has no DDEX Party Identifier to name them by."""
UNASSIGNED_DPID = "PADPIDA0000000000X"
"""Stands for a party without a DPID, where the schema takes nothing else.

A DPID has the day in it on which it was given out, so this one is nobody's; and a message with it is a test
message, which no distributor acts on.
"""
GENERATIVE = frozenset({"language_model", "music_model", "image_model"})

_ROLES = {
    "composition": "Composer",
    "lyrics": "Lyricist",
    "performance": "Performer",
    "vocals": "Vocalist",
}
"""Elements of the recording -> roles of DDEX's allowed values."""
_GENRES = {
    "ambient": ("Electronic", "Ambient"),
    "chillout": ("Electronic", "Downtempo"),
    "deephouse": ("Dance", "Deep House"),
    "drumandbass": ("Dance", "Drum & Bass"),
    "dnb": ("Dance", "Drum & Bass"),
    "electronic": ("Electronic", None),
    "hiphop": ("Hip Hop/Rap", None),
    "house": ("Dance", "House"),
    "lofi": ("Hip Hop/Rap", "Lo-Fi Hip Hop"),
    "lofihiphop": ("Hip Hop/Rap", "Lo-Fi Hip Hop"),
    "pop": ("Pop", None),
    "synthpop": ("Pop", "Synth-Pop"),
    "synthwave": ("Electronic", "Synthwave"),
    "techno": ("Dance", "Techno"),
    "trap": ("Hip Hop/Rap", "Trap"),
}
"""What a persona calls its genre, in letters only -> what stores file it under, and below that."""

Ai = Literal["All", "Partly", "None"]


@dataclass(frozen=True, slots=True)
class File:
    """A file that the message names."""

    path: str
    """In the package."""
    sha256: str
    md5: str

    @property
    def name(self) -> str:
        """Without its folder."""
        return PurePosixPath(self.path).name


@dataclass(frozen=True, slots=True)
class Files:
    """The files that a message names, and what was read in the audio."""

    audio: File
    cover: File
    sample_rate: int
    channels: int
    bits_per_sample: int


@dataclass(frozen=True, slots=True)
class Party:
    """Who sends or receives."""

    name: str
    dpid: str | None


@dataclass(frozen=True, slots=True)
class Maker:
    """A tool, and what it did."""

    name: str
    roles: tuple[str, ...]
    generative: bool
    """True for a trained model; False for rules and seeded chance."""


@dataclass(frozen=True, slots=True)
class Song:
    """A single with its cover, as a message tells of it."""

    sender: Party
    recipient: Party
    release_id: str
    message_id: str
    created_at: str
    """The decision's time, to the second: a message has no clock of its own."""
    release_date: str
    title: str
    artist: str
    label: str
    genre: str
    sub_genre: str | None
    language: str
    """Two or three letters."""
    sung: bool
    explicit: bool
    duration: str
    isrc: str | None
    upc: str | None
    makers: tuple[Maker, ...]
    artwork: tuple[Maker, ...]
    recording_ai: Ai
    artwork_ai: Ai
    release_ai: Ai
    files: Files

    @property
    def year(self) -> str:
        return self.release_date[:4]

    @property
    def control_type(self) -> str:
        """`LiveMessage` where both parties are known by their DPID, else `TestMessage`."""
        return "LiveMessage" if self.sender.dpid and self.recipient.dpid else "TestMessage"

    @property
    def namespace(self) -> str:
        """Of the label's own identifiers."""
        return self.sender.dpid or NO_DPID_NAMESPACE

    @property
    def warning(self) -> str:
        """An allowed value of ParentalWarningType."""
        return "Explicit" if self.explicit else "NotExplicit"


def song_of(meta: Metadata, provenance: Provenance, files: Files) -> Song:
    """What the documents say."""
    told = meta.ai_disclosure
    parts = {
        "composition": told.composition,
        "lyrics": told.lyrics,
        "performance": told.performance,
        "vocals": told.vocals,
    }
    created_at = re.sub(r"(\.\d+)?Z$", "Z", provenance.decision.decided_at)
    genre, sub_genre = store_genre(meta.genre)
    return Song(
        sender=Party(meta.label, meta.ddex.sender),
        recipient=Party(meta.ddex.recipient_name, meta.ddex.recipient),
        release_id=meta.release_id,
        message_id=f"{meta.release_id}-{re.sub('[^0-9TZ]', '', created_at)}",
        created_at=created_at,
        release_date=meta.release_date,
        title=meta.title,
        artist=meta.artist,
        label=meta.label,
        genre=genre,
        sub_genre=sub_genre,
        language=meta.language.split("-")[0].lower(),
        sung=told.vocals.made_by != "none",
        explicit=meta.explicit,
        duration=iso_duration(meta.duration_ms),
        isrc=meta.isrc,
        upc=meta.upc,
        makers=_makers((_ROLES[part], element) for part, element in parts.items()),
        artwork=_makers([("GraphicArtist", told.artwork)]),
        recording_ai=_share(parts.values()),
        artwork_ai=_share([told.artwork]),
        release_ai=_share([*parts.values(), told.artwork]),
        files=files,
    )


def store_genre(genre: str) -> tuple[str, str | None]:
    """What stores file a genre under, and the genre below that; an unknown one stands for itself."""
    letters = re.sub(r"[^a-z]", "", genre.lower().replace("&", "and"))
    return _GENRES.get(letters, (genre[:1].upper() + genre[1:], None))


def iso_duration(milliseconds: int) -> str:
    """An ISO 8601 duration in whole seconds, as `PT3M5S`."""
    minutes, seconds = divmod((milliseconds + 500) // 1000, 60)
    hours, minutes = divmod(minutes, 60)
    return "PT" + (f"{hours}H" if hours else "") + (f"{minutes}M" if hours or minutes else "") + f"{seconds}S"


def _makers(parts: Iterable[tuple[str, Element]]) -> tuple[Maker, ...]:
    """Each tool once, with all that it did."""
    roles: dict[tuple[str, bool], list[str]] = {}
    for role, element in parts:
        for tool in element.tools:
            roles.setdefault((tool, element.made_by in GENERATIVE), []).append(role)
    return tuple(Maker(tool, tuple(did), generative) for (tool, generative), did in roles.items())


def _share(elements: Iterable[Element]) -> Ai:
    """How much of what there is was made by trained models."""
    made = {element.made_by in GENERATIVE for element in elements if element.made_by != "none"}
    if made == {True}:
        return "All"
    return "Partly" if True in made else "None"
