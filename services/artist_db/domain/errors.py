"""Occurrences of errors: what a batch must look like, and how it adds up by group."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiartist.artist_db.v1.artist_db_pb2 import ErrorOccurrences, ErrorReport, ErrorSample
from services.artist_db.domain.checks import Checks

KEPT_SAMPLES = 10
"""Newest occurrences that a group keeps."""
MAX_COUNT = 10**9
NEW = "new"
STATUSES = (
    NEW,
    "analyzed",
    "analysis_failed",
    "fix_suggested",
    "fix_attempted",
    "fix_failed",
    "fix_applied",
    "fix_skipped_invalid",
    "ignored",
    "reverted",
)

_JUST_NOW = datetime.max.replace(tzinfo=UTC)
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One occurrence, and when it was; None: as it is recorded."""

    message: ErrorSample
    time: datetime | None


@dataclass(frozen=True, slots=True)
class GroupChange:
    """What one batch adds to one group. A time of None is that of the recording."""

    fingerprint: str
    title: str
    culprit: str
    count: int
    services: tuple[str, ...]
    first_seen: datetime | None
    last_seen: datetime | None
    samples: tuple[Sample, ...]


def check_fingerprint(checks: Checks, field: str, fingerprint: str) -> None:
    """Notes a fingerprint that is not 32 hex digits."""
    checks.pattern(field, fingerprint, _FINGERPRINT, "32 hex digits")


def check_report(checks: Checks, report: ErrorReport) -> None:
    """Notes what is wrong with a report, fields as `report.status`."""
    check_fingerprint(checks, "report.fingerprint", report.fingerprint)
    checks.choice("report.status", report.status, STATUSES)


def changes(checks: Checks, batch: Sequence[ErrorOccurrences]) -> list[GroupChange]:
    """What a batch adds, a change for each group, by fingerprint.

    The order is the same for every batch: two of them that touch the same groups lock them in
    the same order, and neither waits for the other in a circle. Notes in `checks` what is wrong.
    """
    if not batch:
        checks.add("occurrences", "must have at least 1 entry, has 0")
    by_group: dict[str, list[GroupChange]] = {}
    for index, occurrences in enumerate(batch):
        change = _change(checks, f"occurrences[{index}]", occurrences)
        by_group.setdefault(change.fingerprint, []).append(change)
    return [_merged(by_group[fingerprint]) for fingerprint in sorted(by_group)]


def check_titles(checks: Checks, batch: Sequence[ErrorOccurrences], new: Sequence[str]) -> None:
    """Notes groups among the `new` fingerprints that nothing in the batch gives a title."""
    untitled = set(new) - {given.fingerprint for given in batch if given.title}
    for index, given in enumerate(batch):
        if given.fingerprint in untitled:
            checks.add(f"occurrences[{index}].title", "is required for a new group")


def _change(checks: Checks, path: str, given: ErrorOccurrences) -> GroupChange:
    check_fingerprint(checks, f"{path}.fingerprint", given.fingerprint)
    checks.number(f"{path}.count", given.count, least=1, most=MAX_COUNT)
    samples = []
    for index, sample in enumerate(given.samples):
        field = f"{path}.samples[{index}].time"
        samples.append(Sample(sample, checks.time(field, sample.time) if sample.HasField("time") else None))
    return GroupChange(
        fingerprint=given.fingerprint,
        title=given.title,
        culprit=given.culprit,
        count=given.count,
        services=tuple(sorted({sample.service for sample in given.samples if sample.service})),
        first_seen=_earliest(sample.time for sample in samples),
        last_seen=_latest(sample.time for sample in samples),
        samples=_newest(samples),
    )


def _merged(parts: Sequence[GroupChange]) -> GroupChange:
    first = parts[0]
    return GroupChange(
        fingerprint=first.fingerprint,
        title=next((part.title for part in parts if part.title), ""),
        culprit=next((part.culprit for part in parts if part.culprit), ""),
        count=sum(part.count for part in parts),
        services=tuple(sorted({service for part in parts for service in part.services})),
        first_seen=_earliest(part.first_seen for part in parts),
        last_seen=_latest(part.last_seen for part in parts),
        samples=_newest(sample for part in parts for sample in part.samples),
    )


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    known = list(times)
    return None if None in known else max((time for time in known if time is not None), default=None)


def _newest(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """The newest samples, oldest first; one without a time happened just now."""
    return tuple(sorted(samples, key=lambda sample: sample.time or _JUST_NOW)[-KEPT_SAMPLES:])
