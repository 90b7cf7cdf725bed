"""Errors as they happened, and what is kept of them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from services.error_analyzer.grouping.fingerprint import Frame, Group


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
    process_started_at: datetime | None = None


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
class Hour:
    """How often something occurred in a service in the hour, UTC, that begins so."""

    begins: datetime
    service: str
    count: int


@dataclass(frozen=True, slots=True)
class Occurrences:
    """How often one group occurred in a batch, and some of them, oldest first.

    hours: all of them, by time and service. code_versions: without doubles, as they came. code_as_of: the
    newest moment at which the code of one of them had been loaded.
    """

    group: Group
    count: int
    samples: Sequence[Sample]
    hours: Sequence[Hour] = ()
    code_versions: Sequence[str] = ()
    code_as_of: datetime | None = None


@dataclass(frozen=True, slots=True)
class Batch:
    """`fingerprints` has one for each event, in their order; `occurrences` one for each group."""

    fingerprints: Sequence[str]
    occurrences: Sequence[Occurrences]


def culprit_of(occurrences: Occurrences) -> str:
    """The failing function, or at least the service."""
    return occurrences.group.culprit or occurrences.samples[0].service
