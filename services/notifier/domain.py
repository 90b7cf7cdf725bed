"""Messages: what they are, how they read, and when a failed one is tried again."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum

from aiartist.common.v1.audio_pb2 import Review, ReviewCheck
from aiartist.notifier.v1.notifier_pb2 import RequestApprovalRequest

MAX_TITLE = 200
MAX_BODY = 4_000

_MARKS = {
    ReviewCheck.OUTCOME_PASS: "✅",
    ReviewCheck.OUTCOME_WARN: "⚠️",
    ReviewCheck.OUTCOME_FAIL: "❌",
}
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")


class Kind(StrEnum):
    """What a message is for."""

    APPROVAL = "approval"
    NOTICE = "notice"
    REMINDER = "reminder"


class Severity(StrEnum):
    """How urgent a message is."""

    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class Topic(StrEnum):
    """What a notice is about."""

    OTHER = "other"
    RELEASED = "released"
    FAILED = "failed"
    ENDED = "ended"
    FALLBACK = "fallback"
    BUDGET = "budget"
    ERROR = "error"
    PERSONA = "persona"
    LIFE = "life"
    CANDIDATE = "candidate"
    EXPERIMENT = "experiment"

    @classmethod
    def _missing_(cls, value: object) -> "Topic":
        """Stored by a newer version: its text is told all the same."""
        return cls.OTHER


@dataclass(frozen=True, slots=True)
class Draft:
    """A message before it is stored. `approval` is there for questions only."""

    kind: Kind
    severity: Severity
    title: str
    body: str
    run_id: str
    artist_id: str
    approval: RequestApprovalRequest | None = None
    topic: Topic = Topic.OTHER
    error_fingerprint: str = ""
    subject_id: str = ""
    """The change, the move or the experiment that a notice is about; empty: none."""


@dataclass(frozen=True, slots=True)
class Headline:
    """A message as a digest names it."""

    kind: Kind
    severity: Severity
    title: str
    topic: Topic


@dataclass(frozen=True, slots=True)
class Message:
    """A stored message. Times in UTC; `delivered_at` is None until the channel took it."""

    id: str
    draft: Draft
    created_at: datetime
    delivered_at: datetime | None
    failed_attempts: int


def question(request: RequestApprovalRequest) -> Draft:
    """The question that an approval asks, as text for any channel."""
    artist = request.artist_name or request.artist_id
    title = f'Release "{request.title or "untitled"}" by {artist}?'
    body = _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", "\n".join(_question_lines(request)))
    return Draft(
        Kind.APPROVAL,
        Severity.INFO,
        title[:MAX_TITLE],
        body[:MAX_BODY],
        request.run_id,
        request.artist_id,
        request,
    )


def how_to_decide(run_id: str) -> dict[str, str]:
    """The command for each possible decision, by verb."""
    return {
        "approve": f"aiartist run approve {run_id}",
        "reject": f"aiartist run reject {run_id} --reason WHY",
        "regenerate": f"aiartist run regenerate {run_id} --note WISH",
    }


def review_facts(review: Review) -> str:
    """What the machine found, in one line; empty where there was no review."""
    if not review.checks and not review.duration_ms:
        return ""
    facts = [
        "passed" if review.passed else "FAILED",
        f"{review.duration_ms / 1000:.1f} s",
        f"{review.loudness_lufs:.1f} LUFS",
        f"{review.true_peak_dbtp:.1f} dBTP",
    ]
    if review.tempo_bpm:
        facts.append(f"{review.tempo_bpm:.0f} bpm")
    if review.key:
        facts.append(review.key)
    return ", ".join(facts)


def review_doubts(review: Review) -> list[str]:
    """What a person should listen for: every check that did not pass."""
    return [
        f"{check.name}: {check.message}"
        for check in review.checks
        if check.outcome in (ReviewCheck.OUTCOME_WARN, ReviewCheck.OUTCOME_FAIL)
    ]


def review_checks(review: Review) -> list[str]:
    """Every check in a line: how it came out, its number, what is allowed, and what there is to say."""
    return [f"{_MARKS.get(check.outcome, '·')} {_check(check)}" for check in review.checks]


def _check(check: ReviewCheck) -> str:
    if check.HasField("minimum") and check.HasField("maximum"):
        allowed = f" ({check.minimum:.4g} to {check.maximum:.4g})"
    elif check.HasField("minimum"):
        allowed = f" (at least {check.minimum:.4g})"
    elif check.HasField("maximum"):
        allowed = f" (at most {check.maximum:.4g})"
    else:
        allowed = ""
    said = f": {check.message}" if check.message and check.outcome != ReviewCheck.OUTCOME_PASS else ""
    return f"{check.name} {check.measured:.4g}{allowed}{said}"


def expiry(request: RequestApprovalRequest) -> datetime | None:
    """When the question expires, in UTC; None: never."""
    return request.expires_at.ToDatetime(tzinfo=UTC) if request.HasField("expires_at") else None


def retry_delay_s(failed_attempts: int, *, base_s: float, most_s: float, jitter: float) -> float:
    """Seconds until a message is tried again after so many failures; `jitter` is 0 to 1.

    Doubles with each failure; a half of it is up to chance, so that messages that failed together
    do not come back together.
    """
    delay = min(most_s, base_s * 2.0 ** min(failed_attempts - 1, 30))
    return delay * (0.5 + jitter / 2)


def _question_lines(request: RequestApprovalRequest) -> Iterator[str]:
    if facts := review_facts(request.review):
        yield f"Review: {facts}"
    yield from review_doubts(request.review)
    if request.audio.path:
        yield f"Audio: {request.audio.path}"
    for verb, command in how_to_decide(request.run_id).items():
        yield f"To {verb}: {command}"
    if (expires_at := expiry(request)) is not None:
        yield f"Expires: {expires_at:%Y-%m-%d %H:%M} UTC"
