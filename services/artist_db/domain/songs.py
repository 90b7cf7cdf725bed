"""What makes a brief, a take and a release fit to be kept."""

import re

from aiartist.artist_db.v1.artist_db_pb2 import StoredBrief, StoredRelease, StoredTake
from aiartist.common.v1.audio_pb2 import Artifact
from aiartist.common.v1.brief_pb2 import Brief, Section
from aiartist.common.v1.decision_pb2 import VERDICT_APPROVED, VERDICT_AUTOPILOT_APPROVED
from services.artist_db.domain.checks import Checks

MAX_TITLE = 80
MAX_FINGERPRINT = 65_536
"""Bytes, so that the longest page of them fits a message."""
MAX_INT = 2**31 - 1
"""What a 32-bit column holds."""

_SHA256 = re.compile(r"[0-9a-f]{64}")
_PREFIXED_SHA256 = re.compile(r"sha256:[0-9a-f]{64}")
_HEX_DIGEST = "a SHA-256 as 64 hex digits"


def _own_id(prefix: str) -> tuple[re.Pattern[str], str]:
    return re.compile(rf"{prefix}_[0-9a-z]{{26}}"), f"`{prefix}_` and 26 characters"


_BRIEF_ID = _own_id("brf")
_TAKE_ID = _own_id("tak")
_RELEASE_ID = _own_id("rel")


def check_brief(checks: Checks, stored: StoredBrief) -> None:
    """Notes what is wrong with a brief to keep, fields as `brief.id`."""
    checks.pattern("brief.id", stored.id, *_BRIEF_ID)
    checks.id("brief.artist_id", stored.artist_id)
    checks.id("brief.run_id", stored.run_id)
    checks.number("brief.persona_version", stored.persona_version, least=1, most=MAX_INT)
    checks.pattern("brief.request_digest", stored.request_digest, _SHA256, _HEX_DIGEST)
    if checks.present("brief.brief", stored.HasField("brief")):
        _check_content(checks, "brief.brief", stored.brief)


def check_take(checks: Checks, stored: StoredTake) -> None:
    """Notes what is wrong with a take to keep, fields as `take.id`."""
    checks.pattern("take.id", stored.id, *_TAKE_ID)
    checks.id("take.brief_id", stored.brief_id)
    checks.id("take.run_id", stored.run_id)
    checks.number("take.take_number", stored.take_number, least=1, most=MAX_INT)
    checks.phrase("take.provider", stored.provider, most=100, required=True)
    checks.phrase("take.content_digest", stored.content_digest, most=100, required=True)
    checks.pattern("take.request_digest", stored.request_digest, _SHA256, _HEX_DIGEST)
    if checks.present("take.audio", stored.HasField("audio")):
        check_artifact(checks, "take.audio", stored.audio)
    if len(stored.fingerprint) > MAX_FINGERPRINT:
        checks.add(
            "take.fingerprint",
            f"must have at most {MAX_FINGERPRINT:,} bytes, has {len(stored.fingerprint):,}",
        )
    if stored.HasField("preview"):
        check_artifact(checks, "take.preview", stored.preview)
    if stored.HasField("cover"):
        check_artifact(checks, "take.cover", stored.cover)
    if stored.HasField("thumbnail"):
        check_artifact(checks, "take.thumbnail", stored.thumbnail)


def check_release(checks: Checks, stored: StoredRelease) -> None:
    """Notes what is wrong with a release to keep, fields as `release.id`."""
    checks.pattern("release.id", stored.id, *_RELEASE_ID)
    checks.id("release.artist_id", stored.artist_id)
    checks.id("release.run_id", stored.run_id)
    checks.id("release.take_id", stored.take_id)
    checks.phrase("release.title", stored.title, most=MAX_TITLE, required=True)
    checks.pattern(
        "release.package_digest", stored.package_digest, _PREFIXED_SHA256, "`sha256:` and 64 hex digits"
    )
    checks.pattern("release.request_digest", stored.request_digest, _SHA256, _HEX_DIGEST)
    if not stored.files:
        checks.add("release.files", "must have at least 1 entry, has 0")
    for index, file in enumerate(stored.files):
        check_artifact(checks, f"release.files[{index}]", file)
    if checks.present("release.decision", stored.HasField("decision")) and stored.decision.verdict not in (
        VERDICT_APPROVED,
        VERDICT_AUTOPILOT_APPROVED,
    ):
        checks.add(
            "release.decision.verdict",
            "must be VERDICT_APPROVED or VERDICT_AUTOPILOT_APPROVED: nothing else allows a release",
        )


def _check_content(checks: Checks, path: str, brief: Brief) -> None:
    checks.phrase(f"{path}.title", brief.title, most=MAX_TITLE, required=True)
    checks.number(f"{path}.tempo_bpm", brief.tempo_bpm, least=40, most=220)
    if not brief.sections:
        checks.add(f"{path}.sections", "must have at least 1 entry, has 0")
    for index, section in enumerate(brief.sections):
        if section.kind == Section.KIND_UNSPECIFIED:
            checks.add(f"{path}.sections[{index}].kind", "is required")
        checks.number(f"{path}.sections[{index}].bars", section.bars, least=1, most=64)


def check_artifact(checks: Checks, path: str, artifact: Artifact) -> None:
    """Notes what is wrong with a file's path and hash."""
    checks.phrase(f"{path}.path", artifact.path, most=1_000, required=True)
    checks.pattern(f"{path}.sha256", artifact.sha256, _SHA256, _HEX_DIGEST)
