"""From errors as they happened to groups with their occurrences, without secrets."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from services.chassis.redaction import redact, redact_fields
from services.error_analyzer.fingerprint import Fault, Frame, Group, group_of

NEWEST_SAMPLES = 10
"""Occurrences of one group that a batch stores in full, beside what `_telling` adds."""
MAX_LINE = 1_000
MAX_TEXT = 8_192
MAX_FRAMES = 40
MAX_CONTEXT_FIELDS = 40
MAX_CONTEXT_VALUE = 500
# Redaction reads no more than this of one text; the rest is never stored.
_MAX_READ = 65_536
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
_JUST_NOW = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class TracedFrame(Frame):
    """A frame with its line number, 0 where nobody knows."""

    line: int = 0


@dataclass(frozen=True, slots=True)
class Event:
    """One error as a service sent it, secrets and all. Frames: outermost first."""

    service: str
    message: str
    exception_type: str = ""
    exception_message: str = ""
    frames: Sequence[TracedFrame] = ()
    context: Mapping[str, str] = field(default_factory=dict)
    time: datetime | None = None
    code_version: str = ""
    error_id: str = ""


@dataclass(frozen=True, slots=True)
class Sample:
    """One occurrence, fit to be stored."""

    service: str
    message: str
    text: str
    context: Mapping[str, str]
    time: datetime | None
    code_version: str
    error_id: str


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How often one group occurred in a batch, and some of them, oldest first."""

    group: Group
    count: int
    samples: Sequence[Sample]


@dataclass(frozen=True, slots=True)
class Batch:
    """`fingerprints` has one for each event, in their order; `occurrences` one for each group."""

    fingerprints: Sequence[str]
    occurrences: Sequence[Occurrences]


def culprit_of(occurrences: Occurrences) -> str:
    """The failing function, or at least the service."""
    return occurrences.group.culprit or occurrences.samples[0].service


def group_events(events: Sequence[Event]) -> Batch:
    """Redacts and groups a batch; groups stand in the order of their first event.

    The same events give the same batch in every process: its repeat has the same digest.
    """
    groups: dict[str, tuple[Group, list[Sample]]] = {}
    fingerprints = []
    for event in events:
        group, sample = _place(event)
        fingerprints.append(group.fingerprint)
        groups.setdefault(group.fingerprint, (group, []))[1].append(sample)
    return Batch(
        fingerprints,
        [Occurrences(group, len(samples), _telling(samples)) for group, samples in groups.values()],
    )


def _telling(samples: Sequence[Sample]) -> list[Sample]:
    """The newest, the very first, and one of each service: what a group is known by."""
    in_time = sorted(samples, key=lambda sample: sample.time or _JUST_NOW)
    of_service = {sample.service: position for position, sample in enumerate(in_time)}
    newest = range(max(0, len(in_time) - NEWEST_SAMPLES), len(in_time))
    return [in_time[position] for position in sorted({0, *of_service.values(), *newest})]


def _place(event: Event) -> tuple[Group, Sample]:
    message = redact(_readable(event.message))
    exception_type = redact(_readable(event.exception_type)[:MAX_LINE])
    exception_message = redact(_readable(event.exception_message))
    group = group_of(Fault(message, exception_type, exception_message, event.frames))
    error = f"{exception_type}: {exception_message}".strip(": ")
    sample = Sample(
        service=event.service,
        message=message[:MAX_LINE],
        text=_text(event.frames, error or message),
        context=_context(event.context),
        time=event.time,
        code_version=_readable(event.code_version)[:MAX_LINE],
        error_id=_readable(event.error_id)[:MAX_LINE],
    )
    return group, sample


def _readable(text: str) -> str:
    """Without what no database takes and no terminal should get; not longer than redaction reads."""
    return _UNPRINTABLE.sub("\N{REPLACEMENT CHARACTER}", text[:_MAX_READ])


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
