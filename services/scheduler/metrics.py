"""What Prometheus can ask the scheduler."""

from prometheus_client import Counter, Gauge, Histogram

from services.chassis.metrics import REGISTRY
from services.scheduler.domain import FINAL, StageName, Verdict

RUNS_STARTED = Counter(
    "aiartist_scheduler_runs_started", "Runs started, by whom.", ("started_by",), registry=REGISTRY
)
RUNS_ENDED = Counter("aiartist_scheduler_runs_ended", "Runs ended, by state.", ("state",), registry=REGISTRY)
DECISIONS = Counter(
    "aiartist_scheduler_decisions", "Decisions of people, by verdict.", ("verdict",), registry=REGISTRY
)
STAGE_SECONDS = Histogram(
    "aiartist_scheduler_stage_seconds",
    "How long stages took, in seconds.",
    ("stage", "outcome"),
    registry=REGISTRY,
    buckets=(0.01, 0.05, 0.1, 0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600),
)
RUNS_IN_HAND = Gauge(
    "aiartist_scheduler_runs_in_hand", "Runs that this replica drives now.", registry=REGISTRY
)

for _state in FINAL:
    RUNS_ENDED.labels(_state.lower())
for _stage in StageName:
    for _outcome in ("succeeded", "failed"):
        STAGE_SECONDS.labels(_stage.lower(), _outcome)
for _who in ("operator", "cadence"):
    RUNS_STARTED.labels(_who)
for _verdict in Verdict:
    DECISIONS.labels(_verdict.lower())
