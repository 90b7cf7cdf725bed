"""What error_analyzer counts."""

from collections.abc import Iterable

from prometheus_client import Counter

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
for _service in SERVICE_LABELS:
    EVENTS.labels(_service)


def count_events(services: Iterable[str]) -> None:
    """Counts errors, each by the service that its sender named."""
    for service in services:
        EVENTS.labels(service_label(service)).inc()
