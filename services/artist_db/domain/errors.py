"""Occurrences of errors: what a batch must look like, and how it adds up by group."""

import re
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from aiartist.artist_db.v1.artist_db_pb2 import ErrorHour, ErrorOccurrences, ErrorSample
from services.artist_db.domain.checks import Checks

KEPT_SAMPLES = 10
"""Newest occurrences that a group keeps."""
KEPT_VERSIONS = 20
"""Newest releases of the code that a group keeps."""
KEPT_DAYS = 35
"""For so long hours and attempts are kept."""
MAX_COUNT = 10**9
MAX_TITLE = 4_000
MAX_EXCEPTION_TYPE = 1_000
MAX_TEMPLATE = 4_000
MAX_NAME = 1_000
"""Characters of a service's name and of a release of the code, at most."""
MAX_SAMPLE_BYTES = 200_000
MAX_VERSIONS = 200
MAX_HOURS = 10_000
MAX_ABSORBED = 1_000

_JUST_NOW = datetime.max.replace(tzinfo=UTC)
_FINGERPRINT = re.compile(r"[0-9a-f]{32}")


@dataclass(frozen=True, slots=True)
class Sample:
    """One occurrence, and when it was; None: as it is recorded."""

    message: ErrorSample
    time: datetime | None


@dataclass(frozen=True, slots=True)
class Hour:
    """How often in the hour of a moment, for one service. A time of None is that of the recording."""

    time: datetime | None
    service: str
    count: int


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
    hours: tuple[Hour, ...] = ()
    code_versions: tuple[str, ...] = ()
    """Releases of the code in the order in which they were given, the last `KEPT_VERSIONS`."""
    code_as_of: datetime | None = None
    """None: not known."""
    exception_type: str = ""
    template: str = ""
    absorbs: tuple[str, ...] = ()
    """Fingerprints of its parts."""


def check_fingerprint(checks: Checks, field: str, fingerprint: str) -> None:
    """Notes a fingerprint that is not 32 hex digits."""
    checks.pattern(field, fingerprint, _FINGERPRINT, "32 hex digits")


def changes(checks: Checks, batch: Sequence[ErrorOccurrences]) -> list[GroupChange]:
    """What a batch adds, a change for each group, by fingerprint.

    The order is the same for every batch: two of them that touch the same groups lock them in
    the same order, and neither waits for the other in a circle. Notes in `checks` what is wrong.
    """
    if not batch:
        checks.add("occurrences", "must have at least 1 entry, has 0")
    return by_group(
        _change(checks, f"occurrences[{index}]", occurrences) for index, occurrences in enumerate(batch)
    )


def by_group(parts: Iterable[GroupChange]) -> list[GroupChange]:
    """One change for each group, by fingerprint; of several, what comes first gives the group its texts."""
    found: dict[str, list[GroupChange]] = {}
    for part in parts:
        found.setdefault(part.fingerprint, []).append(part)
    return [_merged(found[fingerprint]) for fingerprint in sorted(found)]


def check_titles(checks: Checks, batch: Sequence[ErrorOccurrences], untitled: Sequence[str]) -> None:
    """Notes occurrences of groups that are new and that nothing in the batch gives a title."""
    for index, given in enumerate(batch):
        if given.fingerprint in untitled:
            checks.add(f"occurrences[{index}].title", "is required for a new group")


def _change(checks: Checks, path: str, given: ErrorOccurrences) -> GroupChange:
    check_fingerprint(checks, f"{path}.fingerprint", given.fingerprint)
    checks.number(f"{path}.count", given.count, least=1, most=MAX_COUNT)
    for name, most in (
        ("title", MAX_TITLE),
        ("culprit", MAX_TITLE),
        ("exception_type", MAX_EXCEPTION_TYPE),
        ("template", MAX_TEMPLATE),
    ):
        checks.text(f"{path}.{name}", getattr(given, name), most=most)
    checks.count(f"{path}.code_versions", given.code_versions, most=MAX_VERSIONS)
    for index, version in enumerate(given.code_versions):
        checks.text(f"{path}.code_versions[{index}]", version, most=MAX_NAME)
    checks.count(f"{path}.absorbs", given.absorbs, most=MAX_ABSORBED)
    for index, part in enumerate(given.absorbs):
        check_fingerprint(checks, f"{path}.absorbs[{index}]", part)
    samples = [
        _sample(checks, f"{path}.samples[{index}]", sample) for index, sample in enumerate(given.samples)
    ]
    hours = _hours(checks, path, given)
    services = {sample.service for sample in given.samples} | {hour.service for hour in hours}
    return GroupChange(
        fingerprint=given.fingerprint,
        title=given.title,
        culprit=given.culprit,
        count=given.count,
        services=tuple(sorted(services - {""})),
        first_seen=_earliest(sample.time for sample in samples),
        last_seen=_latest(sample.time for sample in samples),
        samples=_newest(samples),
        hours=hours,
        # A caller that does not name them has them in its samples.
        code_versions=_versions(given.code_versions or [sample.code_version for sample in given.samples]),
        code_as_of=checks.time(f"{path}.code_as_of", given.code_as_of)
        if given.HasField("code_as_of")
        else None,
        exception_type=given.exception_type,
        template=given.template,
        absorbs=tuple(given.absorbs),
    )


