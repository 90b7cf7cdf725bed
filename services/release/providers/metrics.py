"""What is counted of music providers."""

from functools import partial
from typing import get_args

from prometheus_client import Counter, Gauge, Histogram

from services.chassis.breaker import Breaker, State
from services.chassis.metrics import REGISTRY
from services.release.providers.provider import FINAL, PASSING, REFUSED, Outcome

CALLS = Counter(
    "aiartist_release_provider_calls",
    "Songs that music providers were asked for, by how it ended.",
    ("provider", "outcome"),
    registry=REGISTRY,
)
SECONDS = Histogram(
    "aiartist_release_provider_seconds",
    "How long music providers took for a song, from order to reviewed master, in seconds.",
    ("provider",),
    registry=REGISTRY,
    buckets=(1, 2.5, 5, 10, 20, 30, 60, 120, 180, 300, 600),
)
SUBMITTED = Counter(
    "aiartist_release_provider_orders",
    "Orders that remote music providers took.",
    ("provider",),
    registry=REGISTRY,
)
RESUMED = Counter(
    "aiartist_release_provider_resumed",
    "Songs that were ordered before and not ordered again.",
    ("provider",),
    registry=REGISTRY,
)
COST = Counter(
    "aiartist_release_provider_cost_micro_usd",
    "What music providers cost, in millionths of a US dollar.",
    ("provider",),
    registry=REGISTRY,
)
OPENED = Counter(
    "aiartist_release_provider_breaker_opened",
    "How often a music provider's breaker opened, by why.",
    ("provider", "outcome"),
    registry=REGISTRY,
)
BREAKER = Gauge(
    "aiartist_release_provider_breaker_state",
    "1 for the state that a music provider's breaker is in, 0 for the others.",
    ("provider", "state"),
    registry=REGISTRY,
)
DOWNLOADED = Counter(
    "aiartist_release_provider_downloaded_bytes",
    "Bytes of songs that were fetched whole.",
    ("provider",),
    registry=REGISTRY,
)


def watch(provider: str, breaker: Breaker) -> None:
    """Begins a provider's series, so that a rate can be taken from the first call on."""
    for outcome in get_args(Outcome):
        CALLS.labels(provider, outcome)
    for outcome in PASSING | FINAL | REFUSED:
        OPENED.labels(provider, outcome)
    SECONDS.labels(provider)
    for counter in (SUBMITTED, RESUMED, COST, DOWNLOADED):
        counter.labels(provider)
    for state in State:
        BREAKER.labels(provider, state.value).set_function(partial(_is_in, breaker, state))


def _is_in(breaker: Breaker, state: State) -> float:
    return float(breaker.state is state)
