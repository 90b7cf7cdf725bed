"""What error_analyzer counts."""

from prometheus_client import Counter

from services.chassis.metrics import REGISTRY

EVENTS = Counter("aiartist_error_analyzer_events", "Errors taken.", registry=REGISTRY)
DROPPED = Counter(
    "aiartist_error_analyzer_dropped",
    "Errors that senders dropped before they could send them.",
    registry=REGISTRY,
)
NEW_GROUPS = Counter(
    "aiartist_error_analyzer_new_groups", "Error groups seen for the first time.", registry=REGISTRY
)
