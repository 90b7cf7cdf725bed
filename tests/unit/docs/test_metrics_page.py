"""docs/metrics.md names exactly the metrics that the code registers."""

import re
from pathlib import Path

from tests.support.registered import Registered, registered

PAGE = Path(__file__).resolve().parents[3] / "docs" / "metrics.md"
ROW = re.compile(r"^\| `(\w+)` \| (\w+) \|([^|]*)\| (.+) \|$", re.MULTILINE)


def told() -> list[Registered]:
    return [
        Registered(name, kind, frozenset(re.findall(r"`(\w+)`", labels)))
        for name, kind, labels, _ in ROW.findall(PAGE.read_text())
    ]


def test_every_metric_is_on_the_page_once_and_no_other() -> None:
    assert sorted(metric.name for metric in told()) == sorted(metric.name for metric in registered())


def test_the_page_tells_kinds_and_labels_as_they_are() -> None:
    page = {metric.name: metric for metric in told()}
    for metric in registered():
        assert page[metric.name].kind == metric.kind, metric.name
        # Some have no series before their service is built.
        assert metric.labels in (frozenset(), page[metric.name].labels), metric.name