def _sample(checks: Checks, path: str, sample: ErrorSample) -> Sample:
    checks.text(f"{path}.service", sample.service, most=MAX_NAME)
    checks.text(f"{path}.code_version", sample.code_version, most=MAX_NAME)
    size = sample.ByteSize()
    if size > MAX_SAMPLE_BYTES:
        checks.add(path, f"must have at most {MAX_SAMPLE_BYTES:,} bytes, has {size:,}")
    return Sample(sample, checks.time(f"{path}.time", sample.time) if sample.HasField("time") else None)


def _hours(checks: Checks, path: str, given: ErrorOccurrences) -> tuple[Hour, ...]:
    if not given.hours:
        return (Hour(None, given.samples[0].service if given.samples else "", given.count),)
    checks.count(f"{path}.hours", given.hours, most=MAX_HOURS)
    hours = tuple(_hour(checks, f"{path}.hours[{index}]", hour) for index, hour in enumerate(given.hours))
    total = sum(hour.count for hour in hours)
    if total != given.count:
        checks.add(f"{path}.hours", f"must add up to the count, {given.count:,}, add up to {total:,}")
    return hours


def _hour(checks: Checks, path: str, given: ErrorHour) -> Hour:
    checks.text(f"{path}.service", given.service, most=MAX_NAME)
    checks.number(f"{path}.count", given.count, least=1, most=MAX_COUNT)
    known = checks.present(f"{path}.hour", given.HasField("hour"))
    return Hour(checks.time(f"{path}.hour", given.hour) if known else None, given.service, given.count)


def _merged(parts: Sequence[GroupChange]) -> GroupChange:
    if len(parts) == 1:
        return parts[0]
    return GroupChange(
        fingerprint=parts[0].fingerprint,
        title=_first(part.title for part in parts),
        culprit=_first(part.culprit for part in parts),
        count=sum(part.count for part in parts),
        services=tuple(sorted({service for part in parts for service in part.services})),
        first_seen=_earliest(part.first_seen for part in parts),
        last_seen=_latest(part.last_seen for part in parts),
        samples=_newest(sample for part in parts for sample in part.samples),
        hours=_added_up(hour for part in parts for hour in part.hours),
        code_versions=_versions(version for part in parts for version in part.code_versions),
        code_as_of=max((part.code_as_of for part in parts if part.code_as_of is not None), default=None),
        exception_type=_first(part.exception_type for part in parts),
        template=_first(part.template for part in parts),
        absorbs=tuple(dict.fromkeys(absorbed for part in parts for absorbed in part.absorbs)),
    )


def _first(texts: Iterable[str]) -> str:
    return next((text for text in texts if text), "")


def _added_up(hours: Iterable[Hour]) -> tuple[Hour, ...]:
    counts: Counter[tuple[datetime | None, str]] = Counter()
    for hour in hours:
        counts[hour.time, hour.service] += hour.count
    return tuple(Hour(time, service, count) for (time, service), count in counts.items())


def _versions(versions: Iterable[str]) -> tuple[str, ...]:
    known = [version for version in dict.fromkeys(versions) if version]
    return tuple(known[-KEPT_VERSIONS:])


def _earliest(times: Iterable[datetime | None]) -> datetime | None:
    return min((time for time in times if time is not None), default=None)


def _latest(times: Iterable[datetime | None]) -> datetime | None:
    known = list(times)
    return None if None in known else max((time for time in known if time is not None), default=None)


def _newest(samples: Iterable[Sample]) -> tuple[Sample, ...]:
    """The newest samples, oldest first; one without a time happened just now."""
    return tuple(sorted(samples, key=lambda sample: sample.time or _JUST_NOW)[-KEPT_SAMPLES:])
