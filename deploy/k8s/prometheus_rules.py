"""Writes the alert rules as the Prometheus operator wants them: `python -m deploy.k8s.prometheus_rules`.

Kustomize can put a file into a ConfigMap, and not into a resource's spec. So what stands in
deploy/prometheus/rules is written once more, as one PrometheusRule for each file.
"""

from pathlib import Path

import yaml

DEPLOY = Path(__file__).resolve().parents[1]
RULES = DEPLOY / "prometheus" / "rules"
WRITTEN = DEPLOY / "k8s" / "components" / "observability" / "rules.yaml"
_HEAD = "# Written by `python -m deploy.k8s.prometheus_rules` from deploy/prometheus/rules; change those.\n"


class _Dumper(yaml.SafeDumper):
    """Long expressions over several lines, as people write them."""


def _text(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _text)


def rendered() -> str:
    """The manifests: one PrometheusRule for each file of rules, in the order of their names."""
    resources = [
        {
            "apiVersion": "monitoring.coreos.com/v1",
            "kind": "PrometheusRule",
            "metadata": {"name": f"aiartist-{path.stem}"},
            "spec": yaml.safe_load(path.read_text(encoding="utf-8")),
        }
        for path in sorted(RULES.glob("*.yml"))
    ]
    return _HEAD + yaml.dump_all(resources, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=110)


if __name__ == "__main__":
    WRITTEN.write_text(rendered(), encoding="utf-8")
