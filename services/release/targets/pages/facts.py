"""What the pages tell of a release, read from its package. Packages of every age are read."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Self

from services.release.package.layout import COVER, FLAC, MANIFEST, METADATA, PROVENANCE

_MPEG = "audio/mpeg"
_MAKERS = {
    "language_model": "a language model",
    "music_model": "a music model",
    "image_model": "an image model",
    "video_model": "a video model",
    "algorithm": "rules and seeded chance, no trained model",
    "human": "people",
    "stock": "stock clips",
    "none": "nobody: the work has none",
}


@dataclass(frozen=True, slots=True)
class File:
    """One file of the package."""

    path: str
    size_bytes: int
    media_type: str


@dataclass(frozen=True, slots=True)
class Card:
    """What the index shows of a release; kept beside its page, so that the index needs no package."""

    release_id: str
    title: str
    artist: str
    genre: str
    date: str
    """When it was decided, as `2026-03-08`; empty: unknown."""
    moment: str
    """The same to the fraction of a second, to sort by."""
    duration_ms: int
    explicit: bool
    has_video: bool
    digest: str
    """Of the package that the page is about."""

    def to_json(self, edition: str) -> bytes:
        """As it is kept, with the edition of the page beside it."""
        return json.dumps({"edition": edition, **asdict(self)}, ensure_ascii=False).encode()

    @classmethod
    def from_json(cls, data: bytes, edition: str) -> Self | None:
        """None where it is of another edition, or no card."""
        try:
            kept = json.loads(data)
            return cls(**kept) if kept.pop("edition") == edition else None
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


@dataclass(frozen=True, slots=True)
class Facts:
    """What a release's own page shows."""

    card: Card
    facts: tuple[tuple[str, str], ...]
    """Name and value, for people."""
    disclosure: tuple[tuple[str, str], ...]
    """Part of the work, and who made it."""
    credits: tuple[tuple[str, str], ...]
    lyrics: str
    audio: tuple[File, ...]
    videos: tuple[File, ...]
    files: tuple[File, ...]
    cover: str = field(default=COVER)


def read_facts(package: Path) -> Facts:
    """What a package's folder tells. OSError where it cannot be read; ValueError where it is no package."""
    meta = _document(package / METADATA)
    provenance = _document(package / PROVENANCE)
    manifest = _document(package / MANIFEST)
    files = (
        *_files(manifest),
        File(MANIFEST, (package / MANIFEST).stat().st_size, "application/json"),
    )
    decision = _dict(provenance, "decision")
    moment = _text(decision, "decided_at")
    videos = tuple(file for file in files if file.media_type.startswith("video/"))
    card = Card(
        release_id=package.name,
        title=_text(meta, "title") or package.name,
        artist=_text(meta, "artist"),
        genre=_text(meta, "genre"),
        date=_text(meta, "release_date") or moment[:10],
        moment=moment,
        duration_ms=_number(meta, "duration_ms"),
        explicit=_is_explicit(meta),
        has_video=bool(videos),
        digest=_text(manifest, "digest"),
    )
    return Facts(
        card=card,
        facts=tuple(_facts(meta)),
        disclosure=tuple(_disclosure(_dict(meta, "ai_disclosure"))),
        credits=tuple(_credits(meta, provenance)),
        lyrics=_lyrics(package, files),
        audio=tuple(file for file in files if file.media_type in (FLAC, _MPEG)),
        videos=videos,
        files=files,
    )


def clock(duration_ms: int) -> str:
    """A length as people read it, `3:07`."""
    minutes, seconds = divmod(round(duration_ms / 1000), 60)
    return f"{minutes}:{seconds:02}"


def _is_explicit(meta: Mapping[str, Any]) -> bool:
    return meta.get("explicit") is True or meta.get("parental_advisory") in (True, "explicit", "Explicit")


def _facts(meta: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    shown = (
        ("Genre", _text(meta, "genre")),
        ("Length", clock(_number(meta, "duration_ms"))),
        ("Tempo", f"{_number(meta, 'tempo_bpm')} BPM"),
        ("Key", _text(meta, "key")),
        ("Language", _text(meta, "language")),
        ("Label", _text(meta, "label")),
        ("ISRC", _text(meta, "isrc")),
        ("UPC", _text(meta, "upc")),
        ("Advisory", "explicit" if _is_explicit(meta) else ""),
    )
    return ((name, value) for name, value in shown if value)


def _disclosure(parts: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    for part, element in parts.items():
        if not isinstance(element, dict):
            continue
        made_by = _text(element, "made_by")
        tools = ", ".join(str(tool) for tool in element.get("tools") or ())
        who = _MAKERS.get(made_by, made_by.replace("_", " "))
        yield part.replace("_", " ").capitalize(), f"{who} ({tools})" if tools else who


def _credits(meta: Mapping[str, Any], provenance: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    yield "Artist", _text(meta, "artist")
    for model in provenance.get("models") or ():
        if isinstance(model, dict):
            yield _text(model, "role").replace("_", " ").capitalize() or "Model", _text(model, "model")
    for clip in meta.get("credits") or ():
        if isinstance(clip, dict):
            yield "Video clip", f"{_text(clip, 'author')} ({_text(clip, 'source')})"
    take = _dict(provenance, "take")
    if take:
        yield "Music", f"{_text(take, 'provider')}, take {_number(take, 'number')}"
    decision = _dict(provenance, "decision")
    if decision:
        verdict = _text(decision, "verdict").replace("_", " ")
        yield "Released by", f"{_text(decision, 'decided_by')} ({verdict})"


def _lyrics(package: Path, files: Iterable[File]) -> str:
    path = next(
        (file.path for file in files if file.path.startswith("lyrics/") and file.path.endswith(".txt")), ""
    )
    return (package / path).read_text(encoding="utf-8", errors="replace") if path else ""


def _files(manifest: Mapping[str, Any]) -> Iterable[File]:
    for file in manifest.get("files") or ():
        yield File(str(file["path"]), int(file["bytes"]), str(file["media_type"]))


def _document(path: Path) -> Mapping[str, Any]:
    found = json.loads(path.read_bytes())
    if not isinstance(found, dict):
        raise ValueError(f"{path.name} is no object")
    return found


def _dict(document: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    value = document.get(key)
    return value if isinstance(value, dict) else {}


def _text(document: Mapping[str, Any], key: str) -> str:
    value = document.get(key)
    return value if isinstance(value, str) else ""


def _number(document: Mapping[str, Any], key: str) -> int:
    value = document.get(key)
    return round(value) if isinstance(value, int | float) else 0
