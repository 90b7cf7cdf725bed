"""deploy/prometheus as tests read it: rules, their tests, and the metrics that an expression names."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

REPO = Path(__file__).resolve().parents[2]
PROMETHEUS = REPO / "deploy" / "prometheus"

_TEXT = re.compile(r'"(?:[^"\\]|\\.)*"')
_MATCHERS = re.compile(r"\{[^{}]*\}")
_RANGE = re.compile(r"\[[^\]]*\]|\boffset\s+\S+")
_LABELS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_NAME = re.compile(r"(?<![\w:])[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])")
_WORDS = frozenset({"and", "or", "unless", "bool", "sum", "max", "min", "avg", "count", "inf", "nan"})


@dataclass(frozen=True, slots=True)
class Alert:
    """One alert rule."""

    name: str
    file: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


def _rules() -> Iterator[tuple[str, dict[str, Any]]]:
    for path in sorted((PROMETHEUS / "rules").glob("*.yml")):
        for group in yaml.safe_load(path.read_text())["groups"]:
            for rule in group["rules"]:
                yield path.name, rule


def alerts() -> list[Alert]:
    """Every alert of every file."""
    return [
        Alert(rule["alert"], file, rule["expr"], rule.get("labels", {}), rule.get("annotations", {}))
        for file, rule in _rules()
        if "alert" in rule
    ]


def recorded() -> set[str]:
    """The names that recording rules give."""
    return {rule["record"] for _, rule in _rules() if "record" in rule}


def expressions() -> list[str]:
    """Every expression of every rule."""
    return [rule["expr"] for _, rule in _rules()]


def evaluations() -> list[tuple[str, bool]]:
    """Of each evaluation in the rules' tests: which alert, and whether it is expected to fire."""
    return [
        (check["alertname"], bool(check["exp_alerts"]))
        for path in sorted((PROMETHEUS / "tests").glob("*.yml"))
        for test in yaml.safe_load(path.read_text())["tests"]
        for check in test["alert_rule_test"]
    ]


def metrics_in(expr: str) -> set[str]:
    """The metrics that an expression asks for."""
    for pattern in (_TEXT, _MATCHERS, _RANGE, _LABELS):
        expr = pattern.sub(" ", expr)
    return {name for name in _NAME.findall(expr) if name not in _WORDS}


def anchors(page: Path) -> set[str]:
    """What headings of a page can be linked by."""
    found = re.findall(r"^#+ +(.+?) *$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading).strip().lower().replace(" ", "-") for heading in found}
