"""Briefs, personas, decisions and whole packages to test with."""

import hashlib
import json
import subprocess
from dataclasses import replace
from pathlib import Path
from typing import Any

import soundfile
from google.protobuf.timestamp_pb2 import Timestamp

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, brief_pb2, decision_pb2, persona_pb2
from services.chassis.ids import derived_id
from services.release.content import content_digest
from services.release.cover import Cover, draw_cover
from services.release.package import layout, older
from services.release.package.build import build_package
from services.release.package.facts import Ingredients
from services.release.package.flac import write_tagged
from services.release.package.verify import verify_package
from services.release.video import ffmpeg, gate
from tests.support import tiny_studio

RUN = "run_00000000000000000000000001"
ARTIST = "art_00000000000000000000000001"


def persona(name: str = "Nova Vale") -> persona_pb2.Persona:
    """A persona with what covers and packages read."""
    return persona_pb2.Persona(name=name, genre="synthwave", style="neon", themes=["night"], language="en")


def brief(title: str = "Neon in the Rain", seed: int = 7) -> brief_pb2.Brief:
    """A brief with words."""
    kinds = brief_pb2.Section
    return brief_pb2.Brief(
        title=title,
        genre="synthwave",
        theme="a city at night",
        mood="wistful",
        language="en",
        tempo_bpm=118,
        key="A minor",
        sections=[
            kinds(kind=kinds.KIND_INTRO, bars=4),
            kinds(kind=kinds.KIND_VERSE, bars=8, lines=["Rain on the glass", "Lights in a row"]),
            kinds(kind=kinds.KIND_CHORUS, bars=8, lines=["Stay, stay awake"]),
            kinds(kind=kinds.KIND_VERSE, bars=8, lines=["Last train is gone", "Ça va, I know"]),
        ],
        target_duration_ms=90_000,
        seed=seed,
    )


def stored_brief(title: str = "Neon in the Rain", seed: int = 7) -> db.StoredBrief:
    """A brief as artist_db gives it."""
    return db.StoredBrief(
        id=derived_id("brf", f"{title} {seed}"),
        artist_id=ARTIST,
        run_id=RUN,
        persona_version=1,
        brief=brief(title, seed),
        model_uses=[
            brief_pb2.ModelUse(
                role="songwriter",
                model="local/smollm2",
                calls=9,
                prompt_tokens=4000,
                completion_tokens=700,
                cost_micro_usd=12,
                prompt_hashes=[hashlib.sha256(b"template").hexdigest()],
            )
        ],
        created_at=Timestamp(seconds=1_769_999_000),
    )


def decision(
    digest: str, verdict: decision_pb2.Verdict = decision_pb2.VERDICT_APPROVED
) -> decision_pb2.Decision:
    """A decision about this digest."""
    return decision_pb2.Decision(
        verdict=verdict,
        decided_by="cli:vera",
        content_digest=digest,
        decided_at=Timestamp(seconds=1_770_000_100, nanos=250_000_000),
    )


_COVERS: dict[str, Cover] = {}


def ingredients(master: Path, title: str = "Neon in the Rain", *, shown: bool = True) -> Ingredients:
    """Writes a master and gives all that its package is made of.

    Not `shown`: the take is of an older version, which had no cover until it was packaged.
    """
    kept = stored_brief(title)
    soundfile.write(master, tiny_studio.master(1), tiny_studio.RATE, subtype="PCM_16", format="FLAC")
    sha256 = hashlib.sha256(master.read_bytes()).hexdigest()
    if title not in _COVERS:
        _COVERS[title] = draw_cover(persona(), kept.brief)
    cover = audio_pb2.Artifact(
        path="takes/x/cover.jpg",
        media_type="image/jpeg",
        sha256=hashlib.sha256(_COVERS[title].jpeg).hexdigest(),
    )
    digest = content_digest(sha256, cover.sha256 if shown else "", kept.brief)
    take = db.StoredTake(
        id=derived_id("tak", title),
        brief_id=kept.id,
        run_id=RUN,
        take_number=1,
        provider="builtin",
        audio=audio_pb2.Artifact(path="takes/x/master.flac", media_type="audio/flac", sha256=sha256),
        content_digest=digest,
        review=tiny_studio.review_of(soundfile.read(master)[0]),
        seed=2**63 - 1,
        cover=cover if shown else None,
        created_at=Timestamp(seconds=1_770_000_000),
    )
    return Ingredients(
        release_id=derived_id("rel", title),
        artist_name="Nova Vale",
        brief=kept,
        take=take,
        decision=decision(digest),
        cover=_COVERS[title],
    )


