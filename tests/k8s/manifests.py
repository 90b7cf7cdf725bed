"""Rendered manifests: `kubectl kustomize`, offline, and what is in them."""

import functools
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from copy import deepcopy
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from cli.settings import SERVICES

REPO = Path(__file__).resolve().parents[2]
K8S = REPO / "deploy" / "k8s"
OVERLAYS = tuple(sorted(folder.name for folder in (K8S / "overlays").iterdir()))
COMPONENTS = tuple(sorted(folder.name for folder in (K8S / "components").iterdir()))
NAME = "app.kubernetes.io/name"

Object: TypeAlias = dict[str, Any]


def overlay(name: str) -> list[Object]:
    """The objects of an overlay; a copy, which may be broken."""
    return deepcopy(_render(f"{K8S / 'overlays' / name}"))


def combined(components: Sequence[str]) -> list[Object]:
    """The objects of the base with these components."""
    return deepcopy(_combine(tuple(components)))


@functools.cache
def _combine(components: tuple[str, ...]) -> list[Object]:
    return customised("base", [f"components/{component}" for component in components])


def customised(resource: str, components: Sequence[str], **fields: Any) -> list[Object]:
    """The objects of an overlay of one's own: a folder of deploy/k8s, others as components, more fields."""
    with tempfile.TemporaryDirectory() as name:
        # Kustomize takes folders by relative paths only, from where the folder really is.
        folder = Path(name).resolve()
        above = Path(os.path.relpath(K8S, folder))
        told = {
            "apiVersion": "kustomize.config.k8s.io/v1beta1",
            "kind": "Kustomization",
            "namespace": "aiartist",
            "resources": [f"{above / resource}"],
            "components": [f"{above / component}" for component in components],
            **fields,
        }
        (folder / "kustomization.yaml").write_text(yaml.safe_dump(told))
        return _render(str(folder))


@functools.cache
def _render(folder: str) -> list[Object]:
    kubectl = Path(sys.executable).parent / "kubectl"
    rendered = subprocess.run(
        [kubectl, "kustomize", folder], capture_output=True, text=True, timeout=60, check=False
    )
    assert rendered.returncode == 0, rendered.stderr
    # What it prints with status 0 is a warning: a field that is deprecated, a patch that finds nothing.
    assert rendered.stderr == "", rendered.stderr
    return [found for found in yaml.safe_load_all(rendered.stdout) if found]


def title(found: Object) -> str:
    """As kubectl says it: `deployment/scheduler`."""
    return f"{found['kind'].lower()}/{found['metadata']['name']}"


def of_kind(objects: Sequence[Object], *kinds: str) -> list[Object]:
    """Those of a kind."""
    return [found for found in objects if found["kind"] in kinds]


def one(objects: Sequence[Object], kind: str, name: str) -> Object:
    """The object of that name."""
    (found,) = (found for found in of_kind(objects, kind) if found["metadata"]["name"] == name)
    return found


def workloads(objects: Sequence[Object]) -> list[Object]:
    """Whatever makes pods."""
    return of_kind(objects, "Deployment", "StatefulSet", "Job", "CronJob", "DaemonSet")


def pod(workload: Object) -> Object:
    """The pod's spec."""
    spec: Object = _template(workload)["spec"]
    return spec


def pod_labels(workload: Object) -> Mapping[str, str]:
    """The labels that its pods have."""
    labels: Mapping[str, str] = _template(workload)["metadata"]["labels"]
    return labels


def _template(workload: Object) -> Object:
    spec = workload["spec"]["jobTemplate"]["spec"] if workload["kind"] == "CronJob" else workload["spec"]
    found: Object = spec["template"]
    return found


def containers(workload: Object) -> list[Object]:
    """All of the pod's, those that run first too."""
    spec = pod(workload)
    return [*spec.get("initContainers", []), *spec["containers"]]


def service_of(workload: Object) -> str:
    """The service as code names it, where it runs one of our images, of any registry; else empty."""
    names = {_repository(container["image"]).rpartition("/")[2] for container in containers(workload)}
    ours = names & {*SERVICES, "model", "cli"}
    return ours.pop() if len(ours) == 1 else ""


def _repository(image: str) -> str:
    return image.partition("@")[0].rpartition(":")[0] or image


def selects(selector: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    """Whether a label selector chooses what has these labels; an empty one chooses everything."""
    wanted = selector.get("matchLabels", {})
    if any(labels.get(key) != value for key, value in wanted.items()):
        return False
    for expression in selector.get("matchExpressions", []):
        assert expression["operator"] == "In", "no other operator is used here"
        if labels.get(expression["key"]) not in expression["values"]:
            return False
    return True


def environment(container: Object, objects: Sequence[Object]) -> dict[str, str | None]:
    """The variables that a container gets; None where the value comes from a Secret."""
    values: dict[str, str | None] = {}
    for source in container.get("envFrom", []):
        values |= one(objects, "ConfigMap", source["configMapRef"]["name"]).get("data", {})
    for entry in container.get("env", []):
        values[entry["name"]] = entry.get("value")
    return values


def secret_references(workload: Object) -> Iterator[tuple[str, str | None]]:
    """The Secrets that a pod reads: name and key, or None where all of its keys are mounted."""
    for container in containers(workload):
        for source in container.get("envFrom", []):
            if "secretRef" in source:
                yield source["secretRef"]["name"], None
        for entry in container.get("env", []):
            if reference := entry.get("valueFrom", {}).get("secretKeyRef"):
                yield reference["name"], reference["key"]
    for volume in pod(workload).get("volumes", []):
        if "secret" in volume:
            yield volume["secret"]["secretName"], None
