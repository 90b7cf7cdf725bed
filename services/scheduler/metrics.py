"""What Prometheus can ask the scheduler. The gauges of the database are the same in every replica."""

from dataclasses import dataclass
from pathlib import Path

from prometheus_client import Counter, Gauge, Histogram

from services.chassis.database import Database
from services.chassis.metrics import REGISTRY
from services.scheduler.domain import FINAL, RunState, StageName, Verdict

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

RUNS = Gauge("aiartist_scheduler_runs", "Runs that are not over, by state.", ("state",), registry=REGISTRY)
POSTPONED = Gauge(
    "aiartist_scheduler_runs_postponed",
    "Runs that may go on only later, as when their artist's week of releases is full.",
    registry=REGISTRY,
)
WAITING = Gauge(
    "aiartist_scheduler_approvals_waiting", "Runs that wait for a person's decision.", registry=REGISTRY
)
WAITING_AGE = Gauge(
    "aiartist_scheduler_approvals_oldest_seconds",
    "How long the run that has waited longest for a decision waits, in seconds; 0: none waits.",
    registry=REGISTRY,
)
QUEUE_JOBS = Gauge(
    "aiartist_scheduler_queue_jobs",
    "Jobs in the queue: due now, later, or picked by a replica.",
    ("status",),
    registry=REGISTRY,
)
QUEUE_AGE = Gauge(
    "aiartist_scheduler_queue_oldest_seconds",
    "How long the job that is due longest waits, in seconds; 0: none is due.",
    registry=REGISTRY,
)

OPEN = tuple(state for state in RunState if not state.final)
_SAMPLE = (Path(__file__).parent / "sql" / "sample.sql").read_text(encoding="utf-8")

for _open in OPEN:
    RUNS.labels(_open.lower())
for _status in ("due", "later", "picked"):
    QUEUE_JOBS.labels(_status)
for _state in FINAL:
    RUNS_ENDED.labels(_state.lower())
for _stage in StageName:
    for _outcome in ("succeeded", "failed"):
        STAGE_SECONDS.labels(_stage.lower(), _outcome)
for _who in ("operator", "cadence"):
    RUNS_STARTED.labels(_who)
for _verdict in Verdict:
    DECISIONS.labels(_verdict.lower())


@dataclass(frozen=True, slots=True)
class Sampler:
    """Looks up what the gauges tell."""

    database: Database

    async def sample(self) -> None:
        """Sets the gauges; none where the database fails."""
        async with self.database.acquire() as connection:
            row = await connection.fetchrow(_SAMPLE, list(OPEN))
        assert row is not None, "a SELECT of aggregates has a row"
        for state in OPEN:
            RUNS.labels(state.lower()).set(row["runs"].get(state, 0))
        POSTPONED.set(row["postponed"])
        WAITING.set(row["waiting"])
        WAITING_AGE.set(row["waiting_s"])
        for status in ("due", "later", "picked"):
            QUEUE_JOBS.labels(status).set(row[status])
        QUEUE_AGE.set(row["due_s"])
