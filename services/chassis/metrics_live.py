"""Gauges that tell what live objects say of themselves at each scrape."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager

from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily

from services.chassis.metrics import REGISTRY

Values = Mapping[tuple[str, ...], float]
"""A gauge's values by the values of its labels."""


class LiveGauge:
    """Adds up what its objects say. One that is gone says nothing any more.

    Readers are called by the thread of the scrape: they only look at what is in memory.
    """

    def __init__(
        self,
        name: str,
        documentation: str,
        labels: Sequence[str] = (),
        *,
        always: Iterable[tuple[str, ...]] = (),
        registry: CollectorRegistry = REGISTRY,
    ) -> None:
        """`always`: values of the labels that are told as 0 where no object says anything of them."""
        self._name = name
        self._documentation = documentation
        self._labels = tuple(labels)
        self._always = tuple(always)
        self._readers: dict[object, Callable[[], Values]] = {}
        registry.register(self)

    @contextmanager
    def following(self, read: Callable[[], Values]) -> Iterator[None]:
        """Counts what `read` gives while the block runs."""
        key = object()
        self._readers[key] = read
        try:
            yield
        finally:
            del self._readers[key]

    def describe(self) -> list[GaugeMetricFamily]:
        """For the registry, which refuses a second metric of the name."""
        return [GaugeMetricFamily(self._name, self._documentation, labels=self._labels)]

    def collect(self) -> list[GaugeMetricFamily]:
        """For the registry, at each scrape."""
        totals = dict.fromkeys(self._always, 0.0)
        for read in list(self._readers.values()):
            for labels, value in read().items():
                totals[labels] = totals.get(labels, 0.0) + value
        (family,) = self.describe()
        for labels, total in totals.items():
            family.add_metric(labels, total)
        return [family]
