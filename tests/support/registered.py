"""Every metric that the platform's code registers."""

from dataclasses import dataclass
from importlib import import_module

from services.chassis.metrics import REGISTRY

SERVICES = ("scheduler", "artist_db", "orchestrator", "release", "notifier", "error_analyzer")
_NOT_OURS = ("process_", "python_")
"""What the client library tells of any process."""


@dataclass(frozen=True, slots=True)
class Registered:
    """One metric, as docs/metrics.md names it."""

    name: str
    kind: str
    labels: frozenset[str]
    """Of the series that it has already."""

    @property
    def series(self) -> set[str]:
        """The names that its series have."""
        if self.kind == "histogram":
            return {f"{self.name}_{part}" for part in ("bucket", "sum", "count")}
        return {self.name}


def registered() -> list[Registered]:
    """All of ours, with every service loaded as `serve --target all` loads them."""
    for service in SERVICES:
        import_module(f"services.{service}.app")
    return [
        Registered(
            f"{family.name}_total" if family.type == "counter" else family.name,
            family.type,
            frozenset(label for sample in family.samples for label in sample.labels if label != "le"),
        )
        for family in REGISTRY.collect()
        if not family.name.startswith(_NOT_OURS)
    ]
