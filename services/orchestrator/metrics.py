"""What the orchestrator counts.

A breaker's `model` is its name in the models file; elsewhere `model` is what litellm calls it.
"""

from collections.abc import Callable, Iterable
from functools import partial
from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from services.chassis.breaker import Breaker, State
from services.chassis.metrics import REGISTRY
from services.orchestrator.domain import DOWN, REFUSED, Attempt, Outcome
from services.orchestrator.gateway.gate import Gate
from services.orchestrator.models.catalog import Catalog, Model
from services.orchestrator.trends.source import Outcome as TrendOutcome

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
OPENED = Counter(
    "aiartist_orchestrator_breaker_opened",
    "How often a model's breaker opened, by why.",
    ("model", "outcome"),
    registry=REGISTRY,
)
PROBES = Counter(
    "aiartist_orchestrator_probes",
    "Calls made after a cool-down to see whether the model is back.",
    ("model",),
    registry=REGISTRY,
)
BREAKER = Gauge(
    "aiartist_orchestrator_breaker_state",
    "1 for the state that a model's breaker is in, 0 for the others.",
    ("model", "state"),
    registry=REGISTRY,
)
OVER_BUDGET = Counter(
    "aiartist_orchestrator_over_budget",
    "Calls that were not made because they did not fit a budget.",
    ("role", "scope"),
    registry=REGISTRY,
)
TREND_FETCHES = Counter(
    "aiartist_orchestrator_trend_fetches",
    "Charts that were asked for, by source and how that ended.",
    ("source", "outcome"),
    registry=REGISTRY,
)


def initialise_trends(sources: Iterable[str]) -> None:
    """Makes the series of these sources of charts."""
    for source in sources:
        for outcome in get_args(TrendOutcome):
            TREND_FETCHES.labels(source, outcome)


def initialise(catalog: Catalog) -> None:
    """Makes every series of the catalog, so that a rate can be taken from the first call on."""
    for role in catalog.roles.values():
        REPLAYED.labels(role.name)
        for scope in ("day", "artist", "run"):
            OVER_BUDGET.labels(role.name, scope)
        for model in catalog.ranked(role):
            for outcome in get_args(Outcome):
                CALLS.labels(role.name, model.litellm_model, outcome)
            COST.labels(role.name, model.litellm_model)
            SECONDS.labels(role.name, model.litellm_model)
            for direction in ("prompt", "completion"):
                TOKENS.labels(role.name, model.litellm_model, direction)


def watch(catalog: Catalog, gate_of: Callable[[Model], Gate]) -> None:
    """Shows the state of each available model's breaker at each scrape."""
    for model in catalog.models.values():
        if model.available:
            PROBES.labels(model.name)
            for outcome in DOWN | REFUSED:
                OPENED.labels(model.name, outcome)
            for state in State:
                BREAKER.labels(model.name, state.value).set_function(
                    partial(_is_in, gate_of(model).breaker, state)
                )


def _is_in(breaker: Breaker, state: State) -> float:
    return float(breaker.state is state)


def count(role: str, attempt: Attempt) -> None:
    """Counts one call."""
    CALLS.labels(role, attempt.model, attempt.outcome).inc()
    SECONDS.labels(role, attempt.model).observe(attempt.latency_ms / 1_000)
    COST.labels(role, attempt.model).inc(attempt.usage.cost_micro_usd)
    TOKENS.labels(role, attempt.model, "prompt").inc(attempt.usage.prompt_tokens)
    TOKENS.labels(role, attempt.model, "completion").inc(attempt.usage.completion_tokens)
