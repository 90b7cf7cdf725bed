"""From errors as they happened to groups of the same error."""

from services.error_analyzer.grouping.batch import group_events
from services.error_analyzer.grouping.events import (
    Batch,
    Event,
    Hour,
    Occurrences,
    Sample,
    TracedFrame,
    culprit_of,
)
from services.error_analyzer.grouping.frames import in_app, module_of
from services.error_analyzer.grouping.from_proto import event_of
from services.error_analyzer.grouping.grouper import Grouper
from services.error_analyzer.grouping.miner import TemplateMiner
from services.error_analyzer.grouping.to_proto import occurrences_to_proto

__all__ = [
    "Batch",
    "Event",
    "Grouper",
    "Hour",
    "Occurrences",
    "Sample",
    "TemplateMiner",
    "TracedFrame",
    "culprit_of",
    "event_of",
    "group_events",
    "in_app",
    "module_of",
    "occurrences_to_proto",
]
