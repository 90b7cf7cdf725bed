"""From errors as they happened to groups with their occurrences, without secrets."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from services.chassis.redaction import redact, redact_fields
from services.error_analyzer.grouping.events import Batch, Event, Hour, Occurrences, Sample, TracedFrame
from services.error_analyzer.grouping.fingerprint import Fault, Group, group_of
from services.error_analyzer.grouping.frames import is_telling
from services.error_analyzer.grouping.miner import TemplateMiner
from services.error_analyzer.grouping.spans import without_colours

NEWEST_SAMPLES = 10
"""Occurrences of one group that a batch stores in full, beside what `_telling` adds."""
MAX_LINE = 1_000
MAX_TEXT = 8_192
MAX_FRAMES = 40
MAX_CONTEXT_FIELDS = 40
MAX_CONTEXT_VALUE = 500
MAX_CODE_VERSIONS = 20
# Redaction reads no more than this of one text; the rest is never stored.
_MAX_READ = 65_536
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_FIRST_MOMENT = datetime.min.replace(tzinfo=UTC)
_JUST_NOW = datetime.max.replace(tzinfo=UTC)


@dataclass(slots=True)
class _Found:
    """A group while its batch is being read: its events, and what was read of them to group them."""

    group: Group
    events: list[tuple[Event, Fault]] = field(default_factory=list)


def group_events(
    events: Sequence[Event],
    miner: TemplateMiner | None = None,
    *,
    now: datetime | None = None,
    settle_s: float = 0.0,
) -> Batch:
    """Redacts and groups a batch; groups stand in the order of their first event.

    The same events and the same knowledge of the miner give the same batch in every process. Without a
    miner no word is free. now: the hour of events that have no time; code is never newer than that.
    settle_s: seconds that are taken off the time of an event of which nobody knows when its process started.
    """
    miner = miner or TemplateMiner()
    now = now or datetime.now(UTC)
    groups: dict[str, _Found] = {}
    placed = []
    absorbed: dict[str, str] = {}
    for event in events:
        fault = _fault(event)
        group = group_of(fault, miner)
        placed.append(group.fingerprint)
        found = groups.setdefault(group.fingerprint, _Found(group))
        if group.absorbs:
            found.group = group
            absorbed.update(dict.fromkeys(group.absorbs, group.fingerprint))
        found.events.append((event, fault))
    _merge(groups, absorbed)
    return Batch(
        [_now_in(fingerprint, absorbed) for fingerprint in placed],
        [_occurrences(found, now, timedelta(seconds=settle_s)) for found in groups.values()],
    )


def _merge(groups: dict[str, _Found], absorbed: Mapping[str, str]) -> None:
    """A family may be found in the middle of a batch: what came before it in the batch is part of it, too."""
    for part in [fingerprint for fingerprint in groups if fingerprint in absorbed]:
        found = groups.pop(part)
        groups[_now_in(part, absorbed)].events[:0] = found.events


def _now_in(fingerprint: str, absorbed: Mapping[str, str]) -> str:
    while fingerprint in absorbed:
        fingerprint = absorbed[fingerprint]
    return fingerprint


def _occurrences(found: _Found, now: datetime, settle: timedelta) -> Occurrences:
    events = [event for event, _ in found.events]
    hours = Counter(
        (min(event.time or now, now).replace(minute=0, second=0, microsecond=0), event.service)
        for event in events
    )
    versions = dict.fromkeys(event.code_version for event in events if event.code_version)
    return Occurrences(
        group=found.group,
        count=len(events),
        samples=[_sample(event, fault) for event, fault in _telling(found.events)],
        hours=[Hour(begins, service, count) for (begins, service), count in sorted(hours.items())],
        code_versions=[_readable(version)[:MAX_LINE] for version in list(versions)[-MAX_CODE_VERSIONS:]],
        code_as_of=max(_code_as_of(event, now, settle) for event in events),
    )


def _code_as_of(event: Event, now: datetime, settle: timedelta) -> datetime:
    """When the code that failed had been loaded, at the latest."""
    if event.process_started_at is not None:
        return min(event.process_started_at, now)
    happened = min(event.time or now, now)
    return happened - min(settle, happened - _FIRST_MOMENT)


def _telling(events: Sequence[tuple[Event, Fault]]) -> list[tuple[Event, Fault]]:
    """The newest, the very first, and one of each service: what a group is known by."""
    in_time = sorted(events, key=lambda one: one[0].time or _JUST_NOW)
    of_service = {event.service: position for position, (event, _) in enumerate(in_time)}
    newest = range(max(0, len(in_time) - NEWEST_SAMPLES), len(in_time))
    return [in_time[position] for position in sorted({0, *of_service.values(), *newest})]


def _fault(event: Event) -> Fault:
    """As much of the event as its group depends on: reading is what takes time."""
    if not event.exception_type:
        return Fault(_clean(event.message))
    told = "" if any(map(is_telling, event.frames)) else _clean(event.exception_message)
    return Fault("", _clean(event.exception_type[:MAX_LINE]), told, event.frames, event.service)


def _sample(event: Event, fault: Fault) -> Sample:
    message = fault.message or _clean(event.message)
    exception_message = fault.exception_message or _clean(event.exception_message)
    error = f"{fault.exception_type}: {exception_message}".strip(": ")
    return Sample(
        service=event.service,
        message=message[:MAX_LINE],
        text=_text(event.frames, error or message),
        context=_context(event.context),
        time=event.time,
        code_version=_readable(event.code_version)[:MAX_LINE],
        error_id=_readable(event.error_id)[:MAX_LINE],
    )


def _clean(text: str) -> str:
    """Without secrets, and without what is not to be shown."""
    return redact(_readable(text)) if text else ""


def _readable(text: str) -> str:
    """Without what no database takes and no terminal should get; not longer than redaction reads."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", without_colours(text[:_MAX_READ]))


def _text(frames: Sequence[TracedFrame], error: str) -> str:
    """As a traceback: the innermost frames, a line each, then the error."""
    left_out = len(frames) - MAX_FRAMES
    lines = [f"... {left_out} outer frames left out"] if left_out > 0 else []
    for frame in frames[-MAX_FRAMES:]:
        where = f"{frame.place}:{frame.line}" if frame.line else frame.place
        lines.append(_readable(f"{where}{'' if frame.in_app else '  (library)'}")[:MAX_LINE])
    return "\n".join([*lines, error])[:MAX_TEXT]


def _context(context: Mapping[str, str]) -> dict[str, str]:
    shown = dict(sorted(context.items())[:MAX_CONTEXT_FIELDS])
    cleaned = redact_fields({_readable(name)[:MAX_LINE]: _readable(value) for name, value in shown.items()})
    return {name: value[:MAX_CONTEXT_VALUE] for name, value in cleaned.items()}
