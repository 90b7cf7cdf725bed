"""What several dashboards ask or show in the same way."""

from deploy.grafana.board import Annotation
from deploy.grafana.panels import Column
from deploy.grafana.queries import Prom, Shows, Sql

LABEL, RUNS, MODELS, STUDIO, ERRORS, SERVICES = (
    f"aiartist-{name}" for name in ("label", "runs", "models", "studio", "errors", "services")
)
"""The dashboards' uids."""

RUN_COLOURS = (
    ("queued", "#8f8f8f"),
    ("composing", "blue"),
    ("producing", "purple"),
    ("awaiting_approval", "yellow"),
    ("releasing", "#56a64b"),
    ("released", "green"),
    ("rejected", "orange"),
    ("expired", "#b58900"),
    ("failed", "red"),
    ("cancelled", "#5a5a5a"),
)
RUN_STATE = Column(
    "state", width=180, colours=tuple((state.upper(), colour) for state, colour in RUN_COLOURS)
)
"""A run's state in a table, in the colours of the graphs."""
REASON = Column("reason", width=330)

BREAKER_VALUES = (("0", "closed", "green"), ("1", "half-open", "yellow"), ("2", "open", "red"))


def breaker(metric: str, label: str, more: str = "") -> str:
    """2 where a breaker is open, 1 where it is half-open, else 0; of all replicas the worst."""
    by = f"sum by (instance, {label})"
    return (
        f'max by ({label}) (2 * {by} ({metric}{{state="open"{more}}})'
        f' + {by} ({metric}{{state="half-open"{more}}}))'
    )


def quantile(part: float, histogram: str, by: str, where: str = "", window: str = "$__rate_interval") -> str:
    """Below how many seconds this part of all cases stayed, by label."""
    labels = f"le, {by}" if by else "le"
    return f"histogram_quantile({part}, sum by ({labels}) (rate({histogram}_bucket{{{where}}}[{window}])))"


def grown(counter: str, by: str, where: str = "", window: str = "$__interval") -> str:
    """By how much a counter grew in each step of a graph, over all replicas."""
    return f"sum by ({by}) (increase({counter}{{{where}}}[{window}]))"


def in_range(counter: str, by: str = "", where: str = "") -> str:
    """By how much a counter grew in the dashboard's time range, over all replicas."""
    grouped = f"sum by ({by})" if by else "sum"
    return f"{grouped} (increase({counter}{{{where}}}[$__range]))"


BUDGET_USED = (
    '(max(aiartist_artist_db_spent_micro_usd{scope="day"})'
    ' + max(aiartist_artist_db_held_micro_usd{scope="day"}))'
    ' / (max(aiartist_artist_db_budget_micro_usd{scope="day"}) > 0)'
)


def day_usd(what: str) -> str:
    """US dollars of the label's day: `spent`, `held` or `budget`."""
    return f'max(aiartist_artist_db_{what}_micro_usd{{scope="day"}}) / 1e6'


RELEASED = Annotation(
    "Releases",
    Sql(
        """
SELECT created_at AS "time", artist || ': ' || title AS text, 'release' AS tags
FROM releases WHERE $__timeFilter(created_at)
ORDER BY created_at DESC LIMIT 200
""".strip()
    ),
    "green",
)
ALERTS = Annotation(
    "Alerts",
    Prom('max by (alertname, severity) (ALERTS{alertstate="firing"})', "{{alertname}} ({{severity}})"),
    "red",
    Shows.PERHAPS_NOTHING,
)
RESTARTS = Annotation(
    "Restarts",
    Prom(
        "changes(process_start_time_seconds[2m]) > 0 and on (instance) aiartist_build_info",
        "{{instance}} started again",
    ),
    "orange",
    Shows.PERHAPS_NOTHING,
)
