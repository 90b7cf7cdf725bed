"""The shapes of custom resources, whose schemas come with their operators and not with Kubernetes.

Only the fields that are used here, by the operators' documented APIs; anything else is a complaint.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from tests.k8s.manifests import Object

_DURATION = re.compile(r"(\d+[hms])+")


def _keys(where: str, given: Mapping[str, Any], must: set[str], may: set[str]) -> Iterator[str]:
    yield from (f"{where} lacks {key}" for key in sorted(must - set(given)))
    yield from (f"{where} has an unknown field {key}" for key in sorted(set(given) - must - may))


def _service_monitor(found: Object) -> Iterator[str]:
    spec = found["spec"]
    yield from _keys("spec", spec, {"selector", "endpoints"}, {"jobLabel"})
    yield from _keys("selector", spec.get("selector", {}), {"matchLabels"}, {"matchExpressions"})
    for endpoint in spec.get("endpoints", []):
        yield from _keys("endpoint", endpoint, {"port"}, {"path", "interval", "scrapeTimeout", "relabelings"})
        if {"action": "labeldrop", "regex": "service"} not in endpoint.get("relabelings", []):
            yield "endpoint keeps the operator's label `service`, which pushes that of our series aside"
        for key in ("interval", "scrapeTimeout"):
            if key in endpoint and not _DURATION.fullmatch(endpoint[key]):
                yield f"{key} is no duration"


def _prometheus_rule(found: Object) -> Iterator[str]:
    yield from _keys("spec", found["spec"], {"groups"}, set())
    for group in found["spec"].get("groups", []):
        yield from _keys("group", group, {"name", "rules"}, {"interval"})
        for rule in group.get("rules", []):
            kind = "alert" if "alert" in rule else "record"
            yield from _keys(
                "rule", rule, {kind, "expr"}, {"for", "keep_firing_for", "labels", "annotations"}
            )
            if not isinstance(rule.get("expr"), str):
                yield "rule's expr is no text"
            if "for" in rule and not _DURATION.fullmatch(rule["for"]):
                yield "rule's for is no duration"


def _issuer(found: Object) -> Iterator[str]:
    kinds = set(found["spec"])
    if kinds not in ({"selfSigned"}, {"ca"}):
        yield f"spec is {sorted(kinds)}"
    if "ca" in kinds:
        yield from _keys("ca", found["spec"]["ca"], {"secretName"}, set())


def _certificate(found: Object) -> Iterator[str]:
    spec = found["spec"]
    yield from _keys(
        "spec",
        spec,
        {"secretName", "issuerRef"},
        {"isCA", "commonName", "dnsNames", "duration", "renewBefore", "privateKey", "usages"},
    )
    yield from _keys("issuerRef", spec.get("issuerRef", {}), {"name", "kind"}, {"group"})
    if not spec.get("dnsNames") and not spec.get("commonName"):
        yield "certifies no name"
    for key in ("duration", "renewBefore"):
        if key in spec and not _DURATION.fullmatch(spec[key]):
            yield f"{key} is no duration"


SHAPES: Mapping[tuple[str, str], Callable[[Object], Iterator[str]]] = {
    ("cert-manager.io", "Certificate"): _certificate,
    ("cert-manager.io", "Issuer"): _issuer,
    ("monitoring.coreos.com", "PrometheusRule"): _prometheus_rule,
    ("monitoring.coreos.com", "ServiceMonitor"): _service_monitor,
}
