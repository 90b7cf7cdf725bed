"""What notifier counts."""

from prometheus_client import Counter, Gauge, Histogram

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
POSTS = Counter(
    "aiartist_notifier_posts",
    "Messages to Telegram and changes of them, by outcome.",
    ("outcome",),
    registry=REGISTRY,
)
DIGESTED = Counter(
    "aiartist_notifier_digested", "Messages that a chat got named in a digest.", registry=REGISTRY
)
UPDATES = Counter(
    "aiartist_notifier_updates", "What people did on Telegram, by outcome.", ("outcome",), registry=REGISTRY
)
PRESSES = Counter(
    "aiartist_notifier_decisions",
    "Presses and words about questions, by what became of them.",
    ("outcome",),
    registry=REGISTRY,
)
PRESS_SECONDS = Histogram(
    "aiartist_notifier_press_seconds",
    "From the arrival of a press that counted to the record of its decision, in seconds.",
    registry=REGISTRY,
    buckets=(0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300),
)
WAITING = Gauge("aiartist_notifier_approvals_open", "Questions that wait for a decision.", registry=REGISTRY)
WAITING_AGE = Gauge(
    "aiartist_notifier_approvals_oldest_seconds",
    "How long the oldest open question has waited, in seconds.",
    registry=REGISTRY,
)
POLLING = Gauge(
    "aiartist_notifier_polling", "1 in the process that fetches what people do, else 0.", registry=REGISTRY
)
MAY_POLL = Gauge(
    "aiartist_notifier_may_poll",
    "1 in a process that fetches what people do whenever no other does, else 0.",
    registry=REGISTRY,
)
for _outcome in ("sent", "edited", "found", "later", "unsure", "refused", "failed"):
    POSTS.labels(_outcome)
for _outcome in ("done", "stranger", "failed", "ignored"):
    UPDATES.labels(_outcome)
for _outcome in (
    "counted", "repeated", "raced", "stale", "over", "stranger", "role_too_low", "forwarded", "unknown",
    "refused", "menu",
):  # fmt: skip
    PRESSES.labels(_outcome)
for _kind in Kind:
    STORED.labels(_kind.value)
for _outcome in ("delivered", "failed"):
    DELIVERIES.labels(_outcome)
