"""What is counted of reviews and of the worker processes; each other part counts its own beside itself."""

from prometheus_client import Counter, Histogram

from aiartist.common.v1 import audio_pb2
from services.chassis.metrics import OTHER, REGISTRY
from services.chassis.metrics_live import LiveGauge

REVIEWS = Counter(
    "aiartist_release_reviews", "Reviews of takes, by how they ended.", ("outcome",), registry=REGISTRY
)
CHECKED = Counter(
    "aiartist_release_review_checks",
    "Checks of reviews that did not pass: warn is for a person to judge, fail fails the take.",
    ("check", "outcome"),
    registry=REGISTRY,
)
WORKERS = LiveGauge(
    "aiartist_release_workers",
    "Worker processes, by whether they are at work.",
    ("state",),
    always=[("busy",), ("idle",)],
)
WAITING = LiveGauge("aiartist_release_jobs_waiting", "Jobs that wait for a free worker.", always=[()])
JOB_SECONDS = Histogram(
    "aiartist_release_job_seconds",
    "How long jobs took in a worker, its start included where it had to be started, in seconds.",
    ("kind",),
    registry=REGISTRY,
    buckets=(0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 300, 600),
)
LOST = Counter("aiartist_release_workers_lost", "Worker processes that died on their own.", registry=REGISTRY)

CHECKS = (
    "bandwidth_hz",
    "channel_imbalance_db",
    "channels",
    "clipped_samples",
    "dc_offset",
    "decoding_faults",
    "dropouts",
    "duration_s",
    "ending_dbfs",
    "format_faults",
    "integrated_loudness_lufs",
    "key_distance",
    "leading_silence_s",
    "longest_silence_s",
    "loudness_range_lu",
    "low_end_correlation",
    "movement_db",
    "near_duplicate_similarity",
    "noisiness",
    "non_finite_samples",
    "one_sided_s",
    "repetition",
    "sample_rate_hz",
    "stereo_correlation",
    "tempo_bpm",
    "trailing_silence_s",
    "true_peak_dbtp",
)
"""What a review checks: here too, because the reviewer itself is only loaded in workers."""
JOBS = ("build", "film", "prepare", "present", "render", "thumbnail_job", "verify")

_OUTCOMES = {audio_pb2.ReviewCheck.OUTCOME_WARN: "warn", audio_pb2.ReviewCheck.OUTCOME_FAIL: "fail"}

for _outcome in ("passed", "failed"):
    REVIEWS.labels(_outcome)
for _check in (*CHECKS, OTHER):
    for _outcome in _OUTCOMES.values():
        CHECKED.labels(_check, _outcome)
for _job in JOBS:
    JOB_SECONDS.labels(_job)


def count_review(review: audio_pb2.Review) -> None:
    """Counts one review and its checks that did not pass."""
    REVIEWS.labels("passed" if review.passed else "failed").inc()
    for check in review.checks:
        if outcome := _OUTCOMES.get(check.outcome):
            CHECKED.labels(check.name if check.name in CHECKS else OTHER, outcome).inc()
