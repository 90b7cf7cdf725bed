"""What notifier counts."""

from prometheus_client import Counter, Histogram

from services.chassis.metrics import REGISTRY
from services.notifier.domain import Kind

STORED = Counter("aiartist_notifier_messages", "Messages stored, by kind.", ("kind",), registry=REGISTRY)
DELIVERIES = Counter(
    "aiartist_notifier_deliveries", "Deliveries tried, by outcome.", ("outcome",), registry=REGISTRY
)
WAIT_SECONDS = Histogram(
    "aiartist_notifier_wait_seconds",
    "How long a message waited from being stored to being delivered, in seconds.",
    registry=REGISTRY,
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 5, 30, 60, 300, 1800, 3600),
)
for _kind in Kind:
    STORED.labels(_kind.value)
for _outcome in ("delivered", "failed"):
    DELIVERIES.labels(_outcome)
