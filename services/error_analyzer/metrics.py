"""What error_analyzer counts."""

from collections.abc import Iterable

from prometheus_client import Counter, Histogram

from services.chassis.metrics import REGISTRY, SERVICE_LABELS, service_label

EVENTS = Counter(
    "aiartist_error_analyzer_events", "Errors taken, by where they happened.", ("service",), registry=REGISTRY
)
DROPPED = Counter(
    "aiartist_error_analyzer_dropped",
    "Errors that senders dropped before they could send them.",
    registry=REGISTRY,
)
NEW_GROUPS = Counter(
    "aiartist_error_analyzer_new_groups", "Error groups seen for the first time.", registry=REGISTRY
)
ANALYSES = Counter(
    "aiartist_error_analyzer_analyses",
    "Error groups that were to be explained, by what came of it.",
    ("outcome",),
    registry=REGISTRY,
)
FIXES = Counter(
    "aiartist_error_analyzer_fixes", "Fixes, by how far they came.", ("outcome",), registry=REGISTRY
)
STEP_SECONDS = Histogram(
    "aiartist_error_analyzer_step_seconds",
    "How long a step of an error group took.",
    ("kind",),
    buckets=(0.1, 0.3, 1, 3, 10, 30, 60, 120, 300, 600, 1800),
    registry=REGISTRY,
)
for _outcome in ("analyzed", "analysis_failed", "unchanged", "postponed"):
    ANALYSES.labels(_outcome)
for _outcome in (
    "suggested",
    "proven",
    "invalid",
    "failed",
    "applied",
    "not_applied",
    "kept",
    "reverted",
):
    FIXES.labels(_outcome)
for _kind in ("analyze", "fix", "apply", "watch", "revert"):
    STEP_SECONDS.labels(_kind)
for _service in SERVICE_LABELS:
    EVENTS.labels(_service)


def count_events(services: Iterable[str]) -> None:
    """Counts errors, each by the service that its sender named."""
    for service in services:
        EVENTS.labels(service_label(service)).inc()
