"""Alert rules: each is tested, has one of two severities and a runbook, and asks for metrics that there are.

What promtool says of them is asked by tests/alerts.
"""

import re
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml

from cli.main import app
from tests.support.alerting import (
    PROMETHEUS,
    REPO,
    Alert,
    alerts,
    anchors,
    evaluations,
    expressions,
    metrics_in,
    recorded,
)
from tests.support.registered import SERVICES, registered

ALERTS = alerts()
OPERATIONS = REPO / "docs" / "operations.md"
NOT_OURS = ("process_start_time_seconds", "up")


def series() -> set[str]:
    return {name for metric in registered() for name in metric.series}


def test_there_are_alerts_and_no_two_have_one_name() -> None:
    names = [alert.name for alert in ALERTS]
    assert len(names) >= 25
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_is_tested_silent_and_firing(alert: Alert) -> None:
    assert {fires for name, fires in evaluations() if name == alert.name} == {True, False}


def test_only_alerts_that_there_are_are_tested() -> None:
    assert {name for name, _ in evaluations()} <= {alert.name for alert in ALERTS}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda alert: alert.name)
def test_an_alert_says_how_severe_it_is_what_it_means_and_what_to_do(alert: Alert) -> None:
    assert alert.labels.keys() == {"severity"}
    assert alert.labels["severity"] in ("page", "ticket")
    assert alert.annotations.keys() == {"summary", "description", "runbook"}
    page, _, anchor = alert.annotations["runbook"].partition("#")
    assert REPO / page == OPERATIONS
    assert anchor == alert.name.lower()
    assert anchor in anchors(OPERATIONS)


def test_there_are_runbooks_for_no_other_alerts() -> None:
    section = OPERATIONS.read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    headed = {line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")}
    assert headed - {alert.name for alert in ALERTS} == set()


def test_every_metric_that_a_rule_asks_for_is_one_that_the_code_registers() -> None:
    asked = {name for expr in expressions() for name in metrics_in(expr)}
    assert asked - series() - recorded() - set(NOT_OURS) == set()


def test_every_recorded_series_is_asked_for_or_begins_as_ours() -> None:
    assert all(name.startswith("aiartist:") for name in recorded())


def test_the_metrics_of_an_expression_are_found() -> None:
    expr = """
    histogram_quantile(0.9, sum by (le, role) (rate(a_bucket{b="c", d=~"e|f"}[5m] offset 1h))) > 2
    and on (job) max(g) / h:i unless absent(j{k="l{m}"}) or count_over_time(n[30m]) == 1e3
    """
    assert metrics_in(expr) == {"a_bucket", "g", "h:i", "j", "n"}


def test_anchors_are_made_of_headings(tmp_path: Path) -> None:
    (tmp_path / "page.md").write_text("# Top\ntext # no heading\n### DiskFull\n## What's up, doc?\n")
    assert anchors(tmp_path / "page.md") == {"top", "diskfull", "whats-up-doc"}


def test_compose_is_scraped_by_every_replica_of_every_service() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    jobs = {job["job_name"]: job for job in configuration["scrape_configs"]}
    assert jobs.keys() == {*SERVICES, "prometheus"}
    for number, service in enumerate(SERVICES, start=1):
        (found,) = jobs[service]["dns_sd_configs"]
        assert (found["names"], found["type"], found["port"]) == ([service], "A", 9100 + number)


def test_a_laptop_is_scraped_once() -> None:
    configuration = yaml.safe_load((PROMETHEUS / "laptop.yml").read_text())
    (ours,) = [job for job in configuration["scrape_configs"] if job["job_name"] != "prometheus"]
    assert ours["static_configs"] == [{"targets": ["127.0.0.1:9101"]}]


@pytest.mark.parametrize("service", SERVICES)
def test_the_ports_that_are_scraped_are_those_of_the_settings(service: str) -> None:
    settings = import_module(f"services.{service}.settings").Settings
    assert settings.model_fields["metrics_port"].default == 9101 + SERVICES.index(service)


def test_every_command_of_a_runbook_is_one() -> None:
    section = OPERATIONS.read_text().partition("\n## Alerts\n")[2].partition("\n## ")[0]
    commands = set(re.findall(r"`aiartist ([a-z][a-z -]*[a-z])", section))
    assert len(commands) > 8
    root = typer.main.get_command(app)
    for line in sorted(commands):
        command: Any = root
        for word in line.split():
            if not hasattr(command, "commands"):
                break
            assert word in command.commands, line
            command = command.commands[word]
