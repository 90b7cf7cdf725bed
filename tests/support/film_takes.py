"""Takes to film: a few seconds of a beat, a cover, and what artist_db and the artifact store hold of them."""

import hashlib
from functools import lru_cache
from io import BytesIO
from pathlib import Path

import numpy as np
import soundfile
from PIL import Image, ImageDraw

from aiartist.artist_db.v1 import artist_db_pb2 as db
from aiartist.common.v1 import audio_pb2, brief_pb2
from aiartist.release.v1 import release_pb2 as pb
from services.chassis.ids import derived_id
from services.release.content import content_digest
from tests.support import media
from tests.support.release_service import ReleaseService

RATE = 44_100
BPM = 120
Kind = brief_pb2.Section


def beat(seconds: float, *, bpm: float = BPM, first_s: float = 0.0, seed: int = 1) -> np.ndarray:
    """A kick on every beat under a soft chord and some hiss; shape (n, 2), from -1 to 1."""
    n = round(seconds * RATE)
    t = np.arange(n) / RATE
    rng = np.random.default_rng(seed)
    sound = 0.08 * sum(np.sin(2 * np.pi * f * t + f) for f in (220.0, 277.2, 329.6))
    sound += 0.01 * rng.standard_normal(n)
    length = round(0.16 * RATE)
    hit = np.sin(2 * np.pi * 62 * np.arange(length) / RATE) * np.exp(-np.arange(length) / (0.04 * RATE))
    start = first_s
    while start < seconds:
        at = max(0, round(start * RATE))
        part = hit[: max(0, n - at)]
        sound[at : at + len(part)] += 0.8 * part
        start += 60 / bpm
    return np.stack([sound, np.roll(sound, 30)], axis=1).astype(np.float32)


def brief(title: str = "Neon in the Rain", bars: int = 2) -> brief_pb2.Brief:
    """A verse and a chorus of so many bars each, at 120 beats a minute."""
    made = media.brief(title)
    made.tempo_bpm = BPM
    del made.sections[:]
    made.sections.add(kind=Kind.KIND_VERSE, bars=bars, lines=["Rain on the glass", "Lights in a row"])
    made.sections.add(kind=Kind.KIND_CHORUS, bars=bars, lines=["Stay, stay awake"])
    made.video_plan.extend(["a wet street at night", "neon signs in the rain"])
    return made


@lru_cache(maxsize=4)
def cover(size: int = 600) -> bytes:
    """A small picture as a JPEG; what it shows does not matter."""
    image = Image.new("RGB", (size, size), "#202040")
    draw = ImageDraw.Draw(image)
    for step in range(0, size, 40):
        draw.ellipse([step, step // 2, step + 200, step // 2 + 200], fill=(step * 255 // size, 60, 140))
    file = BytesIO()
    image.save(file, "JPEG", quality=90)
    return file.getvalue()


def keep_take(
    service: ReleaseService, title: str = "Neon in the Rain", *, seconds: float = 3.0
) -> db.StoredTake:
    """An approved-to-be take whose bytes are in the artifact store. An image model drew its cover."""
    stored = service.keep_brief(title)
    stored.brief.CopyFrom(brief(title))
    take_id = derived_id("tak", title)
    folder = service.artifact(f"takes/{take_id}")
    folder.mkdir(parents=True)
    soundfile.write(folder / "master.flac", beat(seconds), RATE, subtype="PCM_16", format="FLAC")
    (folder / "cover.jpg").write_bytes(cover())
    audio = _artifact(folder / "master.flac", f"takes/{take_id}/master.flac", "audio/flac")
    picture = _artifact(folder / "cover.jpg", f"takes/{take_id}/cover.jpg", "image/jpeg")
    take = db.StoredTake(
        id=take_id,
        brief_id=stored.id,
        run_id=media.RUN,
        take_number=1,
        provider="builtin",
        audio=audio,
        cover=picture,
        cover_model="openai/gpt-image-1",
        content_digest=content_digest(audio.sha256, picture.sha256, stored.brief),
        review=audio_pb2.Review(passed=True, duration_ms=round(seconds * 1000)),
    )
    service.artist_db.takes[take_id] = take
    return take


def film_request(take: db.StoredTake, request_id: str = "r-film") -> pb.FilmTakeRequest:
    """A request to film an approved take."""
    return pb.FilmTakeRequest(
        request_id=request_id,
        run_id=media.RUN,
        take_id=take.id,
        decision=media.decision(take.content_digest),
    )


async def film(service: ReleaseService, take: db.StoredTake, request_id: str = "r-film") -> pb.ProducedFilm:
    """The last message of FilmTake."""
    updates = [update async for update in service.stub.FilmTake(film_request(take, request_id))]
    assert [update.WhichOneof("update") for update in updates[:-1]] == ["progress"] * (len(updates) - 1)
    return updates[-1].film


def _artifact(file: Path, path: str, media_type: str) -> audio_pb2.Artifact:
    data = file.read_bytes()
    return audio_pb2.Artifact(
        path=path, media_type=media_type, size_bytes=len(data), sha256=hashlib.sha256(data).hexdigest()
    )