def package(
    folder: Path, title: str = "Neon in the Rain", *, shown: bool = True, filmed: bool = False, **changes: Any
) -> Path:
    """A whole package in a new folder inside `folder`; `changes` are fields of its ingredients."""
    place = folder / "package"
    place.mkdir()
    parts = ingredients(folder / "master.flac", title, shown=shown)
    if filmed:
        film, videos = filming(folder, parts.take)
        parts = replace(parts, film=film, videos=videos)
    build_package(place, folder / "master.flac", replace(parts, **changes))
    return place


def older_package(folder: Path, title: str = "Neon in the Rain", *, shown: bool = True) -> Path:
    """A whole package of version 1: without a label, videos or a DDEX message."""
    place = package(folder, title, shown=shown)
    for document, kind in ((layout.METADATA, older.Metadata), (layout.PROVENANCE, older.Provenance)):
        told = _only(json.loads((place / document).read_bytes()), kind)
        (place / document).write_bytes(layout.canonical_json(told))
    meta = older.Metadata.model_validate_json((place / layout.METADATA).read_bytes())
    types = meta.media_types()
    song = next(path for path, kind in types.items() if kind == layout.FLAC)
    (place / song).unlink()
    write_tagged(folder / "master.flac", place / song, meta.tags())
    for path in (place / "ddex").iterdir():
        path.unlink()
    (place / "ddex").rmdir()
    reseal(place, types, version=1)
    assert verify_package(place) == []
    return place


def _only(document: Any, kind: Any) -> Any:
    """Of a document of version 2, what version 1 had of it, in its order."""
    told = {}
    for name, field in kind.model_fields.items():
        inner = field.annotation
        has_fields = isinstance(inner, type) and issubclass(inner, older.Document)
        told[name] = _only(document[name], inner) if has_fields else document[name]
    return told | ({"schema_version": 1} if "schema_version" in told else {})


def reseal(package: Path, types: dict[str, str], *, version: int = layout.SCHEMA_VERSION) -> None:
    """Writes a manifest that fits the files as they are."""
    release_id = json.loads((package / layout.METADATA).read_bytes())["release_id"]
    entries = [
        layout.Entry(
            path,
            (package / path).stat().st_size,
            hashlib.sha256((package / path).read_bytes()).hexdigest(),
            types[path],
        )
        for path in types
        if (package / path).exists()
    ]
    (package / layout.MANIFEST).write_bytes(layout.manifest(release_id, entries, version=version))


def filming(folder: Path, take: db.StoredTake) -> tuple[db.StoredFilm, dict[str, Path]]:
    """Quick videos of a take of two seconds that are all that its gate asks for, and their film."""
    videos = {}
    for name, (width, height) in gate.SIZES.items():
        videos[name] = folder / f"{name}.mp4"
        seconds = f"{take.review.duration_ms / 1000}"
        command = [
            ffmpeg.binary(), "-y", "-loglevel", "error",
            "-f", "lavfi", "-i", f"testsrc2=size={width}x{height}:rate=30", "-i", str(folder / "master.flac"),
            "-t", seconds, "-pix_fmt", "yuv420p", "-c:v", "libx264", "-preset", "ultrafast",
            "-x264-params", "8x8dct=1", "-profile:v", "high", "-c:a", "aac", "-movflags", "+faststart",
            str(videos[name]),
        ]  # fmt: skip
        subprocess.run(command, check=True, timeout=120)
    film = db.StoredFilm(
        id=derived_id("flm", take.id),
        take_id=take.id,
        run_id=take.run_id,
        videos=[
            db.Video(
                format=name,
                file=audio_pb2.Artifact(
                    path=f"films/x/{name}.mp4",
                    media_type="video/mp4",
                    sha256=hashlib.sha256(path.read_bytes()).hexdigest(),
                    size_bytes=path.stat().st_size,
                ),
                checks=gate.examine(path, name, take.review.duration_ms),
            )
            for name, path in videos.items()
        ],
        clips=[
            db.StockClip(
                source="pexels",
                clip_id="857251",
                page_url="https://www.pexels.com/video/857251/",
                author="A. B.",
            )
        ],
    )
    return film, videos
