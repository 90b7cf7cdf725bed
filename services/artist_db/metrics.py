"""What Prometheus can ask artist_db: gauges of the database, the same in every replica."""

from dataclasses import dataclass
from itertools import product

from prometheus_client import Gauge

from services.artist_db.domain.budgets import Limits, Scope
from services.artist_db.domain.error_reports import NEW, STATUSES
from services.artist_db.domain.error_steps import Kind
from services.artist_db.domain.lifecycle import State
from services.artist_db.store import budgets, changes, experiments, tallies
from services.chassis.database import Database
from services.chassis.metrics import OTHER, REGISTRY, SERVICE_LABELS

ARTISTS = Gauge("aiartist_artist_db_artists", "Artists, by state.", ("state",), registry=REGISTRY)
RELEASES = Gauge(
    "aiartist_artist_db_releases",
    "Releases, by state: packaged, published (it stands at a target), taken_down.",
    ("state",),
    registry=REGISTRY,
)
EXPERIMENTS = Gauge(
    "aiartist_artist_db_experiments",
    "Experiments that run, and of these those whose numbers of runs are wrong.",
    ("state",),
    registry=REGISTRY,
)
WAITING = Gauge(
    "aiartist_artist_db_waiting_for_people",
    "What waits for a yes beside songs.",
    ("what",),
    registry=REGISTRY,
)
ERROR_GROUPS = Gauge(
    "aiartist_artist_db_error_groups",
    "Error groups by status and service, of the 10,000 seen last; one of several services counts in each.",
    ("status", "service"),
    registry=REGISTRY,
)
ERROR_STEPS = Gauge(
    "aiartist_artist_db_error_steps",
    "Steps of error groups that wait or are under way, by kind; at most 10,000 of each are counted.",
    ("kind",),
    registry=REGISTRY,
)
SPENT = Gauge(
    "aiartist_artist_db_spent_micro_usd",
    "What was spent on models, in millionths of a US dollar; of today (UTC).",
    ("scope",),
    registry=REGISTRY,
)
HELD = Gauge(
    "aiartist_artist_db_held_micro_usd",
    "What is held for calls under way, in millionths of a US dollar; of today (UTC).",
    ("scope",),
    registry=REGISTRY,
)
BUDGET = Gauge(
    "aiartist_artist_db_budget_micro_usd",
    "What may be spent on models, in millionths of a US dollar; 0: nothing.",
    ("scope",),
    registry=REGISTRY,
)

_STATES = {
    "artists": (ARTISTS, [state.lower() for state in State]),
    "releases": (RELEASES, ["packaged", "published", "taken_down"]),
}
for _gauge, _states in _STATES.values():
    for _state in _states:
        _gauge.labels(_state)
for _state in ("running", "mismatched"):
    EXPERIMENTS.labels(_state)
for _what in ("changes", "candidates"):
    WAITING.labels(_what)
for _status, _service in product(STATUSES, SERVICE_LABELS):
    ERROR_GROUPS.labels(_status, _service)
for _kind in Kind:
    ERROR_STEPS.labels(_kind.lower())
for _gauge in (SPENT, HELD, BUDGET):
    _gauge.labels("day")


@dataclass(frozen=True, slots=True)
class Sampler:
    """Looks up what the gauges tell."""

    database: Database
    limits: Limits

    async def sample(self) -> None:
        """Sets the gauges; none where the database fails."""
        async with self.database.acquire() as connection:
            counted = await tallies.tallies(connection)
            accounts = await budgets.accounts(connection, artist_id="", run_id="", limits=self.limits)
            groups = await tallies.error_groups(connection, new=NEW, services=SERVICE_LABELS, other=OTHER)
            steps = await tallies.error_steps(connection, list(Kind))
            running, mismatched = await experiments.counts(connection)
            proposed = await changes.proposed(connection)
        by_state = {(tally.what, tally.state.lower()): tally.number for tally in counted}
        for what, (gauge, states) in _STATES.items():
            for state in states:
                gauge.labels(state).set(by_state.get((what, state), 0))
        EXPERIMENTS.labels("running").set(running)
        EXPERIMENTS.labels("mismatched").set(mismatched)
        WAITING.labels("changes").set(proposed)
        WAITING.labels("candidates").set(by_state.get(("artists", State.CANDIDATE.lower()), 0))
        for key in product(STATUSES, SERVICE_LABELS):
            ERROR_GROUPS.labels(*key).set(groups.get(key, 0))
        for kind in Kind:
            ERROR_STEPS.labels(kind.lower()).set(steps.get(kind, 0))
        (day,) = [account for account in accounts if account["scope"] == Scope.DAY]
        SPENT.labels("day").set(day["spent_micro_usd"])
        HELD.labels("day").set(day["held_micro_usd"])
        BUDGET.labels("day").set(day["limit_micro_usd"])
