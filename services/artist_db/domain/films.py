"""What makes a film fit to be kept, and a claim of stock clips fit to be granted."""

import re

from aiartist.artist_db.v1.artist_db_pb2 import ClaimClipsRequest, StockClip, StoredFilm
from services.artist_db.domain.checks import Checks
from services.artist_db.domain.songs import check_artifact

FORMATS = ("landscape", "portrait")
MAX_CLIPS = 200
MAX_SOURCE = 40
MAX_CLIP_ID = 100
_FILM_ID = (re.compile(r"flm_[0-9a-z]{26}"), "`flm_` and 26 characters")
_SHA256 = (re.compile(r"[0-9a-f]{64}"), "a SHA-256 as 64 hex digits")


def check_film(checks: Checks, stored: StoredFilm) -> None:
    """Notes what is wrong with a film to keep, fields as `film.id`."""
    checks.pattern("film.id", stored.id, *_FILM_ID)
    checks.id("film.take_id", stored.take_id)
    checks.id("film.run_id", stored.run_id)
    checks.pattern("film.request_digest", stored.request_digest, *_SHA256)
    seen: set[str] = set()
    for index, video in enumerate(stored.videos):
        path = f"film.videos[{index}]"
        checks.choice(f"{path}.format", video.format, FORMATS)
        if video.format in seen:
            checks.add(f"{path}.format", "is there already: a film has a format once")
        seen.add(video.format)
        if checks.present(f"{path}.file", video.HasField("file")):
            check_artifact(checks, f"{path}.file", video.file)
    checks.count("film.clips", stored.clips, most=MAX_CLIPS)
    for index, clip in enumerate(stored.clips):
        _check_clip(checks, f"film.clips[{index}]", clip)


def check_claim(checks: Checks, request: ClaimClipsRequest) -> None:
    """Notes what is wrong with a claim."""
    checks.id("artist_id", request.artist_id)
    checks.phrase("source", request.source, most=MAX_SOURCE, required=True)
    checks.count("clip_ids", request.clip_ids, least=1, most=MAX_CLIPS)
    for index, clip_id in enumerate(request.clip_ids):
        checks.phrase(f"clip_ids[{index}]", clip_id, most=MAX_CLIP_ID, required=True)
    checks.number("wanted", request.wanted, least=1, most=MAX_CLIPS)


def _check_clip(checks: Checks, path: str, clip: StockClip) -> None:
    checks.phrase(f"{path}.source", clip.source, most=MAX_SOURCE, required=True)
    checks.phrase(f"{path}.clip_id", clip.clip_id, most=MAX_CLIP_ID, required=True)
    checks.phrase(f"{path}.page_url", clip.page_url, most=1_000)
    checks.phrase(f"{path}.author", clip.author, most=200)
