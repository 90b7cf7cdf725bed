"""What must be true of a package's audio, cover and lyrics, and of its documents together."""

import hashlib
import warnings
from dataclasses import dataclass
from pathlib import Path

from PIL import Image, JpegImagePlugin, UnidentifiedImageError

from services.release.content import content_digest
from services.release.package.disclosure import brief_of
from services.release.package.flac import StreamInfo, read_tags, stream_info
from services.release.package.lyrics import lyrics_text
from services.release.package.older import Metadata, Provenance
from services.release.review.decode import Samples, decode
from services.release.review.loudness import integrated_lufs, true_peak_dbtp

SAMPLE_RATE = 44_100
TARGET_LUFS = -14.0
LUFS_TOLERANCE = 0.5
MOST_DBTP = -1.0
COVER_SIZE = (3000, 3000)
_REMEASURED_LU = 0.1
_DURATION_MS = 50
_REMEASURED_DB = 0.1
_SECONDS_AT_MOST = 3600
_NO_MD5 = "0" * 32


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong, and with which file; an empty path: with the package as a whole."""

    path: str
    message: str

    def __str__(self) -> str:
        return f"{self.path or '.'}: {self.message}"


def audio_problems(
    folder: Path, path: str, meta: Metadata | None, provenance: Provenance | None
) -> list[Problem]:
    """The audio's format, its samples against the hash inside, its length, loudness, peak and tags."""
    try:
        info = stream_info(folder / path)
        found = _format_problems(info)
        if found:
            return [Problem(path, message) for message in found]
        decoded = decode(folder / path)
        tags = read_tags(folder / path)
    except (OSError, ValueError) as error:
        return [Problem(path, f"does not decode: {error}")]
    if decoded.fault:
        return [Problem(path, decoded.fault)]
    messages = []
    if provenance is not None and info.pcm_md5 != provenance.take.pcm_md5:
        messages.append("is not the reviewed take: provenance.take.pcm_md5 differs")
    if meta is not None:
        messages += _claims(decoded.samples, meta)
        if tags != meta.tags():
            messages.append("its tags are not what follows from metadata.json")
    return [Problem(path, message) for message in messages]


def _format_problems(info: StreamInfo) -> list[str]:
    messages = []
    if info.sample_rate != SAMPLE_RATE:
        messages.append(f"has {info.sample_rate} Hz, expected {SAMPLE_RATE}")
    if info.channels != 2:
        messages.append(f"has {info.channels} channels, expected 2")
    if info.bits_per_sample not in (16, 24):
        messages.append(f"has {info.bits_per_sample} bits, expected 16 or 24")
    if not 0 < info.frames <= _SECONDS_AT_MOST * SAMPLE_RATE:
        messages.append(f"says that it has {info.frames} samples")
    if info.pcm_md5 == _NO_MD5:
        messages.append("has no checksum of its samples")
    return messages


def _claims(samples: Samples, meta: Metadata) -> list[str]:
    messages = []
    length_ms = len(samples) * 1000 / SAMPLE_RATE
    if abs(length_ms - meta.duration_ms) > _DURATION_MS:
        messages.append(f"lasts {length_ms:.0f} ms, metadata.json says {meta.duration_ms}")
    loudness = integrated_lufs(samples, SAMPLE_RATE)
    if abs(loudness - meta.loudness_lufs) > _REMEASURED_LU:
        messages.append(f"measures {loudness:.2f} LUFS, metadata.json says {meta.loudness_lufs}")
    if abs(loudness - TARGET_LUFS) > LUFS_TOLERANCE:
        messages.append(f"measures {loudness:.2f} LUFS, expected {TARGET_LUFS} ± {LUFS_TOLERANCE}")
    peak = true_peak_dbtp(samples)
    if peak > MOST_DBTP:
        messages.append(f"has a true peak of {peak:.2f} dBTP, at most {MOST_DBTP} is allowed")
    if abs(peak - meta.true_peak_dbtp) > _REMEASURED_DB:
        messages.append(f"has a true peak of {peak:.2f} dBTP, metadata.json says {meta.true_peak_dbtp}")
    return messages


