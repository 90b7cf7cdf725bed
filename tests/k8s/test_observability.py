"""What Prometheus and Grafana get in a cluster is what deploy/prometheus and deploy/grafana say."""

import json
from pathlib import Path

import pytest
import yaml

from deploy.k8s import prometheus_rules
from tests.k8s.manifests import K8S, REPO, of_kind, one, overlay

pytestmark = pytest.mark.k8s

RULES = sorted((REPO / "deploy" / "prometheus" / "rules").glob("*.yml"))
DASHBOARDS = sorted((REPO / "deploy" / "grafana" / "json").glob("*.json"))
LARGEST_CONFIG_MAP = 1 << 20


def test_the_rules_are_written_anew_after_each_change() -> None:
    written = prometheus_rules.WRITTEN.read_text(encoding="utf-8")
    assert written == prometheus_rules.rendered(), "run: python -m deploy.k8s.prometheus_rules"


def test_a_changed_rule_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in RULES:
        (tmp_path / path.name).write_text(path.read_text(encoding="utf-8"), encoding="utf-8")
    monkeypatch.setattr(prometheus_rules, "RULES", tmp_path)
    assert prometheus_rules.WRITTEN.read_text(encoding="utf-8") == prometheus_rules.rendered()
    first = tmp_path / RULES[0].name
    first.write_text(first.read_text(encoding="utf-8").replace("severity: ticket", "severity: page", 1))
    assert prometheus_rules.WRITTEN.read_text(encoding="utf-8") != prometheus_rules.rendered()


def test_prometheus_gets_every_rule_as_it_is() -> None:
    assert RULES != []
    objects = overlay("production")
    for path in RULES:
        spec = one(objects, "PrometheusRule", f"aiartist-{path.stem}")["spec"]
        assert spec == yaml.safe_load(path.read_text(encoding="utf-8"))
    assert len(of_kind(objects, "PrometheusRule")) == len(RULES)


def test_grafana_gets_every_dashboard_as_it_is() -> None:
    assert DASHBOARDS != []
    shown = {
        name: text
        for found in of_kind(overlay("production"), "ConfigMap")
        if found["metadata"].get("labels", {}).get("grafana_dashboard") == "1"
        for name, text in found["data"].items()
    }
    assert {name: json.loads(text) for name, text in shown.items()} == {
        path.name: json.loads(path.read_text(encoding="utf-8")) for path in DASHBOARDS
    }
    assert max(len(text.encode()) for text in shown.values()) < LARGEST_CONFIG_MAP


def test_the_adapter_tells_what_the_autoscaler_asks_for() -> None:
    path = K8S / "components" / "observability" / "prometheus-adapter.yaml"
    (rule,) = yaml.safe_load(path.read_text(encoding="utf-8"))["rules"]["external"]
    (metric,) = one(overlay("production"), "HorizontalPodAutoscaler", "scheduler")["spec"]["metrics"]
    name = metric["external"]["metric"]["name"]
    assert rule["seriesQuery"].partition("{")[0] == name
    for label in metric["external"]["metric"]["selector"]["matchLabels"]:
        assert f"by ({label})" in rule["metricsQuery"]
    # Every replica tells the same number: a sum would grow with the replicas that it makes.
    assert rule["metricsQuery"].startswith("max(")
