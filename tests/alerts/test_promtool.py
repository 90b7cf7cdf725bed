"""What promtool says of deploy/prometheus, and that it would say otherwise of broken rules."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml
from prometheus_client import generate_latest

from services.chassis.metrics import REGISTRY
from tests.support.alerting import PROMETHEUS, REPO, alerts
from tests.support.registered import registered

pytestmark = pytest.mark.alerts

TESTS = sorted((PROMETHEUS / "tests").glob("*.yml"))


@pytest.fixture(scope="session")
def promtool() -> str:
    extracted = REPO / ".venv" / "prometheus" / "usr" / "bin" / "promtool"
    found = shutil.which("promtool") or (str(extracted) if extracted.exists() else None)
    assert found is not None, "promtool is not there; `make alerts-test` fetches it"
    return found


def run(promtool: str, *arguments: str | Path, given: bytes = b"") -> tuple[int, str]:
    """Exit status, and all that was said."""
    ended = subprocess.run(
        [promtool, *map(str, arguments)], input=given, capture_output=True, timeout=60, check=False
    )
    return ended.returncode, (ended.stdout + ended.stderr).decode()


@pytest.mark.parametrize("name", ["prometheus.yml", "laptop.yml"])
def test_the_configuration_is_one(promtool: str, name: str) -> None:
    status, said = run(promtool, "check", "config", PROMETHEUS / name)
    assert status == 0, said
    assert "SUCCESS: 8 rule files found" in said


def test_a_configuration_that_is_none_is_noticed(promtool: str, tmp_path: Path) -> None:
    (tmp_path / "prometheus.yml").write_text("scrape_configs: [{job_name: a, static_config: []}]")
    assert run(promtool, "check", "config", tmp_path / "prometheus.yml")[0] != 0


@pytest.mark.parametrize("path", sorted((PROMETHEUS / "rules").glob("*.yml")), ids=lambda path: path.name)
def test_rules_are_rules(promtool: str, path: Path) -> None:
    status, said = run(promtool, "check", "rules", path)
    assert status == 0, said
    assert "SUCCESS" in said


@pytest.mark.parametrize("path", TESTS, ids=lambda path: path.name)
def test_every_alert_is_silent_before_and_fires_after(promtool: str, path: Path) -> None:
    status, said = run(promtool, "test", "rules", path)
    assert status == 0, said


@pytest.mark.parametrize("expr", ["vector(0) > 1", "vector(1)"], ids=["never fires", "always fires"])
@pytest.mark.parametrize("file", [path.name for path in TESTS])
def test_an_alert_that_is_broken_is_noticed(promtool: str, tmp_path: Path, file: str, expr: str) -> None:
    shutil.copytree(PROMETHEUS, tmp_path / "prometheus")
    path = tmp_path / "prometheus" / "rules" / file
    rules = yaml.safe_load(path.read_text())
    for rule in (rule for group in rules["groups"] for rule in group["rules"]):
        rule["expr"] = expr
        rule.pop("for", None)
    path.write_text(yaml.safe_dump(rules))
    status, said = run(promtool, "test", "rules", tmp_path / "prometheus" / "tests" / file)
    assert status != 0
    noticed = set(re.findall(r"alertname: (\w+)", said))
    assert noticed == {alert.name for alert in alerts() if alert.file == file}


def test_what_services_tell_is_what_prometheus_reads(promtool: str) -> None:
    assert registered()
    status, said = run(promtool, "check", "metrics", given=generate_latest(REGISTRY))
    # 3: advice on names, 1: what can't be read.
    assert status in (0, 3), said