def cover_problems(folder: Path, path: str, provenance: Provenance | None) -> list[Problem]:
    """The cover's format, size and colours, every pixel decoded; and that it is the one that was seen."""
    problems = []
    decided = provenance.cover.sha256 if provenance is not None else None
    if decided is not None and hashlib.sha256((folder / path).read_bytes()).hexdigest() != decided:
        problems.append(
            Problem(path, "is not the cover that was decided about: provenance.cover.sha256 differs")
        )
    return problems + _picture_problems(folder, path)


def _picture_problems(folder: Path, path: str) -> list[Problem]:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(folder / path, formats=["JPEG"]) as image:
                if image.size != COVER_SIZE:
                    return [Problem(path, f"is {image.width} x {image.height}, expected 3000 x 3000")]
                if image.mode != "RGB":
                    return [Problem(path, f"is {image.mode}, expected RGB")]
                if hidden := _hidden(image):
                    return [Problem(path, f"has {', '.join(hidden)} inside, and must be a picture only")]
                image.load()
    except (
        OSError,
        UnidentifiedImageError,
        SyntaxError,
        Image.DecompressionBombError,
        Image.DecompressionBombWarning,
    ) as error:
        return [Problem(path, f"does not decode: {error}")]
    return []


def _hidden(image: Image.Image) -> list[str]:
    """What a JPEG carries beside its picture and colour profile: EXIF, XMP, comments and the like."""
    if not isinstance(image, JpegImagePlugin.JpegImageFile):
        return []
    named = {"APP1": "EXIF or XMP", "COM": "a comment", "APP13": "Photoshop data"}
    markers = [
        marker
        for marker, data in image.applist
        if marker != "APP0" and not (marker == "APP2" and data.startswith(b"ICC_PROFILE\0"))
    ]
    return [named.get(marker, f"a segment {marker}") for marker in dict.fromkeys(markers)]


def lyrics_problems(folder: Path, path: str, provenance: Provenance | None) -> list[Problem]:
    """The lyrics' encoding, and that they are the brief's."""
    try:
        text = (folder / path).read_bytes().decode()
    except UnicodeDecodeError as error:
        return [Problem(path, f"is not UTF-8: {error.reason} at byte {error.start}")]
    brief = brief_of(provenance) if provenance is not None else None
    if brief is not None and text != lyrics_text(brief):
        return [Problem(path, "is not what follows from the brief in provenance.json")]
    return []


def consistency_problems(meta: Metadata, provenance: Provenance) -> list[Problem]:
    """What the two documents must say alike."""
    problems = []

    def same(what: str, ours: object, theirs: object) -> None:
        if ours != theirs:
            problems.append(Problem("provenance.json", f"{what}: {theirs!r}, metadata.json says {ours!r}"))

    same("release_id", meta.release_id, provenance.release_id)
    same("run_id", meta.run_id, provenance.run_id)
    same("review.duration_ms", meta.duration_ms, provenance.review.duration_ms)
    same("review.loudness_lufs", meta.loudness_lufs, round(provenance.review.loudness_lufs, 2))
    same("review.true_peak_dbtp", meta.true_peak_dbtp, round(provenance.review.true_peak_dbtp, 2))
    if not provenance.review.passed:
        problems.append(Problem("provenance.json", "review.passed: a release needs a passed review"))
    total = provenance.costs()
    if total != provenance.total_cost_micro_usd:
        problems.append(Problem("provenance.json", f"total_cost_micro_usd: the costs add up to {total}"))
    brief = brief_of(provenance)
    if brief is None:
        return [*problems, Problem("provenance.json", "brief.content: is not a brief")]
    for field in ("title", "genre", "language", "tempo_bpm", "key"):
        same(f"brief.content.{field}", getattr(meta, field), getattr(brief, field))
    problems += [Problem("metadata.json", fault) for fault in meta.code_faults()]
    digest = content_digest(provenance.take.master_sha256, provenance.cover.sha256 or "", brief)
    content = "master, cover and brief" if provenance.cover.sha256 else "master and brief"
    for what, given in (("take", provenance.take), ("decision", provenance.decision)):
        if given.content_digest != digest:
            problems.append(
                Problem("provenance.json", f"{what}.content_digest: is not that of this {content}")
            )
    return problems
