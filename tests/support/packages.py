"""Packages in an artifact store, of whatever bytes: for targets, which look into none but its message."""

import hashlib
import io
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.protobuf.timestamp_pb2 import Timestamp
from PIL import Image

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import decision_pb2
from services.chassis.ids import derived_id
from services.release.artifacts import ArtifactStore
from services.release.package import layout
from services.release.targets.target import Package

ARTIST = "art_00000000000000000000000001"
UPC = "4006381333931"
DECIDED_AT = Timestamp(seconds=1_772_960_400, nanos=123_000_000)
"""2026-03-08 09:00:00.123 UTC."""
BATCH = "20260308090000123"
AUDIO = "audio/neon-in-the-rain.flac"
VIDEO = "video/neon-in-the-rain-landscape.mp4"
MESSAGE = f"ddex/{UPC}.xml"
ERN_4 = """<?xml version="1.0" encoding="UTF-8"?>
<ern:NewReleaseMessage xmlns:ern="http://ddex.net/xml/ern/43">
  <MessageHeader><MessageId>msg-1</MessageId></MessageHeader>
  <ResourceList>
    <File><URI>resources/{audio}</URI></File>
    <File><URI>resources/{cover}</URI></File>
    <File><URI>resources/{video}</URI></File>
  </ResourceList>
</ern:NewReleaseMessage>
"""


def cover(colour: tuple[int, int, int] = (40, 20, 90)) -> bytes:
    """A small picture in one colour."""
    file = io.BytesIO()
    Image.new("RGB", (640, 640), colour).save(file, "JPEG")
    return file.getvalue()


def contents(name: str = "1", *, audio_bytes: int = 3_000_000, **metadata: Any) -> dict[str, bytes]:
    """Every file of a package but its manifest."""
    meta = {
        "schema_version": 2,
        "release_id": release_id(name),
        "title": "Neon in the Rain",
        "artist": "Nova Vale",
        "genre": "synthwave",
        "language": "en",
        "duration_ms": 187_400,
        "tempo_bpm": 118,
        "key": "A minor",
        "isrc": "QZABC2600001",
        "upc": UPC,
        "label": "Night Shift",
        "release_date": "2026-03-08",
        "explicit": False,
        "ai_disclosure": {
            "lyrics": {"made_by": "language_model", "tools": ["local/smollm2"]},
            "vocals": {"made_by": "none", "tools": []},
        },
        "credits": [],
        **metadata,
    }
    provenance = {
        "models": [{"role": "songwriter", "model": "local/smollm2"}],
        "take": {"provider": "builtin", "number": 2},
        "decision": {
            "verdict": "approved",
            "decided_by": "cli:vera",
            "decided_at": DECIDED_AT.ToJsonString(),
        },
    }
    message = ERN_4.format(audio=Path(AUDIO).name, cover=Path(layout.COVER).name, video=Path(VIDEO).name)
    # Bytes that repeat nowhere: a piece in the wrong place is another file.
    return {
        layout.COVER: cover(),
        AUDIO: b"fLaC" + _noise(audio_bytes, name),
        MESSAGE: message.encode(),
        "lyrics/neon-in-the-rain.txt": b"Neon in the Rain\n\n[Verse]\nRain on the glass\nLights in a row\n",
        layout.METADATA: json.dumps(meta).encode(),
        layout.PROVENANCE: json.dumps(provenance).encode(),
        VIDEO: _noise(40_000, f"video {name}"),
    }


_TYPES = {".flac": layout.FLAC, ".jpg": layout.JPEG, ".json": layout.JSON, ".txt": layout.TEXT}


def media_type(path: str) -> str:
    return _TYPES.get(Path(path).suffix, "video/mp4" if path.endswith(".mp4") else "application/xml")


def release_id(name: str = "1") -> str:
    return derived_id("rel", name)


def with_manifest(files: dict[str, bytes], name: str = "1") -> dict[str, bytes]:
    """The files, and last the manifest about them."""
    entries = [
        layout.Entry(path, len(data), hashlib.sha256(data).hexdigest(), media_type(path))
        for path, data in files.items()
    ]
    return {**files, layout.MANIFEST: layout.manifest(release_id(name), entries)}


async def keep(
    store: ArtifactStore, name: str = "1", files: dict[str, bytes] | None = None, **fields: Any
) -> db.StoredRelease:
    """A release whose package is in the artifact store, as artist_db has it."""
    whole = with_manifest(contents(name) if files is None else files, name)
    release = db.StoredRelease(
        id=release_id(name),
        artist_id=ARTIST,
        title="Neon in the Rain",
        upc=UPC,
        decision=decision_pb2.Decision(
            verdict=decision_pb2.VERDICT_APPROVED, decided_by="cli:vera", decided_at=DECIDED_AT
        ),
        **fields,
    )
    for path, data in whole.items():
        release.files.append(await store.put(f"releases/{release.id}/{path}", data, media_type(path)))
    return release


@dataclass(frozen=True)
class Kept:
    """A package, where it came from and what it holds."""

    release: db.StoredRelease
    package: Package
    files: dict[str, bytes]
    store: ArtifactStore


async def kept_package(
    folder: Path,
    name: str = "1",
    files: dict[str, bytes] | None = None,
    *,
    audio_bytes: int = 3_000_000,
    **fields: Any,
) -> Kept:
    """A package in an artifact store inside `folder`."""
    store = ArtifactStore.open((folder / "artifacts").as_uri())
    held = contents(name, audio_bytes=audio_bytes) if files is None else files
    release = await keep(store, name, held, **fields)
    scratch = folder / f"scratch-{name}"
    scratch.mkdir()
    return Kept(release, Package(release, store, scratch), with_manifest(held, name), store)


def _noise(count: int, seed: str) -> bytes:
    blocks = -(-count // 32)
    return b"".join(hashlib.sha256(f"{seed} {n}".encode()).digest() for n in range(blocks))[:count]


def quiet(_step: str, _done: int, _total: int) -> None:
    """Progress that nobody wants to see."""
