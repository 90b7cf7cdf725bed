"""What the orchestrator counts."""

from prometheus_client import Counter, Histogram

from services.chassis.metrics import REGISTRY
from services.orchestrator.catalog import Catalog
from services.orchestrator.domain import Attempt

CALLS = Counter(
    "aiartist_orchestrator_model_calls",
    "Calls of models, by how they ended.",
    ("role", "model", "outcome"),
    registry=REGISTRY,
)
TOKENS = Counter(
    "aiartist_orchestrator_tokens",
    "Tokens of model calls; direction is prompt or completion.",
    ("role", "model", "direction"),
    registry=REGISTRY,
)
COST = Counter(
    "aiartist_orchestrator_cost_micro_usd",
    "What model calls cost, in millionths of a US dollar.",
    ("role", "model"),
    registry=REGISTRY,
)
SECONDS = Histogram(
    "aiartist_orchestrator_model_call_seconds",
    "How long calls of models took, in seconds.",
    ("role", "model"),
    registry=REGISTRY,
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 30, 60, 120, 180),
)
REPLAYED = Counter(
    "aiartist_orchestrator_replayed_answers",
    "Answers that were recorded before and not paid again.",
    ("role",),
    registry=REGISTRY,
)


def initialise(catalog: Catalog) -> None:
    """Makes every series of the catalog, so that a rate can be taken from the first call on."""
    for role in catalog.roles.values():
        REPLAYED.labels(role.name)
        for model in catalog.ranked(role):
            CALLS.labels(role.name, model.litellm_model, "ok")
            COST.labels(role.name, model.litellm_model)
            SECONDS.labels(role.name, model.litellm_model)
            for direction in ("prompt", "completion"):
                TOKENS.labels(role.name, model.litellm_model, direction)


def count(role: str, attempt: Attempt) -> None:
    """Counts one call."""
    CALLS.labels(role, attempt.model, attempt.outcome).inc()
    SECONDS.labels(role, attempt.model).observe(attempt.latency_ms / 1_000)
    COST.labels(role, attempt.model).inc(attempt.usage.cost_micro_usd)
    TOKENS.labels(role, attempt.model, "prompt").inc(attempt.usage.prompt_tokens)
    TOKENS.labels(role, attempt.model, "completion").inc(attempt.usage.completion_tokens)
